"""`stepdeploy local`: real bundles, really deployed below a folder of the test."""

import json
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.__main__ import main


@dataclass
class Here:
    """A folder for bundles, a deployment root and a place to deploy to."""

    folder: Path
    capture: pytest.CaptureFixture[str]

    @property
    def place(self) -> Path:
        return self.folder / "place"

    def bundle(self, name: str = "bundle", *, hooks: dict[str, str] | None = None, **files: str) -> Path:
        """A bundle of app/<name> files for /srv, and a script (its lines) for each event."""
        bundle = self.folder / name
        (bundle / "app").mkdir(parents=True)
        appspec: dict[str, Any] = {"version": 0.0, "os": "linux", "files": [{"source": "/app", "destination": "/srv"}]}
        appspec["hooks"] = {event: [{"location": f"{event}.sh", "timeout": 20}] for event in hooks or {}}
        (bundle / "appspec.yml").write_text(yaml.safe_dump(appspec))
        for event, lines in (hooks or {}).items():
            (bundle / f"{event}.sh").write_text(f"#!/bin/sh\n{lines}\n")
        for file, text in files.items():
            (bundle / "app" / file).write_text(text)
        return bundle

    def local(self, bundle: Path, *options: str) -> int:
        root = ("--deployment-root", str(self.folder / "root"), "--prefix", str(self.place))
        return main(["local", "--bundle-location", str(bundle), *root, *options])

    def said(self) -> str:
        return self.capture.readouterr().out

    def erred(self) -> str:
        return self.capture.readouterr().err

    def installed(self) -> dict[str, str]:
        return {file.name: file.read_text() for file in (self.place / "srv").glob("*")}


@pytest.fixture
def here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Here:
    return Here(tmp_path, capsys)


def test_a_folder_is_deployed_with_all_its_hooks(here: Here) -> None:
    note = f'echo "$LIFECYCLE_EVENT $DEPLOYMENT_GROUP_NAME" >> {here.folder}/ran'
    bundle = here.bundle(hooks=dict.fromkeys(("ValidateService", "BeforeInstall", "ApplicationStart"), note), a="1")
    assert here.local(bundle, "--deployment-group-name", "Fleet") == 0
    assert here.installed() == {"a": "1"}
    ran = (here.folder / "ran").read_text().splitlines()
    assert ran == ["BeforeInstall Fleet", "ApplicationStart Fleet", "ValidateService Fleet"]
    said = here.said()
    assert said.splitlines()[-1] == "AppSpec file valid. Local deployment successful"
    assert "Succeeded  ValidateService" in said


def test_an_archive_is_deployed_as_the_folder_is(here: Here) -> None:
    bundle = here.bundle(a="1")
    packed = here.folder / "bundle.tgz"
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(bundle, arcname=".")
    assert here.local(packed, "--type", "tgz") == 0
    assert here.installed() == {"a": "1"}


def test_the_next_bundle_takes_the_place_of_the_last_and_stops_it_first(here: Here) -> None:
    stop = {"ApplicationStop": f"ls {here.place}/srv > {here.folder}/stopped"}
    here.local(here.bundle("one", hooks=stop, old="1", both="1"))
    assert not (here.folder / "stopped").exists(), "there was nothing to stop"
    assert here.local(here.bundle("two", both="2", new="2")) == 0
    assert (here.folder / "stopped").read_text().split() == ["both", "old"]
    assert here.installed() == {"both": "2", "new": "2"}


@pytest.mark.parametrize("options", [(), ("--dry-run",), ("--json",)])
def test_without_a_group_it_says_that_the_last_bundle_gives_way(options: tuple[str, ...], here: Here) -> None:
    here.local(here.bundle("one", a="1"))
    assert "gives way" not in here.erred()
    here.local(here.bundle("two", b="2"), *options)
    said = f"the last bundle in {here.folder}/root gives way: its ApplicationStop runs and its files are removed"
    assert here.erred() == f"stepdeploy local: {said}; with -g NAME bundles are kept apart\n"
    here.local(here.bundle("three", c="3"), "-g", "three")
    assert here.erred() == ""


def test_a_failing_script_ends_it_and_its_last_lines_are_shown(here: Here) -> None:
    bundle = here.bundle(hooks={"AfterInstall": "echo all is lost\nexit 3", "ValidateService": "true"}, a="1")
    assert here.local(bundle) == 1
    out, err = here.capture.readouterr()
    assert "Failed     AfterInstall" in out and "ValidateService" not in out and "successful" not in out
    assert "AfterInstall.sh failed with exit code 3" in err and "[stdout]all is lost" in err
    log = Path(err.strip().rpartition("The scripts' log: ")[2])
    assert "all is lost" in log.read_text()


def test_json_is_one_object_with_every_event(here: Here) -> None:
    assert here.local(here.bundle(hooks={"BeforeInstall": "exit 1"}), "--json") == 1
    found = json.loads(here.said())
    assert found["status"] == "Failed" and found["deploymentId"].endswith("-local")
    ends = {each["event"]: (each["status"], each["errorCode"], each["scriptName"]) for each in found["lifecycleEvents"]}
    assert ends["DownloadBundle"] == ("Succeeded", "Success", "")
    assert ends["BeforeInstall"] == ("Failed", "ScriptFailed", "BeforeInstall.sh") and "Install" not in ends


def test_a_dry_run_says_everything_in_order_and_touches_nothing(here: Here) -> None:
    here.local(here.bundle("one", hooks={"ApplicationStop": "true"}, old="1"))
    two = here.bundle("two", hooks={"AfterInstall": "touch ran"}, new="2")
    before = sorted(str(path) for path in here.folder.rglob("*"))
    here.said()
    assert here.local(two, "--dry-run", "--json") == 0
    steps = [(step["event"], step["does"], step["what"]) for step in json.loads(here.said())]
    srv = f"{here.place}/srv"
    assert steps[0][:2] == ("ApplicationStop", "run") and steps[0][2].startswith("ApplicationStop.sh of ")
    assert steps[1] == ("DownloadBundle", "unpack", str(two))
    assert ("Install", "remove", f"{srv}/old") in steps and ("Install", "copy", f"{srv}/new") in steps
    assert steps[-1] == ("AfterInstall", "run", "AfterInstall.sh")
    assert sorted(str(path) for path in here.folder.rglob("*")) == before


def test_a_dry_run_finds_what_would_fail(here: Here) -> None:
    (here.place / "srv").mkdir(parents=True)
    (here.place / "srv" / "a").write_text("mine")
    assert here.local(here.bundle(a="1"), "--dry-run") == 1
    assert "a specified file already exists at this location" in here.erred()


@pytest.mark.parametrize(
    ("behavior", "content", "status"), [("DISALLOW", "mine", 1), ("OVERWRITE", "1", 0), ("RETAIN", "mine", 0)]
)
def test_files_that_are_there_fare_as_asked(here: Here, behavior: str, content: str, status: int) -> None:
    (here.place / "srv").mkdir(parents=True)
    (here.place / "srv" / "a").write_text("mine")
    assert here.local(here.bundle(a="1"), "--file-exists-behavior", behavior) == status
    assert here.installed() == {"a": content}


def test_only_the_listed_events_run_besides_download_and_install(here: Here) -> None:
    hooks = dict.fromkeys(("BeforeInstall", "AfterInstall"), f'echo "$LIFECYCLE_EVENT" >> {here.folder}/ran')
    assert here.local(here.bundle(hooks=hooks, a="1"), "--events", "AfterInstall") == 0
    assert (here.folder / "ran").read_text() == "AfterInstall\n" and here.installed() == {"a": "1"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--events", "Deploy"), "--events Deploy: known are BeforeBlockTraffic"),
        (("--events", "AfterInstall,Install,DownloadBundle"), "AfterInstall runs after DownloadBundle"),
        (("--events", "DownloadBundle,ValidateService,Install"), "ValidateService runs after Install"),
        (("--type", "zip"), "is a folder: leave --type out"),
    ],
)
def test_what_cannot_be_is_told_before_anything_runs(here: Here, options: tuple[str, ...], words: str) -> None:
    assert here.local(here.bundle(a="1"), *options) == 2
    assert words in here.erred() and not here.place.exists() and not (here.folder / "root").exists()


def test_a_place_within_the_bundle_is_refused(here: Here) -> None:
    assert here.local(here.folder) == 2
    assert "lies in the bundle" in here.erred()


@pytest.mark.parametrize("location", ["nowhere", "s3://bucket/key"])
def test_a_bundle_that_is_not_there_is_named(here: Here, location: str) -> None:
    assert main(["local", "-l", location]) == 2
    assert f"--bundle-location {location}" in here.erred()


def test_a_folder_without_appspec_is_no_bundle(here: Here) -> None:
    (here.folder / "empty").mkdir()
    assert here.local(here.folder / "empty") == 1
    assert "did not find an AppSpec file" in here.erred()


def test_a_pipe_in_a_folder_is_refused_and_not_waited_for(here: Here) -> None:
    bundle = here.bundle(a="1")
    os.mkfifo(bundle / "app" / "pipe")
    assert here.local(bundle) == 1
    assert "device, pipe or socket" in here.erred() and not (here.place / "srv").exists()


def test_links_and_modes_of_a_folder_are_kept(here: Here) -> None:
    bundle = here.bundle(a="1")
    (bundle / "app" / "a").chmod(0o741)
    (bundle / "app" / "link").symlink_to("a")
    assert here.local(bundle) == 0
    srv = here.place / "srv"
    assert (srv / "link").readlink() == Path("a") and (srv / "a").stat().st_mode & 0o777 == 0o741


def test_packed_means_an_archive_of_the_type_that_was_said(here: Here) -> None:
    packed = here.folder / "bundle.zip"
    packed.write_bytes(b"no archive")
    assert here.local(packed, "--type", "zip") == 1
    assert "zip archive" in here.erred()

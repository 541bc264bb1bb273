"""`stepdeploy push` into moto's S3, and the engine's API."""

import hashlib
import io
import json
import os
import re
import sys
import zipfile
from pathlib import Path

import pytest

from cli.__main__ import main
from cli.bundle.pack import pack
from functions.api.requests.revision_location import revision
from functions.core.revision import PUSHED_PREFIX
from functions.engine.starting.upload import deploy as take_upload
from tests.clients import client
from tests.conftest import BUCKET, all_items
from tests.served import Served

Captured = pytest.CaptureFixture[str]


def keys() -> list[str]:
    return [each["Key"] for each in client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", ())]


def versions() -> int:
    return len(client("s3").list_object_versions(Bucket=BUCKET).get("Versions", ()))


def deployments() -> list[str]:
    return [item["pk"] for item in all_items() if item["pk"].startswith("DEPLOYMENT#")]


def told(captured: Captured) -> dict[str, object]:
    found: dict[str, object] = json.loads(captured.readouterr().out)
    return found


def test_a_folder_is_uploaded_under_its_identity_and_registered(engine: Served, site: Path, capsys: Captured) -> None:
    assert main(["push", "shop/web", str(site)]) == 0
    (key,) = keys()
    content = client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
    assert key == f".stepdeploy/revisions/shop/{pack(site, io.BytesIO())}.zip"
    out, err = capsys.readouterr()
    assert re.fullmatch(rf"s3://{BUCKET}/{re.escape(key)}\?versionId=\S+&etag=[0-9a-f]{{32}}\n", out)
    assert err == f"{len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}, uploaded:\n"
    assert engine.asked == ["GetDeploymentGroup", "RegisterApplicationRevision"]


def test_an_upload_there_starts_no_deployment(engine: Served, site: Path) -> None:
    assert main(["push", "shop/web", str(site)]) == 0
    detail = {"bucket": {"name": BUCKET}, "object": {"key": keys()[0], "version-id": "v", "etag": "e"}}
    assert take_upload({"time": "2026-11-23T10:00:00Z", "detail": detail}, {BUCKET: ""}) is None
    assert deployments() == []


def test_what_is_there_already_is_not_uploaded_again(engine: Served, site: Path, capsys: Captured) -> None:
    assert main(["push", "shop/web", str(site), "--json"]) == 0
    first = told(capsys)
    os.utime(site / "appspec.yml", (1, 1))
    assert main(["push", "shop/web", str(site), "--json"]) == 0
    second = told(capsys)
    assert (first.pop("uploaded"), second.pop("uploaded")) == (True, False)
    assert first == second
    assert versions() == 1


def test_what_somebody_else_put_there_is_not_taken_for_the_folder(engine: Served, site: Path) -> None:
    assert main(["push", "shop/web", str(site)]) == 0
    client("s3").put_object(Bucket=BUCKET, Key=keys()[0], Body=b"something else")
    assert main(["push", "shop/web", str(site)]) == 0
    assert versions() == 3


def test_an_archive_is_uploaded_as_it_is_and_a_name_begins_its_key(
    engine: Served, site: Path, capsys: Captured
) -> None:
    archive = site / "b.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.write(site / "appspec.yml", "appspec.yml")
    assert main(["push", "shop/web", str(archive), "--name", "build-42", "--json"]) == 0
    found = told(capsys)
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert found["sha256"] == sha256
    assert keys() == [f"{PUSHED_PREFIX}shop/build-42-{sha256}.zip"]
    assert revision(found["revision"]).key == keys()[0]  # type: ignore[arg-type]


def test_a_revision_with_errors_is_not_uploaded(engine: Served, site: Path, capsys: Captured) -> None:
    (site / "appspec.yml").write_text("version: 0.0\nos: linux\nhooks: {AfterInstall: [{location: gone.sh}]}\n")
    assert main(["push", "shop/web", str(site)]) == 1
    err = capsys.readouterr().err
    assert f"{site}/appspec.yml:3:35: error: hooks.AfterInstall[0].location: the revision has no script" in err
    assert err.endswith("has errors: nothing was pushed\n")
    assert keys() == [] == engine.asked


def test_warnings_are_told_and_stop_nothing(engine: Served, site: Path, capsys: Captured) -> None:
    (site / "appspec.yml").write_text("version: 0.0\nos: linux\nx: 1\n")
    assert main(["push", "shop/web", str(site)]) == 0
    assert "warning: x: is ignored" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_a_dry_run_says_what_it_would_and_needs_no_aws(
    arguments: list[str], site: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "STEPDEPLOY_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(site / "none"))
    (site / "\x1b[2J").touch()
    key = f"{PUSHED_PREFIX}shop/build-42-{pack(site, io.BytesIO())}.zip"
    assert main(["push", "shop/web", str(site), "--name", "build-42", "--dry-run", *arguments]) == 0
    out, err = capsys.readouterr()
    if arguments:
        found = json.loads(out)
        assert (found["key"], found["uploaded"], found["entries"]) == (key, False, ["\x1b[2J", "appspec.yml"])
    else:
        assert out.splitlines() == ["\\x1b[2J", "appspec.yml", key]
        assert err.endswith(", would be put into the revision bucket:\n")


def test_a_terminal_shows_a_bar_beside_what_a_script_reads(
    engine: Served, site: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    (site / "large").write_bytes(os.urandom(2_000_000))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    assert main(["push", "shop/web", str(site)]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("s3://")
    assert "2.0/2.0 MB" in err
    assert versions() == 1


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["shop", "."], "'shop': must be APPLICATION/GROUP, for example shop/web"),
        (["shop/web", "gone.zip"], "PATH gone.zip: there is no gone.zip"),
        (["shop/web", "appspec.yml"], "PATH appspec.yml: key 'appspec.yml': a revision ends in one of"),
        (["shop/web", "--name", "a/b"], "'--name': 'a/b': give up to 100 letters"),
    ],
)
def test_a_mistake_is_exit_status_2(
    arguments: list[str], what: str, site: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(site)
    assert main(["push", *arguments]) == 2
    assert what in capsys.readouterr().err


@pytest.mark.parametrize(
    ("group", "code"),
    [("sh0p/web", "ApplicationDoesNotExistException"), ("shop/w3b", "DeploymentGroupDoesNotExistException")],
)
def test_a_group_that_is_not_there_is_refused_before_anything_is_uploaded(
    group: str, code: str, engine: Served, site: Path, capsys: Captured
) -> None:
    assert main(["push", group, str(site)]) == 3
    assert code in capsys.readouterr().err
    assert keys() == []


def test_a_bucket_that_is_not_there_is_refused(
    engine: Served, site: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.account.connection.Engine.outputs", {"BucketName": "gone"})
    assert main(["push", "shop/web", str(site)]) == 3
    assert "NoSuchBucket" in capsys.readouterr().err

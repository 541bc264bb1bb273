"""The SSM document and its steps, run by a real shell as SSM's agent runs them."""

import base64
import json
import os
import shutil
import stat
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from host import bootstrap
from host.lifecycle import LifecycleEvent
from host.step import lifecycle_document, step_script
from local.documents import Documents, check_content, check_parameters, filled_in
from tests.host.conftest import HOST_ID, Host, Step, read_step
from tests.host.test_events import hooked
from tests.signing import signed, trust

SHELLS = [path for path in map(shutil.which, ("sh", "dash", "bash")) if path]


def step(host: Host, event: str, told: dict[str, Any] | str, *, shell: str = "sh", id: str | None = HOST_ID) -> Step:
    """Run one step of the document as the agent does: a file with the parameter put in, run by a shell.

    `told`: instructions, which are signed here, or the parameter itself. `id`: what the agent says the host is.
    """
    document = Documents().create("d", lifecycle_document(tuple(LifecycleEvent), trust(host.runner.stem), 7200))
    version = document.version(None)
    sent = told if isinstance(told, str) else signed(told)
    given = check_parameters(version, {"Instructions": [sent]})
    filled = next(step for step in filled_in(version, given) if step.name == event)
    script = host.root.parent / f"{event}.sh"
    script.write_text(filled.script)
    environment = {"PATH": os.environ["PATH"], "STEPDEPLOY_ROOT": str(host.root)}
    environment |= {"AWS_SSM_INSTANCE_ID": id} if id else {}
    return read_step(
        subprocess.run([shell, str(script)], env=environment, stdin=subprocess.DEVNULL, capture_output=True)
    )


def test_the_document_is_one_that_ssm_takes_with_every_event_in_it() -> None:
    document = lifecycle_document(tuple(LifecycleEvent), trust("0" * 64), 7200)
    check_content(document)
    assert len(json.dumps(document)) < 64 * 1024
    assert [step["name"] for step in document["mainSteps"]] == [event.value for event in LifecycleEvent]
    for step_ in document["mainSteps"]:
        assert step_["inputs"]["onFailure"] == "exit" and step_["inputs"]["timeoutSeconds"] == "7200"


def test_the_only_placeholder_is_the_fenced_parameter() -> None:
    for event in LifecycleEvent:
        assert "\n".join(step_script(event, trust("0" * 64))).count("{{") == 1


@pytest.mark.parametrize("shell", SHELLS)
def test_a_step_fetches_the_runner_once_and_hands_over(host: Host, shell: str) -> None:
    told = host.told("d-1", hooked("BeforeInstall", "echo $LIFECYCLE_EVENT", "exit 4"))
    assert step(host, "ApplicationStop", told, shell=shell).exit == 0
    assert step(host, "DownloadBundle", told, shell=shell).exit == 0
    failed = step(host, "BeforeInstall", told, shell=shell)
    assert (failed.exit, failed.error_code) == (1, "ScriptFailed") and "[stdout]BeforeInstall" in failed.log_tail
    assert [path.partition("?")[0] for path in host.web.gets].count("/runner.pyz") == 1


def test_concurrent_first_steps_leave_one_good_runner(host: Host) -> None:
    tolds = [host.told(f"d-{number}", hooked("BeforeInstall", "exit 0")) for number in range(4)]
    for number, _ in enumerate(tolds):
        (host.root.parent / str(number)).mkdir()
    hosts = [Host(host.root, host.runner, host.web) for _ in tolds]
    script = step_script(LifecycleEvent.APPLICATION_STOP, trust(host.runner.stem))

    def run(pair: tuple[Host, dict[str, Any]]) -> Step:
        text = "\n".join(script).replace("{{ Instructions }}", signed(pair[1]))
        environment = {"PATH": os.environ["PATH"], "STEPDEPLOY_ROOT": str(host.root), "AWS_SSM_INSTANCE_ID": HOST_ID}
        return read_step(subprocess.run(["sh", "-c", text], env=environment, capture_output=True))

    with ThreadPoolExecutor() as pool:
        assert {each.exit for each in pool.map(run, zip(hosts, tolds, strict=True))} == {0}
    names = {path.name for path in (host.root / "runner").iterdir()}
    assert names == {host.runner.name, host.runner.stem}


def test_a_runner_that_is_not_the_published_one_is_never_run(host: Host) -> None:
    told = host.told("d-1", hooked("BeforeInstall", "exit 0"))
    host.web.files["/runner.pyz"] = b"another"
    answer = step(host, "ApplicationStop", told)
    assert (answer.exit, answer.cause) == (1, "DIGEST")
    assert not list(host.root.glob("runner/*"))


def test_a_runner_that_was_changed_on_disk_is_fetched_again(host: Host) -> None:
    told = host.told("d-1", hooked("BeforeInstall", "exit 0"))
    assert step(host, "ApplicationStop", told).exit == 0
    (host.root / "runner" / host.runner.name).write_bytes(b"other")
    assert step(host, "DownloadBundle", told).exit == 0


def test_a_runner_that_cannot_be_fetched_is_told(host: Host) -> None:
    told = host.told("d-1", hooked("BeforeInstall", "exit 0"), runner={"url": f"{host.web.url}/gone"})
    answer = step(host, "ApplicationStop", told)
    assert (answer.exit, answer.cause) == (1, "DOWNLOAD") and "404" in answer.message


@pytest.mark.parametrize("version", [None, "3.6"])
def test_a_host_without_a_python_that_is_new_enough_is_told(host: Host, tmp_path: Path, version: str | None) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "sh").symlink_to("/bin/sh")
    if version:
        (tools / "python3").write_text("#!/bin/sh\nexit 1\n")
        (tools / "python3").chmod(0o755)
    told = host.told("d-1", hooked("BeforeInstall", "exit 0"))
    script = step_script(LifecycleEvent.APPLICATION_STOP, trust(host.runner.stem))
    text = "\n".join(script).replace("/usr/local/bin/python3", "/nowhere/python3")
    text = text.replace("{{ Instructions }}", signed(told))
    ran = subprocess.run(["/bin/sh", "-c", text], env={"PATH": str(tools)}, capture_output=True)
    answer = read_step(ran)
    assert (answer.exit, answer.cause) == (1, "ENGINE") and "3.7" in answer.message


def test_no_other_user_sees_the_presigned_urls(host: Host, tmp_path: Path) -> None:
    """Not on any command line while a hook runs, and not in a file that others may read."""
    seen = tmp_path / "seen"
    find = f"tr '\\0' ' ' </proc/$PPID/cmdline >{seen}"
    told = host.told("d-1", hooked("BeforeInstall", find, f"env >>{seen}"))
    step(host, "DownloadBundle", told)
    assert step(host, "BeforeInstall", told).exit == 0
    content = seen.read_text()
    assert "run BeforeInstall" in content
    assert "X-Amz-Signature" not in content and base64.b64encode(b'{"version": 1')[:12].decode() not in content
    for path in host.root.rglob("*"):
        if path.is_file() and path.stat().st_mode & stat.S_IROTH and path.suffix != ".pyc":
            assert b"X-Amz-Signature" not in path.read_bytes()


def test_instructions_that_cannot_be_read_are_an_answer_too(host: Host) -> None:
    ran = subprocess.run([host.python, "-I", str(host.runner), "run", "Install", "e30="], capture_output=True)
    assert read_step(ran).cause == "ENGINE"
    usage = subprocess.run([host.python, "-I", str(host.runner)], capture_output=True)
    assert usage.returncode == 2 and b"usage" in usage.stderr


def test_a_grant_that_is_not_known_everywhere_yet_is_waited_for(host: Host) -> None:
    """S3 answers 403 until then; the role that has signed the URL may have got its policy a moment ago."""
    told = host.told("d-1", hooked("BeforeInstall", "exit 0"))
    host.web.answers["/runner.pyz"] = [(403, b"<Error><Code>AccessDenied</Code></Error>")] * 2
    assert step(host, "ApplicationStop", told).exit == 0


@pytest.mark.parametrize(("status", "tries"), [(403, 6), (503, 6), (404, 1), (400, 1)])
def test_the_runner_is_asked_for_during_a_minute_unless_that_cannot_help(
    status: int, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    waited: list[float] = []

    def read(url: str) -> bytes:
        asked.append(url)
        raise HTTPError(url, status, "no", Message(), None)

    monkeypatch.setattr(bootstrap, "read", read)
    monkeypatch.setattr(time, "sleep", waited.append)
    with pytest.raises(HTTPError):
        bootstrap.fetch("https://bucket/runner")
    assert (len(asked), len(waited)) == (tries, tries - 1)
    assert sum(waited) == (59.5 if tries > 1 else 0)


def test_the_runner_needs_no_more_than_python_3_7(runner: Path, tmp_path: Path) -> None:
    """As it is shipped, with the YAML in it; and what fetches it."""
    with zipfile.ZipFile(runner) as shipped:
        shipped.extractall(tmp_path)
    bootstrap = Path(__file__).parents[2] / "host" / "bootstrap.py"
    vermin = shutil.which("vermin") or str(Path(sys.executable).with_name("vermin"))
    ran = subprocess.run([vermin, "-t=3.7-", "--no-tips", tmp_path, bootstrap], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout
    assert (tmp_path / "yaml" / "reader.py").exists()

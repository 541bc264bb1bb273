"""The SSM document and its steps, run by a real shell as SSM's agent runs them."""

import base64
import json
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from host.lifecycle import START, LifecycleEvent
from host.step import begin_script, lifecycle_document, step_script
from local.ssm.content import check_content
from local.ssm.documents import Documents, check_parameters, filled_in
from tests.host.conftest import HOST_ID, NO_PROFILE, Host, Step, read_step
from tests.host.test_events import hooked
from tests.signing import signed, trust

SHELLS = [path for path in map(shutil.which, ("sh", "dash", "bash")) if path]


def step_file(host: Host, event: str, told: dict[str, Any]) -> Path:
    """The script of one step of the command that carries these instructions, as the agent writes it. Before the first
    event stands what starts the segment, which is a step of its own."""
    return written(host, event, told, signed(told))


def written(host: Host, event: str, told: dict[str, Any], instructions: str) -> Path:
    content = lifecycle_document(trust(told["runner"]["sha256"]))
    version = Documents().create("d", content).version(None)
    given = check_parameters(version, {"Instructions": [instructions]})
    names = (START, event) if event == told["events"][0] else (event,)
    steps = [step.script for step in filled_in(version, given) if step.name in names]
    script = host.root.parent / f"{told['deployment_id']}-{event}.sh"
    script.write_text("\n".join(steps))
    return script


def start_step(host: Host, event: str, told: dict[str, Any], *, shell: str = "sh") -> "subprocess.Popen[bytes]":
    return start_script(host, step_file(host, event, told), shell=shell)


def start_script(
    host: Host, script: Path, *, shell: str = "sh", host_id: str | None = HOST_ID
) -> "subprocess.Popen[bytes]":
    """As the agent does: in a session of its own, with the host's id in its environment."""
    own = {"AWS_SSM_INSTANCE_ID": host_id} if host_id else {}
    return subprocess.Popen(
        [shell, str(script)],
        env={
            "PATH": os.environ["PATH"],
            "STEPDEPLOY_ROOT": str(host.root),
            "STEPDEPLOY_PROFILE": NO_PROFILE,
            **host.environment,
            **own,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def step(host: Host, event: str, told: dict[str, Any], *, shell: str = "sh") -> Step:
    return ended(start_step(host, event, told, shell=shell))


def ended(process: "subprocess.Popen[bytes]") -> Step:
    output, errors = process.communicate(timeout=30)
    return read_step(subprocess.CompletedProcess(process.args, process.returncode, output, errors))


def test_the_document_is_one_that_ssm_takes_with_every_event_in_it() -> None:
    """With the longest instructions (test_signature) it is far from SSM's 64 KB: the bootstrap stands there once."""
    document = lifecycle_document(trust("0" * 64))
    check_content(document)
    assert len(json.dumps(document)) + 16 * 1024 < 48 * 1024
    assert [step["name"] for step in document["mainSteps"]] == [START, *(event.value for event in LifecycleEvent)]
    for step_ in document["mainSteps"]:
        assert step_["inputs"]["onFailure"] == "exit" and step_["inputs"]["timeoutSeconds"] == "7200"


def test_the_only_placeholder_is_the_fenced_parameter() -> None:
    for script in (begin_script(trust("0" * 64)), *map(step_script, LifecycleEvent)):
        assert "\n".join(script).count("{{") == 1


@pytest.mark.parametrize("shell", SHELLS)
def test_a_step_fetches_the_runner_once_and_hands_over(host: Host, shell: str) -> None:
    told = host.told("d-1", hooked("BeforeInstall", "echo $LIFECYCLE_EVENT", "exit 4"))
    assert step(host, "ApplicationStop", told, shell=shell).exit == 0
    assert step(host, "DownloadBundle", told, shell=shell).exit == 0
    failed = step(host, "BeforeInstall", told, shell=shell)
    assert (failed.exit, failed.error_code) == (1, "ScriptFailed") and "[stdout]BeforeInstall" in failed.log_tail
    assert [path.partition("?")[0] for path in host.web.gets].count("/runner.pyz") == 1


@pytest.mark.parametrize("shell", SHELLS)
def test_long_instructions_cost_a_step_next_to_nothing(host: Host, shell: str) -> None:
    """The shell goes through them once: to cut their end off takes it the square of their length."""
    segment = host.root / "segment"
    segment.mkdir(parents=True)
    (segment / "over").write_text("0f" * 16)
    long = "a" * 60_000 + "." + "0f" * 256
    lines = "\n".join(step_script(LifecycleEvent.INSTALL)).replace("{{ Instructions }}", long)
    command = [shell, "-c", f"ulimit -t 1; {lines}"]
    ran = subprocess.run(command, env={"STEPDEPLOY_ROOT": str(host.root)}, capture_output=True)
    assert (ran.returncode, ran.stdout) == (0, b""), "the segment is over"


@pytest.mark.parametrize("mark", ["", "f" * 8, "*" * 32, "?" * 32, "0" * 32])
def test_a_mark_that_is_not_of_these_instructions_is_of_none(host: Host, mark: str) -> None:
    segment = host.root / "segment"
    segment.mkdir(parents=True)
    for name in ("over", "mark"):
        (segment / name).write_text(mark)
    lines = "\n".join(step_script(LifecycleEvent.INSTALL)).replace("{{ Instructions }}", "a." + "0f" * 256)
    for shell in SHELLS:
        ran = subprocess.run([shell, "-c", lines], env={"STEPDEPLOY_ROOT": str(host.root)}, capture_output=True)
        assert (read_step(ran).exit, read_step(ran).cause) == (1, "ENGINE")


def test_concurrent_first_steps_leave_one_good_runner(host: Host) -> None:
    bundle, events = hooked("BeforeInstall", "exit 0"), ["ApplicationStop"]
    tolds = [host.told(f"d-{number}", bundle, events=events) for number in range(4)]
    processes = [start_step(host, "ApplicationStop", told) for told in tolds]
    assert {ended(each).exit for each in processes} == {0}
    names = {path.name for path in (host.root / "runner").iterdir()}
    assert names == {host.runner.name, host.runner.stem}


def test_a_runner_that_is_not_the_published_one_is_never_run(host: Host) -> None:
    told = host.told("d-1", hooked("BeforeInstall", "exit 0"), runner={"sha256": "0" * 64})
    answer = step(host, "ApplicationStop", told)
    assert (answer.exit, answer.cause) == (1, "DIGEST")
    assert not list(host.root.glob("runner/*"))


def test_a_runner_that_was_changed_on_disk_is_fetched_again(host: Host) -> None:
    bundle, events = hooked("BeforeInstall", "exit 0"), ["ApplicationStop"]
    assert step(host, "ApplicationStop", host.told("d-1", bundle, events=events)).exit == 0
    (host.root / "runner" / host.runner.name).write_bytes(b"other")
    (host.root / "runner" / host.runner.stem / "host" / "segment.py").write_text("other")
    assert step(host, "ApplicationStop", host.told("d-2", bundle, events=events)).exit == 0


def test_a_runner_that_cannot_be_fetched_is_told(host: Host) -> None:
    told = host.told("d-1", hooked("BeforeInstall", "exit 0"), runner={"url": f"{host.web.url}/gone"})
    answer = step(host, "ApplicationStop", told)
    assert (answer.exit, answer.cause) == (1, "DOWNLOAD") and "404" in answer.message


@pytest.mark.parametrize("version", [None, "3.6"])
def test_a_host_without_a_python_that_is_new_enough_is_told(host: Host, tmp_path: Path, version: str | None) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "cat"):
        (tools / name).symlink_to(f"/bin/{name}")
    if version:
        (tools / "python3").write_text("#!/bin/sh\ncat >/dev/null\nexit 3\n")
        (tools / "python3").chmod(0o755)
    told = host.told("d-1", hooked("BeforeInstall", "exit 0"))
    text = step_file(host, "ApplicationStop", told).read_text().replace("/usr/local/bin/python3", "/nowhere/python3")
    ran = subprocess.run(["/bin/sh", "-c", text], env={"PATH": str(tools)}, capture_output=True)
    answer = read_step(ran)
    assert (answer.exit, answer.cause) == (1, "UNSUPPORTED") and "3.7" in answer.message


def test_no_other_user_sees_the_presigned_urls(host: Host, tmp_path: Path) -> None:
    """Not on any command line while a hook runs, and not in a file that others may read."""
    seen = tmp_path / "seen"
    find = f"tr '\\0' ' ' </proc/$PPID/cmdline >{seen}"
    told = host.told("d-1", hooked("BeforeInstall", find, f"env >>{seen}"))
    for event in ("ApplicationStop", "DownloadBundle", "BeforeInstall"):
        assert step(host, event, told).exit == 0
    content = seen.read_text()
    assert "python" in content
    assert "X-Amz-Signature" not in content and base64.b64encode(b'{"version": 2')[:12].decode() not in content
    for path in host.root.rglob("*"):
        if path.is_file() and path.stat().st_mode & stat.S_IROTH and path.suffix != ".pyc":
            assert b"X-Amz-Signature" not in path.read_bytes()


def test_instructions_that_cannot_be_read_are_an_answer_too(host: Host) -> None:
    ran = subprocess.run([host.python, "-I", str(host.runner), "run", "Install", "e30="], capture_output=True)
    assert read_step(ran).cause == "ENGINE"
    usage = subprocess.run([host.python, "-I", str(host.runner)], capture_output=True)
    assert usage.returncode == 2 and b"usage" in usage.stderr


def test_the_runner_needs_no_more_than_python_3_7(runner: Path, tmp_path: Path) -> None:
    """As it is shipped, with the YAML in it; and what fetches it."""
    with zipfile.ZipFile(runner) as shipped:
        shipped.extractall(tmp_path)
    bootstrap = Path(__file__).parents[2] / "host" / "bootstrap.py"
    vermin = shutil.which("vermin") or str(Path(sys.executable).with_name("vermin"))
    ran = subprocess.run([vermin, "-t=3.7-", "--no-tips", tmp_path, bootstrap], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout
    assert (tmp_path / "yaml" / "reader.py").exists()

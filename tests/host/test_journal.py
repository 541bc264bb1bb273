"""What is never done twice, what an interruption leaves, and who waits for whom. Invariant 4: no script runs twice."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.host.conftest import IN_PLACE, Host, appspec, revision, script
from tests.host.test_events import alive, hooked


def wait_for(path: Path) -> str:
    deadline = time.monotonic() + 10
    while not (path.exists() and path.read_text().endswith("\n")):
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.01)
    return path.read_text().strip()


def kill(process: "subprocess.Popen[bytes]") -> None:
    """As SSM cancels a step: SIGKILL to the step's process group."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


@pytest.mark.parametrize("ending", ["exit 0", "exit 7"])
def test_an_event_that_ended_is_told_again_and_not_run_again(host: Host, tmp_path: Path, ending: str) -> None:
    """Invariant 4."""
    count = tmp_path / "count"
    told = host.told("d-1", hooked("BeforeInstall", f"echo run >>{count}", "echo words", ending))
    host.run("ApplicationStop", told)
    host.run("DownloadBundle", told)
    first, second = host.run("BeforeInstall", told), host.run("BeforeInstall", told)
    assert first == second
    assert count.read_text() == "run\n"


def test_a_download_that_ended_is_not_fetched_again(host: Host) -> None:
    told = host.told("d-1", hooked("BeforeInstall", "exit 0"))
    for _ in range(2):
        assert host.run("DownloadBundle", told).exit == 0
    assert len(host.web.gets) == 1


def test_a_hook_whose_runner_was_killed_has_failed_and_its_processes_end(host: Host, tmp_path: Path) -> None:
    """Invariant 4; the next command starts when the last process of the hook is gone."""
    started, child = tmp_path / "started", tmp_path / "child"
    told = host.told("d-1", hooked("BeforeInstall", "sleep 60 &", f"echo $! >{child}", f"echo x >>{started}", "wait"))
    host.run("DownloadBundle", told)
    process = host.start("BeforeInstall", told)
    wait_for(started)
    kill(process)
    step = host.run("BeforeInstall", told)
    assert not alive(int(child.read_text()))
    assert (step.exit, step.status, step.error_code) == (1, "Failed", "UnknownError")
    assert step.message == "Failed: Failing in-progress lifecycle event after an agent restart."
    assert host.run("BeforeInstall", told) == step
    assert started.read_text() == "x\n"


def test_after_a_killed_hook_the_document_s_next_steps_do_nothing(host: Host, tmp_path: Path) -> None:
    """SSM goes on after a step whose shell ended with 137; the deployment must not."""
    started = tmp_path / "started"
    hooks = {"BeforeInstall": [{"location": "a.sh"}], "AfterInstall": [{"location": "b.sh"}]}
    files = {
        "appspec.yml": appspec({"a.sh": tmp_path / "srv"}, hooks),
        "a.sh": script(f"echo >{started}", "sleep 60"),
        "b.sh": script(f"rm {started}"),
    }
    told = host.told("d-1", revision(files))
    host.run("DownloadBundle", told)
    process = host.start("BeforeInstall", told)
    wait_for(started)
    kill(process)
    for event in ("Install", "AfterInstall", "ValidateService"):
        step = host.run(event, told)
        assert (step.exit, step.cause) == (1, "ENGINE") and "BeforeInstall was interrupted" in step.message
    assert not (tmp_path / "srv").exists() and started.exists()


def test_nothing_runs_after_an_event_that_failed_or_never_ran(host: Host) -> None:
    told = host.told("d-1", hooked("BeforeInstall", "exit 1"))
    assert "DownloadBundle did not run" in host.run("BeforeInstall", told).message
    host.run("DownloadBundle", told)
    host.run("BeforeInstall", told)
    assert "BeforeInstall failed" in host.run("Install", told).message


def test_a_download_that_was_killed_is_done_anew(host: Host) -> None:
    told = host.told("d-1", hooked("BeforeInstall", "exit 0"))
    half = host.folder("d-1") / "deployment-archive.partial"
    half.mkdir(parents=True)
    (half / "half").write_text("")
    (host.folder("d-1") / "bundle.tar.partial").write_text("half")
    assert host.deploy(told).exit == 0
    assert not half.exists()
    assert not (host.archive("d-1") / "half").exists()


def test_an_interrupted_install_is_undone_by_another_deployment(host: Host, tmp_path: Path) -> None:
    srv = tmp_path / "srv"
    told = host.told("d-1", revision({"appspec.yml": appspec({"app": srv}), "app/a.txt": "1", "app/b.txt": "1"}))
    host.run("DownloadBundle", told)
    host.run("Install", told)
    (host.folder("d-1") / "journal.json").unlink()
    cleanup = next((host.deployments / "deployment-instructions").glob("*-cleanup"))
    cleanup.write_bytes(cleanup.read_bytes() + b'"/torn')
    (srv / ".stepdeploy-partial").write_text("half")
    assert host.install("d-2", revision({"appspec.yml": appspec()})).exit == 0
    assert not srv.exists()


def test_two_commands_on_one_host_never_interleave(host: Host, tmp_path: Path) -> None:
    said = tmp_path / "said"
    steps = [
        host.told(name, hooked("BeforeInstall", f"echo begin >>{said}; sleep 0.5; echo end >>{said}"))
        for name in ("d-1", "d-2")
    ]
    for told in steps:
        host.run("DownloadBundle", told)
    processes = [host.start("BeforeInstall", told) for told in steps]
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    assert said.read_text().split() == ["begin", "end"] * 2


def test_a_command_waits_no_longer_than_its_step_may_take(host: Host, tmp_path: Path) -> None:
    started = tmp_path / "started"
    told = host.told("d-1", hooked("BeforeInstall", f"echo >{started}", "sleep 3"))
    host.run("DownloadBundle", told)
    running = host.start("BeforeInstall", told)
    wait_for(started)
    host.environment["STEPDEPLOY_STEP_SECONDS"] = "90"
    step = host.run("ApplicationStop", host.told("d-2", hooked("BeforeInstall", "exit 0")))
    assert (step.cause, step.message) == ("BUSY", "deployment d-1 of shop/web & co has the host")
    kill(running)


def test_a_script_ends_before_its_step_does(host: Host) -> None:
    told = host.told("d-1", hooked("BeforeInstall", "sleep 30", timeout=600))
    host.run("DownloadBundle", told)
    host.environment["STEPDEPLOY_STEP_SECONDS"] = "91"
    assert host.run("BeforeInstall", told).error_code == "ScriptTimedOut"


def test_a_broken_journal_is_an_answer_too(host: Host) -> None:
    told = host.told("d-1", hooked("BeforeInstall", "exit 0"))
    host.folder("d-1").mkdir(parents=True)
    (host.folder("d-1") / "journal.json").write_text("{")
    step = host.run("DownloadBundle", told)
    assert (step.exit, step.cause) == (1, "ENGINE")


def test_installing_a_then_b_then_a_gives_what_a_alone_gives(host: Host, tmp_path: Path) -> None:
    srv = tmp_path / "srv"
    a = revision({"appspec.yml": appspec({"app": srv}), "app/x": "a", "app/d/y": "a"})
    b = revision({"appspec.yml": appspec({"app": srv}), "app/d": "b", "app/x/z": "b"})
    for number, bundle in enumerate((a, b, a)):
        assert host.deploy(host.told(f"d-{number}", bundle), IN_PLACE[:4]).exit == 0
    assert {p.relative_to(srv).as_posix(): p.read_text() for p in srv.rglob("*") if p.is_file()} == {
        "x": "a",
        "d/y": "a",
    }

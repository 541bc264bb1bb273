"""The process that runs a segment: one deployment has the host, from its first step to its last."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from host.posix import segment
from host.posix.layout import Layout
from host.step import lifecycle_document
from local.ssm.documents import Documents, check_parameters, filled_in
from tests.host.conftest import IN_PLACE, Host, Step, appspec, end_segment, revision, script
from tests.host.test_events import alive, hooked, wait_until_gone
from tests.host.test_journal import kill, wait_for
from tests.host.test_step import SHELLS, ended, start_script, start_step, step
from tests.signing import signed, trust


@pytest.fixture(autouse=True)
def runner_is_there(host: Host) -> None:
    host.has_runner()


def deploy(host: Host, told: dict[str, Any], *, shell: str = "sh") -> list[Step]:
    """The steps of the command up to the first that ends it."""
    host.has_runner()
    steps: list[Step] = []
    for event in told["events"]:
        steps.append(step(host, event, told, shell=shell))
        if steps[-1].exit:
            break
    return steps


def holder(host: Host) -> int:
    return int((host.root / "lock").read_text().rpartition("process")[2])


def says(said: Path, name: str, *more: str) -> bytes:
    """A revision whose hooks write that they ran."""
    events = ("BeforeInstall", "AfterInstall", "ApplicationStart")
    hooks = {event: [{"location": f"{event}.sh"}] for event in events}
    files = {f"{event}.sh": script(f"echo {name} {event} >>{said}", *more) for event in events}
    return revision({"appspec.yml": appspec(None, hooks), **files})


@pytest.mark.parametrize("shell", SHELLS)
def test_every_step_reports_its_own_event_and_the_host_is_free_afterwards(
    host: Host, tmp_path: Path, shell: str
) -> None:
    said = tmp_path / "said"
    steps = deploy(host, host.told("d-1", says(said, "v1")), shell=shell)
    assert [(each.event, each.status) for each in steps] == [(event, "Succeeded") for event in IN_PLACE]
    assert len(said.read_text().splitlines()) == 3
    wait_until_gone(holder(host), "the process ends with its last event")
    assert {path.name for path in (host.root / "segment").iterdir()} == {"ask", "answer", "over"}


@pytest.mark.parametrize("shell", SHELLS)
def test_steps_of_other_events_do_nothing_before_between_and_behind_those_of_the_segment(
    host: Host, tmp_path: Path, shell: str
) -> None:
    """The document has every event; the instructions say which are run."""
    said, events = tmp_path / "said", ["DownloadBundle", "Install", "AfterInstall"]
    told = host.told("d-1", says(said, "v1"), events=events)
    content = lifecycle_document(trust(told["runner"]["sha256"]))
    version = Documents().create("d", content).version(None)
    printed = {}
    for each in filled_in(version, check_parameters(version, {"Instructions": [signed(told)]})):
        file = tmp_path / "step.sh"
        file.write_text(each.script)
        output, _ = start_script(host, file, shell=shell).communicate(timeout=30)
        printed[each.name] = output.decode()
    assert [name for name, text in printed.items() if text] == events
    assert said.read_text() == "v1 AfterInstall\n"


def test_one_deployment_has_the_host_for_its_whole_segment(host: Host, tmp_path: Path) -> None:
    """The other one's steps begin when the first one's last has ended, although there are pauses between steps."""
    said = tmp_path / "said"
    first, second = host.told("d-1", says(said, "v1")), host.told("d-2", says(said, "v2"))
    assert step(host, "ApplicationStop", first).exit == 0
    waiting = start_step(host, "ApplicationStop", second)
    for event in IN_PLACE[1:]:
        time.sleep(0.05)
        assert step(host, event, first).exit == 0
    assert ended(waiting).exit == 0
    for event in IN_PLACE[1:]:
        assert step(host, event, second).exit == 0
    assert [line.split()[0] for line in said.read_text().splitlines()] == ["v1"] * 3 + ["v2"] * 3


def test_a_deployment_that_waits_in_vain_says_for_what(host: Host, tmp_path: Path) -> None:
    first = host.told("d-1", hooked("BeforeInstall", "exit 0"))
    second = host.told("d-2", hooked("BeforeInstall", "exit 0"), host_wait_seconds=0)
    assert step(host, "ApplicationStop", first).exit == 0
    busy = step(host, "ApplicationStop", second)
    assert (busy.exit, busy.cause) == (1, "BUSY")
    assert "deployment d-1 of shop/web & co" in busy.message
    assert not (host.folder("d-2") / "journal.json").exists(), "nothing has happened: it may come again"
    for event in IN_PLACE[1:]:
        assert step(host, event, first).exit == 0
    assert [each.exit for each in deploy(host, second)] == [0] * 7


def test_a_step_that_is_killed_ends_its_hook_and_the_segment(host: Host, tmp_path: Path) -> None:
    """Invariant 4. SSM goes on with the next step after one that it ended: the deployment must not."""
    started, child = tmp_path / "started", tmp_path / "child"
    told = host.told("d-1", hooked("BeforeInstall", "sleep 60 &", f"echo $! >{child}", f"echo x >>{started}", "wait"))
    assert [step(host, event, told).exit for event in ("ApplicationStop", "DownloadBundle")] == [0, 0]
    running = start_step(host, "BeforeInstall", told)
    wait_for(started)
    kill(running)
    gone = step(host, "Install", told)
    assert (gone.exit, gone.cause) == (1, "ENGINE") and "gone" in gone.message
    assert [each.exit for each in deploy(host, host.told("d-2", hooked("BeforeInstall", "exit 0")))] == [0] * 7
    assert not alive(int(child.read_text())), "the next deployment began when the last process of the hook was gone"
    assert started.read_text() == "x\n"
    repeated = deploy(host, told)
    assert [each.exit for each in repeated] == [0, 0, 1]
    assert repeated[-1].message == "deployment d-2 of shop/web & co had the host since this one began: create a new one"


def test_the_same_command_again_finds_what_was_interrupted(host: Host, tmp_path: Path) -> None:
    """Invariant 4."""
    started = tmp_path / "started"
    told = host.told("d-1", hooked("BeforeInstall", f"echo x >>{started}", "sleep 60"))
    assert [step(host, event, told).exit for event in ("ApplicationStop", "DownloadBundle")] == [0, 0]
    kill_when_it_runs = start_step(host, "BeforeInstall", told)
    wait_for(started)
    kill(kill_when_it_runs)
    repeated = deploy(host, told)
    assert repeated[-1].message == "Failed: Failing in-progress lifecycle event after an agent restart."
    assert started.read_text() == "x\n"


def test_a_process_that_is_killed_is_an_answer_too(host: Host, tmp_path: Path) -> None:
    started, child = tmp_path / "started", tmp_path / "child"
    told = host.told("d-1", hooked("BeforeInstall", f"echo $$ >{child}", f"echo x >>{started}", "sleep 60"))
    assert [step(host, event, told).exit for event in ("ApplicationStop", "DownloadBundle")] == [0, 0]
    running = start_step(host, "BeforeInstall", told)
    wait_for(started)
    os.kill(holder(host), signal.SIGKILL)
    gone = ended(running)
    assert (gone.exit, gone.cause) == (1, "ENGINE") and "gone" in gone.message
    assert not alive(int(child.read_text())), "the step hears of it when the hook has ended"


def test_an_event_that_fails_ends_the_segment(host: Host) -> None:
    failed = deploy(host, host.told("d-1", hooked("BeforeInstall", "exit 3")))
    assert [each.exit for each in failed] == [0, 0, 1]
    assert deploy(host, host.told("d-2", hooked("BeforeInstall", "exit 0")))[-1].exit == 0


def test_steps_of_another_command_do_not_reach_the_process(host: Host) -> None:
    first, second = (host.told(name, hooked("BeforeInstall", "exit 0")) for name in ("d-1", "d-2"))
    assert step(host, "ApplicationStop", first).exit == 0
    stranger = step(host, "DownloadBundle", second)
    assert (stranger.exit, stranger.cause) == (1, "ENGINE")
    assert step(host, "DownloadBundle", first).exit == 0


def test_a_process_that_nobody_asks_any_more_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(segment, "IDLE_SECONDS", 0.01)
    reader, writer = os.pipe()
    layout = Layout("g", "d-1", root=str(tmp_path))
    assert segment._question(reader, layout) is None
    os.write(writer, b"Install 7200\n")
    assert segment._question(reader, layout) == "Install 7200"
    os.close(reader)
    os.close(writer)


def test_a_process_that_nobody_asks_gives_way_to_another_command(host: Host) -> None:
    """SSM's agent comes with no further step when the command was cancelled between two."""
    told = host.told("d-1", hooked("BeforeInstall", "exit 0"))
    assert step(host, "ApplicationStop", told).exit == 0
    end_segment(host.root)
    code = host.root / "runner" / host.runner.stem / "host" / "posix" / "segment.py"
    text = code.read_text()
    assert "IDLE_SECONDS = 10" in text and "IDLE_TIMES = 6" in text
    code.write_text(text.replace("IDLE_SECONDS = 10", "IDLE_SECONDS = 1").replace("IDLE_TIMES = 6", "IDLE_TIMES = 600"))
    assert step(host, "ApplicationStop", host.told("d-2", hooked("BeforeInstall", "exit 0"))).exit == 0
    waiting = host.told("d-3", hooked("BeforeInstall", "exit 0"))
    assert [each.exit for each in deploy(host, waiting)] == [0] * 7


def test_a_step_believes_no_mark_but_a_whole_one(host: Host) -> None:
    told = host.told("d-1", hooked("BeforeInstall", "exit 0"))
    assert step(host, "ApplicationStop", told).exit == 0
    mark = host.root / "segment" / "mark"
    whole = mark.read_text()
    for part in ("", "\n", whole[-1], whole[:-1], "*" * len(whole)):
        mark.write_text(part)
        assert step(host, "DownloadBundle", told).cause == "ENGINE"
    mark.write_text(whole)
    assert step(host, "DownloadBundle", told).exit == 0


def test_a_segment_imports_only_what_it_needs(host: Host, tmp_path: Path) -> None:
    """Each of these costs a host as much CPU as an event or more."""
    seen = tmp_path / "seen"
    told = host.told("d-1", says(tmp_path / "said", "v1"))
    assert step(host, "ApplicationStop", told).exit == 0
    end_segment(host.root)
    code = host.root / "runner" / host.runner.stem / "host" / "posix" / "segment.py"
    code.write_text(code.read_text().replace("    begun = False\n", _WATCHED.format(str(seen)), 1))
    assert [each.exit for each in deploy(host, host.told("d-2", says(tmp_path / "said", "v2")))] == [0] * 7
    loaded = set(seen.read_text().split())
    assert "host.posix.install" in loaded
    assert not loaded & {"email", "http.client", "shutil", "tempfile", "urllib.request", "yaml.reader", "zipfile"}


# Written as each event ends, because the process ends without any farewell.
_WATCHED = """\
    begun = False
    import sys
    real = run_event

    def watched(*given, **named):
        report = real(*given, **named)
        with open({!r}, "a") as file:
            print(*sys.modules, file=file)
        return report

    globals()["run_event"] = watched
"""


def test_only_root_may_ask(host: Host) -> None:
    told = host.told("d-1", hooked("BeforeInstall", "exit 0"))
    assert step(host, "ApplicationStop", told).exit == 0
    assert (host.root / "segment").stat().st_mode & 0o777 == 0o700
    end_segment(host.root)

"""Nothing of a hook outlives its runner, wherever that is killed: in the moment in which a script begins, too."""

import os
import time
from pathlib import Path

import pytest

from host.appspec import Hook
from host.posix.hooks import run_hook
from host.posix.profile import Profile
from host.posix.script_log import ScriptLog
from host.posix.watchdog import Watchdog
from tests.host.conftest import script
from tests.host.test_events import wait_until_gone


@pytest.mark.parametrize("where", ["before it is guarded", "before its program"])
def test_a_script_ends_whose_step_is_killed_while_it_begins(tmp_path: Path, where: str) -> None:
    """Invariant 4, on a busy host: the runner has not come to say what it started."""
    (tmp_path / "hook.sh").write_text(script("exec sleep 60"))
    (step, answer), (begun, begins) = os.pipe(), os.pipe()
    runner = os.fork()
    if not runner:
        try:
            os.setsid()
            os.close(step)
            _run(answer, begins, tmp_path, where)
        finally:
            os._exit(1)
    os.close(answer)
    os.close(begins)
    child = int(os.read(begun, 20))
    os.close(step)  # as a step that is killed
    os.waitpid(runner, 0)
    wait_until_gone(child, "the script goes on")


def _run(answer: int, begins: int, folder: Path, where: str) -> None:
    own, runner = os.getpid, os.getpid()

    def until_runner_is_gone() -> None:
        os.write(begins, b"%d" % own())
        while os.getppid() == runner:
            time.sleep(0.01)

    def own_when_runner_is_gone() -> int:
        until_runner_is_gone()
        return own()

    profile = Profile(dict(os.environ), until_runner_is_gone if where == "before its program" else None)
    hook = Hook("hook.sh")
    log = ScriptLog(str(folder / "log"), str(folder / "all" / "log"), "d-1", "BeforeInstall")
    with Watchdog(answer) as watchdog:
        watchdog.step(True)
        if where == "before it is guarded":
            os.getpid = own_when_runner_is_gone
        run_hook(hook, str(folder), profile, log, watchdog, time.monotonic() + 60)

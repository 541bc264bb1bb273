"""Hosts whose /tmp takes nothing: neither shells nor the runner need it."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from host.lifecycle import LifecycleEvent
from host.step import begin_script, step_script
from tests.host.conftest import HOST_ID, IN_PLACE, NO_PROFILE, read_step
from tests.host.test_events import hooked
from tests.host.test_step import SHELLS
from tests.host.trouble.conftest import PAGE, Disks
from tests.signing import signed, trust

TMP = Path("/tmp")
ELSEWHERE = Path("/mnt")  # pytest's folders are below /tmp, too


def fill(disks: Disks) -> None:
    """Not one more file."""
    disks.mount(TMP, PAGE, "nr_inodes=1")


def protect(disks: Disks) -> None:
    disks.mount(TMP)
    disks.protect(TMP)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("spoil", [fill, protect])
def test_a_whole_deployment_needs_no_room_in_tmp(disks: Disks, spoil: Callable[[Disks], None], shell: str) -> None:
    told = disks.told("d-1", hooked("ApplicationStart", "pwd", "exit 4"))
    disks.do("mount", "--rbind", str(disks.root), str(ELSEWHERE))
    spoil(disks)
    environment = {
        **os.environ,
        "STEPDEPLOY_ROOT": str(ELSEWHERE),
        "STEPDEPLOY_PROFILE": NO_PROFILE,
        "AWS_SSM_INSTANCE_ID": HOST_ID,
    }
    trusted = trust(told["runner"]["sha256"])
    scripts = {each.value: step_script(each) for each in LifecycleEvent}
    scripts[IN_PLACE[0]] = [*begin_script(trusted), *scripts[IN_PLACE[0]]]
    for event in IN_PLACE[:6]:
        lines = "\n".join(scripts[event]).replace("{{ Instructions }}", signed(told))
        command = [*disks.by, shell, "-c", lines]
        step = read_step(subprocess.run(command, env=environment, capture_output=True, cwd="/"))
        assert step.exit == (1 if event == "ApplicationStart" else 0), step
    assert (step.cause, step.exit_code) == ("SCRIPT", 4) and step.log_tail.endswith("[stdout]/")

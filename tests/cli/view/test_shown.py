"""What is printed of a deployment in a pipe."""

import re

import pytest

from cli.view.shown import Hosts
from tests.cli.view.test_screen import snapshot, target


def test_hosts_are_counted_though_the_counts_of_the_deployment_come_late(capsys: pytest.CaptureFixture[str]) -> None:
    view, begun = Hosts(), [target(f"i-{number}", "InProgress") for number in range(3)]
    view.show(snapshot(*begun, deploymentOverview={"InProgress": 3}))
    for ended in (1, 2, 3):
        some = [target(f"i-{number}", "Succeeded") for number in range(ended)]
        view.show(snapshot(*some, *begun[ended:], deploymentOverview={"InProgress": 4 - ended, "Succeeded": ended - 1}))
    assert re.findall(r"\[\d/\d\] i-\d", capsys.readouterr().out) == ["[1/3] i-0", "[2/3] i-1", "[3/3] i-2"]


def test_hosts_that_nobody_saw_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    Hosts().show(snapshot(target("i-1", "Failed"), deploymentOverview={"Succeeded": 899, "Failed": 1, "Pending": 100}))
    assert "[900/1000] i-1  Failed" in capsys.readouterr().out

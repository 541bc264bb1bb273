"""What verbs write to terminals: wide and narrow ones, with and without colors, and those that are not UTF-8."""

from dataclasses import replace

import pytest

from cli.__main__ import main
from functions.core.new_deployment import summary
from functions.core.records import Counts
from functions.core.statuses import DeploymentStatus, TargetStatus
from tests.cli.deploying import ID, passes, put_deployment, put_target, script_failed
from tests.cli.terminal import terminal, without_orders
from tests.cli.verbs.looking.test_watch import Passes, both_are_done, created, first_begins, first_is_done, rolled_back
from tests.cli.verbs.looking.test_watch import second_fails as fails
from tests.conftest import put_group, revision
from tests.served import Served
from tests.unit.api.test_deployments import record

__all__ = ["passes"]  # a fixture


def test_on_a_terminal_it_is_drawn_and_its_last_state_stays(served: Served, passes: Passes) -> None:
    created()
    rolled_back(DeploymentStatus.SUCCEEDED)
    passes(first_begins, first_is_done, fails)
    with terminal() as shown:
        assert main(["watch", ID]) == 1
    assert "\x1b[" in shown[0]
    last = without_orders(shown[0]).rpartition(f"{ID}  shop/web")[2].split("\r\n")
    assert last[0].rstrip() == "  Failed  59s"
    assert [each.split() for each in last if each.startswith("i-")] == [
        ["i-1", "✔✔✔✔✔✔✔", "Succeeded"],
        ["i-2", "✔✔✔✔✔✘–", "Failed", "ApplicationStart", "exit\\x1b[2J", "é"],
    ]
    assert "HEALTH_CONSTRAINTS: too\\nfew" in shown[0]


def test_a_dumb_terminal_gets_lines(served: Served, passes: Passes) -> None:
    created()
    passes(both_are_done)
    with terminal(TERM="dumb") as shown:
        assert main(["watch", ID]) == 0
    assert "\x1b" not in shown[0]
    assert shown[0].startswith("2026-11-23 10:00:00")


@pytest.fixture
def long_names(served: Served) -> None:
    """A group whose name is as long as CodeDeploy takes them, and a deployment that failed there."""
    one = put_deployment(DeploymentStatus.FAILED, Counts(total=2, failed=1, succeeded=1), requested_by="y" * 100)
    named = replace(one, application="a" * 100, group="g" * 100, revision=revision("r" * 90))
    record(named)
    put_group("g" * 100, "a" * 100, last_attempted=summary(named), last_successful=summary(named))
    put_target("i-1", TargetStatus.FAILED, done=2, left=script_failed())


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("verb", ["list", "groups", "status", "watch"])
def test_everything_fits(verb: str, width: int, long_names: None) -> None:
    with terminal(COLUMNS=str(width)) as shown:
        main([verb, *([ID] if verb == "watch" else [])])
    lines = without_orders(shown[0]).split("\r\n")
    table = lines if verb != "watch" else [line for line in lines if line.startswith(("d-", "i-", "healthy"))]
    assert table and max(map(len, table)) <= width, table


def test_in_a_pipe_every_cell_is_whole(long_names: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    assert f"{'a' * 100}/{'g' * 100}" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["list"], ["show", ID], ["groups"], ["status"], ["logs", ID]], ids=" ".join)
def test_without_color_there_is_none(arguments: list[str], long_names: None) -> None:
    with terminal() as colored:
        main(arguments)
    with terminal(NO_COLOR="1") as plain:
        main(arguments)
    assert "\x1b[3" in colored[0] and "\x1b[" not in plain[0]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_is_not_utf_8_gets_what_it_can_show(encoding: str, served: Served, passes: Passes) -> None:
    put_deployment(DeploymentStatus.FAILED, Counts(total=1, failed=1), requested_by="x" * 300)
    put_target("i-1", TargetStatus.FAILED, done=2, left=script_failed("y" * 300))
    with terminal(encoding, COLUMNS="80") as shown:
        assert main(["watch", ID]) == 1
    assert shown[0].isascii() and "++x----" in without_orders(shown[0])

"""`stepdeploy windows`, by a client whose questions and answers are held against the service model."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.stub import Stubber

from cli.__main__ import main
from tests.cli.deploying import Captured
from tests.cli.terminal import terminal, without_orders
from tests.cli.verbs.looking.test_groups import answers

__all__ = ["answers"]  # a fixture
AT = datetime(2026, 12, 23, 17, tzinfo=UTC)
OFFICE = {
    "scope": "shop",
    "cron": "0 9 * * MON-FRI",
    "durationSeconds": 28_800,
    "timeZone": "Europe/Berlin",
    "by": "deployments.yaml",
}
MOVE = {
    "freezeId": "f-0123ABCDE",
    "scope": "*",
    "from": AT,
    "timeZone": "UTC",
    "reason": "a move\x1b[2J",
    "by": "arn:aws:sts::123456789012:assumed-role/admin/ann",
}
HOLIDAYS = {**MOVE, "freezeId": "f-2", "to": AT.replace(day=27), "reason": "holidays", "by": "deployments.yaml"}
WEB = {"applicationName": "shop", "deploymentGroupName": "web"}


def test_windows_and_freezes_are_told_with_who_and_why(answers: Stubber, capsys: Captured) -> None:
    answers.add_response("list_windows", {"windows": [OFFICE], "freezes": [MOVE, HOLIDAYS]}, {})
    assert main(["windows"]) == 0
    assert [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()] == [
        "SCOPE WHAT WHEN (UTC) REASON BY",
        "shop open 0 9 * * MON-FRI for 8h, Europe/Berlin - deployments.yaml",
        "* f-0123ABCDE 2026-12-23 17:00 until it is lifted a move\\x1b[2J ann",
        "* f-2 2026-12-23 17:00 to 2026-12-27 17:00 holidays deployments.yaml",
    ]


@pytest.mark.parametrize(
    ("closed", "says"),
    [
        ({}, "shop/web is open now"),
        (
            {"closed": {"until": AT, "reason": "outside the deployment windows of shop"}},
            "closed until 2026-12-23 17:00",
        ),
        ({"closed": {"reason": "frozen by ann: a move"}}, "shop/web is closed until a freeze is lifted: frozen by ann"),
    ],
)
def test_a_group_says_whether_it_is_open(answers: Stubber, capsys: Captured, closed: Any, says: str) -> None:
    answers.add_response("list_windows", {"windows": [OFFICE], "freezes": [], **closed}, WEB)
    assert main(["windows", "shop/web"]) == 0
    assert says in capsys.readouterr().out.splitlines()[-1]


def test_without_any_it_says_so(answers: Stubber, capsys: Captured) -> None:
    answers.add_response("list_windows", {"windows": [], "freezes": []}, {})
    assert main(["windows"]) == 0
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "no windows and no freezes: deployments begin at any time\n")


def test_json_is_one_object(answers: Stubber, capsys: Captured) -> None:
    answers.add_response("list_windows", {"windows": [OFFICE], "freezes": [HOLIDAYS]}, WEB)
    assert main(["windows", "shop/web", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["windows"] == [OFFICE] and told["freezes"][0]["to"] == "2026-12-27T17:00:00Z"


@pytest.mark.parametrize("given", ["shop", "shop/"])
def test_an_application_is_no_group(answers: Stubber, capsys: Captured, given: str) -> None:
    assert main(["windows", given]) == 2
    assert f"{given!r}: must be APPLICATION/GROUP, for example shop/web" in capsys.readouterr().err


@pytest.mark.parametrize("width", [40, 80, 200])
def test_it_fits_a_terminal(answers: Stubber, width: int) -> None:
    long = {**HOLIDAYS, "scope": f"{'a' * 100}/{'g' * 100}", "reason": "r" * 256}
    answers.add_response("list_windows", {"windows": [{**OFFICE, "reason": "r" * 256}], "freezes": [long]}, {})
    with terminal(COLUMNS=str(width)) as shown:
        assert main(["windows"]) == 0
    assert max(map(len, without_orders(shown[0]).split("\r\n"))) <= width

"""`stepdeploy budgets`, by a client whose questions and answers are held against the service model."""

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
SINCE = datetime(2026, 11, 23, 10, tzinfo=UTC)
FLEET: dict[str, Any] = {
    "budgetName": "fleet",
    "maximumOutOfService": {"type": "FLEET_PERCENT", "value": 25},
    "isDeclared": True,
    "hosts": 8,
    "places": 2,
    "holders": [
        {"hostId": "i-1", "since": SINCE, "deploymentId": "d-000000001"},
        {"hostId": "i-2", "since": SINCE, "failedIn": "d-000000002"},
    ],
    "waiting": [{"deploymentId": "d-000000003", "since": SINCE}],
    "deploymentGroups": ["shop/web"],
}
IDLE = {**FLEET, "budgetName": "idle", "maximumOutOfService": {"type": "HOST_COUNT", "value": 1}, "places": 1}
IDLE |= {"holders": [], "waiting": [], "hosts": 1}


def test_who_holds_what_and_who_waits_is_told(answers: Stubber, capsys: Captured) -> None:
    answers.add_response("list_budgets", {"budgets": [FLEET, IDLE]}, {})
    assert main(["budgets"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [[line[0], line[1], line[2], line[-1]] for line in lines[1:4]] == [
        ["fleet", "i-1", "in", "d-000000001"],
        ["fleet", "i-2", "failed", "d-000000002"],
        ["fleet", "-", "waits", "d-000000003"],
    ]
    assert [" ".join(line) for line in lines[4:]] == [
        "fleet: 2 of 2 places held (25 % of 8 hosts)",
        "idle: 0 of 1 place held (of 1 host)",
    ]


def test_no_budgets(answers: Stubber, capsys: Captured) -> None:
    answers.add_response("list_budgets", {"budgets": []}, {})
    assert main(["budgets"]) == 0
    assert capsys.readouterr().err == "no budgets\n"


def test_json_is_one_object(answers: Stubber, capsys: Captured) -> None:
    answers.add_response("list_budgets", {"budgets": [FLEET]}, {})
    assert main(["budgets", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["budgets"]
    assert told["holders"][1] == {"hostId": "i-2", "since": "2026-11-23T10:00:00Z", "failedIn": "d-000000002"}


@pytest.mark.parametrize("as_json", [False, True])
def test_a_place_is_released(answers: Stubber, capsys: Captured, as_json: bool) -> None:
    asked = {"budgetName": "fleet", "hostId": "i-2"}
    answers.add_response("release_budget_place", {"failedIn": "d-000000002"}, asked)
    assert main(["budgets", "release", "fleet", "i-2", *(["--json"] if as_json else [])]) == 0
    told = capsys.readouterr().out
    if as_json:
        assert json.loads(told) == {**asked, "failedIn": "d-000000002"}
    else:
        assert told == "i-2 has no place of fleet any more; it had one since d-000000002 failed there\n"


def test_a_place_that_nobody_has_is_not_released(answers: Stubber, capsys: Captured) -> None:
    says = "hostId: i-9 has no place of fleet: ListBudgets tells which hosts have one"
    answers.add_client_error("release_budget_place", "InvalidInputException", says, http_status_code=400)
    assert main(["budgets", "release", "fleet", "i-9"]) == 3
    assert f"InvalidInputException: {says}" in capsys.readouterr().err


def test_what_others_wrote_is_shown_without_what_a_terminal_would_obey(answers: Stubber, capsys: Captured) -> None:
    answers.add_response("list_budgets", {"budgets": [{**FLEET, "budgetName": "fleet\x1b[2J"}]}, {})
    assert main(["budgets"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out and "fleet\\x1b[2J: 2 of 2 places held" in out


@pytest.mark.parametrize("width", [40, 80, 200])
def test_it_fits_a_terminal(answers: Stubber, width: int) -> None:
    answers.add_response("list_budgets", {"budgets": [{**FLEET, "budgetName": "b" * 100}]}, {})
    with terminal(COLUMNS=str(width)) as shown:
        assert main(["budgets"]) == 0
    *table, sentence, _ = without_orders(shown[0]).split("\r\n")
    assert max(map(len, table)) <= width and sentence.endswith(": 2 of 2 places held (25 % of 8 hosts)")


@pytest.mark.parametrize("words", [["release"], ["release", "fleet"], ["free", "fleet", "i-1"]])
def test_anything_else_is_no_use(answers: Stubber, capsys: Captured, words: list[str]) -> None:
    assert main(["budgets", *words]) == 2
    assert "release BUDGET HOST" in capsys.readouterr().err

"""`stepdeploy freeze` and `unfreeze`, against the engine's API."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cli.__main__ import main
from functions.core.declaration.windows import DECLARED
from functions.core.records import Freeze
from functions.store.records import calendar
from tests.cli.conftest import Api
from tests.cli.deploying import Captured
from tests.served import ARN, Served

HOLIDAYS = ("--from", "2036-12-23T18:00", "--until", "2037-01-02T08:00", "--time-zone", "Europe/Berlin")


def frozen() -> Freeze:
    (found,) = calendar.read().freezes
    return found


def test_at_once_and_until_it_is_lifted(engine: Served, api: Api, capsys: Captured) -> None:
    assert main(["freeze", "shop", "--reason", "a move"]) == 0
    found = frozen()
    told = (
        f"{found.freeze_id}: shop is frozen until it is lifted; lift it with: stepdeploy unfreeze {found.freeze_id}\n"
    )
    assert capsys.readouterr().out == told
    assert api.asked["CreateFreeze"] == {"scope": "shop", "reason": "a move", "timeZone": "UTC"}
    assert (found.who, found.end) == (ARN, None)
    assert main(["unfreeze", found.freeze_id]) == 0
    assert capsys.readouterr().out == f"{found.freeze_id}: lifted; shop may be deployed again\n"
    assert calendar.read().freezes == ()


def test_times_are_those_of_the_zone_and_told_in_utc(engine: Served, capsys: Captured) -> None:
    assert main(["freeze", "*", "--reason", "holidays", *HOLIDAYS]) == 0
    says = "every group is frozen from 2036-12-23 17:00:00 until 2037-01-02 07:00:00 UTC; lift it"
    assert says in capsys.readouterr().out
    found = frozen()
    assert (found.start, found.end) == ("2036-12-23T17:00:00.000Z", "2037-01-02T07:00:00.000Z")
    assert found.time_zone == "Europe/Berlin"


@pytest.mark.parametrize(("given", "hours"), [("2h", 2), ("1d12h", 36)])
def test_a_length_is_from_now_on(given: str, hours: int, engine: Served, api: Api) -> None:
    before = datetime.now(UTC)
    assert main(["freeze", "shop/web", "--reason", "a move", "--until", given]) == 0
    asked = api.asked["CreateFreeze"]["to"] - timedelta(hours=hours)
    assert before <= asked <= datetime.now(UTC)


def test_a_time_may_have_an_offset(engine: Served, api: Api) -> None:
    assert main(["freeze", "shop", "--reason", "r", "--until", "2037-01-02T08:00+01:00"]) == 0
    assert api.asked["CreateFreeze"]["to"] == datetime(2037, 1, 2, 7, tzinfo=UTC)


def test_json_is_one_object(engine: Served, capsys: Captured) -> None:
    assert main(["freeze", "shop", "--reason", "a move", "--until", "2037-01-02", "--json"]) == 0
    freeze_id = frozen().freeze_id
    assert json.loads(capsys.readouterr().out) == {"freezeId": freeze_id}
    assert main(["unfreeze", freeze_id, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"freezeId": freeze_id, "scope": "shop", "lifted": True}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "Missing option '--reason'"),
        (["--reason", "r", "--until", "soon"], "'soon' is not a time: give for example 2026-12-24T08:00, or a length"),
        (["--reason", "r", "--from", "12/24"], "'12/24' is not a time"),
        (
            ["--reason", "r", "--time-zone", "Berlin"],
            "--time-zone 'Berlin' is not a time zone: give a name of the IANA",
        ),
    ],
)
def test_a_mistake_is_told_before_anything_is_asked(
    options: list[str], says: str, engine: Served, capsys: Captured
) -> None:
    assert main(["freeze", "shop", *options]) == 2
    assert says in capsys.readouterr().err and engine.asked == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["shop", "--reason", " "], "reason: says nothing: say why, in 1 to 256 characters"),
        (["shop/", "--reason", "r"], "scope: 'shop/' is not a scope: give an application, APPLICATION/GROUP, or \"*\""),
        (["shpo", "--reason", "r"], "No application found for name: shpo"),
        (["shop/wbe", "--reason", "r"], "No Deployment Group found for name: wbe"),
        (["shop", "--reason", "r", "--until", "2020-01-01"], "which is not after its begin"),
        (["shop", "--reason", "r", "--from", "2020-01-01", "--until", "2020-01-02"], "is over already"),
    ],
)
def test_what_the_engine_refuses_is_told(arguments: list[str], says: str, engine: Served, capsys: Captured) -> None:
    assert main(["freeze", *arguments]) == 3
    assert says in capsys.readouterr().err and calendar.read().freezes == ()


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_a_freeze_that_is_not_there_is_not_lifted(as_json: list[str], engine: Served, capsys: Captured) -> None:
    assert main(["unfreeze", "f-000000009", *as_json]) == 3
    told = capsys.readouterr()
    says = "there is no freeze f-000000009; see those that there are: stepdeploy windows"
    assert says in (json.loads(told.out)["error"]["message"] if as_json else told.err)


def test_one_of_the_file_is_lifted_there(engine: Served, capsys: Captured) -> None:
    calendar.add_freeze(declared())
    assert main(["unfreeze", "f-1"]) == 3
    assert "is declared in deployments.yaml: take it out there" in capsys.readouterr().err
    assert frozen().freeze_id == "f-1"


def declared(**fields: Any) -> Freeze:
    given = {"start": "2026-11-23T10:00:00.000Z", "end": None, "reason": "a move", "who": DECLARED, **fields}
    return Freeze(freeze_id="f-1", scope="shop", **given)

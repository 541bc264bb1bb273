"""The engine's bus: nothing is left out, and nothing overtakes, when it refuses some."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.aws import events
from functions.aws.clients import client
from functions.core.messages.announcements import BusEvent
from tests.conftest import stand_in
from tests.unit.inbox import Inbox

MOMENT = datetime(2026, 11, 23, tzinfo=UTC)


def event(number: int) -> tuple[BusEvent, datetime]:
    return BusEvent(detail_type="t", resources=("arn:r",), detail={"n": str(number)}), MOMENT


class PickyBus:
    """Stands for EventBridge: refuses one entry of a call, by its place there, as often as it is told to."""

    def __init__(self, *refusals: int | None) -> None:
        self.refusals = list(refusals)
        self.heard: list[int] = []

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        refused = self.refusals.pop(0) if self.refusals else None
        numbers = [int(json.loads(entry["Detail"])["n"]) for entry in Entries]
        self.heard += [number for index, number in enumerate(numbers) if index != refused]
        return {"Entries": [{"ErrorCode": "Throttled"} if index == refused else {} for index in range(len(numbers))]}


def put(picky: PickyBus, count: int, monkeypatch: pytest.MonkeyPatch) -> int:
    stand_in("events", picky)
    return events.put("engine", [event(number) for number in range(count)], sleep=lambda seconds: None)


def test_events_reach_the_bus_as_they_are(services: None) -> None:
    client("events").create_event_bus(Name="engine")
    inbox = Inbox("heard")
    inbox.listen_to_bus("engine")
    assert events.put("engine", [event(number) for number in range(25)]) == 25
    heard = inbox.read()
    assert [each["detail"]["n"] for each in heard] == [str(number) for number in range(25)]
    first = heard[0]
    assert (first["source"], first["detail-type"], first["resources"]) == ("stepdeploy", "t", ["arn:r"])
    assert first["time"].startswith("2026-11-23")


def test_after_a_refused_entry_everything_from_it_on_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Invariant 5: whatever came too early comes once more, after the one that was refused."""
    picky = PickyBus(1)
    assert put(picky, 3, monkeypatch) == 3
    assert picky.heard == [0, 2, 1, 2]


@given(st.integers(0, 35), st.lists(st.none() | st.integers(0, 9), max_size=12))
def test_whatever_the_bus_refuses_nothing_is_left_out_or_overtaken(count: int, refusals: list[int | None]) -> None:
    """Invariant 5: in the order in which each was heard for the last time, they are in order."""
    picky = PickyBus(*refusals)
    with pytest.MonkeyPatch.context() as patch:
        taken = put(picky, count, patch)
    final = list(dict.fromkeys(reversed([number for number in picky.heard if number < taken])))[::-1]
    assert final == list(range(taken))


def test_a_bus_that_keeps_refusing_says_how_far_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    picky = PickyBus(None, 2, 0, 0, 0, 0, 0)
    assert put(picky, 15, monkeypatch) == 12

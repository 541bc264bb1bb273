"""The engine's bus: nothing is left out, and nothing overtakes, when it refuses some."""

import json
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from functions.aws import bus
from functions.core.announcements import BusEvent

MOMENT = datetime(2026, 11, 23, tzinfo=UTC)


def event(number: int) -> tuple[BusEvent, datetime]:
    return BusEvent(detail_type="t", resources=("arn:r",), detail={"n": str(number)}), MOMENT


class PickyBus:
    """Stands for EventBridge: refuses one entry of a call, by its place there, as often as it is told to."""

    def __init__(self, *refusals: int | None) -> None:
        self.refusals = list(refusals)
        self.heard: list[int] = []

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        refused = self.refusals.pop(0) if self.refusals else None
        numbers = [int(json.loads(entry["Detail"])["n"]) for entry in Entries]
        self.heard += [number for index, number in enumerate(numbers) if index != refused]
        return {"Entries": [{"ErrorCode": "Throttled"} if index == refused else {} for index in range(len(numbers))]}


def put(picky: PickyBus, count: int, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(bus, "client", lambda service: picky)
    return bus.put("engine", [event(number) for number in range(count)], sleep=lambda seconds: None)


def test_events_reach_the_bus_as_they_are(aws: None) -> None:
    boto3.client("events").create_event_bus(Name="engine")
    assert bus.put("engine", [event(number) for number in range(25)]) == 25


def test_after_a_refused_entry_everything_from_it_on_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Invariant 5: whatever came too early comes once more, after the one that was refused."""
    picky = PickyBus(1)
    assert put(picky, 3, monkeypatch) == 3
    assert picky.heard == [0, 2, 1, 2]


def test_a_bus_that_keeps_refusing_says_how_far_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    picky = PickyBus(None, 2, 0, 0, 0, 0, 0)
    assert put(picky, 15, monkeypatch) == 12

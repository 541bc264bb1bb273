"""The engine's event bus."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from functions.aws import clock
from functions.aws.clients import client
from functions.core.limits import BUS_BYTES
from functions.core.messages.announcements import BusEvent

SOURCE = "stepdeploy"  # CodeDeploy's is aws.codedeploy, which AWS keeps for itself

_ENTRIES = 10  # of one PutEvents call
_ROOM = BUS_BYTES - 1024  # what our count of an entry's bytes may leave out
_TRIES = 4


def put(
    bus_name: str, events: Sequence[tuple[BusEvent, datetime]], sleep: Callable[[float], None] = clock.sleep
) -> int:
    """Put events (with their times) in order; the number of leading ones that the bus has taken for sure.

    When the bus refuses some entry of a call, everything from that entry on is put again: a repeat is allowed, an
    event that overtakes the one before it is not.
    """
    done, tries = 0, 0
    while done < len(events):
        entries = _fitting([_entry(bus_name, event, moment) for event, moment in events[done : done + _ENTRIES]])
        taken = _leading(client("events").put_events(Entries=entries)["Entries"])
        done += taken
        if taken == len(entries):
            tries = 0
            continue
        tries += 1
        if tries == _TRIES:
            return done
        sleep(0.1 * 4**tries)
    return done


def _fitting(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The leading entries that one call takes; at least the first."""
    room = _ROOM
    for index, entry in enumerate(entries):
        room -= size(entry)
        if room < 0 and index:
            return entries[:index]
    return entries


def size(entry: dict[str, Any]) -> int:
    """The bytes of an entry as EventBridge counts them (User Guide, "Calculating PutEvents event entry size")."""
    texts = [entry["Source"], entry["DetailType"], entry["Detail"], *entry["Resources"]]
    return 14 + sum(len(text.encode()) for text in texts)


def _leading(answers: Sequence[dict[str, Any]]) -> int:
    refused = (index for index, answer in enumerate(answers) if answer.get("ErrorCode"))
    return next(refused, len(answers))


def _entry(bus_name: str, event: BusEvent, moment: datetime) -> dict[str, Any]:
    return {
        "EventBusName": bus_name,
        "Source": SOURCE,
        "Time": moment,
        "DetailType": event.detail_type,
        "Resources": list(event.resources),
        "Detail": json.dumps(event.detail),
    }

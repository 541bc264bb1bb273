"""What can be seen of a world from outside, in the order in which it happened: the promises are checked against it."""

from dataclasses import dataclass, field
from enum import StrEnum
from itertools import zip_longest
from math import inf
from typing import Any

from functions.store.table.memory import Change
from simulation.clock import Clock


class Seen(StrEnum):
    """What was seen."""

    OUT = "out"  # a host is taken out of service
    BACK = "back"  # a host serves again
    SENT = "sent"  # SSM has taken a command; `detail`: its instructions
    CANCELLED = "cancelled"  # a command that had not ended is cancelled
    BEGAN = "began"  # a host begins with a command; `detail`: its events
    RAN = "ran"  # a host has run a lifecycle event; `detail`: its name
    STATUS = "status"  # a record has another status; without a host it is the deployment's
    ANNOUNCED = "announced"  # the bus has an event; `detail`: its state
    LEFT = "left"  # a load balancer sends a host no new requests from now on; `detail`: which one, if it is still there
    JOINED = "joined"  # it sends some; `detail`: whether the host is being changed
    PAUSED = "paused"  # a person's pause is on record
    RESUMED = "resumed"  # it is not any more
    STOPPED = "stopped"  # a person's stop, or an alarm's, is accepted; `detail`: whether it cancels


@dataclass(frozen=True, slots=True)
class Entry:
    time: float
    what: Seen
    deployment_id: str
    host_id: str = ""
    detail: Any = None


@dataclass(slots=True)
class Trace:
    clock: Clock
    entries: list[Entry] = field(default_factory=list)

    def note(self, what: Seen, deployment_id: str, host_id: str = "", detail: Any = None) -> None:
        self.entries.append(Entry(self.clock.time, what, deployment_id, host_id, detail))

    def of(self, *wanted: Seen) -> list[Entry]:
        return [each for each in self.entries if each.what in wanted]

    def note_change(self, change: Change) -> None:
        """A write to the table: what of it is a change of a status."""
        after = change.after
        is_target = change.key.sk.startswith("TARGET#")
        if after is None or not (is_target or change.key.sk == "DEPLOYMENT"):
            return
        if not is_target and ("pause" in after) != ("pause" in (change.before or {})):
            self.note(Seen.PAUSED if "pause" in after else Seen.RESUMED, after["deployment_id"])
        if after["status"] != (change.before or {}).get("status"):
            self.note(Seen.STATUS, after["deployment_id"], after["target_id"] if is_target else "", after["status"])

    def pauses(self, deployment_id: str) -> list[tuple[float, float]]:
        """When each pause of a deployment began, and when it ended."""
        moves = [each for each in self.of(Seen.PAUSED, Seen.RESUMED) if each.deployment_id == deployment_id]
        begins = [each.time for each in moves if each.what is Seen.PAUSED]
        ends = [each.time for each in moves if each.what is Seen.RESUMED]
        return list(zip_longest(begins, ends, fillvalue=inf))

    def note_event(self, detail: dict[str, str]) -> None:
        """An event that the bus has taken."""
        host_id = detail.get("instanceId", "").rpartition("/")[2]
        self.note(Seen.ANNOUNCED, detail["deploymentId"], host_id, detail["state"])

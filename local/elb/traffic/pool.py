"""The targets of one target group, or of one Classic Load Balancer: who is healthy, who leaves, whose turn is next.

It lives on the balancers' loop. What AWS calls a node hears of a registration or deregistration only after the
propagation time of the settings.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from local.elb.settings import Settings
from local.elb.traffic.health import Failure, HealthCheck, failure
from local.elb.traffic.turns import Turns

UNUSED_SECONDS = 0.05  # between two looks whether a target is to be checked
_LEAST_SHARE = 0.01  # of a target whose slow start has just begun

Key = tuple[str, int]


class Closable(Protocol):
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where a target is now."""

    address: str | None  # None: nothing on this machine
    state: str  # of its instance, by EC2's word
    zone: str | None  # None: any

    @property
    def is_running(self) -> bool:
        return self.state == "running"


class Member:
    """A target that is registered, or that is just leaving."""

    def __init__(self, target_id: str, port: int, place: Callable[[], Place | None]) -> None:
        self.id, self.port = target_id, port
        self.place = place
        self.is_serving = False  # the nodes know it, and give it requests
        self.healthy_since: float | None = None
        self.slow_since: float | None = None  # its slow start
        self.failure: Failure | None = None  # why it is unhealthy; None while it is healthy, or not yet known
        self.is_draining = False
        self.connections: set[Closable] = set()
        self.idle: dict[int, list[Any]] = {}  # by port: connections for the next request
        self.in_flight = 0
        self._passed = self._failed = 0

    @property
    def is_healthy(self) -> bool:
        return self.healthy_since is not None

    def note(self, why: Failure | None, check: HealthCheck, *, passes_at_first: int) -> None:
        """One more check; `passes_at_first` are enough for a target of which nothing is known yet."""
        is_new = not self.is_healthy and self.failure is None
        self._passed, self._failed = (self._passed + 1, 0) if why is None else (0, self._failed + 1)
        if self._passed >= (passes_at_first if is_new else check.healthy_threshold):
            self.healthy_since, self.failure = self.healthy_since or time.monotonic(), None
        elif self._failed >= check.unhealthy_threshold:
            self.healthy_since, self.failure = None, why

    def forget(self) -> None:
        """Nothing is known of its health any more."""
        self.healthy_since = self.failure = None
        self._passed = self._failed = 0

    def close_idle(self) -> None:
        for connection in [each for found in self.idle.values() for each in found]:
            connection.close()
        self.idle.clear()

    def close(self) -> None:
        self.close_idle()
        for connection in list(self.connections):
            connection.close()


class Pool:
    """A set of targets with one health check."""

    def __init__(
        self,
        check: HealthCheck,
        settings: Settings,
        *,
        zones: Callable[[], frozenset[str] | None],
        source: Callable[[], str],
        passes_at_first: int | None = 1,
        fails_open: bool = True,
    ) -> None:
        """`zones` are those whose targets get traffic, None while no listener uses the pool; `source` is the address
        that checks come from; `passes_at_first` is None where a new target needs the whole healthy threshold."""
        self.check = check
        self.members: dict[Key, Member] = {}
        self.slow_start_seconds = 0
        self.by_load = False  # the target with the fewest requests in flight is next
        self.closes_unhealthy = False  # connections of a target end when it becomes unhealthy
        self.zones, self.source = zones, source
        self._settings = settings
        self._passes_at_first, self._fails_open = passes_at_first, fails_open
        self._serving: list[Member] = []
        self._turns = Turns[Member]()
        self._watches: dict[Member, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def register(self, key: Key, place: Callable[[], Place | None]) -> None:
        """A target that is registered already stays as it is; one that was leaving comes back as a new one."""
        found = self.members.get(key)
        if found is not None and not found.is_draining:
            return
        member = self.members[key] = Member(*key, place)
        self._watches[member] = self._spawn(self._watch(member))

    def deregister(self, key: Key, *, delay: float, ends_early: bool, ends_connections: bool) -> None:
        """Let a target go; `delay` is in declared seconds. One that is not there is gone already."""
        member = self.members.get(key)
        if member is None or member.is_draining:
            return
        if self.zones() is None:
            delay = 0
        member.is_draining = delay > 0
        if not member.is_draining:
            del self.members[key]
        self._watches.pop(member).cancel()
        self._spawn(self._leave(key, member, delay * self._settings.second, ends_early, ends_connections))

    def next(self) -> Member | None:
        """Whose turn it is; None when nobody serves."""
        zones = self.zones()
        able = [member for member in self._serving if _is_usable(member.place(), zones)]
        healthy = [member for member in able if member.is_healthy or not self.check.enabled]
        chosen = healthy or (able if self._fails_open else [])
        if not chosen:
            return None
        if self.by_load:
            least = min(member.in_flight for member in chosen)
            chosen = [member for member in chosen if member.in_flight == least]
        return self._turns.next({member: self._share(member) for member in chosen})

    def close(self) -> None:
        """End all checks and connections."""
        for task in self._tasks:
            task.cancel()
        for member in {*self.members.values(), *self._serving}:
            member.close()
        self.members.clear()
        self._serving.clear()

    def _share(self, member: Member) -> float:
        """Of the traffic, 1 for a target whose slow start is over."""
        lasts = self.slow_start_seconds * self._settings.second
        if not lasts or member.slow_since is None:
            return 1.0
        return min(1.0, max(_LEAST_SHARE, (time.monotonic() - member.slow_since) / lasts))

    async def _watch(self, member: Member) -> None:
        """The life of a registered target: the nodes hear of it, then it is checked again and again."""
        await asyncio.sleep(self._settings.propagation_seconds)
        member.is_serving = True
        self._serving.append(member)
        while True:
            began = time.monotonic()
            place = member.place()
            if not self.check.enabled or place is None or not _is_usable(place, self.zones()):
                member.forget()
                await asyncio.sleep(UNUSED_SECONDS)
                continue
            await self._check(member, place)
            await asyncio.sleep(began + self.check.interval * self._settings.second - time.monotonic())

    async def _check(self, member: Member, place: Place) -> None:
        check, was_healthy = self.check, member.is_healthy
        why = await failure(
            check, place.address, check.port or member.port, source=self.source(), second=self._settings.second
        )
        member.note(why, check, passes_at_first=self._passes_at_first or check.healthy_threshold)
        if member.is_healthy and not was_healthy:
            member.slow_since = time.monotonic() if self._has_full_share_beside(member) else None
        if was_healthy and not member.is_healthy and self.closes_unhealthy:
            member.close()

    def _has_full_share_beside(self, member: Member) -> bool:
        """Only then a target starts slowly: it could not serve everything."""
        others = (each for each in self._serving if each is not member and each.is_healthy)
        return self.slow_start_seconds > 0 and any(self._share(each) == 1.0 for each in others)

    async def _leave(self, key: Key, member: Member, delay: float, ends_early: bool, ends_connections: bool) -> None:
        began = time.monotonic()
        if member.is_serving:
            await asyncio.sleep(self._settings.propagation_seconds)
            member.is_serving = False
            self._serving.remove(member)
            member.close_idle()
        while (left := began + delay - time.monotonic()) > 0:
            if ends_early and not member.connections:
                break
            await asyncio.sleep(min(left, UNUSED_SECONDS) if ends_early else left)
        if self.members.get(key) is member:
            del self.members[key]
        if ends_connections:
            member.close()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _is_usable(place: Place | None, zones: frozenset[str] | None) -> bool:
    """Whether a target there may get traffic and checks."""
    return zones is not None and place is not None and place.is_running and place.zone in (None, *zones)

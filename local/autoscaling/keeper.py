"""What a group does by itself: it keeps its capacity and its warm pool, and replaces what is unhealthy.

Source: Amazon EC2 Auto Scaling User Guide, "Health checks", "Suspend and resume processes", "Termination policies".
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress

from local.autoscaling.activities import Activity, now
from local.autoscaling.fleet import Fleet
from local.autoscaling.lives import come, give_back, leave, prepare
from local.autoscaling.records import Group, Member, Place, Process
from local.query import QueryError

LOOK_SECONDS = 0.2  # between two health checks
_READY = ("Warmed:Stopped", "Warmed:Running", "Warmed:Hibernated")
_CHECKED = ("Pending", "InService", "RootVolume", "Warmed:Pending", *_READY)
_STARTED = "an instance was started in response to"
_TAKEN = "an instance was taken out of service in response to"
_BY_EC2 = "an EC2 health check indicating it has been terminated or stopped"
_BY_ELB = "an ELB system health check failure"


async def keep(fleet: Fleet, group: Group) -> None:
    """As long as the group is there."""
    while not group.is_deleting or group.members:
        group.changed.clear()
        check_health(fleet, group)
        replace_unhealthy(fleet, group)
        keep_capacity(fleet, group)
        keep_warm_pool(fleet, group)
        with suppress(TimeoutError):
            await asyncio.wait_for(group.changed.wait(), LOOK_SECONDS)
    fleet.forget(group)


def check_health(fleet: Fleet, group: Group) -> None:
    for member in list(group.members.values()):
        state = "running" if member.is_booting else (fleet.world.instance(member.id) or ("terminated", ""))[0]
        if member.state.endswith(":Retained") and state == "terminated":
            del group.members[member.id]
        elif not member.state.startswith(_CHECKED) or not group.runs(Process.HEALTH_CHECK):
            continue
        elif state != "running" and not (state == "stopped" and member.is_warm):
            _mark(member, _BY_EC2)
        elif _fails_in_balancer(fleet, member):
            _mark(member, _BY_ELB)


def _fails_in_balancer(fleet: Fleet, member: Member) -> bool:
    """Only what is registered can fail: one that was deregistered for an update is well."""
    group, since = member.group, member.in_service_at
    if since is None or not group.checks_balancers:
        return False
    grace = float(group.settings["HealthCheckGracePeriod"]) * fleet.settings.second
    if time.monotonic() - since < grace:
        return False
    return any(fleet.world.health(source, member.id) == "unhealthy" for source in group.sources)


def _mark(member: Member, why: str) -> None:
    if member.health != "Unhealthy":
        member.health, member.why_unhealthy = "Unhealthy", why


def replace_unhealthy(fleet: Fleet, group: Group) -> None:
    if not group.runs(Process.REPLACE_UNHEALTHY) or not group.runs(Process.TERMINATE) or group.is_deleting:
        return
    for member in group.members.values():
        if member.health == "Unhealthy" and member.state.startswith(_CHECKED):
            leave(fleet, member, f"At {now()} {_TAKEN} {member.why_unhealthy}.")


def keep_capacity(fleet: Fleet, group: Group) -> None:
    if group.is_deleting:
        return
    counted = group.counted()
    missing = group.desired - len(counted)
    if missing > 0 and group.runs(Process.LAUNCH) and time.monotonic() >= group.retry_at:
        for number in range(missing):
            _add(fleet, group, len(counted) + number)
    elif missing < 0 and group.runs(Process.TERMINATE):
        _scale_in(fleet, group, counted, -missing)


def _add(fleet: Fleet, group: Group, number: int) -> None:
    """One more, a prepared one if there is any."""
    cause = _cause_of_launch(group, number)
    ready = next((each for each in group.warm() if each.state in _READY and each.health == "Healthy"), None)
    if member := ready or _new(fleet, group, cause, "Pending"):
        come(fleet, member, cause)


def _cause_of_launch(group: Group, number: int) -> str:
    if any(member.health == "Unhealthy" and member.is_leaving for member in group.members.values()):
        return f"At {now()} an instance was launched in response to an unhealthy instance needing to be replaced."
    what = f"increasing the capacity from {number} to {group.desired}"
    start = f"{_STARTED} a difference between desired and actual capacity, {what}"
    return f"{group.reason}  At {now()} {start}.".strip()


def _scale_in(fleet: Fleet, group: Group, counted: Sequence[Member], surplus: int) -> None:
    what = f"shrinking the capacity from {len(counted)} to {group.desired}"
    taken = f"{_TAKEN} a difference between desired and actual capacity, {what}"
    for member in surplus_of(counted, surplus):
        cause = f"{group.reason}  At {now()} {taken}.  At {now()} instance {member.id} was selected for termination."
        reuses = group.pool and group.pool.reuses and not group.pool.is_deleting
        (give_back if reuses else leave)(fleet, member, cause.strip())


def keep_warm_pool(fleet: Fleet, group: Group) -> None:
    if group.pool is None or group.is_deleting:
        return
    warm = [member for member in group.warm() if not member.is_leaving]
    if group.pool.is_deleting and not group.warm():
        group.pool = None
        return
    missing = group.pool.size(group.desired, group.largest) - len(warm)
    if missing > 0 and group.runs(Process.LAUNCH) and time.monotonic() >= group.retry_at:
        cause = f"At {now()} {_STARTED} a difference between desired and actual warm pool size."
        for _ in range(missing):
            if member := _new(fleet, group, cause, "Warmed:Pending"):
                prepare(fleet, member, cause)
    elif missing < 0 and group.runs(Process.TERMINATE):
        cause = f"At {now()} {_TAKEN} a change of the warm pool's size."
        for member in warm[missing:]:
            leave(fleet, member, cause)


def _new(fleet: Fleet, group: Group, cause: str, state: str) -> Member | None:
    """An instance that is to be launched; None if there is nothing to launch it from."""
    try:
        template = fleet.template(group)
    except QueryError as error:
        activity = Activity(group.name, group.arn, "", "Launching a new EC2 instance", cause)
        group.activities.insert(0, activity)
        activity.finish("Failed", error.message)
        fleet.tell_outcome(activity, "Launch", Place.EC2, Place.GROUP)
        fleet.note_failure(group)
        return None
    zone = emptiest(group.zones, [member.zone for member in group.members.values() if not member.is_leaving])
    protected = bool(group.settings["NewInstancesProtectedFromScaleIn"]) and state == "Pending"
    member = Member(f"i-{secrets.token_hex(9)[:17]}", group, zone, template, state, protected)
    group.members[member.id] = member
    return member


def emptiest(zones: Iterable[str], taken: Sequence[str]) -> str:
    """The zone with the fewest instances, the first one of several.

    >>> emptiest("abc", []), emptiest("abc", "aab"), emptiest("ab", "ab")
    ('a', 'c', 'a')
    """
    return min(zones, key=taken.count)


def surplus_of(members: Sequence[Member], number: int) -> list[Member]:
    """Those that scale in: from the fullest zone first, there the oldest template's, there the oldest."""
    left, chosen = [member for member in members if not member.is_protected], list[Member]()
    while left and len(chosen) < number:
        zones = [member.zone for member in left]
        fullest = max(dict.fromkeys(zones), key=zones.count)
        here = [member for member in left if member.zone == fullest]
        chosen.append(min(here, key=lambda member: (_version(member), member.since)))
        left.remove(chosen[-1])
    return chosen


def _version(member: Member) -> int:
    shown = member.template.shown.get("LaunchTemplate")
    return int(shown["Version"]) if shown else 0

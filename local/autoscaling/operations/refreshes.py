"""Instance refreshes: the instances of a group are replaced, some at a time.

Without checkpoints, rollback, alarms or bake time; no new configuration comes with it. On AWS only groups with a mixed
instances policy can replace root volumes; there are none here, so any group can.
Source: Amazon EC2 Auto Scaling User Guide, "How an instance refresh works".
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

from local.autoscaling import events
from local.autoscaling.activities import now
from local.autoscaling.fleet import Fleet
from local.autoscaling.lives import leave, replace_root_volume
from local.autoscaling.pages import page
from local.autoscaling.records import Group, Member, Process, Refresh
from local.query import QueryError

LOOK_SECONDS = 0.05  # between two looks at the replacements
_ROOT = "ReplaceRootVolume"
_LONGEST = 3600  # seconds that replacements may take
_KNOWN = ("MinHealthyPercentage", "InstanceWarmup", "SkipMatching")


def start(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
    group, preferences = fleet.group(asked["AutoScalingGroupName"]), asked.get("Preferences", {})
    if unknown := sorted((preferences.keys() - set(_KNOWN)) | (asked.keys() & {"DesiredConfiguration"})):
        message = f"The local cloud's instance refreshes are without {', '.join(unknown)}"
        raise QueryError("ValidationError", message)
    strategy = asked.get("Strategy", "Rolling")
    version = group.settings.get("LaunchTemplate", {}).get("Version", "$Default")
    if strategy == _ROOT and (group.pool or version.startswith("$")):
        message = "Root volumes are replaced only without a warm pool, and with a numbered launch template version"
        raise QueryError("ValidationError", message)
    if any(one.is_active for one in group.refreshes):
        message = "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh."
        raise QueryError("InstanceRefreshInProgress", message)
    one = Refresh(strategy, {"MinHealthyPercentage": 90, "SkipMatching": False, **preferences})
    group.refreshes.insert(0, one)
    one.task = fleet.spawn(_run(fleet, group, one))
    return {"InstanceRefreshId": one.id}


def cancel(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
    """What is being replaced is replaced yet."""
    group = fleet.group(asked["AutoScalingGroupName"])
    one = next((each for each in group.refreshes if each.is_active), None)
    if one is None:
        message = f"No in progress or pending Instance Refresh found for Auto Scaling group {group.name}"
        raise QueryError("ActiveInstanceRefreshNotFound", message)
    assert one.task
    one.task.cancel()
    _end(fleet, group, one, "Cancelled", "Cancelled by user.")
    return {"InstanceRefreshId": one.id}


def describe(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
    group, ids = fleet.group(asked["AutoScalingGroupName"]), asked.get("InstanceRefreshIds", [])
    chosen, more = page([one for one in group.refreshes if not ids or one.id in ids], asked)
    return {"InstanceRefreshes": [_described(group, one) for one in chosen], **more}


async def _run(fleet: Fleet, group: Group, one: Refresh) -> None:
    one.status = "InProgress"
    todo = [each for each in group.members.values() if each.state == "InService" and _is_to_go(fleet, one, each)]
    one.left = one.total = len(todo)
    replace = replace_root_volume if one.strategy == _ROOT else leave
    fleet.world.emit(events.refresh(group, one, "Started"))
    while todo:
        while not group.runs(Process.INSTANCE_REFRESH):
            await asyncio.sleep(LOOK_SECONDS)
        allowed = max(1, group.desired * (100 - one.preferences["MinHealthyPercentage"]) // 100)
        batch, todo = todo[:allowed], todo[allowed:]
        for member in batch:
            if member.state == "InService":  # not gone meanwhile
                replace(fleet, member, f"At {now()} an instance was replaced in response to an instance refresh.")
        if not await _replaced(fleet, group, one):
            _end(fleet, group, one, "Failed", "Failed to replace instances within an hour.")
            return
        one.left = len(todo)
    _end(fleet, group, one, "Successful", "")


def _is_to_go(fleet: Fleet, one: Refresh, member: Member) -> bool:
    return not one.preferences["SkipMatching"] or member.template.shown != fleet.template(member.group).shown


async def _replaced(fleet: Fleet, group: Group, one: Refresh) -> bool:
    """Whether the group is complete again, and warmed up, in time."""
    until = time.monotonic() + _LONGEST * fleet.settings.second
    await asyncio.sleep(LOOK_SECONDS)
    while sum(member.state == "InService" for member in group.members.values()) < group.desired:
        if time.monotonic() > until:
            return False
        await asyncio.sleep(LOOK_SECONDS)
    warmup = one.preferences.get("InstanceWarmup", group.settings["HealthCheckGracePeriod"])
    await fleet.sleep(float(warmup))
    return True


def _end(fleet: Fleet, group: Group, one: Refresh, status: str, reason: str) -> None:
    one.status, one.reason, one.end = status, reason, datetime.now(UTC)
    what = {"Successful": "Succeeded"}.get(status, status)
    fleet.world.emit(events.refresh(group, one, what))


def _described(group: Group, one: Refresh) -> dict[str, Any]:
    done = 100 if one.status == "Successful" else 100 * (one.total - one.left) // max(one.total, 1)
    return {
        "InstanceRefreshId": one.id,
        "AutoScalingGroupName": group.name,
        "Status": one.status,
        "StatusReason": one.reason or None,
        "StartTime": one.start,
        "EndTime": one.end,
        "PercentageComplete": done,
        "InstancesToUpdate": one.left,
        "Preferences": one.preferences,
        "Strategy": one.strategy,
    }


OPERATIONS = {
    "StartInstanceRefresh": start,
    "CancelInstanceRefresh": cancel,
    "DescribeInstanceRefreshes": describe,
}

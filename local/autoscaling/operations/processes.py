"""Auto Scaling's operations on the processes of a group, and on its past activities."""

from __future__ import annotations

from typing import Any

from local.autoscaling.activities import now
from local.autoscaling.fleet import Fleet
from local.autoscaling.pages import page
from local.autoscaling.records import Process
from local.query import QueryError


def suspend(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
    group = fleet.group(asked["AutoScalingGroupName"])
    for process in _processes(asked):
        group.suspended.setdefault(process, f"User suspended at {now()}")
    return {}


def resume(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
    group = fleet.group(asked["AutoScalingGroupName"])
    for process in _processes(asked):
        group.suspended.pop(process, None)
    group.changed.set()
    return {}


def describe_types(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
    return {"Processes": [{"ProcessName": str(process)} for process in Process]}


def describe_activities(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
    """Newest first, those in progress before the others."""
    if asked.get("Filters"):
        raise QueryError("ValidationError", "The local cloud does not filter scaling activities")
    name, ids = asked.get("AutoScalingGroupName"), asked.get("ActivityIds", [])
    with_past = asked.get("IncludeDeletedGroups", False)
    if name and not with_past:
        fleet.group(name)
    found = [activity for group in fleet.groups.values() for activity in group.activities]
    found += fleet.past if with_past else []
    found = [each for each in found if name in (None, each.group) and (not ids or each.id in ids)]
    found.sort(key=lambda activity: (not activity.is_over, activity.start), reverse=True)
    chosen, more = page(found, asked, default=100)
    return {"Activities": [activity.described() for activity in chosen], **more}


def _processes(asked: dict[str, Any]) -> list[str]:
    """Those that are named, all if none is. Raises QueryError ValidationError."""
    names = asked.get("ScalingProcesses") or [str(process) for process in Process]
    known = {str(process) for process in Process}
    if unknown := [name for name in names if name not in known]:
        raise QueryError("ValidationError", f"Invalid scaling process: {', '.join(unknown)}")
    return names


OPERATIONS = {
    "SuspendProcesses": suspend,
    "ResumeProcesses": resume,
    "DescribeScalingProcessTypes": describe_types,
    "DescribeScalingActivities": describe_activities,
}

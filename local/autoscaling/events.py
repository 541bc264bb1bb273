"""What Auto Scaling tells EventBridge, as PutEvents takes it.

Source: Amazon EC2 Auto Scaling User Guide, "Amazon EC2 Auto Scaling event reference".
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from local.autoscaling.activities import Activity
from local.autoscaling.records import LAUNCHING, Action, Group, Member, Place, Refresh

LIFECYCLE_ACTIONS = ("EC2 Instance-launch Lifecycle Action", "EC2 Instance-terminate Lifecycle Action")


def lifecycle_action(member: Member, action: Action, origin: Place, destination: Place) -> dict[str, Any]:
    hook = action.hook
    detail = {
        "LifecycleActionToken": action.token,
        "AutoScalingGroupName": hook.group,
        "LifecycleHookName": hook.name,
        "EC2InstanceId": member.id,
        "LifecycleTransition": hook.transition,
        **({"NotificationMetadata": hook.metadata} if hook.metadata else {}),
        "Origin": origin,
        "Destination": destination,
    }
    return _entry(LIFECYCLE_ACTIONS[hook.transition != LAUNCHING], detail, [member.group.arn])


def outcome(what: str, activity: Activity, *, instance_arn: str, origin: Place, destination: Place) -> dict[str, Any]:
    """`Launch`, `Terminate` or `Detach` that has ended, well or not."""
    failed = activity.status in ("Failed", "Cancelled")
    detail = {
        "StatusCode": "Failed" if failed else "InProgress",  # also of a successful one
        "Description": activity.description,
        "AutoScalingGroupName": activity.group,
        "ActivityId": activity.id,
        "Details": activity.details,
        "RequestId": activity.id,
        "StatusMessage": activity.message,
        "StartTime": _time(activity.start),
        "EndTime": _time(activity.end or activity.start),
        "EC2InstanceId": activity.instance_id,
        "Cause": activity.cause,
        "Origin": origin,
        "Destination": destination,
    }
    kind = f"EC2 Instance {what} {'Unsuccessful' if failed else 'Successful'}"
    return _entry(kind, detail, [activity.group_arn, instance_arn])


def refresh(group: Group, one: Refresh, what: str) -> dict[str, Any]:
    """`Started`, `Succeeded`, `Failed` or `Cancelled`."""
    detail = {"InstanceRefreshId": one.id, "AutoScalingGroupName": group.name}
    return _entry(f"EC2 Auto Scaling Instance Refresh {what}", detail, [group.arn])


def _entry(kind: str, detail: dict[str, Any], resources: list[str]) -> dict[str, Any]:
    return {"Source": "aws.autoscaling", "DetailType": kind, "Detail": json.dumps(detail), "Resources": resources}


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

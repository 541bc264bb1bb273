"""Scaling activities: what a group did, why, and how it ended.

The words are AWS's, as DescribeScalingActivities and the events have them.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

_PROGRESS = {"Successful": 100, "Failed": 100, "Cancelled": 100, "PreInService": 30}


def now() -> str:
    """The time as causes say it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(eq=False)
class Activity:
    group: str
    group_arn: str
    instance_id: str
    description: str
    cause: str
    details: dict[str, str] = field(default_factory=dict)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    start: datetime = field(default_factory=lambda: datetime.now(UTC))
    end: datetime | None = None
    status: str = "InProgress"
    message: str = ""
    is_of_deleted_group: bool = False

    @property
    def is_over(self) -> bool:
        return self.end is not None

    def finish(self, status: str = "Successful", message: str = "") -> None:
        if not self.is_over:
            self.status, self.message, self.end = status, message, datetime.now(UTC)

    def described(self) -> dict[str, Any]:
        return {
            "ActivityId": self.id,
            "AutoScalingGroupName": self.group,
            "AutoScalingGroupARN": self.group_arn,
            "AutoScalingGroupState": "Deleted" if self.is_of_deleted_group else None,
            "Description": self.description,
            "Cause": self.cause,
            "StartTime": self.start,
            "EndTime": self.end,
            "StatusCode": self.status,
            "StatusMessage": self.message or None,
            "Progress": _PROGRESS.get(self.status, 50),
            "Details": json.dumps(self.details),
        }

"""EventBridge Scheduler: one message at one time, which nothing has to poll for."""

import json
from datetime import UTC, datetime, timedelta

from functions.aws.clients import client
from functions.settings import settings


def send_at(name: str, moment: datetime, message: dict[str, str]) -> None:
    """Send a message to the queue of wake-ups at a time, within the minute that begins then; the schedule is gone
    afterwards. One of that name gets the new time."""
    whole = moment.astimezone(UTC).replace(second=0, microsecond=0)
    due = whole if whole == moment else whole + timedelta(minutes=1)  # it counts in minutes, and must not be early
    schedule = {
        "Name": name,
        "GroupName": settings().schedule_group,
        "ScheduleExpression": f"at({due:%Y-%m-%dT%H:%M:%S})",
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "Target": {
            "Arn": settings().wake_queue_arn,
            "RoleArn": settings().schedule_role_arn,
            "Input": json.dumps(message),
        },
    }
    scheduler = client("scheduler")
    try:
        scheduler.create_schedule(**schedule)
    except scheduler.exceptions.ConflictException:
        scheduler.update_schedule(**schedule)

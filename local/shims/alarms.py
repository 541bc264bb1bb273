"""CloudWatch: an alarm that changes state is an EventBridge event on AWS; ministack 1.5.33 only records the change.

Source of the event's shape: CloudWatch User Guide, "Alarm events and EventBridge".
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

Emit = Callable[[dict[str, Any]], None]


def install(emit: Emit, *, region: str, account: str) -> None:
    """Send the event with each change that the emulator records. `emit` takes one PutEvents entry."""
    from ministack.services import cloudwatch

    record = cloudwatch._record_history

    def record_and_emit(name: str, old: str, new: str, reason: str, *rest: Any) -> Any:
        done = record(name, old, new, reason, *rest)
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f+0000")
        emit(
            {
                "Source": "aws.cloudwatch",
                "DetailType": "CloudWatch Alarm State Change",
                "Resources": [f"arn:aws:cloudwatch:{region}:{account}:alarm:{name}"],
                "Detail": json.dumps(
                    {
                        "alarmName": name,
                        "state": {"value": new, "reason": reason, "timestamp": now},
                        "previousState": {"value": old, "reason": "", "timestamp": now},
                        "configuration": {},
                    }
                ),
            }
        )
        return done

    cloudwatch._record_history = record_and_emit

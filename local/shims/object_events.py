"""S3: the "Object Created" event of a versioned bucket names the version on AWS; ministack 1.5.33 leaves it out.

Source of the event's shape: S3 User Guide, "EventBridge event message structure" (detail.object.version-id).
"""

import json
from contextvars import ContextVar
from typing import Any

_version: ContextVar[str | None] = ContextVar("version of the object that an event is about", default=None)


def install() -> None:
    """Put the version that S3 knows into the event that EventBridge delivers."""
    from ministack.services import eventbridge, s3

    fire, dispatch = s3._fire_s3_event, eventbridge._dispatch_event

    def fire_with_version(*arguments: Any, **named: Any) -> None:
        before = _version.set(named.get("version_id"))
        try:
            fire(*arguments, **named)
        finally:
            _version.reset(before)

    def dispatch_with_version(event: dict[str, Any], *rest: Any, **named: Any) -> Any:
        version = _version.get()
        if version and event.get("Source") == "aws.s3":
            detail = json.loads(event["Detail"])
            detail["object"].setdefault("version-id", version)
            event = {**event, "Detail": json.dumps(detail)}
        return dispatch(event, *rest, **named)

    s3._fire_s3_event, eventbridge._dispatch_event = fire_with_version, dispatch_with_version

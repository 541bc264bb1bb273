"""Windows and freezes as the API tells them."""

from typing import Any

from functions.core.records import Calendar, Freeze, Window


def calendar(record: Calendar) -> dict[str, Any]:
    return {
        "windows": [_window(each) for each in record.windows],
        "freezes": [freeze(each) for each in record.freezes],
    }


def _window(record: Window) -> dict[str, Any]:
    return {
        "scope": record.scope,
        "cron": record.cron,
        "durationSeconds": record.duration_seconds,
        "timeZone": record.time_zone,
        "reason": record.reason or None,
        "by": record.who,
    }


def freeze(record: Freeze) -> dict[str, Any]:
    return {
        "freezeId": record.freeze_id,
        "scope": record.scope,
        "from": record.start,
        "to": record.end,
        "timeZone": record.time_zone,
        "reason": record.reason,
        "by": record.who,
    }

"""Moments as the records hold them, which compare as texts do."""

from datetime import UTC, datetime


def timestamp(moment: datetime) -> str:
    """
    >>> timestamp(datetime.fromisoformat("2026-11-23T04:35:54.123456+01:00"))
    '2026-11-23T03:35:54.123Z'
    """
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

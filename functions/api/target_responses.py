"""When a target was out of service, as the API tells it: of one in full, and of many in a line each."""

from typing import Any

from functions.core.records import Target


def service(record: Target) -> dict[str, Any]:
    """The members of an InstanceTarget that say in which stage its host was out of service, and since when."""
    return {
        "stage": record.stage,
        "outOfServiceTime": record.started_at,
        "wasOutOfService": record.was_out_of_service or None,
    }


def summary(record: Target) -> dict[str, Any]:
    """A TargetSummary."""
    return {
        "targetId": record.target_id,
        "status": record.status,
        "lastUpdatedAt": record.last_updated_at,
        "availabilityZone": record.zone,
        **service(record),
    }

"""Deployments and targets as tests of the telling parts need them, and the events that carry them."""

import json
from dataclasses import replace
from typing import Any

from functions.core.causes import Cause
from functions.core.place import Place
from functions.core.records import (
    Counts,
    Deployment,
    Diagnostics,
    GroupSettings,
    LifecycleEventRecord,
    Registration,
    Revision,
    Target,
    TargetFailure,
    Traffic,
    Trigger,
)
from functions.core.statuses import (
    BundleType,
    Creator,
    DeploymentStatus,
    LifecycleErrorCode,
    LifecycleEventStatus,
    TargetStatus,
    TriggerEvent,
)
from functions.core.text.shapes import to_plain
from functions.store.keys import deployment_indexes, deployment_key, target_key
from functions.store.table.wire import to_wire

STREAM = "arn:aws:dynamodb:us-east-1:123456789012:store/stepdeploy/stream/2026-11-23T00:00:00.000"
PLACE = Place(partition="aws", region="us-east-1", account="123456789012")


def deployment(status: DeploymentStatus = DeploymentStatus.CREATED, **fields: Any) -> Deployment:
    given: dict[str, Any] = {
        "deployment_id": "d-A1B2C3111",
        "application": "shop",
        "group": "web",
        "group_id": "uuid-of-web",
        "creator": Creator.USER,
        "revision": Revision(bucket="b", key="shop/web/v2.zip", bundle_type=BundleType.ZIP, version="v"),
        "create_time": "2022-10-13T15:50:45.123Z",
        "requested_by": "upload",
        **fields,
    }
    return Deployment(status=status, **given)


def triggers(topic_arn: str, *events: TriggerEvent, name: str = "ops") -> GroupSettings:
    return GroupSettings(triggers=(Trigger(name=name, topic_arn=topic_arn, events=tuple(events)),))


def target(status: TargetStatus, target_id: str = "i-0a1", **fields: Any) -> Target:
    return Target(deployment_id="d-A1B2C3111", target_id=target_id, status=status, **fields)


def failed_target(target_id: str = "i-0a1", log_tail: str = "curl: (7) refused\nexit 7") -> Target:
    diagnostics = Diagnostics(
        error_code=LifecycleErrorCode.SCRIPT_FAILED, script_name="scripts/check.sh", message="exit 7", log_tail=log_tail
    )
    event = LifecycleEventRecord(name="ValidateService", status=LifecycleEventStatus.FAILED, diagnostics=diagnostics)
    failure = TargetFailure(
        cause=Cause.SCRIPT,
        message="scripts/check.sh ended with exit code 7",
        event="ValidateService",
        script_name="scripts/check.sh",
    )
    return target(TargetStatus.FAILED, target_id, name="web-1", events=(event,), failure=failure)


def left_out() -> Target:
    """A failed target whose host is out of a target group, by two ports, and of a Classic Load Balancer."""
    arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/0123456789abcdef"
    registered = tuple(
        Registration(balancer=each, instance_id="i-0a1", port=port) for each, port in ((arn, 1), (arn, 2))
    )
    classic = Registration(balancer="old", instance_id="i-0a1")
    return replace(failed_target(), traffic=Traffic(registered=(*registered, classic)))


def item_of(record: Deployment | Target) -> dict[str, Any]:
    if isinstance(record, Deployment):
        return {**deployment_key(record.deployment_id).item, **deployment_indexes(record), **to_plain(record)}
    return {**target_key(record.deployment_id, record.target_id).item, **to_plain(record)}


def stream(*records: Deployment | Target, before: Any = None) -> dict[str, Any]:
    """The function's event when these became what they are (from status `before`; None: they are new)."""
    return {"Records": [_stream_record(number, record, before) for number, record in enumerate(records, 1)]}


def _stream_record(number: int, record: Deployment | Target, before: Any) -> dict[str, Any]:
    images = {"NewImage": to_wire(item_of(record))}
    if before is not None:
        images["OldImage"] = to_wire(item_of(replace(record, status=before)))
    return {
        "eventName": "MODIFY" if before else "INSERT",
        "eventSourceARN": STREAM,
        "dynamodb": {"SequenceNumber": str(number), "ApproximateCreationDateTime": 1665676245.0 + number, **images},
    }


def queued(*bodies: Any, receives: int = 1) -> dict[str, Any]:
    """The function's event when SQS hands out messages "m-1", "m-2", ..."""
    return {
        "Records": [
            {
                "messageId": f"m-{number}",
                "receiptHandle": f"receipt-{number}",
                "attributes": {"ApproximateReceiveCount": str(receives)},
                "body": body if isinstance(body, str) else json.dumps(body),
            }
            for number, body in enumerate(bodies, 1)
        ]
    }


DONE = Counts(total=4, max_out_of_service=1, succeeded=2, failed=1, skipped=1, started=3)

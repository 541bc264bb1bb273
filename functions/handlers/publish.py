"""publish: the table's stream -> events on the engine's bus, messages of SNS triggers, metrics.

The stream is the outbox: what is announced is what was written, in order for each deployment. The bus comes first, for
all records; the first record that it did not take is reported, and Lambda hands out that one and all after it again,
so a repeat may be announced twice and nothing is left out. What SNS does not take goes to a queue that `trigger`
empties: an SNS that is down delays its own messages only.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.aws import bus, queues, topics
from functions.aws.stream import Change, changes
from functions.aws.table import table
from functions.core import announcements, measures
from functions.core.announcements import Announcement, Place
from functions.core.records import Deployment
from functions.core.shapes import to_plain
from functions.settings import settings
from functions.telemetry import logger, metrics

_FIRST_RETRY_SECONDS = 30  # of a message that SNS did not take


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """A change, and what is told of it."""

    sequence_number: str
    moment: datetime
    announcement: Announcement
    deployment: Deployment | None  # None: the change is a target's


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    """Answers with the first record that must come again, if any (ReportBatchItemFailures)."""
    told, unreadable = _read(event)
    taken = bus.put(settings().bus_name, [(each.announcement.event, each.moment) for each in told])
    messages = [message for each in told[:taken] for message in each.announcement.messages]
    if left := topics.publish(messages):
        logger.warning("SNS did not take messages: they wait in the queue", count=len(left), of=len(messages))
        bodies = [json.dumps(to_plain(message)) for message in left]
        queues.send(settings().trigger_queue_url, bodies, delay_seconds=_FIRST_RETRY_SECONDS)
    for each in told[:taken]:
        if each.deployment:
            _count(each.deployment)
    again = told[taken].sequence_number if taken < len(told) else unreadable
    return {"batchItemFailures": [{"itemIdentifier": again}] if again else []}


def _read(event: dict[str, Any]) -> tuple[list[_Told], str | None]:
    """What is to be told, up to the first record that cannot be read, and that record's sequence number."""
    told: list[_Told] = []
    deployment = cache(_deployment)  # one read for all targets of a deployment in this batch
    for change in changes(event):
        try:
            each = _tell(change, deployment)
        except (LookupError, TypeError, ValueError):  # written by another version: the records before it need not wait
            logger.exception("a record cannot be read", sequence_number=change.sequence_number)
            return told, change.sequence_number
        if each:
            told.append(each)
    return told, None


def _tell(change: Change, deployment_of: Callable[[str], Deployment]) -> _Told | None:
    place = Place.of(change.stream_arn)
    deployment = change.deployment() if change.is_deployment else None
    if deployment:
        announcement = announcements.of_deployment(deployment, place)
    else:
        target = change.target()
        announcement = announcements.of_target(target, deployment_of(target.deployment_id), place)
    if announcement is None:
        return None
    return _Told(
        sequence_number=change.sequence_number,
        moment=change.moment,
        announcement=announcement,
        deployment=deployment,
    )


def _deployment(deployment_id: str) -> Deployment:
    found = table().deployment(deployment_id)
    if found is None:
        raise KeyError(deployment_id)
    return found


def _count(deployment: Deployment) -> None:
    """One EMF line: for the engine as a whole, and for the group. Only a group that exists has metrics of its own:
    names out of an upload's key could be any number."""
    if deployment.group_id:
        metrics.add_dimensions(service="stepdeploy", application=deployment.application, group=deployment.group)
    for name, value in measures.of_deployment(deployment).items():
        unit = MetricUnit.Seconds if name == "DeploymentSeconds" else MetricUnit.Count
        metrics.add_metric(name=name, unit=unit, value=value)
    metrics.flush_metrics()

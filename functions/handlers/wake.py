"""wake: deployments that wait for a window, or for the end of a freeze.

Called with the table's stream: a deployment that is Queued has got a time at which it may begin, and gets a schedule
that sends a message then. Called by the queue of these messages: its time has come, and the calendar is asked again.
Nothing in between looks at it. A second call finds the same schedule, or the deployment gone on.
"""

import json
from datetime import datetime
from typing import Any

from functions.aws import scheduler, sqs
from functions.core.statuses import DeploymentStatus
from functions.engine import calendar
from functions.settings import settings
from functions.store import stream
from functions.store.records import deployments
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, list[dict[str, str]]]:
    """Answers with what comes back (ReportBatchItemFailures)."""
    if "dynamodb" in event["Records"][0]:
        return stream.come_again(stream.each(event, _schedule, attribute="closed"))
    return sqs.retry_later(settings().wake_queue_url, sqs.each(event, _review))


def _schedule(change: stream.Change) -> None:
    """Only what is needed is read: a record of a newer engine waits like any other."""
    closed = change.item.get("closed") or {}
    if change.is_deployment and change.item["status"] == DeploymentStatus.QUEUED and closed.get("until"):
        deployment_id = str(change.item["deployment_id"])
        scheduler.send_at(deployment_id, datetime.fromisoformat(closed["until"]), {"deployment_id": deployment_id})


def _review(message: sqs.Received) -> None:
    deployment = deployments.get(str(json.loads(message.body)["deployment_id"]))
    if deployment and deployment.status is DeploymentStatus.QUEUED:
        calendar.review(deployment)

"""start: an object arrives in the revision bucket, or a person names one; a deployment is created.

Called with S3's "Object Created" events from a queue, and by `aws lambda invoke`. A repeated event finds the mark of
the first and creates nothing; an upload by mistake becomes a failed deployment, so that somebody hears of it. What AWS
prevents comes back to the queue, and at last ends in the dead-letter queue; a message that is no such event goes there
at once.
"""

import json
from typing import Any

from functions.api.requests import fields
from functions.aws import sqs
from functions.core.errors import InvalidInput
from functions.core.new_deployment import OwnSettings
from functions.core.records import Revision
from functions.core.revision import bundle_type
from functions.core.statuses import OnBusy
from functions.engine import upload
from functions.engine.create import Request, create, known_config
from functions.settings import settings
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return _uploads(event) if "Records" in event else _asked_for(event)


def _uploads(event: dict[str, Any]) -> dict[str, Any]:
    """Answers with the messages that come back (ReportBatchItemFailures)."""
    return sqs.come_back(settings().upload_queue_url, sqs.each(event, _upload))


def _upload(message: sqs.Received) -> None:
    deployment_id = upload.deploy(json.loads(message.body))
    if deployment_id:
        logger.info("an upload was taken", deployment_id=deployment_id)


def _asked_for(event: dict[str, Any]) -> dict[str, str]:
    """A person's request for an object of the revision bucket; what is wrong with it is the answer.

    While the group is busy it is rejected, unless `on_busy` says to queue.
    """
    application, group, key = fields.needed(event, "application", "group", "key")
    on_busy = fields.text(event, "on_busy") or OnBusy.REJECT
    if on_busy not in set(OnBusy):
        raise InvalidInput(f"on_busy {on_busy!r}: give one of {', '.join(OnBusy)}")
    config = fields.text(event, "deployment_config")
    request = Request(
        application=application,
        group=group,
        revision=Revision(
            bucket=settings().bucket_name,
            key=key,
            version=fields.text(event, "version"),
            bundle_type=bundle_type(key),
        ),
        requested_by=fields.text(event, "requested_by") or "a person",
        on_busy=OnBusy(on_busy),
        description=fields.text(event, "description"),
        metadata=fields.texts(event, "metadata"),
        own=OwnSettings(config=known_config(config) if config else None),
    )
    return {"deployment_id": create(request)}

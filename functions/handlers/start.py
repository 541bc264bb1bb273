"""start: an object arrives in the revision bucket, or a commit in CodeCommit, or a person names one; a deployment is
created.

Called with S3's and CodeCommit's events from a queue, and by `aws lambda invoke`. A repeated event finds the mark of
the first and creates nothing; an upload by mistake becomes a failed deployment, so that somebody hears of it. What AWS
prevents comes back to the queue, and finally goes to the dead-letter queue; a message that is no such event goes there
at once.
"""

import json
from typing import Any

from functions.api.requests import direct
from functions.aws import sqs
from functions.engine.starting import push, upload
from functions.engine.starting.create import create
from functions.settings import settings
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return _uploads(event) if "Records" in event else _asked_for(event)


def _uploads(event: dict[str, Any]) -> dict[str, Any]:
    """Answers with the messages that come back (ReportBatchItemFailures)."""
    return sqs.retry_later(settings().upload_queue_url, sqs.each(event, _upload))


def _upload(message: sqs.Received) -> None:
    event = json.loads(message.body)
    if event.get("source") == push.SOURCE:
        logger.info("a push was taken", deployment_ids=push.deploy(event, settings().pushed_branches))
    elif deployment_id := upload.deploy(event, settings().upload_prefixes):
        logger.info("an upload was taken", deployment_id=deployment_id)


def _asked_for(event: dict[str, Any]) -> dict[str, str]:
    """A person's request; what is wrong with it is the answer."""
    return {"deployment_id": create(direct.deployment(event, settings().bucket_name))}

"""start: an object arrives in the revision bucket, or a person names one; a deployment is created.

Called with S3's "Object Created" events from a queue, and by `aws lambda invoke`. A repeated event finds the mark of
the first and creates nothing; an upload that nothing can be done with becomes a failed deployment, so that somebody
hears of it. What AWS or a bug prevents comes back to the queue, and at last ends in the dead-letter queue.
"""

import json
from typing import Any

from functions.aws import queues
from functions.aws.creating import Request, create, refuse
from functions.core.errors import InvalidInput, NotDeployable
from functions.core.records import Revision
from functions.core.revisions import bundle_type, destination
from functions.core.statuses import BundleType, DeploymentErrorCode, OnBusy
from functions.settings import settings
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return _uploads(event) if "Records" in event else _asked_for(event)


def _uploads(event: dict[str, Any]) -> dict[str, Any]:
    """Answers with the messages that come back (ReportBatchItemFailures)."""
    late = []
    for each in queues.received(event):
        try:
            deployment_id = _uploaded(json.loads(each.body))
            logger.info("an upload was taken", deployment_id=deployment_id)
        except Exception:  # of one upload, which must not take the others with it
            logger.exception("an upload has to wait", message_id=each.message_id)
            late.append(each)
    return queues.come_back(settings().upload_queue_url, late)


def _uploaded(event: dict[str, Any]) -> str:
    """An upload: the group's own `onBusy` decides whether it waits while another deployment runs."""
    bucket, found = event["detail"]["bucket"]["name"], event["detail"]["object"]
    key, version = found["key"], found.get("version-id")
    revision = Revision(bucket=bucket, key=key, version=version, etag=found.get("etag"), bundle_type=BundleType.ZIP)
    application, _, rest = key.partition("/")
    request = Request(
        application=application,
        group=rest.partition("/")[0],
        revision=revision,
        requested_by=f"upload of s3://{bucket}/{key}",
        requested_at=event["time"],
        upload=(bucket, key, version or found.get("etag", "")),
    )
    try:
        where = destination(key)
    except InvalidInput as error:
        return refuse(request, DeploymentErrorCode.INVALID_REVISION, str(error))
    try:
        return create(request.of(where.application, where.group, where.bundle_type))
    except NotDeployable as error:
        return refuse(request, error.code, str(error))


def _asked_for(event: dict[str, Any]) -> dict[str, str]:
    """A person's request for an object of the revision bucket; what is wrong with it is the answer.

    While the group is busy it is rejected, unless `on_busy` says to queue.
    """
    if missing := [field for field in ("application", "group", "key") if not event.get(field)]:
        raise InvalidInput(f"{', '.join(missing)}: missing; give application, group and key (and version)")
    key, on_busy = event["key"], event.get("on_busy", OnBusy.REJECT)
    if on_busy not in set(OnBusy):
        raise InvalidInput(f"on_busy {on_busy!r}: give one of {', '.join(OnBusy)}")
    request = Request(
        application=event["application"],
        group=event["group"],
        revision=Revision(
            bucket=settings().bucket_name,
            key=key,
            version=event.get("version"),
            bundle_type=bundle_type(key),
        ),
        requested_by=event.get("requested_by") or "a person",
        on_busy=OnBusy(on_busy),
        description=event.get("description"),
        config_name=event.get("deployment_config"),
    )
    return {"deployment_id": create(request)}

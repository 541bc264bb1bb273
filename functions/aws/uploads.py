"""Uploads: S3's "Object Created" events become deployments, or failed deployments that say why.

Source of the event's shape: S3 User Guide, "EventBridge event message structure".
"""

from typing import Any

from functions.aws.creating import Request, create, refuse
from functions.core.errors import InvalidInput, NotDeployable
from functions.core.order import Upload
from functions.core.records import Revision
from functions.core.revisions import ENGINE_PREFIX, destination
from functions.core.statuses import BundleType, DeploymentErrorCode


def deploy(event: dict[str, Any]) -> str | None:
    """The id of the deployment that an upload starts: its group's `onBusy` decides whether it waits while another runs.

    An upload that nothing can be done with becomes a deployment that failed; a repeated event finds the mark of the
    first. Raises KeyError, TypeError or ValueError for what is no such event.
    """
    bucket, found = event["detail"]["bucket"]["name"], event["detail"]["object"]
    key, version = found["key"], found.get("version-id")
    if key.startswith(ENGINE_PREFIX):
        return None  # a host may put what it likes below its logs, and starts nothing by it
    revision = Revision(bucket=bucket, key=key, version=version, etag=found.get("etag"), bundle_type=BundleType.ZIP)
    application, _, rest = key.partition("/")
    request = Request(
        application=application,
        group=rest.partition("/")[0],
        revision=revision,
        requested_by=f"upload of s3://{bucket}/{key}",
        requested_at=event["time"],
        upload=Upload(
            bucket=bucket,
            key=key,
            version=version or found.get("etag", ""),
            sequencer=found.get("sequencer", ""),
        ),
    )
    try:
        where = destination(key)
    except InvalidInput as error:
        return refuse(request, DeploymentErrorCode.INVALID_REVISION, str(error))
    try:
        return create(request.of(where.application, where.group, where.bundle_type))
    except NotDeployable as error:
        return refuse(request, error.code, str(error))

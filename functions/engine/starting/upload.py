"""Uploads: S3's "Object Created" events become deployments, or failed deployments that say why.

Source of the event's shape: S3 User Guide, "EventBridge event message structure".
"""

from collections.abc import Mapping
from typing import Any, assert_never

from functions.core import uploads
from functions.core.errors import NotDeployable
from functions.core.order import Upload
from functions.core.records import Revision
from functions.core.statuses import BundleType
from functions.core.uploads import Meaning, Mistake, NotOurs, ToDeploy
from functions.engine.starting.create import Request, create, refuse
from functions.store.records import applications, groups
from functions.telemetry import logger


def deploy(event: dict[str, Any], prefixes: Mapping[str, str]) -> str | None:
    """The id of the deployment that an upload starts: its group's `onBusy` decides whether it waits while another runs.

    `prefixes`: below which uploads start deployments, by bucket. An update changes the rule that sends them a moment
    before or after this function, so others come, too.

    An upload by mistake becomes a deployment that failed; one that is nobody's business here (functions/core/
    uploads.py) becomes nothing: None. A repeated event finds the mark of the first. Raises KeyError, TypeError or
    ValueError for what is no such event.
    """
    bucket, found = event["detail"]["bucket"]["name"], event["detail"]["object"]
    key, version, etag, sequencer = found["key"], found.get("version-id"), found.get("etag"), found.get("sequencer", "")
    prefix = prefixes.get(bucket)
    if prefix is None or (name := uploads.below(prefix, key)) is None:
        logger.info("an upload is not a revision", bucket=bucket, key=key, reason="uploads there start nothing")
        return None
    place, meaning = uploads.place_of(name), _meaning(name, prefix)
    revision = Revision(bucket=bucket, key=key, version=version, etag=etag, bundle_type=BundleType.ZIP)
    request = Request(
        application=place.application,
        group=place.group,
        revision=revision,
        requested_by=f"upload of s3://{bucket}/{key}",
        requested_at=event["time"],
        upload=Upload(bucket=bucket, key=key, version=version or f"{etag or ''}{sequencer}", sequencer=sequencer),
    )
    match meaning:
        case NotOurs():
            logger.info("an upload is not a revision", key=key, reason=meaning.reason)
            return None
        case Mistake():
            return refuse(request, revision, meaning.code, meaning.message)
        case ToDeploy():
            try:
                return create(request.of(place.application, place.group, meaning.bundle_type))
            except NotDeployable as error:
                return refuse(request, revision, error.code, str(error))
        case _:
            assert_never(meaning)


def _meaning(name: str, prefix: str) -> Meaning:
    """At most two reads: the group, and the names of the applications if there is none."""
    if sure := uploads.beyond_doubt(name):
        return sure
    place = uploads.place_of(name)
    group = groups.get(place.application, place.group) if place.may_be_a_group else None
    has_group = group is not None and not group.removed_at
    names = () if has_group else applications.names()
    return uploads.meaning(name, has_group=has_group, applications=names, prefix=prefix)

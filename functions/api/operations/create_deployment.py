"""Creating a deployment: of an archive in the revision bucket or a commit on GitHub, to a group as it is, or as the
request wants it once."""

from dataclasses import replace
from typing import Any

from functions.api.operations import Caller
from functions.api.operations.groups import known_config
from functions.api.operations.targets import check_id as check_target
from functions.api.requests import settings as requests_settings
from functions.api.requests.revision_location import MAX_DESCRIPTION
from functions.api.requests.revision_location import revision as location
from functions.core.errors import InvalidInput, Refused
from functions.core.limits import METADATA_ENTRIES, SHOWN
from functions.core.new_deployment import Overrides
from functions.core.records import Revision
from functions.core.revision import bundle_type
from functions.core.statuses import DeploymentMode, FileExistsBehavior, OnBusy
from functions.engine.starting.create import Request, create
from functions.settings import settings

MAX_INSTANCES = 100  # that a request names by their ids
_INVALID_TARGETS = "InvalidTargetInstancesException"


def create_deployment(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """A second call is a second deployment, or meets the first: CodeDeploy has no token that would tell them apart.

    Whether the archive is there, and any instance, the deployment finds out when it begins.
    """
    return {"deploymentId": create(request_of(given, caller, None if is_restart(given) else revision_of(given)))}


def request_of(given: dict[str, Any], caller: Caller, revision: Revision | None) -> Request:
    """What a request wants deployed. Raises Refused."""
    _check_kind(given)
    return Request(
        application=given["applicationName"],
        group=_group(given),
        revision=revision,
        requested_by=caller.arn,
        requested_at=caller.now,
        on_busy=OnBusy(given["onBusy"].lower()) if "onBusy" in given else None,
        description=_description(given),
        metadata=metadata(given),
        outdated_only=bool(given.get("updateOutdatedInstancesOnly")),
        principal=caller.arn,
        own=_own(given),
    )


def metadata(given: dict[str, Any]) -> dict[str, str]:
    """What the deployment is for, in its creator's words."""
    found: dict[str, str] = given.get("metadata") or {}
    if len(found) > METADATA_ENTRIES:
        what = f"metadata: has {len(found)} entries, at most {METADATA_ENTRIES}"
        raise Refused("InvalidInputException", what)
    return found


def _check_kind(given: dict[str, Any]) -> None:
    """What would need more than a deployment in place of a new revision to all of some instances."""
    if is_restart(given) and "revision" in given:
        what = "revision: deploymentMode RESTART restarts the one that is there: leave one of the two out"
        raise Refused("InvalidInputException", what)
    if is_restart(given) and given.get("updateOutdatedInstancesOnly"):
        what = "updateOutdatedInstancesOnly: does not go with deploymentMode RESTART: leave one of the two out"
        raise Refused("InvalidUpdateOutdatedInstancesOnlyValueException", what)
    if given.get("updateOutdatedInstancesOnly") and (given.get("targetInstances") or {}).get("instanceIds"):
        what = "updateOutdatedInstancesOnly and targetInstances.instanceIds: give one of the two"
        raise Refused("InvalidUpdateOutdatedInstancesOnlyValueException", what)


def is_restart(given: dict[str, Any]) -> bool:
    return given.get("deploymentMode") == DeploymentMode.RESTART


def _group(given: dict[str, Any]) -> str:
    if "deploymentGroupName" not in given:
        raise Refused("DeploymentGroupNameRequiredException", "deploymentGroupName: is missing")
    return str(given["deploymentGroupName"])


def revision_of(given: dict[str, Any]) -> Revision:
    if "revision" not in given:
        what = "revision: is missing: give revisionType S3 and s3Location, or GitHub and gitHubLocation"
        raise Refused("RevisionRequiredException", what)
    found, allowed = location(_with_bundle_type(given["revision"])), settings().bucket_name
    if not found.named_commit and found.bucket not in (allowed, *settings().revision_buckets):
        what = f"revision.s3Location.bucket: {found.bucket}: the engine reads the bucket {allowed}"
        remedy = "copy the archive there, or name its bucket in revisionBuckets of deployments.yaml"
        raise Refused("InvalidRevisionException", f"{what}, and those of revisionBuckets: {remedy}")
    return found


def _with_bundle_type(location: dict[str, Any]) -> dict[str, Any]:
    """The same with a bundleType: without one the key's ending says it."""
    archive = location.get("s3Location") or {}
    if not archive.get("key") or archive.get("bundleType"):
        return location
    try:
        kind = bundle_type(archive["key"])
    except InvalidInput:
        what = f"the key {archive['key'][:SHOWN]!r} does not tell: give zip, tar or tgz"
        raise Refused("InvalidRevisionException", f"revision.s3Location.bundleType: is missing, and {what}") from None
    return {**location, "s3Location": {**archive, "bundleType": kind}}


def _description(given: dict[str, Any]) -> str | None:
    text = given.get("description", "")
    if len(text) > MAX_DESCRIPTION:
        what = f"description: has {len(text)} characters, at most {MAX_DESCRIPTION}"
        raise Refused("DescriptionTooLongException", what)
    return text or None


def _own(given: dict[str, Any]) -> Overrides:
    """What the request wants instead of what the group says."""
    name, behavior = given.get("deploymentConfigName"), given.get("fileExistsBehavior")
    rollback, alarms = given.get("autoRollbackConfiguration"), given.get("overrideAlarmConfiguration")
    wanted = Overrides(
        config=known_config(name) if name else None,
        alarms=None if alarms is None else requests_settings.alarms(alarms, "overrideAlarmConfiguration"),
        auto_rollback=None if rollback is None else requests_settings.auto_rollback(rollback),
        file_exists_behavior=FileExistsBehavior(behavior) if behavior else None,
        ignore_application_stop_failures=given.get("ignoreApplicationStopFailures"),
    )
    return wanted if "targetInstances" not in given else _with_targets(wanted, given["targetInstances"])


def _with_targets(wanted: Overrides, targets: dict[str, Any]) -> Overrides:
    """With the instances of the request's tags. No tags at all are a mistake, which must not deploy to the group."""
    filters, tag_set, ids = targets.get("tagFilters"), targets.get("ec2TagSet"), targets.get("instanceIds")
    if targets.get("autoScalingGroups"):
        what = "targetInstances.autoScalingGroups: is not supported: name the instances by tagFilters or ec2TagSet"
        raise Refused(_INVALID_TARGETS, what)
    if sum(map(bool, (filters, tag_set, ids))) > 1:
        raise Refused(_INVALID_TARGETS, "targetInstances: give one of tagFilters, ec2TagSet and instanceIds")
    if ids:
        return replace(wanted, instance_ids=_ids(ids))
    if tag_set:
        tags = requests_settings.tag_set(tag_set, "targetInstances.ec2TagSet", _INVALID_TARGETS)
        return replace(wanted, tag_set=tags)
    if not filters:
        what = "targetInstances: selects nothing: give tagFilters or ec2TagSet, or leave it out to deploy to the group"
        raise Refused(_INVALID_TARGETS, what)
    return replace(
        wanted, tag_filters=requests_settings.tag_group(filters, "targetInstances.tagFilters", _INVALID_TARGETS)
    )


def _ids(given: list[str]) -> tuple[str, ...]:
    ids = tuple(dict.fromkeys(given))
    if len(ids) > MAX_INSTANCES:
        what = f"targetInstances.instanceIds: has {len(ids)} ids, at most {MAX_INSTANCES}: name them by tags"
        raise Refused(_INVALID_TARGETS, what)
    for each in ids:
        check_target("targetInstances.instanceIds", each, _INVALID_TARGETS)
    return ids

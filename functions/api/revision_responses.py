"""Revisions, and where a rollback goes, as CodeDeploy's API tells them."""

from collections.abc import Sequence
from typing import Any

from functions.core.records import RegisteredRevision, Revision
from functions.core.revision import location
from functions.core.rollout.rollback_choice import Candidate, RollbackChoice


def revision(record: Revision) -> dict[str, Any]:
    """A RevisionLocation: as it was given, whatever the deployment pinned it to."""
    record = location(record)
    if commit := record.github:
        return {
            "revisionType": "GitHub",
            "gitHubLocation": {"repository": commit.repository, "commitId": commit.commit},
        }
    if named := record.codecommit:
        at = {"repository": named.repository, "commitId": named.commit}
        return {"revisionType": "CodeCommit", "codeCommitLocation": at}
    place = {"bucket": record.bucket, "key": record.key, "bundleType": record.bundle_type}
    return {"revisionType": "S3", "s3Location": {**place, "version": record.version, "eTag": record.etag}}


def pinned_revision(record: Revision) -> dict[str, Any] | None:
    """A PinnedRevision: the very archive that is installed; None before the deployment has found it."""
    if record.sha256 is None:
        return None
    return {
        "bucket": record.bucket,
        "key": record.key,
        "version": record.version,
        "eTag": record.etag,
        "sha256": record.sha256,
        "size": record.size or None,
    }


def revision_info(record: RegisteredRevision, groups: Sequence[str]) -> dict[str, Any]:
    """A GenericRevisionInfo; `groups` are those that this revision was deployed to last."""
    return {
        "description": record.description,
        "deploymentGroups": sorted(groups),
        "firstUsedTime": record.first_used_time,
        "lastUsedTime": record.last_used_time,
        "registerTime": record.register_time,
    }


def rollback_choice(record: RollbackChoice) -> dict[str, Any]:
    """A RollbackChoice: what RollBackDeploymentGroup would deploy now, if it can, and why."""
    good = record.good
    return {
        "deploymentId": good.deployment_id if good else None,
        "revision": revision(good.revision) if good and good.revision else None,
        "reason": record.reason,
    }


def good_deployment(record: Candidate) -> dict[str, Any]:
    """A GoodDeployment."""
    good = record.good
    return {
        "deploymentId": good.deployment_id,
        "revision": revision(good.revision) if good.revision else None,
        "pinnedRevision": pinned_revision(good.revision) if good.revision else None,
        "endTime": good.complete_time,
        "failedHosts": good.failed_hosts,
        "ruledOut": record.against or None,
    }

"""Revisions in S3: pinning, checking, presigned access for hosts, and the engine's own objects beside them.

A commit on GitHub or in CodeCommit becomes an object in S3 like any other, once: hosts and rollbacks need neither.
"""

import hashlib
import json
import tempfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from functions.aws import github
from functions.aws.clients import client
from functions.aws.clock import timestamp
from functions.aws.code import codecommit
from functions.core import quotas
from functions.core.errors import NotDeployable
from functions.core.limits import WARNING
from functions.core.planning.contents import Contents, Copy, Script
from functions.core.records import GitHubCommit, Revision
from functions.core.revision import ENGINE_PREFIX, check_size, given_version
from functions.core.rollout.stages import Manifest, Round
from functions.core.statuses import DeploymentErrorCode
from functions.core.text.plain_text import told
from functions.settings import settings
from host.instructions import Logs
from host.lifecycle import LifecycleEvent

if TYPE_CHECKING:
    from host.appspec import AppSpec

URL_SECONDS = 6 * 3600  # of presigned access: a segment may begin an hour after ApplicationStop did
LOG_BYTES = 64 * 1024**2  # of one hook's compressed log
_WARNINGS = 10  # kept of one AppSpec
_CHUNK = 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A revision as it was found, and what its AppSpec says; None where its archive was not read."""

    revision: Revision
    contents: Contents | None = None


def pin(revision: Revision) -> Revision:
    """As `examine`, of a commit on GitHub too: its archive is put into the bucket, once."""
    return examine(bring(revision)).revision


def examine(revision: Revision, at_most: int = quotas.MAX_BUNDLE_BYTES) -> Examined:
    """The revision with the version, etag, size and sha256 that will be installed, its archive and AppSpec checked.
    Nothing is written. One of more bytes than `at_most` is not read, nor a commit that GitHub has yet to give.

    One that was pinned before, as a rollback's, is pinned to the same version. Its identity stays as it was given.

    Raises NotDeployable: object or version gone, another etag than the one asked for, too large, no archive, unsafe
    archive, no or invalid AppSpec, scripts that no host can run.
    """
    from host.appspec import AppSpecError
    from host.bundle.archive import check
    from host.bundle.checks import sure_failures
    from host.bundle.entries import ArchiveError
    from host.grammar import parse

    revision = replace(revision, given=given_version(revision))
    if revision.named_commit:
        revision = _here(revision)
        if not _is_there(revision):
            return Examined(revision=revision)
    head = _head(revision)
    etag = head["ETag"].strip('"')
    if revision.etag and revision.etag.strip('"') != etag:
        raise NotDeployable(
            DeploymentErrorCode.REVISION_MISSING,
            f"{revision.place} has the eTag {etag}, not {revision.etag}: it was replaced; name the"
            " version that is meant, or the eTag as it is now",
        )
    size = head["ContentLength"]
    check_size(f"{revision.place}:", size)
    pinned = replace(revision, version=head.get("VersionId"), etag=etag, size=size)
    if size > at_most:
        return Examined(revision=pinned)
    with tempfile.TemporaryFile() as archive:
        pinned = replace(pinned, sha256=_download(pinned, archive))
        archive.seek(0)
        try:
            checked = check(archive, pinned.bundle_type.value)
            appspec = parse(checked.appspec)
        except (ArchiveError, AppSpecError) as error:
            raise _invalid(revision, str(error)) from error
    if failures := sure_failures(appspec, checked):
        raise _invalid(revision, "\n".join(failures))
    return _with_appspec(pinned, appspec)


def read_appspec(revision: Revision, text: str) -> Examined:
    """As `examine`, of an archive that is not in S3 yet, and of which this is the AppSpec. Raises NotDeployable."""
    from host.appspec import AppSpecError
    from host.grammar import parse

    try:
        return _with_appspec(revision, parse(text))
    except AppSpecError as error:
        raise NotDeployable(DeploymentErrorCode.INVALID_REVISION, str(error)) from error


def _with_appspec(revision: Revision, appspec: "AppSpec") -> Examined:
    warnings = tuple(told(str(each), WARNING) for each in appspec.warnings[:_WARNINGS])
    hooks = tuple(event for event in LifecycleEvent if appspec.hooks.get(event))
    scripts = [
        Script(event=event, location=each.location, timeout_seconds=each.timeout, runs_as=each.runas)
        for event in hooks
        for each in appspec.hooks[event]
    ]
    copies = [Copy(source=each.source, destination=each.destination) for each in appspec.files]
    contents = Contents(scripts=scripts, copies=copies, permissions=len(appspec.permissions))
    return Examined(revision=replace(revision, warnings=warnings, hooks=hooks), contents=contents)


def stored_at(revision: Revision) -> str:
    """When S3 stored the object, ISO 8601 in whole seconds. Raises NotDeployable where there is none."""
    return str(timestamp(_head(revision)["LastModified"]))


def bring(revision: Revision) -> Revision:
    """A commit's archive is put where the engine keeps it; its origin is asked only when it is not there (any more).
    Raises NotDeployable for a commit that GitHub or CodeCommit does not give."""
    commit = revision.named_commit
    if commit is None or _is_there(here := _here(revision)):
        return revision
    with tempfile.TemporaryFile() as archive:
        if isinstance(commit, GitHubCommit):
            github.fetch(commit, archive, quotas.MAX_BUNDLE_BYTES)
        else:
            codecommit.fetch(commit, archive, quotas.MAX_COMMIT_BYTES)
        archive.seek(0)
        client("s3").put_object(Bucket=here.bucket, Key=here.key, Body=archive)
    return replace(revision, version=None, etag=None)


def _here(revision: Revision) -> Revision:
    """A commit's archive as the engine keeps it."""
    return replace(revision, bucket=settings().bucket_name)


def _is_there(revision: Revision) -> bool:
    try:
        _head(revision)
    except NotDeployable:
        return False
    return True


def _head(revision: Revision) -> dict[str, Any]:
    from botocore.exceptions import ClientError

    version = {"VersionId": revision.version} if revision.version else {}
    try:
        head: dict[str, Any] = client("s3").head_object(Bucket=revision.bucket, Key=revision.key, **version)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NoSuchVersion", "405", "MethodNotAllowed"):
            which = f" version {revision.version}" if revision.version else ""
            raise NotDeployable(
                DeploymentErrorCode.REVISION_MISSING,
                f"{revision.place}{which} does not exist (any more): upload it again",
            ) from error
        raise
    return head


def _download(revision: Revision, archive: Any) -> str:
    """Copy the object into a file; its sha256 in hex."""
    version = {"VersionId": revision.version} if revision.version else {}
    body = client("s3").get_object(Bucket=revision.bucket, Key=revision.key, **version)["Body"]
    digest = hashlib.sha256()
    for chunk in body.iter_chunks(_CHUNK):
        digest.update(chunk)
        archive.write(chunk)
    return digest.hexdigest()


def _invalid(revision: Revision, what: str) -> NotDeployable:
    return NotDeployable(DeploymentErrorCode.INVALID_REVISION, f"{revision.place}: {what}")


def bundle_url(revision: Revision) -> str:
    """A presigned URL of exactly the pinned version."""
    version = {"VersionId": revision.version} if revision.version else {}
    return presigned(revision.bucket, revision.key, **version)


def presigned(bucket: str, key: str, **version: str) -> str:
    """A URL by which anyone can get an object, as long as this function's role may."""
    parameters = {"Bucket": bucket, "Key": key, **version}
    return str(client("s3").generate_presigned_url("get_object", Params=parameters, ExpiresIn=URL_SECONDS))


def log_upload(deployment_id: str, target_id: str) -> Logs:
    """A presigned POST by which one host may put the logs of one deployment, and nothing else."""
    bucket, prefix = settings().bucket_name, f"{ENGINE_PREFIX}logs/{deployment_id}/{target_id}/"
    post = client("s3").generate_presigned_post(
        bucket,
        prefix + "${filename}",
        Conditions=[["starts-with", "$key", prefix], ["content-length-range", 0, LOG_BYTES]],
        ExpiresIn=URL_SECONDS,
    )
    fields = {name: value for name, value in post["fields"].items() if name != "key"}
    return Logs(url=post["url"], fields=fields, key_prefix=prefix)


def write_manifest(deployment_id: str, stage: Round) -> Manifest:
    """Put a stage's targets where the Distributed Map reads them."""
    bucket, key = settings().bucket_name, f"{ENGINE_PREFIX}manifests/{deployment_id}/{stage.number}.json"
    client("s3").put_object(
        Bucket=bucket, Key=key, Body=json.dumps(stage.manifest()).encode(), ContentType="application/json"
    )
    return Manifest(
        stage=stage.number, bucket=bucket, key=key, concurrency=stage.concurrency, bake_seconds=stage.bake_seconds
    )

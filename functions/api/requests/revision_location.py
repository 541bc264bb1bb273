"""RevisionLocation, CodeDeploy's way to name a revision, as the engine's Revision: an archive in S3, or a commit on
GitHub or in CodeCommit, whose archive the engine keeps in S3.

Source: CodeDeploy API model 2014-10-06 (RevisionLocation, S3Location, GitHubLocation); CodeCommit API model
2015-04-13 (RepositoryName); S3 User Guide, "Bucket naming rules" and "Object key names".
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from functions.core.errors import Refused
from functions.core.limits import SHOWN
from functions.core.records import CodeCommitCommit, GitHubCommit, Revision
from functions.core.revision import codecommit_key, github_key
from functions.core.statuses import BundleType
from functions.core.text.names import is_codecommit_repository

MAX_DESCRIPTION = 256  # characters
_MAX_KEY = 1024  # bytes of a key, of a version id, of an etag

_BUCKET = re.compile(r"[A-Za-z0-9._-]{3,255}")  # the widest form that buckets ever had
_NAME = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9._-]{1,100}"  # of who owns a repository, and of the repository
_REPOSITORY = re.compile(f"{_NAME}/{_NAME}")
_COMMIT = re.compile(r"[0-9a-fA-F]{40}")
_INSTEAD = "upload the archive to S3, and give revisionType S3 with its s3Location"
_UNSUPPORTED = {
    "String": f"String is for Lambda, which is not supported: {_INSTEAD}",
    "AppSpecContent": f"AppSpecContent is for Lambda and ECS, which are not supported: {_INSTEAD}",
}
_MEMBERS = {
    "S3": "s3Location",
    "GitHub": "gitHubLocation",
    "CodeCommit": "codeCommitLocation",
    "String": "string",
    "AppSpecContent": "appSpecContent",
}
_COMMIT_PARTS = "repository and commitId"
_PARTS = {"S3": "bucket, key and bundleType", "GitHub": _COMMIT_PARTS, "CodeCommit": _COMMIT_PARTS}


def revision(given: Mapping[str, Any], place: str = "revision") -> Revision:
    """The revision that a RevisionLocation names. Raises Refused; `place` is the member that holds it.

    >>> s3 = {"bucket": "builds", "key": "shop/1.zip", "bundleType": "zip", "eTag": '"abc"'}
    >>> revision({"revisionType": "S3", "s3Location": s3}).etag
    'abc'
    """
    kind = given.get("revisionType")
    if not kind:
        raise _invalid(f"{place}.revisionType: is missing: give S3, GitHub or CodeCommit")
    if kind in _UNSUPPORTED:
        raise _invalid(f"{place}.revisionType: {_UNSUPPORTED[kind]}")
    member = _MEMBERS[kind]
    if given.get(member) is None:
        raise _invalid(f"{place}.{member}: is missing: give {_PARTS[kind]}")
    if more := [name for name in _MEMBERS.values() if name in given and name != member]:
        raise _invalid(f"{place}.{more[0]}: does not belong to revisionType {kind}: leave it out")
    read = {"S3": _archive, "GitHub": _on_github, "CodeCommit": _in_codecommit}[kind]
    return read(given[member], f"{place}.{member}")


def _on_github(given: Mapping[str, str], place: str) -> Revision:
    _check_commit(given, place, _REPOSITORY.fullmatch, "owner/name")
    commit = GitHubCommit(repository=given["repository"], commit=given["commitId"])
    return Revision(bucket="", key=github_key(commit), bundle_type=BundleType.TGZ, github=commit)


def _in_codecommit(given: Mapping[str, str], place: str) -> Revision:
    _check_commit(given, place, is_codecommit_repository, "the name of a repository")
    commit = CodeCommitCommit(repository=given["repository"], commit=given["commitId"])
    return Revision(bucket="", key=codecommit_key(commit), bundle_type=BundleType.TGZ, codecommit=commit)


def _check_commit(given: Mapping[str, str], place: str, is_repository: Callable[[str], object], like: str) -> None:
    """A short commit or a branch would be another one tomorrow."""
    for name, is_good, example in (
        ("repository", is_repository, like),
        ("commitId", _COMMIT.fullmatch, "the commit's 40 hexadecimal digits"),
    ):
        if not given.get(name):
            raise _invalid(f"{place}.{name}: is missing: give {example}")
        if not is_good(given[name]):
            raise _invalid(f"{place}.{name}: {given[name][:SHOWN]!r} is not {example}")


def _archive(given: Mapping[str, str], place: str) -> Revision:
    for name in ("bucket", "key", "bundleType"):
        if not given.get(name):
            raise _invalid(f"{place}.{name}: is missing")
    if not is_bucket(given["bucket"]):
        raise _invalid(f"{place}.bucket: {given['bucket'][:SHOWN]!r} is not the name of a bucket")
    for name in ("key", "version", "eTag"):
        if not is_key(given.get(name, "")):
            raise _invalid(f"{place}.{name}: has more than {_MAX_KEY} bytes")
    if given["bundleType"] not in list(BundleType):
        what = f"{given['bundleType']} is for Lambda and ECS, which are not supported"
        raise _invalid(f"{place}.bundleType: {what}: give an archive, {', '.join(sorted(BundleType))}")
    return Revision(
        bucket=given["bucket"],
        key=given["key"],
        bundle_type=BundleType(given["bundleType"]),
        version=given.get("version") or None,
        etag=given.get("eTag", "").strip('"') or None,  # S3 itself writes it in quotes
    )


def is_bucket(name: str) -> bool:
    return _BUCKET.fullmatch(name) is not None


def is_key(key: str) -> bool:
    """Whether it is short enough to be a key, or the beginning of one."""
    return len(key.encode()) <= _MAX_KEY


def _invalid(message: str) -> Refused:
    return Refused("InvalidRevisionException", message)

"""Revisions: what tells one from another, their keys in the revision bucket, and how they are packed."""

import hashlib
import json
from dataclasses import replace

from functions.core import quotas
from functions.core.errors import InvalidInput, NotDeployable
from functions.core.records import CodeCommitCommit, GitHubCommit, GivenVersion, Revision
from functions.core.statuses import BundleType, DeploymentErrorCode

SUFFIXES = {
    ".zip": BundleType.ZIP,
    ".tar": BundleType.TAR,
    ".tar.gz": BundleType.TGZ,
    ".tgz": BundleType.TGZ,
}
_SHOWN = 200  # characters of a key that a message shows
ENGINE_PREFIX = ".stepdeploy/"  # the engine's own objects in the revision bucket
PUSHED_PREFIX = f"{ENGINE_PREFIX}revisions/"  # archives that are kept here until somebody deploys them
COMMITS = {"github": "gitHubLocation", "codecommit": "codeCommitLocation"}  # members that name one, by short names
RUNNER_PREFIX = f"{ENGINE_PREFIX}runner/"  # the host's runners by digest; kept, as commands in flight may name any
PIPELINE_PREFIX = f"{ENGINE_PREFIX}pipeline/"  # artifacts of pipelines, which are copied before they go away
CODECOMMIT_PREFIX = f"{ENGINE_PREFIX}codecommit/"  # the same of CodeCommit's commits
GITHUB_PREFIX = f"{ENGINE_PREFIX}github/"  # archives of commits, fetched once; kept, as a rollback may want any of them


def bundle_type(key: str) -> BundleType:
    """How the object is packed, by its suffix in capitals or not. Raises InvalidInput for any other suffix.

    >>> bundle_type("shop/web/1.tar.gz"), bundle_type("shop/web/1.ZIP")
    (<BundleType.TGZ: 'tgz'>, <BundleType.ZIP: 'zip'>)
    """
    for suffix, kind in SUFFIXES.items():
        if key.lower().endswith(suffix):
            return kind
    raise InvalidInput(f"key {key[:_SHOWN]!r}: a revision ends in one of {', '.join(SUFFIXES)}")


def check_size(what: str, size: int) -> None:
    """Raises NotDeployable for an archive of more bytes than are taken."""
    if size > quotas.MAX_BUNDLE_BYTES:
        limit = f"the limit is {quotas.MAX_BUNDLE_BYTES}: make the archive smaller"
        raise NotDeployable(DeploymentErrorCode.INVALID_REVISION, f"{what} is {size} bytes; {limit}")


def packed_as(head: bytes) -> BundleType:
    """How an object without a telling name is packed, by its first bytes: zip unless it is gzipped or a tar.

    >>> packed_as(b"PK..."), packed_as(bytes.fromhex("1f8b08")), packed_as(bytes(257) + b"ustar")
    (<BundleType.ZIP: 'zip'>, <BundleType.TGZ: 'tgz'>, <BundleType.TAR: 'tar'>)
    """
    if head.startswith(b"\x1f\x8b"):
        return BundleType.TGZ
    return BundleType.TAR if head[257:262] == b"ustar" else BundleType.ZIP


def github_key(commit: GitHubCommit) -> str:
    """Where the engine keeps a commit's archive. GitHub knows neither repositories nor commits apart by their case.

    >>> github_key(GitHubCommit(repository="Octo/Hello", commit="7FD1A60B01F91B314F59955A4E4D4E80D8EDF11D"))
    '.stepdeploy/github/octo/hello/7fd1a60b01f91b314f59955a4e4d4e80d8edf11d.tar.gz'
    """
    return f"{GITHUB_PREFIX}{commit.repository}/{commit.commit}".lower() + ".tar.gz"


def codecommit_key(commit: CodeCommitCommit) -> str:
    """Where the engine keeps a commit's archive. CodeCommit tells repositories apart by their case, too.

    >>> codecommit_key(CodeCommitCommit(repository="Shop", commit="7FD1A60B01F91B314F59955A4E4D4E80D8EDF11D"))
    '.stepdeploy/codecommit/Shop/7fd1a60b01f91b314f59955a4e4d4e80d8edf11d.tar.gz'
    """
    return f"{CODECOMMIT_PREFIX}{commit.repository}/{commit.commit.lower()}.tar.gz"


def runner_key(sha256: str) -> str:
    """Where hosts fetch the runner whose bytes have this sha256 (in hex)."""
    return f"{RUNNER_PREFIX}{sha256}.pyz"


def location(revision: Revision) -> Revision:
    """The identity of a revision: its location as a request gave it. What pinning found is left out.

    >>> archive = Revision(bucket="b", key="k.zip", bundle_type=BundleType.ZIP)
    >>> location(replace(archive, version="v", etag="e", sha256="0" * 64, given=GivenVersion())) == archive
    True
    """
    named = given_version(revision)
    if revision.named_commit:  # where the engine keeps it is no part of it
        revision, named = replace(revision, bucket=""), GivenVersion()
    named_as = replace(revision, version=named.version, etag=named.etag, given=None)
    return replace(named_as, sha256=None, size=0, warnings=(), hooks=None)


def given_version(revision: Revision) -> GivenVersion:
    """The version and etag with which the revision was named, also after it was pinned.

    Of one that an older engine pinned they are the pinned ones: nothing else is on record.
    """
    return revision.given or GivenVersion(version=revision.version, etag=revision.etag)


def digest(revision: Revision) -> str:
    """What a location is known by: two are the same if every member is, also the version and the etag."""
    if commit := revision.named_commit:
        kind = "GitHub" if revision.github else "CodeCommit"
        return hashlib.sha256(json.dumps((kind, commit.repository, commit.commit)).encode()).hexdigest()
    named = given_version(revision)
    parts = (revision.bucket, revision.key, revision.bundle_type.value, named.version, named.etag)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

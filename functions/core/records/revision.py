"""Revisions: archives in S3, and what an application knows of them."""

from dataclasses import dataclass

from functions.core.statuses import BundleType
from host.lifecycle import LifecycleEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubCommit:
    """Where a revision comes from that a request named on GitHub; as the request wrote it."""

    repository: str  # owner/name
    commit: str  # all 40 digits

    @property
    def place(self) -> str:
        """What messages call it."""
        return f"github.com/{self.repository} at {self.commit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeCommitCommit:
    """The same of CodeCommit, in the engine's account and Region."""

    repository: str
    commit: str  # all 40 digits

    @property
    def place(self) -> str:
        """What messages call it."""
        return f"CodeCommit's {self.repository} at {self.commit}"


Commit = GitHubCommit | CodeCommitCommit


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenVersion:
    """The version and etag with which a request named an archive; None for one that it left out."""

    version: str | None = None
    etag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """An archive in S3. Pinned once version, etag and sha256 are known: what was verified is what is installed.

    Its identity, by which CodeDeploy's API shows it and looks it up, is its location as a request gave it, and stays
    that after pinning (`revision_location.location`).
    """

    bucket: str  # "" for a commit of which the engine has not looked for an archive yet
    key: str
    bundle_type: BundleType
    version: str | None = None
    etag: str | None = None
    sha256: str | None = None
    size: int = 0  # bytes
    warnings: tuple[str, ...] = ()  # what its AppSpec says that may not be meant; the first few
    hooks: tuple[LifecycleEvent, ...] | None = None  # that have scripts; None: not pinned, or by an older engine
    github: GitHubCommit | None = None  # then bucket and key are where the engine keeps the commit's archive
    codecommit: CodeCommitCommit | None = None  # the same
    given: GivenVersion | None = None  # None: `version` and `etag` are as given, or an older engine pinned them

    @property
    def named_commit(self) -> Commit | None:
        """The commit that a request named instead of an archive."""
        return self.github or self.codecommit

    @property
    def place(self) -> str:
        """What messages call it."""
        return self.named_commit.place if self.named_commit else f"s3://{self.bucket}/{self.key}"

    def is_same(self, other: "Revision") -> bool:
        """Whether both install the same: by content where both are known by it."""
        if self.sha256 and other.sha256:
            return self.sha256 == other.sha256
        mine, its = (self.bucket, self.key, self.version), (other.bucket, other.key, other.version)
        return mine == its and self.version is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredRevision:
    """A revision that an application knows, because somebody registered it or a deployment used it."""

    revision: Revision  # as its location tells it
    register_time: str
    description: str | None = None
    first_used_time: str | None = None  # by a deployment
    last_used_time: str | None = None

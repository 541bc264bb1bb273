"""The records: what the engine remembers, as values. `functions/store/table.py` knows where they lie.

Times are ISO 8601 strings in UTC with milliseconds ("2026-11-23T03:35:54.123Z"): they sort as text.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from functions.core import limits
from functions.core.causes import Cause
from functions.core.gate import Counters
from functions.core.health import DEFAULT_CONFIG, PREDEFINED_CONFIGS, DeploymentConfig, MinimumHealthyHosts
from functions.core.statuses import (
    AutoRollbackEvent,
    BundleType,
    Creator,
    DeploymentErrorCode,
    DeploymentStatus,
    FileExistsBehavior,
    LifecycleErrorCode,
    LifecycleEventStatus,
    OnBusy,
    OwnSetting,
    TargetStatus,
    TriggerEvent,
)
from functions.core.text.plain_text import told


def _make_plain(record: Any, most: int, *names: str, keep_end: bool = False) -> None:
    """Texts out of hosts, revisions, people and AWS are made plain text of a limited size as they enter a record, and
    as a record of an older engine is read: whatever tells them need not do so again."""
    for name in names:
        if text := getattr(record, name):
            object.__setattr__(record, name, told(text, most, keep_end=keep_end))


@dataclass(frozen=True, slots=True, kw_only=True)
class TagFilter:
    """One EC2 tag filter: key only (value None), value only (key None), or both. Case-sensitive."""

    key: str | None = None
    value: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TagGroup:
    """Filters of which one must match; an instance must match every group of the set (CodeDeploy's ec2TagSet)."""

    filters: tuple[TagFilter, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarms:
    """CloudWatch alarms of a group; any one in ALARM stops its deployments."""

    names: tuple[str, ...] = ()
    enabled: bool = True
    ignore_poll_alarm_failure: bool = False  # False: an alarm that cannot be read stops the deployment

    @property
    def watched(self) -> tuple[str, ...]:
        return self.names if self.enabled else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """An SNS topic that hears of some events."""

    name: str
    topic_arn: str
    events: tuple[TriggerEvent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoRollback:
    """When to roll back by itself; not enabled, it keeps its events and does not use them."""

    events: tuple[AutoRollbackEvent, ...] = ()
    enabled: bool = True

    def over(self, settings: "GroupSettings") -> "GroupSettings":
        """The settings with this in its place."""
        used, idle = (self.events, ()) if self.enabled else ((), self.events)
        return replace(settings, auto_rollback=used, idle_auto_rollback=idle)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSettings:
    """Everything of a deployment group that a deployment copies when it is created, so that a later change of the
    group does not reach a deployment that already runs."""

    config: DeploymentConfig = PREDEFINED_CONFIGS[DEFAULT_CONFIG]
    tag_groups: tuple[TagGroup, ...] = ()  # of EC2 instances
    on_premises_tag_groups: tuple[TagGroup, ...] = ()  # of registered on-premises instances, which come besides
    alarms: Alarms = Alarms()
    auto_rollback: tuple[AutoRollbackEvent, ...] = ()
    idle_auto_rollback: tuple[AutoRollbackEvent, ...] = ()  # of a configuration that is not enabled: kept, not used
    triggers: tuple[Trigger, ...] = ()
    bake_seconds: int = 0
    on_busy: OnBusy = OnBusy.QUEUE
    slack_channel: str | None = None
    file_exists_behavior: FileExistsBehavior = FileExistsBehavior.DISALLOW
    ignore_application_stop_failures: bool = False
    host_busy_seconds: int = 600  # for which a target waits while another deployment has its host
    allowed_principals: tuple[str, ...] = ()  # ARN patterns of who may deploy; none: whoever IAM lets
    shared_with: tuple[str, ...] = ()  # "application/group" of others that may deploy to its hosts, too


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

    bucket: str  # "" for a commit on GitHub of which the engine has not looked for an archive yet
    key: str
    bundle_type: BundleType
    version: str | None = None
    etag: str | None = None
    sha256: str | None = None
    size: int = 0  # bytes
    warnings: tuple[str, ...] = ()  # what its AppSpec says that may not be meant; the first few
    github: GitHubCommit | None = None  # then bucket and key are where the engine keeps the commit's archive
    given: GivenVersion | None = None  # None: `version` and `etag` are as given, or an older engine pinned them

    @property
    def place(self) -> str:
        """What messages call it."""
        return self.github.place if self.github else f"s3://{self.bucket}/{self.key}"

    def is_same(self, other: "Revision") -> bool:
        """Whether both install the same: by content where both are known by it."""
        if self.sha256 and other.sha256:
            return self.sha256 == other.sha256
        mine, its = (self.bucket, self.key, self.version), (other.bucket, other.key, other.version)
        return mine == its and self.version is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentSummary:
    """What a group remembers of a deployment."""

    deployment_id: str
    status: DeploymentStatus
    create_time: str
    complete_time: str | None = None
    revision: Revision | None = None
    file_exists_behavior: FileExistsBehavior = FileExistsBehavior.DISALLOW
    failed_hosts: int = 0
    failed_since: str | None = None  # the deployment in which the revision failed after this one was good


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A name for deployment groups and revisions that belong together."""

    name: str
    application_id: str
    create_time: str | None = None
    declared: bool = False  # by deployments.yaml, which alone changes it
    tags: dict[str, str] = field(default_factory=dict)
    groups_made: int = 0  # by the API, ever


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A deployment group. Its id, a UUID, keys all state kept on the hosts and never changes."""

    application: str
    name: str
    group_id: str
    settings: GroupSettings
    declared: bool = False  # by deployments.yaml, which alone changes it
    removed_at: str | None = None  # taken out of deployments.yaml: history stays, no new deployment starts
    changes: int = 0  # of what is not a deployment's doing
    service_role_arn: str | None = None  # as a request gave it: the engine has roles of its own
    has_tag_set: bool = False  # its tags were given as an ec2TagSet, not as ec2TagFilters
    has_on_premises_tag_set: bool = False  # the same of its on-premises tags
    outdated_instances_strategy: str | None = None
    tags: dict[str, str] = field(default_factory=dict)  # of the group as a resource of AWS
    last_successful: DeploymentSummary | None = None
    previous_successful: DeploymentSummary | None = None  # of an older engine: the last other revision before it
    good_deployments: tuple[DeploymentSummary, ...] = ()  # newest first, one per revision (`rollback_choice`)
    last_attempted: DeploymentSummary | None = None

    @property
    def key(self) -> str:
        return f"{self.application}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What a group with `allowed_principals` holds against deployments of other groups that want its hosts."""

    application: str
    group: str
    group_id: str
    allowed_principals: tuple[str, ...]
    shared_with: tuple[str, ...] = ()
    tag_groups: tuple[TagGroup, ...] = ()
    on_premises_tag_groups: tuple[TagGroup, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.application}/{self.group}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a deployment did not succeed: CodeDeploy's errorInformation."""

    code: DeploymentErrorCode
    message: str

    def __post_init__(self) -> None:
        _make_plain(self, limits.MESSAGE, "message")


@dataclass(frozen=True, slots=True, kw_only=True)
class StopMark:
    """Somebody wants the deployment to stop. Set once; the gate starts nothing more from then on."""

    by: str  # an IAM identity, or "alarm NAME"
    code: DeploymentErrorCode  # MANUAL_STOP or ALARM_ACTIVE
    message: str
    at: str
    cancel: bool = False  # cancel the commands in flight; a plain stop lets running scripts end
    auto_rollback: bool | None = None  # a person's answer, instead of the group's setting
    are_alarms_unreadable: bool = False  # ALARM_ACTIVE, although no alarm was seen in ALARM

    def __post_init__(self) -> None:
        _make_plain(self, limits.WHO, "by")
        _make_plain(self, limits.MESSAGE, "message")


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackInfo:
    """CodeDeploy's rollbackInfo, which links a deployment and its rollback both ways."""

    rollback_deployment_id: str | None = None
    rollback_triggering_deployment_id: str | None = None
    rollback_message: str | None = None
    reason: str | None = None  # why it goes to this revision

    def __post_init__(self) -> None:
        _make_plain(self, limits.MESSAGE, "rollback_message", "reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomConfig:
    """A deployment configuration that is not predefined."""

    name: str
    minimum: MinimumHealthyHosts
    config_id: str | None = None  # None, as the time: of deployments.yaml
    create_time: str | None = None
    declared: bool = False  # by deployments.yaml, which alone changes it


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredRevision:
    """A revision that an application knows, because somebody registered it or a deployment used it."""

    revision: Revision  # as its location tells it
    register_time: str
    description: str | None = None
    first_used_time: str | None = None  # by a deployment
    last_used_time: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnPremisesInstance:
    """A host outside EC2 that a client registered, tied to one IAM identity. Deregistered, it stays on record."""

    name: str
    instance_arn: str
    register_time: str
    iam_user_arn: str | None = None
    iam_session_arn: str | None = None
    deregister_time: str | None = None
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def iam_arn(self) -> str:
        return self.iam_user_arn or self.iam_session_arn or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One deployment, running or history."""

    deployment_id: str
    application: str
    group: str
    group_id: str
    status: DeploymentStatus
    creator: Creator
    revision: Revision
    create_time: str
    previous_revision: Revision | None = None  # what the group's last successful deployment had brought
    settings: GroupSettings = field(default_factory=GroupSettings)
    own: frozenset[OwnSetting] = frozenset()  # which of the settings are not the group's, but of its request
    requested_by: str | None = None  # the IAM identity or the upload that asked for it
    principal: str | None = None  # the ARN of which IAM is sure; None: an upload, or a direct call of a function
    description: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)  # what it is for: a commit, an author, a ticket, a URL
    instance_ids: tuple[str, ...] = ()  # out of the group's instances, only these; none: all
    target_tag_groups: tuple[TagGroup, ...] = ()  # out of the group's EC2 instances, only those that fit; none: all
    retry_of: str | None = None  # only the failed and skipped targets of this deployment
    outdated_only: bool = False  # only instances that do not run the revision
    start_time: str | None = None
    complete_time: str | None = None
    counters: Counters = Counters()
    failure: Failure | None = None
    stop: StopMark | None = None
    rollback: RollbackInfo | None = None
    bake_token: str | None = None  # what the Bake state waits for

    @property
    def group_key(self) -> str:
        return f"{self.application}/{self.group}"

    @property
    def has_own_targets(self) -> bool:
        """Whether it goes to only some of its group's instances, as its request said."""
        return bool(self.own & {*_TAGS, OwnSetting.INSTANCE_IDS})

    @property
    def replaces_tags(self) -> bool:
        """Whether an older engine wrote it, in which the request's tags stood in the place of the group's."""
        return bool(self.own & _TAGS) and not self.target_tag_groups

    @property
    def own_tag_groups(self) -> tuple[TagGroup, ...]:
        """The request's tags, by which it goes to only some of its group's instances; none: to all of them."""
        return self.settings.tag_groups if self.replaces_tags else self.target_tag_groups


_TAGS = frozenset({OwnSetting.TAG_FILTERS, OwnSetting.TAG_SET})


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What a host of a group runs: the revision of the deployment that brought it, or that failed on the way and left
    nobody knows what."""

    target_id: str
    deployment_id: str
    status: TargetStatus  # Succeeded or Failed
    since: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostics:
    """What a lifecycle event left behind: CodeDeploy's diagnostics."""

    error_code: LifecycleErrorCode = LifecycleErrorCode.SUCCESS
    script_name: str = ""
    message: str = ""
    log_tail: str = ""

    def __post_init__(self) -> None:
        _make_plain(self, limits.HOST_TEXT, "script_name", "message")
        _make_plain(self, limits.HOST_TEXT, "log_tail", keep_end=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleEventRecord:
    """One lifecycle event of one target."""

    name: str  # a host.lifecycle.LifecycleEvent
    status: LifecycleEventStatus = LifecycleEventStatus.PENDING
    start_time: str | None = None
    end_time: str | None = None
    diagnostics: Diagnostics | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFailure:
    """The one cause of a failed target."""

    cause: Cause
    message: str
    event: str | None = None
    script_name: str | None = None

    def __post_init__(self) -> None:
        _make_plain(self, limits.HOST_TEXT, "message", "script_name")


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentResult:
    """How a segment ended on a target: the value that wakes the waiting state, and the record of it."""

    status: TargetStatus  # Succeeded, Failed or Skipped
    events: tuple[LifecycleEventRecord, ...] = ()
    failure: TargetFailure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRun:
    """One segment on one target: the command that carries it and the state that waits for it."""

    command_id: str | None = None
    sent_at: str | None = None
    task_token: str | None = None
    status: TargetStatus | None = None  # None while it runs
    attempt: int = 0  # how many commands before this one found the host busy


@dataclass(frozen=True, slots=True, kw_only=True)
class HostWait:
    """A target that waits, because another deployment has its host."""

    message: str  # which one
    since: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An instance taking part in a deployment."""

    deployment_id: str
    target_id: str  # i-... or mi-..., or the name of an on-premises instance that SSM does not know
    status: TargetStatus = TargetStatus.PENDING
    name: str | None = None  # the instance's Name tag
    group_id: str | None = None  # of the deployment's group, by which its host is known
    last_updated_at: str | None = None
    events: tuple[LifecycleEventRecord, ...] = ()
    segments: dict[str, SegmentRun] = field(default_factory=dict)  # by segment number
    failure: TargetFailure | None = None
    host_wait: HostWait | None = None  # the last one; it is over when an event has ended

    @property
    def waits_for(self) -> str | None:
        """For what it waits now, if it does."""
        waits = self.status is TargetStatus.IN_PROGRESS and not any(event.end_time for event in self.events)
        return self.host_wait.message if self.host_wait and waits else None

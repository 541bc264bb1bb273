"""A deployment, and what stopped, failed or followed it."""

from dataclasses import dataclass, field
from datetime import datetime

from functions.core import limits
from functions.core.records.analysis import StageAnalysis
from functions.core.records.auto_scaling import Launch
from functions.core.records.budgets import BudgetShare
from functions.core.records.calendar import Bypass, Closed
from functions.core.records.counts import Counters, Counts
from functions.core.records.pipeline import PipelineRun
from functions.core.records.places import PlaceSet
from functions.core.records.plain import make_plain
from functions.core.records.revision import Revision
from functions.core.records.settings import GroupSettings, TagGroup
from functions.core.records.stages import Approved, Hold, Pause, Stage
from functions.core.records.target import SharedFailure
from functions.core.records.traffic import Balancer
from functions.core.statuses import Creator, DeploymentErrorCode, DeploymentMode, DeploymentStatus, OverriddenSetting


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a deployment did not succeed: CodeDeploy's errorInformation."""

    code: DeploymentErrorCode
    message: str

    def __post_init__(self) -> None:
        make_plain(self, limits.MESSAGE, "message")


@dataclass(frozen=True, slots=True, kw_only=True)
class StopMark:
    """Somebody wants the deployment to stop. Set once; no target begins from then on."""

    by: str  # an IAM identity, "alarm NAME", or "analysis of the stage NAME"
    code: DeploymentErrorCode  # MANUAL_STOP or ALARM_ACTIVE
    message: str
    at: str
    cancel: bool = False  # cancel the commands in flight; a plain stop lets running scripts end
    auto_rollback: bool | None = None  # a person's answer, instead of the group's setting
    rollback_to: str | None = None  # the good deployment that a person chose for the rollback
    are_alarms_unreadable: bool = False  # ALARM_ACTIVE, although neither an alarm nor a metric was seen to be bad
    superseded_by: str | None = None  # the newer deployment that ends this one while it is held

    def __post_init__(self) -> None:
        make_plain(self, limits.WHO, "by")
        make_plain(self, limits.MESSAGE, "message")


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackInfo:
    """CodeDeploy's rollbackInfo, which links a deployment and its rollback both ways."""

    rollback_deployment_id: str | None = None
    rollback_triggering_deployment_id: str | None = None
    rollback_message: str | None = None
    reason: str | None = None  # why it goes to this revision

    def __post_init__(self) -> None:
        make_plain(self, limits.MESSAGE, "rollback_message", "reason")


_TAGS = frozenset({OverriddenSetting.TAG_FILTERS, OverriddenSetting.TAG_SET})


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
    mode: DeploymentMode = DeploymentMode.STANDARD
    previous_revision: Revision | None = None  # what the group's last successful deployment had brought
    settings: GroupSettings = field(default_factory=GroupSettings)
    own: frozenset[OverriddenSetting] = frozenset()  # which of the settings are not the group's, but of its request
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
    counts: Counts = Counts()  # as its begin fixed them until it is over; `store.places.counted` adds what came since
    counters: Counters | None = None  # of an older engine, which kept its counts here
    step_count: int | None = None  # of all its targets; None: it has not begun, or an older engine began it
    places: tuple[PlaceSet, ...] = ()  # what a target asks before it begins, in this order; the first is its own
    budgets: tuple[BudgetShare, ...] = ()  # what a target asks after those, in this order
    stages: tuple[Stage, ...] = ()  # in their order; none before it begins, or of an older engine
    hold: Hold | None = None  # why it waits between two stages now
    pause: Pause | None = None
    approvals: tuple[Approved, ...] = ()
    analyses: tuple[StageAnalysis, ...] = ()  # what its metrics said, stage by stage
    balancers: tuple[Balancer, ...] = ()  # those of its settings, as they were when it began
    failure: Failure | None = None
    causes: tuple[SharedFailure, ...] = ()  # why targets failed, once it is over; none: an older engine ended it
    closed: Closed | None = None  # while it is Queued: why it may not begin
    bypass: Bypass | None = None
    superseded_by: str | None = None  # the newer deployment whose turn it is instead
    stop: StopMark | None = None
    rollback: RollbackInfo | None = None
    launch: Launch | None = None  # to one instance that waits in a lifecycle hook, outside the group's lock
    pipeline: PipelineRun | None = None  # that waits for its end
    updates: str | None = None  # the deployment that has missed the instances which this one goes to
    updated_by: tuple[str, ...] = ()  # the deployments to instances that this one has missed
    bake_token: str | None = None  # what the Bake state of an older engine waits for

    def __post_init__(self) -> None:
        if self.counters and self.counts == Counts():
            object.__setattr__(self, "counts", self.counters.counts)

    @property
    def group_key(self) -> str:
        return f"{self.application}/{self.group}"

    @property
    def began(self) -> datetime:
        """When it started, or, if it never did, when it was created."""
        return datetime.fromisoformat(self.start_time or self.create_time)

    @property
    def is_restart(self) -> bool:
        return self.mode is DeploymentMode.RESTART

    @property
    def has_own_targets(self) -> bool:
        """Whether it goes to only some of its group's instances, as its request said."""
        return bool(self.own & {*_TAGS, OverriddenSetting.INSTANCE_IDS})

    @property
    def replaces_tags(self) -> bool:
        """Whether an older engine wrote it, in which the request's tags stood in the place of the group's."""
        return bool(self.own & _TAGS) and not self.target_tag_groups

    @property
    def own_tag_groups(self) -> tuple[TagGroup, ...]:
        """The request's tags, by which it goes to only some of its group's instances; none: to all of them."""
        return self.settings.tag_groups if self.replaces_tags else self.target_tag_groups

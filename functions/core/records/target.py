"""A target of a deployment: its lifecycle events, its commands, its end; and what its host runs since."""

from dataclasses import dataclass, field

from functions.core import limits
from functions.core.causes import Cause
from functions.core.place import Place
from functions.core.records.budgets import BudgetWait
from functions.core.records.plain import make_plain
from functions.core.records.steps import IN_PLACE_STEPS, AllowTraffic, Step
from functions.core.records.traffic import Registration, Traffic
from functions.core.statuses import LifecycleErrorCode, LifecycleEventStatus, TargetStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What a host of a group runs: the revision of the deployment that brought it, or that failed on the way and left
    nobody knows what."""

    target_id: str
    deployment_id: str
    status: TargetStatus  # Succeeded, or Failed: then it is out of service until it succeeds in another deployment
    since: str
    out_of: tuple[Registration, ...] = ()  # the load balancers that it was left out of, with what it was there


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostics:
    """What a lifecycle event left behind: CodeDeploy's diagnostics."""

    error_code: LifecycleErrorCode = LifecycleErrorCode.SUCCESS
    script_name: str = ""
    message: str = ""
    log_tail: str = ""

    def __post_init__(self) -> None:
        make_plain(self, limits.HOST_TEXT, "script_name", "message")
        make_plain(self, limits.HOST_TEXT, "log_tail", keep_end=True)


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
    exit_code: int | None = None  # of the script; None where it gave none, and in records of an older engine
    signal: int | None = None  # that ended the script

    def __post_init__(self) -> None:
        make_plain(self, limits.HOST_TEXT, "message", "script_name")


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFailure:
    """A cause for which targets of a deployment failed (`functions/core/failures.py`), told by the first one."""

    failure: TargetFailure
    count: int  # of targets
    target_ids: tuple[str, ...]  # the first of them to fail
    since: str = ""  # when the first one failed
    out_of: tuple[str, ...] = ()  # the load balancers that hosts of them are out of, by ARN or name
    names: tuple[str, ...] = ()  # of the first three, by their Name tags; none: an older engine wrote it

    @property
    def named(self) -> tuple[str, ...]:
        """The first three, as people know them."""
        return self.names or self.target_ids[:3]


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
    attempt: int = 0  # how many commands before this one ended before it began
    renewals: int = 0  # how many of them because their URLs had expired
    claimed_at: str | None = None  # when a call was about to send it; "": surely nothing was sent; None: not known


@dataclass(frozen=True, slots=True, kw_only=True)
class HostWait:
    """A target that waits, because another deployment has its host."""

    message: str  # which one
    since: str
    step: int = 0  # which waits


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An instance taking part in a deployment."""

    deployment_id: str
    target_id: str  # i-... or mi-..., or the name of an on-premises instance that SSM does not know
    status: TargetStatus = TargetStatus.PENDING
    name: str | None = None  # the instance's Name tag
    zone: str | None = None  # its Availability Zone
    scaling_group: str | None = None  # of which it is a member
    is_standby: bool = False  # Auto Scaling sends it no traffic
    group_id: str | None = None  # of the deployment's group, by which its host is known
    last_updated_at: str | None = None
    started_at: str | None = None  # when it was taken out of service; None: never, or by an older engine
    stage: int | None = None  # in which it takes part; None: it cannot, or an older engine began the deployment
    rank: int = 0  # the order within its stage
    places: dict[str, int] = field(default_factory=dict)  # by set, the shard that it asks; it has no place elsewhere
    refusals: int = 0  # how often it gave places back, because another set refused it
    was_out_of_service: bool = False  # its host was before the deployment, whose last one on it had failed
    has_failed_in_budget: bool = False  # when the deployment began, its host had a place since it failed, in any group
    steps: tuple[Step, ...] = IN_PLACE_STEPS  # all that an engine knew which did not store them
    events: tuple[LifecycleEventRecord, ...] = ()  # of all steps
    segments: dict[str, SegmentRun] = field(default_factory=dict)  # by the number of the step
    failure: TargetFailure | None = None
    host_wait: HostWait | None = None  # the last one; it is over when an event of its step has ended
    budget_wait: BudgetWait | None = None  # the last one; it is over when the target has begun, or has ended
    traffic: Traffic | None = None  # once it is about to leave its load balancers

    def arn(self, place: Place) -> str:
        """The instance's, in the account and Region of the engine: EC2's, or SSM's for whatever is on premises.

        No name of an on-premises instance begins with i-.
        """
        service, kind = ("ec2", "instance") if self.target_id.startswith("i-") else ("ssm", "managed-instance")
        return place.arn(service, f"{kind}/{self.target_id}")

    @property
    def out_of(self) -> tuple[Registration, ...]:
        """What its host is out of: it left, and has not been seen healthy there again."""
        if self.traffic is None or self.traffic.is_back:
            return ()
        allowing = [str(number) for number, step in enumerate(self.steps) if isinstance(step, AllowTraffic)]
        runs = [self.segments[number] for number in allowing if number in self.segments]
        is_back = any(run.status is TargetStatus.SUCCEEDED for run in runs)
        return () if is_back else self.traffic.registered

    @property
    def waits_for(self) -> str | None:
        """For what it waits now, if it does."""
        if self.status is TargetStatus.PENDING and self.budget_wait:
            return self.budget_wait.message
        if self.host_wait is None or self.status is not TargetStatus.IN_PROGRESS:
            return None
        names = {event.value for event in self.steps[self.host_wait.step].events}
        is_over = any(event.end_time for event in self.events if event.name in names)
        return None if is_over else self.host_wait.message

"""What a deployment group is set to, which each of its deployments copies."""

from dataclasses import dataclass, replace

from functions.core.records.auto_scaling import NO_AUTO_SCALING, AutoScaling
from functions.core.rollout.health import DEFAULT_CONFIG, PREDEFINED_CONFIGS, DeploymentConfig
from functions.core.statuses import (
    AutoRollbackEvent,
    Drain,
    FileExistsBehavior,
    OnBusy,
    OnFreeze,
    TriggerEvent,
    TriggerFormat,
)

HEALTHY_TIMEOUT_SECONDS = 3600  # CodeDeploy's


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
    format: TriggerFormat = TriggerFormat.CODEDEPLOY


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
class LoadBalancers:
    """Where the hosts of a group get their traffic from, and how they leave and come back."""

    target_groups: tuple[str, ...] = ()  # names or ARNs
    classic: tuple[str, ...] = ()  # names of Classic Load Balancers
    has_control: bool = False  # CodeDeploy's WITH_TRAFFIC_CONTROL; without it they are kept, not used
    propagation_seconds: int | None = None  # for which requests may still come; None: as the kind of balancer needs
    drain: Drain = Drain.HOST
    healthy_timeout_seconds: int = HEALTHY_TIMEOUT_SECONDS
    reregister_on_failure: bool = False  # a host that failed goes back; otherwise it stays out

    @property
    def are_used(self) -> bool:
        return self.has_control and bool(self.target_groups or self.classic)


NO_LOAD_BALANCERS = LoadBalancers()


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSettings:
    """Everything of a deployment group that a deployment copies when it is created, so that a later change of the
    group does not reach a deployment that already runs."""

    config: DeploymentConfig = PREDEFINED_CONFIGS[DEFAULT_CONFIG]
    tag_groups: tuple[TagGroup, ...] = ()  # of EC2 instances
    on_premises_tag_groups: tuple[TagGroup, ...] = ()  # of registered on-premises instances, which come besides
    auto_scaling: AutoScaling = NO_AUTO_SCALING  # whose instances come besides
    budgets: tuple[str, ...] = ()  # by their names; of those of its hosts that belong to them
    alarms: Alarms = Alarms()
    auto_rollback: tuple[AutoRollbackEvent, ...] = ()
    idle_auto_rollback: tuple[AutoRollbackEvent, ...] = ()  # of a configuration that is not enabled: kept, not used
    triggers: tuple[Trigger, ...] = ()
    load_balancers: LoadBalancers = NO_LOAD_BALANCERS
    bake_seconds: int = 0
    on_busy: OnBusy = OnBusy.QUEUE
    is_sequence: bool = False  # a revision that S3 stored before the one accepted last is refused
    on_freeze: OnFreeze = OnFreeze.HOLD
    slack_channel: str | None = None
    file_exists_behavior: FileExistsBehavior = FileExistsBehavior.DISALLOW
    ignore_application_stop_failures: bool = False
    host_busy_seconds: int = 600  # for which a target waits while another deployment has its host
    allowed_principals: tuple[str, ...] = ()  # ARN patterns of who may deploy; none: whoever IAM lets
    shared_with: tuple[str, ...] = ()  # "application/group" of others that may deploy to its hosts, too

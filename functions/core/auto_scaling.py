"""Auto Scaling: its groups as the engine sees them, the engine's lifecycle hooks, and what can be wrong with either.

Sources: Auto Scaling API model 2011-01-01; Auto Scaling guide, "Lifecycle hooks", "Suspend and resume processes" and
the event reference for EventBridge.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from functions.core.errors import InvalidInput
from functions.core.records import AutoScaling, Group, HookAnswer, HookKind, LifecycleAction
from functions.core.text.names import is_group_key

HEARTBEAT_SECONDS = 600  # for which Auto Scaling waits after the last sign of the engine, then ends the instance
MAX_HOOKS = 50  # of an Auto Scaling group
HOOK_PREFIX = "stepdeploy-"
TRANSITIONS = {
    HookKind.LAUNCH: "autoscaling:EC2_INSTANCE_LAUNCHING",
    HookKind.TERMINATION: "autoscaling:EC2_INSTANCE_TERMINATING",
}
DEFAULT_RESULTS = {HookKind.LAUNCH: HookAnswer.ABANDON, HookKind.TERMINATION: HookAnswer.CONTINUE}  # of a time-out
MAX_ORDER = 99
ORDER_RULE = f"must be a whole number from 1 to {MAX_ORDER}"
HOOK_MEMBERS = {HookKind.LAUNCH: "hook", HookKind.TERMINATION: "terminationHook"}  # of CodeDeploy's AutoScalingGroup
NAME_RULE = "1 to 255 characters without a colon or a control character"
_NAME = re.compile(r"[^\x00-\x1f\x7f:]{1,255}")
_KINDS = {transition: kind for kind, transition in TRANSITIONS.items()}
_IN_SERVICE, _STANDBY = "InService", "Standby"
_LAUNCHING = ("Pending:Wait", "Warmed:Pending:Wait", "ReplacingRootVolume:Wait")
_TERMINATING = ("Terminating:Wait", "Warmed:Terminating:Wait")
_ENTERING = ("Pending:Proceed", "RootVolumeReplaced")
_LEAVING = ("Terminating", "Terminated", "Detaching", "Detached", "Warmed:Terminating", "Warmed:Terminated")


class ScalingProcess(StrEnum):
    """What Auto Scaling can be kept from doing while a deployment runs. Without Launch or AddToLoadBalancer a group
    would stay behind what it is to be."""

    AZ_REBALANCE = "AZRebalance"
    ALARM_NOTIFICATION = "AlarmNotification"
    INSTANCE_REFRESH = "InstanceRefresh"
    REPLACE_UNHEALTHY = "ReplaceUnhealthy"
    SCHEDULED_ACTIONS = "ScheduledActions"
    TERMINATE = "Terminate"


def is_name(text: str) -> bool:
    """
    >>> is_name("web-fleet"), is_name("a:b")
    (True, False)
    """
    return _NAME.fullmatch(text) is not None


def hook_name(kind: HookKind, group_key: str) -> str:
    """The engine's hook of a deployment group: a name that tells people whose it is, and is like no other.

    >>> hook_name(HookKind.LAUNCH, "shop/web")
    'stepdeploy-launch-shop-web-97375646'
    """
    readable = re.sub(r"[^A-Za-z0-9-]+", "-", group_key)[:150]
    return f"{HOOK_PREFIX}{kind}-{readable}-{hashlib.sha256(group_key.encode()).hexdigest()[:8]}"


def hook_kinds(settings: AutoScaling) -> tuple[HookKind, ...]:
    """The hooks that each Auto Scaling group of these settings has."""
    return (HookKind.LAUNCH, HookKind.TERMINATION) if settings.has_termination_hook else (HookKind.LAUNCH,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An instance of an Auto Scaling group."""

    instance_id: str
    state: str  # Auto Scaling's LifecycleState

    @classmethod
    def of(cls, shown: Mapping[str, Any]) -> "Member":
        return cls(instance_id=shown["InstanceId"], state=shown["LifecycleState"])

    @property
    def is_target(self) -> bool:
        """Whether deployments go to it: it serves, or it may be put back into service at any moment."""
        return self.state in (_IN_SERVICE, _STANDBY)

    @property
    def is_standby(self) -> bool:
        return self.state == _STANDBY

    @property
    def enters(self) -> bool:
        """Whether nothing keeps it from being in service in a moment."""
        return self.state in _ENTERING

    @property
    def waits_in(self) -> HookKind | None:
        """The kind of hook that it waits in: of which one, Auto Scaling does not tell."""
        if self.state in _LAUNCHING:
            return HookKind.LAUNCH
        return HookKind.TERMINATION if self.state in _TERMINATING else None

    @property
    def is_leaving(self) -> bool:
        return self.state.startswith(_LEAVING)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingGroup:
    """An Auto Scaling group as it is."""

    name: str
    health_check_types: frozenset[str] = frozenset({"EC2"})
    grace_seconds: int = 300
    suspended: frozenset[str] = frozenset()  # its suspended processes
    members: tuple[Member, ...] = ()
    is_being_deleted: bool = False
    takes_back: bool = False  # its warm pool: instances that scale in

    @classmethod
    def of(cls, shown: Mapping[str, Any]) -> "ScalingGroup":
        """As DescribeAutoScalingGroups shows it."""
        reuse = shown.get("WarmPoolConfiguration", {}).get("InstanceReusePolicy", {})
        return cls(
            name=shown["AutoScalingGroupName"],
            health_check_types=frozenset(shown["HealthCheckType"].split(",")),
            grace_seconds=shown.get("HealthCheckGracePeriod", 0),
            suspended=frozenset(process["ProcessName"] for process in shown.get("SuspendedProcesses", ())),
            members=tuple(Member.of(instance) for instance in shown.get("Instances", ())),
            is_being_deleted=bool(shown.get("Status")),
            takes_back=bool(reuse.get("ReuseOnScaleIn")),
        )


def problems(settings: AutoScaling, found: Sequence[ScalingGroup]) -> list[str]:
    """What is wrong with the groups that the settings name, as Auto Scaling has them."""
    by_name = {each.name: each for each in found}
    return [problem for name in settings.groups if (problem := _problem(name, by_name.get(name)))]


def _problem(name: str, group: ScalingGroup | None) -> str | None:
    if group is None:
        return f"{name}: there is no such Auto Scaling group in this Region; create it first, or correct the name"
    if group.is_being_deleted:
        return f"{name}: this Auto Scaling group is being deleted; take it out of the deployment group"
    if "ELB" in group.health_check_types and not group.grace_seconds:
        return (
            f"{name}: this Auto Scaling group ends instances by load balancers' checks without a health check grace"
            " period; set one, or a new instance may be ended while it starts"
        )
    if group.takes_back:
        return (
            f"{name}: the warm pool of this Auto Scaling group takes instances back that scale in, and those wait like"
            " new ones: set ReuseOnScaleIn of its InstanceReusePolicy to false"
        )
    return None


def shared(groups: Sequence[Group]) -> Iterator[str]:
    """What is wrong with Auto Scaling groups that several deployment groups name."""
    owners: dict[str, list[Group]] = {}
    for group in groups:
        for name in group.settings.auto_scaling.groups:
            others = owners.setdefault(name, [])
            yield from (problem for other in others if (problem := sharing_problem(name, group, other)))
            others.append(group)


def sharing_problem(name: str, group: Group, other: Group) -> str | None:
    """Why two deployment groups cannot have one Auto Scaling group: it tells all hooks at once, in no order."""
    mine, its = group.settings.auto_scaling.order, other.settings.auto_scaling.order
    if mine is None or its is None:
        return (
            f"{name}: {other.key} has this Auto Scaling group already: give both groups a launchOrder, in which they"
            " deploy to its instances, or name it in one of the two"
        )
    if mine == its:
        return f"{name}: {other.key} has this Auto Scaling group too, and the same launchOrder {its}: give another one"
    return None


def goes_before(other: AutoScaling, mine: AutoScaling, kind: HookKind) -> bool:
    """Whether another deployment group is to have an instance first: in their order when it is launched, the other way
    round when it ends."""
    if other.order is None or mine.order is None or kind not in hook_kinds(other):
        return False
    return other.order < mine.order if kind is HookKind.LAUNCH else other.order > mine.order


def lifecycle_action(event: Mapping[str, Any]) -> LifecycleAction | None:
    """The instance that waits in one of the engine's hooks, by Auto Scaling's event; None: in somebody else's.

    Raises InvalidInput for what is not such an event.
    """
    try:
        detail = event["detail"]
        transition, hook, group_key = detail["LifecycleTransition"], str(detail["LifecycleHookName"]), ""
        if transition not in _KINDS:
            raise InvalidInput(f"LifecycleTransition {str(transition)[:100]!r} is not one that is known")
        group_key = str(detail.get("NotificationMetadata", ""))
        found = LifecycleAction(
            scaling_group=str(detail["AutoScalingGroupName"]),
            instance_id=str(detail["EC2InstanceId"]),
            hook=hook,
            kind=_KINDS[transition],
            group_key=group_key,
            token=str(detail["LifecycleActionToken"]),
        )
    except (KeyError, TypeError) as error:
        raise InvalidInput(f"not an event of a lifecycle action: {error!r}") from error
    is_ours = is_group_key(group_key) and hook == hook_name(found.kind, group_key)
    return found if is_ours else None


def waiting(group: Group, scaling: ScalingGroup) -> list[LifecycleAction]:
    """The members that wait in a hook, as if their events had come: for those whose events are lost."""
    return [
        LifecycleAction(
            scaling_group=scaling.name,
            instance_id=each.instance_id,
            hook=hook_name(kind, group.key),
            kind=kind,
            group_key=group.key,
        )
        for kind in hook_kinds(group.settings.auto_scaling)
        for each in scaling.members
        if each.waits_in is kind
    ]

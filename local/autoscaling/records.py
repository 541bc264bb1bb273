"""What Auto Scaling keeps: groups, their instances, lifecycle hooks, warm pools, instance refreshes."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from local.autoscaling.activities import Activity

LAUNCHING, TERMINATING = "autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"
GROUP_TAG = "aws:autoscaling:groupName"
_LONGEST_WAIT = 48 * 3600  # User Guide, "Lifecycle hooks": at most this, or a hundred time-outs


class Process(StrEnum):
    """What can be suspended."""

    LAUNCH = "Launch"
    TERMINATE = "Terminate"
    HEALTH_CHECK = "HealthCheck"
    REPLACE_UNHEALTHY = "ReplaceUnhealthy"
    AZ_REBALANCE = "AZRebalance"
    ALARM_NOTIFICATION = "AlarmNotification"
    SCHEDULED_ACTIONS = "ScheduledActions"
    ADD_TO_LOAD_BALANCER = "AddToLoadBalancer"
    INSTANCE_REFRESH = "InstanceRefresh"


class Place(StrEnum):
    """Where an instance comes from, and where it goes, by the words of the events."""

    EC2 = "EC2"
    GROUP = "AutoScalingGroup"
    WARM_POOL = "WarmPool"


@dataclass(frozen=True, slots=True)
class Template:
    """What an instance is launched from."""

    image_id: str
    instance_type: str
    tags: dict[str, str]
    shown: dict[str, Any]  # as a description of the instance names it


@dataclass(frozen=True, slots=True)
class Tag:
    value: str
    propagates: bool  # to instances that are launched from now on


@dataclass(frozen=True, slots=True)
class Source:
    """A target group or a Classic Load Balancer that the instances are registered with."""

    type: str  # elbv2, elb
    identifier: str  # an ARN, a name


@dataclass(frozen=True, slots=True)
class Hook:
    name: str
    group: str
    transition: str
    heartbeat: int = 3600
    default: str = "ABANDON"
    metadata: str = ""
    target: str = ""
    role: str = ""

    @property
    def longest(self) -> int:
        """Seconds that an instance may wait, however many heartbeats come."""
        return min(_LONGEST_WAIT, 100 * self.heartbeat)

    def described(self) -> dict[str, Any]:
        return {
            "LifecycleHookName": self.name,
            "AutoScalingGroupName": self.group,
            "LifecycleTransition": self.transition,
            "NotificationTargetARN": self.target or None,
            "RoleARN": self.role or None,
            "NotificationMetadata": self.metadata or None,
            "HeartbeatTimeout": self.heartbeat,
            "GlobalTimeout": self.longest,
            "DefaultResult": self.default,
        }


@dataclass(eq=False)
class Action:
    """A hook that holds an instance until it is answered, or its time is over."""

    hook: Hook
    second: float  # how long one of the hook's seconds lasts
    token: str = field(default_factory=lambda: str(uuid.uuid4()))
    result: str | None = None
    why: str = ""  # as AWS says it of a result

    def __post_init__(self) -> None:
        self._last = time.monotonic() + self.hook.longest * self.second
        self.beat()

    @property
    def is_active(self) -> bool:
        return self.result is None and time.monotonic() < self._deadline

    def beat(self) -> None:
        """Restart the time-out."""
        self._deadline = min(time.monotonic() + self.hook.heartbeat * self.second, self._last)

    def complete(self, result: str, why: str) -> None:
        if self.result is None:
            self.result, self.why = result, why

    def look_at_clock(self) -> None:
        """The default result applies once the time is over."""
        if not self.is_active:
            self.complete(self.hook.default, "Heartbeat Timeout")


@dataclass(eq=False)
class Member:
    """An instance of a group or of its warm pool."""

    id: str
    group: Group
    zone: str
    template: Template
    state: str
    is_protected: bool = False
    health: str = "Healthy"
    why_unhealthy: str = ""  # as the cause of its end says it
    is_launched: bool = False  # EC2 knows it
    is_booting: bool = True  # it does not run yet
    since: float = field(default_factory=time.monotonic)
    in_service_at: float | None = None
    actions: list[Action] = field(default_factory=list)
    activity: Activity | None = None  # the one that is in progress
    life: asyncio.Task[None] | None = None

    @property
    def is_warm(self) -> bool:
        """Whether it is in the warm pool."""
        return self.state.startswith("Warmed:")

    @property
    def is_counted(self) -> bool:
        """Whether it is part of the group's capacity."""
        return self.state.startswith(("Pending", "InService", "ReplacingRootVolume", "RootVolume"))

    @property
    def is_leaving(self) -> bool:
        return self.state.removeprefix("Warmed:").startswith(("Terminat", "Detach"))


@dataclass(eq=False)
class WarmPool:
    """What keeps instances ready beside a group."""

    minimum: int = 0
    prepared: int | None = None  # the most instances that are prepared, those of the group among them
    state: str = "Stopped"
    reuses: bool = False  # instances that scale in come back
    is_deleting: bool = False

    def size(self, desired: int, most: int) -> int:
        """How many instances it has.

        >>> WarmPool().size(2, 5), WarmPool(prepared=4).size(2, 9), WarmPool(minimum=1, prepared=2).size(2, 9)
        (3, 2, 1)
        """
        prepared = most if self.prepared is None else self.prepared
        return 0 if self.is_deleting else max(self.minimum, prepared - desired, 0)


@dataclass(eq=False)
class Refresh:
    """One replacement of all instances."""

    strategy: str
    preferences: dict[str, Any]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "Pending"
    reason: str = ""
    start: datetime = field(default_factory=lambda: datetime.now(UTC))
    end: datetime | None = None
    left: int = 0
    total: int = 0
    task: asyncio.Task[None] | None = None

    @property
    def is_active(self) -> bool:
        return self.status in ("Pending", "InProgress", "Cancelling")


@dataclass(eq=False)
class Group:
    name: str
    arn: str
    settings: dict[str, Any]  # as they are described
    zones: dict[str, str]  # by name: the subnet, or ""
    tags: dict[str, Tag]
    desired: int
    hooks: dict[str, Hook] = field(default_factory=dict)
    sources: dict[Source, str] = field(default_factory=dict)  # with their states
    members: dict[str, Member] = field(default_factory=dict)  # by id, in the order of their launches
    suspended: dict[str, str] = field(default_factory=dict)  # with the reasons
    pool: WarmPool | None = None
    refreshes: list[Refresh] = field(default_factory=list)  # newest first
    activities: list[Activity] = field(default_factory=list)  # newest first
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    reason: str = ""  # why the desired capacity is what it is, as a cause says it
    failures: int = 0  # launches in a row that failed
    retry_at: float = 0.0
    is_deleting: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    keeper: asyncio.Task[None] | None = None

    @property
    def smallest(self) -> int:
        return int(self.settings["MinSize"])

    @property
    def largest(self) -> int:
        return int(self.settings["MaxSize"])

    @property
    def checks_balancers(self) -> bool:
        return "ELB" in str(self.settings["HealthCheckType"]).split(",")

    def runs(self, process: Process) -> bool:
        return process not in self.suspended

    def hooks_for(self, transition: str) -> list[Hook]:
        return [hook for hook in self.hooks.values() if hook.transition == transition]

    def counted(self) -> list[Member]:
        return [member for member in self.members.values() if member.is_counted]

    def warm(self) -> list[Member]:
        return [member for member in self.members.values() if member.is_warm]

    def shown(self) -> Iterator[Member]:
        """Those that EC2 knows."""
        return (member for member in self.members.values() if member.is_launched)

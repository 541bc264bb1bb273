"""What is simulated: a fleet, a deployment to it, and what goes wrong."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from functions.core.errors import InvalidInput
from functions.core.records import MaximumOutOfService
from functions.core.records.places import MAX_PLACES
from functions.core.rollout.health import (
    PREDEFINED_CONFIGS,
    RESERVED_PREFIXES,
    DeploymentConfig,
    MinimumHealthyHosts,
    MinimumHealthyHostsType,
)
from simulation.aws.autoscaling import Refused
from simulation.aws.events import EventFaults
from simulation.aws.functions import Crash
from simulation.aws.limits import Limits
from simulation.hosts import Durations, Fate
from simulation.metrics import HostMetric

ONE_AT_A_TIME = PREDEFINED_CONFIGS["CodeDeployDefault.OneAtATime"]
APPLICATION, GROUP, OTHER_GROUP = "shop", "web", "db"
_CUSTOM = "Simulated"


class Deed(StrEnum):
    """What somebody does while a deployment runs."""

    DEPLOY = "deploy"  # another revision, which waits while the group is busy
    UPLOAD = "upload"  # the same by an upload, of which S3 tells twice
    REPLACE = "replace"  # another archive under the key of the revision that is being deployed
    STOP = "stop"  # running scripts may end
    CANCEL = "cancel"  # a stop that cancels
    ROLL_BACK = "roll back"
    PAUSE = "pause"  # the deployment that was created last
    RESUME = "resume"  # whatever is paused
    REDEPLOY = "redeploy"  # the engine's stack is updated
    JUNK = "junk"  # events and messages that are none
    DELETE_TARGET_GROUP = "delete a target group"


@dataclass(frozen=True, slots=True)
class Act:
    at: float  # seconds after the start
    deed: Deed
    group: str = GROUP


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """What an Auto Scaling group does: instances by the seconds after the start."""

    launches: tuple[tuple[float, int], ...] = ()
    terminations: tuple[tuple[float, int], ...] = ()
    start_seconds: tuple[float, float] = (20.0, 60.0)  # until SSM reaches a new instance
    suspended: tuple[str, ...] = ()  # processes, while a deployment runs
    has_second_group: bool = False  # OTHER_GROUP has the same Auto Scaling group, and comes second
    takes_places: bool = False  # launches: of the deployment that runs
    outdated: str = "UPDATE"
    fails: bool = False  # every new instance
    refused: tuple[Refused, ...] = ()
    refresh_at: float | None = None  # an instance refresh: each member is ended, and then replaced
    deleted_at: float | None = None  # the group, with its instances
    is_attached: bool = False  # to the target groups: Auto Scaling registers its instances, too

    @property
    def over_at(self) -> float:
        moments = [at for at, _ in (*self.launches, *self.terminations)]
        moments += [each.until for each in self.refused if each.until < math.inf]
        return max([*moments, self.refresh_at or 0.0, self.deleted_at or 0.0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One run. The same scenario with the same seed goes the same way."""

    hosts: int = 10
    host_ids: tuple[str, ...] = ()  # theirs, as many; by default they are numbered
    other_hosts: int = 0  # of another group, with the same application
    shares_hosts: bool = False  # the other group has the same hosts as the first, and not those
    budget: str = ""  # of all hosts, which both groups name: how many may be out, or a percentage; none: no budget
    config: DeploymentConfig = ONE_AT_A_TIME
    seed: int = 1
    durations: Durations = field(default_factory=Durations)
    fates: Mapping[Fate, float] = field(default_factory=dict)  # shares of the hosts
    events: EventFaults = field(default_factory=EventFaults)
    limits: Limits = field(default_factory=Limits)
    kill_rate: float = 0  # of requests after which the function that sent them is killed
    crashes: tuple[Crash, ...] = ()
    repeats: float = 0  # of the functions' calls that are made twice
    acts: tuple[Act, ...] = ()
    scaling: "Scaling | None" = None  # the hosts are an Auto Scaling group
    target_groups: int = 0  # of load balancers, in which the hosts are
    shares_target_groups: bool = False  # the other group's hosts are in them, too
    check_seconds: float = 5  # until a target group finds a new host healthy: a guess
    traffic_hooks: tuple[str, ...] = ()  # the events around these for which revisions have scripts
    bake_seconds: int = 0
    approve_seconds: float = 60  # after a deployment became Ready, somebody approves
    frozen: tuple[float, float] | None = None  # seconds after the start, between which there is a freeze
    alarm_at: float | None = None  # seconds after the start
    metrics: tuple[HostMetric, ...] = ()  # that CloudWatch has of hosts
    has_alarm_data: bool = True  # CloudWatch, of the alarm's metric
    has_announcements: bool = True  # the stream's news go out; without them a run is faster
    reconcile_seconds: int = 120
    send_rate: int = 20  # ssmSendRate
    places_of_a_shard: int = MAX_PLACES  # with fewer, a small fleet has as many shards as a large one
    longest_seconds: float = 90 * 86400  # of virtual time, after which a deployment counts as one that never ends
    quiet_seconds: float = 86400  # in which nothing is seen of it, after which it counts so too

    @property
    def has_shared_hosts(self) -> bool:
        return self.shares_hosts or (self.scaling is not None and self.scaling.has_second_group)

    @property
    def hosts_of_others(self) -> int:
        """That belong to the other group alone."""
        return 0 if self.shares_hosts else self.other_hosts


def maximum(text: str) -> MaximumOutOfService:
    """Of a budget.

    >>> maximum("50%").places(9), maximum("2").places(9)
    (4, 2)
    """
    kind = MinimumHealthyHostsType.FLEET_PERCENT if text.endswith("%") else MinimumHealthyHostsType.HOST_COUNT
    return MaximumOutOfService(kind, int(text.removesuffix("%")))


def _named(text: str) -> list[str]:
    return [text, *(f"{prefix}{text}" for prefix in RESERVED_PREFIXES)]


def config(text: str) -> DeploymentConfig:
    """A predefined configuration, with or without its prefix, or a minimum: a number of hosts, or a percentage.

    >>> config("HalfAtATime").name, config("75%").allowed_out(8), config("3").allowed_out(8)
    ('CodeDeployDefault.HalfAtATime', 2, 5)
    """
    if found := next((PREDEFINED_CONFIGS[each] for each in _named(text) if each in PREDEFINED_CONFIGS), None):
        return found
    number = text.removesuffix("%")
    if not number.isdecimal():
        known = ", ".join(name.partition(".")[2] for name in PREDEFINED_CONFIGS)
        raise InvalidInput(f"config {text!r}: must be {known}, or the minimum of healthy hosts such as 9 or 75%")
    kind = MinimumHealthyHostsType.FLEET_PERCENT if text.endswith("%") else MinimumHealthyHostsType.HOST_COUNT
    return DeploymentConfig(_CUSTOM, MinimumHealthyHosts(kind, int(number)))

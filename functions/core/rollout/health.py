"""Deployment configurations: how many targets may be out of service (in flight or failed) at one time, and in which
stages a deployment goes on.

Source: AWS CodeDeploy User Guide, "Working with deployment configurations" and "CodeDeploy instance health". Stages are
ours (docs/stages.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from functions.core.errors import InvalidInput
from functions.core.quotas import LONGEST_DEPLOYMENT_SECONDS, MAX_METRICS_OF_CONFIG, MAX_STAGES, MAX_TARGETS
from functions.core.rollout.analysis_rule import Analysis

OWN_PREFIX = "StepDeployDefault."


class MinimumHealthyHostsType(StrEnum):
    """How the minimum is given."""

    HOST_COUNT = "HOST_COUNT"
    FLEET_PERCENT = "FLEET_PERCENT"


class HealthConstraintsInvalid(InvalidInput):
    """The rule keeps every target in service, so that no deployment could ever start."""


@dataclass(frozen=True, slots=True)
class MinimumHealthyHosts:
    """The rule of a deployment configuration."""

    type: MinimumHealthyHostsType
    value: int  # hosts, or whole percent (0-99) of the deployment's targets

    def __post_init__(self) -> None:
        if self.value < 0:
            raise InvalidInput(f"minimum healthy hosts value {self.value}: give 0 or more")
        if self.type is MinimumHealthyHostsType.FLEET_PERCENT and self.value > 99:
            raise InvalidInput(f"minimum healthy hosts value {self.value} (FLEET_PERCENT): give 0 to 99")

    def __str__(self) -> str:
        return f"{self.value}{' %' if self.type is MinimumHealthyHostsType.FLEET_PERCENT else ''}"

    def required(self, targets: int) -> int:
        """Hosts that must stay healthy; percent rounds up, once, at the start: 85 % of 10 is 9."""
        if self.type is MinimumHealthyHostsType.HOST_COUNT:
            return self.value
        return -(-targets * self.value // 100)  # in integers: ceil(100 * 0.07) would be 8

    def allowed_out(self, targets: int) -> int:
        """Hosts that may be out of service at one time, at least 1. Raises HealthConstraintsInvalid when none may.

        >>> MinimumHealthyHosts(MinimumHealthyHostsType.FLEET_PERCENT, 50).allowed_out(9)
        4
        """
        if (free := targets - self.required(targets)) < 1:
            raise HealthConstraintsInvalid(
                f"minimum healthy hosts {self.value} ({self.type}) keeps all {targets} targets in service:"
                " lower it, or add instances to the group"
            )
        return free


@dataclass(frozen=True, slots=True, kw_only=True)
class ZonalConfig:
    """One Availability Zone after the other (CodeDeploy API Reference, ZonalConfig)."""

    minimum: MinimumHealthyHosts | None = None  # in each zone, beside the one of the whole; None: 0 %
    monitor_seconds: int = 0  # after a zone, before the next
    first_monitor_seconds: int | None = None  # after the first zone; None: as after the others

    def __post_init__(self) -> None:
        for seconds in (self.monitor_seconds, self.first_monitor_seconds or 0):
            if not 0 <= seconds <= LONGEST_DEPLOYMENT_SECONDS:
                raise InvalidInput(f"a monitor duration of {seconds} seconds: give 0 to {LONGEST_DEPLOYMENT_SECONDS}")

    def monitored(self, *, is_first: bool) -> int:
        """Seconds after a zone that is not the last."""
        given = self.first_monitor_seconds
        return given if is_first and given is not None else self.monitor_seconds


class Select(StrEnum):
    """Which targets a stage takes, out of those that no stage before it has taken."""

    COUNT = "COUNT"  # so many
    PERCENT = "PERCENT"  # until this stage and those before it have so many of all targets; rounds up
    ZONE = "ZONE"  # those of Availability Zones, one zone after the other, each a stage
    TAG = "TAG"  # those with a tag
    REST = "REST"  # all others


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Somebody has to say that the deployment goes on after a stage."""

    approvers: tuple[str, ...] = ()  # ARN patterns of who may; none: who may stop the deployment
    by_another: bool = False  # not the one who created the deployment


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRule:
    """A stage as a configuration names it (docs/stages.md)."""

    name: str
    select: Select = Select.REST
    value: int = 0  # of COUNT, targets; of PERCENT, percent
    zones: tuple[str, ...] = ()  # of ZONE, in this order; none: all that are left, the smallest first
    tag_key: str | None = None  # of TAG
    tag_value: str | None = None  # None: any value
    minimum: MinimumHealthyHosts | None = None  # in this stage, beside the one of the whole
    bake_seconds: int = 0  # for which alarms are watched after it
    approval: Approval | None = None  # that it needs before the next stage
    analysis: Analysis | None = None  # what its metrics have to be when its bake ends

    def __post_init__(self) -> None:
        most = {Select.PERCENT: 100, Select.COUNT: MAX_TARGETS}.get(self.select)
        if most and not 1 <= self.value <= most:
            raise InvalidInput(f"the stage {self.name} selects {self.value} ({self.select}): give 1 to {most}")
        if self.select is Select.TAG and not self.tag_key:
            raise InvalidInput(f"the stage {self.name} selects by a tag: say which")
        if twice := [zone for zone in self.named_zones if self.zones.count(zone) > 1]:
            raise InvalidInput(f"the stage {self.name} selects the Availability Zone {twice[0]} twice: name it once")
        if not 0 <= self.bake_seconds <= LONGEST_DEPLOYMENT_SECONDS:
            what = f"the stage {self.name} bakes for {self.bake_seconds} seconds"
            raise InvalidInput(f"{what}: give 0 to {LONGEST_DEPLOYMENT_SECONDS}")
        if self.select is Select.COUNT and self.minimum and self.minimum.required(self.value) >= self.value:
            what = f"the stage {self.name} has {self.value} targets, and keeps {self.minimum} of them in service"
            raise InvalidInput(f"{what}: no target could ever begin; lower its minimum, or select more")
        if self.analysis:
            self.analysis.check(self.name, self.bake_seconds, is_last=self.takes_all)

    @property
    def named_zones(self) -> tuple[str, ...]:
        """The zones by which it selects."""
        return self.zones if self.select is Select.ZONE else ()

    @property
    def takes_all(self) -> bool:
        """Whether nothing is left for a stage after it."""
        is_whole = self.select is Select.PERCENT and self.value == 100
        return is_whole or self.select is Select.REST or (self.select is Select.ZONE and not self.zones)


def check_stages(stages: Sequence[StageRule]) -> None:
    """Raises InvalidInput for stages of which one could never have a target, or that leave targets out."""
    if len(stages) > MAX_STAGES:
        raise InvalidInput(f"there are {len(stages)} stages: at most {MAX_STAGES}")
    names = [stage.name for stage in stages]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InvalidInput(f"two stages have the name {twice[0]}: give each its own")
    metrics = sum(len(stage.analysis.metrics) for stage in stages if stage.analysis)
    if metrics > MAX_METRICS_OF_CONFIG:
        raise InvalidInput(f"the stages have {metrics} metrics in all: at most {MAX_METRICS_OF_CONFIG}")
    percent, zones, before = 0, set[str](), set[tuple[str | None, str | None]]()
    for number, stage in enumerate(stages):
        if number and stages[number - 1].takes_all:
            raise InvalidInput(f"the stage {stage.name} selects nothing: {names[number - 1]} before it takes all")
        if stage.select is Select.PERCENT:
            if stage.value <= percent:
                what = f"the stage {stage.name} selects {stage.value} percent, and a stage before it {percent}"
                raise InvalidInput(f"{what}: percent count the stages before, too, so they have to grow")
            percent = stage.value
        if again := sorted(zones.intersection(stage.named_zones)):
            what = f"the stage {stage.name} selects the Availability Zone {again[0]}, which a stage before it takes"
            raise InvalidInput(f"{what}: name each zone in one stage")
        zones |= set(stage.named_zones)
        tags = {(stage.tag_key, stage.tag_value)} if stage.select is Select.TAG else set()
        if tags & before or {(stage.tag_key, None)} & before:
            raise InvalidInput(f"the stage {stage.name} selects nothing: a stage before it takes the same tag")
        before |= tags
    if stages and not stages[-1].takes_all:
        raise InvalidInput(f"the last stage, {names[-1]}, may leave targets out: let one that selects the rest follow")


@dataclass(frozen=True, slots=True)
class DeploymentConfig:
    """A named rule. `minimum` None is one at a time: of N targets, N - 1 stay healthy, however many there are."""

    name: str
    minimum: MinimumHealthyHosts | None = None
    zonal: ZonalConfig | None = None
    stages: tuple[StageRule, ...] = ()  # one after the other; none: all targets at once
    order_tag: str | None = None  # by whose value targets are ordered within a stage

    def __post_init__(self) -> None:
        if self.zonal and self.stages:
            raise InvalidInput("zonalConfig and stages: give one of them (a stage can select by zone)")
        check_stages(self.stages)

    def allowed_out(self, targets: int) -> int:
        """Targets that may be out of service at one time. Raises HealthConstraintsInvalid when none may; the shipped
        ones with stages let one be out in every fleet, so that they can be used in the smallest."""
        if self.minimum is None:
            return 1
        if self.name.startswith(OWN_PREFIX):
            return max(targets - self.minimum.required(targets), 1)
        return self.minimum.allowed_out(targets)


def _growing(name: str, bake_seconds: int, *parts: tuple[str, Select, int]) -> DeploymentConfig:
    """A configuration of ours: stages that grow, with a bake after each but the last, and three of four healthy."""
    rules = [
        StageRule(name=stage, select=select, value=value, bake_seconds=0 if select is Select.REST else bake_seconds)
        for stage, select, value in parts
    ]
    healthy = MinimumHealthyHosts(MinimumHealthyHostsType.FLEET_PERCENT, 75)
    return DeploymentConfig(f"{OWN_PREFIX}{name}", healthy, stages=tuple(rules))


DEFAULT_CONFIG = "CodeDeployDefault.OneAtATime"
RESERVED_PREFIXES = ("CodeDeployDefault.", OWN_PREFIX)

PREDEFINED_CONFIGS = {
    config.name: config
    for config in (
        DeploymentConfig(DEFAULT_CONFIG),
        DeploymentConfig(
            "CodeDeployDefault.HalfAtATime", MinimumHealthyHosts(MinimumHealthyHostsType.FLEET_PERCENT, 50)
        ),
        DeploymentConfig("CodeDeployDefault.AllAtOnce", MinimumHealthyHosts(MinimumHealthyHostsType.HOST_COUNT, 0)),
        _growing(
            "Canary1Then10PercentThenAll",
            600,
            ("canary", Select.COUNT, 1),
            ("10-percent", Select.PERCENT, 10),
            ("all", Select.REST, 0),
        ),
        _growing(
            "OneThenGrowing",
            300,
            ("one", Select.COUNT, 1),
            ("5-percent", Select.PERCENT, 5),
            ("25-percent", Select.PERCENT, 25),
            ("50-percent", Select.PERCENT, 50),
            ("all", Select.REST, 0),
        ),
    )
}


def is_success(*, targets: int, allowed_out: int, succeeded: int) -> bool:
    """Whether a deployment that ran to its end has succeeded.

    At least the minimum of its targets, and at least one, must run the new revision. So under OneAtATime the last
    target may fail, a single target may not, and AllAtOnce needs one success.

    >>> is_success(targets=3, allowed_out=1, succeeded=2), is_success(targets=1, allowed_out=1, succeeded=0)
    (True, False)
    """
    return succeeded >= max(targets - allowed_out, 1)

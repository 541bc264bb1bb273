"""Minimum healthy hosts: how many targets may be out of service (in flight or failed) at one time.

Source: AWS CodeDeploy User Guide, "Working with deployment configurations" and "CodeDeploy instance health".
"""

from dataclasses import dataclass
from enum import StrEnum

from functions.core.errors import InvalidInput
from functions.core.quotas import LONGEST_DEPLOYMENT_SECONDS


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


@dataclass(frozen=True, slots=True)
class DeploymentConfig:
    """A named rule. `minimum` None is one at a time: of N targets, N - 1 stay healthy, however many there are."""

    name: str
    minimum: MinimumHealthyHosts | None = None
    zonal: ZonalConfig | None = None

    def allowed_out(self, targets: int) -> int:
        """Targets that may be out of service at one time. Raises HealthConstraintsInvalid when none may."""
        return 1 if self.minimum is None else self.minimum.allowed_out(targets)


DEFAULT_CONFIG = "CodeDeployDefault.OneAtATime"

PREDEFINED_CONFIGS = {
    config.name: config
    for config in (
        DeploymentConfig(DEFAULT_CONFIG),
        DeploymentConfig(
            "CodeDeployDefault.HalfAtATime", MinimumHealthyHosts(MinimumHealthyHostsType.FLEET_PERCENT, 50)
        ),
        DeploymentConfig("CodeDeployDefault.AllAtOnce", MinimumHealthyHosts(MinimumHealthyHostsType.HOST_COUNT, 0)),
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

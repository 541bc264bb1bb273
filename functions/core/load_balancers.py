"""Load balancers: what they are called, what Elastic Load Balancing says of them, and how a host fares in them.

Sources: Elastic Load Balancing API models 2015-12-01 (TargetHealth, its states and reasons) and 2012-06-01 (Classic);
Classic Load Balancer guide, "Configure connection draining"; IAM's "Actions, resources, and condition keys".
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from functions.core.records import LoadBalancers, Registration

NAME_RULE = "1 to 32 letters, digits and hyphens, with no hyphen at either end"
_NAME = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?"
_ARN = re.compile(rf"arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:\d{{12}}:targetgroup/({_NAME})/[0-9a-f]+")


def is_name(text: str) -> bool:
    """Of a target group, or of a Classic Load Balancer.

    >>> is_name("web-1"), is_name("-web"), is_name("a" * 33)
    (True, False, False)
    """
    return re.fullmatch(_NAME, text) is not None


def is_target_group(text: str) -> bool:
    """Whether it is a name or an ARN."""
    return is_name(text) or is_arn(text)


def is_arn(text: str) -> bool:
    return _ARN.fullmatch(text) is not None


def name_of(target_group: str) -> str:
    """
    >>> name_of("arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef")
    'web'
    """
    found = _ARN.fullmatch(target_group)
    return found[1] if found else target_group


def not_allowed(wanted: LoadBalancers, allowed: LoadBalancers) -> list[str]:
    """Those that the engine may not use: it may use the declared ones alone, and of a name any target group."""
    return [
        *(each for each in wanted.target_groups if not any(_is_same(each, one) for one in allowed.target_groups)),
        *(each for each in wanted.classic if each not in allowed.classic),
    ]


def _is_same(one: str, other: str) -> bool:
    return one == other or (name_of(one) == name_of(other) and not (is_arn(one) and is_arn(other)))


class HealthState(StrEnum):
    """How a host fares in a load balancer; a Classic one's answers are told in the same words."""

    INITIAL = "initial"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNHEALTHY_DRAINING = "unhealthy.draining"
    UNUSED = "unused"
    DRAINING = "draining"
    UNAVAILABLE = "unavailable"  # health checks are off
    UNKNOWN = "unknown"  # a word that this engine does not know


class HealthReason(StrEnum):
    """Why a host is not healthy."""

    REGISTRATION_IN_PROGRESS = "Elb.RegistrationInProgress"
    INITIAL_HEALTH_CHECKING = "Elb.InitialHealthChecking"
    RESPONSE_CODE_MISMATCH = "Target.ResponseCodeMismatch"
    TIMEOUT = "Target.Timeout"
    FAILED_HEALTH_CHECKS = "Target.FailedHealthChecks"
    NOT_REGISTERED = "Target.NotRegistered"
    NOT_IN_USE = "Target.NotInUse"
    DEREGISTRATION_IN_PROGRESS = "Target.DeregistrationInProgress"
    INVALID_STATE = "Target.InvalidState"
    IP_UNUSABLE = "Target.IpUnusable"
    HEALTH_CHECK_DISABLED = "Target.HealthCheckDisabled"
    INTERNAL_ERROR = "Elb.InternalError"
    UNKNOWN = "unknown"  # none is given, or one that this engine does not know


# The target group is in no listener rule, or its load balancer has not enabled the host's zone: no check is made.
HOPELESS = frozenset({HealthReason.NOT_IN_USE, HealthReason.IP_UNUSABLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class HostHealth:
    """How one registration fares."""

    registration: Registration
    state: HealthState
    reason: HealthReason = HealthReason.UNKNOWN
    description: str = ""

    @property
    def is_registered(self) -> bool:
        """Whether it is in the load balancer, and not on its way out."""
        leaving = (HealthState.DRAINING, HealthState.UNHEALTHY_DRAINING)
        return self.reason is not HealthReason.NOT_REGISTERED and self.state not in leaving

    @property
    def is_ready(self) -> bool:
        """Whether it may have traffic, as far as the load balancer can tell."""
        return self.state in (HealthState.HEALTHY, HealthState.UNAVAILABLE)

    @property
    def is_hopeless(self) -> bool:
        """Whether it never gets healthy, however long one waits."""
        return self.state is HealthState.UNUSED and self.reason in HOPELESS


def health_of(registration: Registration, state: str, reason: str | None, description: str | None) -> HostHealth:
    """What DescribeTargetHealth says of one target."""
    return HostHealth(
        registration=registration,
        state=HealthState(state) if state in set(HealthState) else HealthState.UNKNOWN,
        reason=HealthReason(reason) if reason in set(HealthReason) else HealthReason.UNKNOWN,
        description=description or "",
    )


_CLASSIC_LEAVES = "deregistration currently in progress"
_CLASSIC_IS_OUT = "not currently registered"


def health_in_classic(registration: Registration, state: str, reason: str | None, description: str) -> HostHealth:
    """What DescribeInstanceHealth says of one instance: that it leaves, or has left, its description alone says.

    >>> health_in_classic(Registration(balancer="old", instance_id="i-0"), "InService", "N/A",
    ...                   "Instance deregistration currently in progress.").state
    <HealthState.DRAINING: 'draining'>
    """
    found, why = HealthState.UNKNOWN, HealthReason.UNKNOWN
    if _CLASSIC_LEAVES in description:
        found, why = HealthState.DRAINING, HealthReason.DEREGISTRATION_IN_PROGRESS
    elif _CLASSIC_IS_OUT in description:
        found, why = HealthState.UNUSED, HealthReason.NOT_REGISTERED
    elif state == "InService":
        found = HealthState.HEALTHY
    elif state == "OutOfService":
        # "ELB": the balancer is the reason, as while it registers the instance; "Instance": its checks fail.
        is_new = reason == "ELB"
        found = HealthState.INITIAL if is_new else HealthState.UNHEALTHY
        why = HealthReason.REGISTRATION_IN_PROGRESS if is_new else HealthReason.FAILED_HEALTH_CHECKS
    return HostHealth(registration=registration, state=found, reason=why, description=description)

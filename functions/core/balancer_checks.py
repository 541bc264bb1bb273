"""What is wrong with a group's load balancers before a host is touched, and how long they make a host take.

Sources: Application, Network and Classic Load Balancer guides ("Health checks", "Deregistration delay"); Auto Scaling
guide, "Health checks for instances in an Auto Scaling group".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from functions.core.auto_scaling import ScalingGroup
from functions.core.load_balancers import HostHealth
from functions.core.records import Balancer, BalancerType, LoadBalancers
from functions.core.selection import Instance
from functions.core.statuses import Drain

PROPAGATION_SECONDS = 15  # for which requests still come after the deregistration; a guess: people wait 15 to 70 s
NETWORK_PROPAGATION_SECONDS = 60  # the same of a Network Load Balancer; a guess: AWS says "a few minutes"
NETWORK_REGISTRATION_SECONDS = 90  # until such a one sends the first health check; a guess
SLOW_DELAY_SECONDS = 60  # a longer deregistration delay is worth a warning where a host waits for all of it
SLOW_CHECK_SECONDS = 30  # the same of the checks that a host must pass
_INSTANCE = "instance"  # the one target type whose targets are hosts
_SHOWN = 5  # hosts that a message names


class Severity(StrEnum):
    ERROR = "error"  # the deployment cannot go well
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong, and the remedy, as a sentence for people."""

    severity: Severity
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What AWS says of the load balancers of a group, and of the Auto Scaling groups of its hosts."""

    balancers: tuple[Balancer, ...] = ()
    missing: tuple[str, ...] = ()  # named, and not there
    registered: tuple[HostHealth, ...] = ()
    scaling_groups: tuple[ScalingGroup, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSeconds:
    """How long the load balancers make one host take, beside its hooks. Connections may take longer to end."""

    block: int
    allow: int

    @property
    def total(self) -> int:
        return self.block + self.allow


def host_seconds(settings: LoadBalancers, balancers: Sequence[Balancer]) -> HostSeconds:
    """The slowest load balancer counts: a host is in all of them at the same time."""
    return HostSeconds(
        block=max((_block_seconds(settings, each) for each in balancers), default=0),
        allow=max((_allow_seconds(each) for each in balancers), default=0),
    )


def propagation_seconds(settings: LoadBalancers, balancers: Sequence[Balancer]) -> int:
    """For how long requests may still come to a host that all these load balancers were told to leave alone."""
    if settings.propagation_seconds is not None:
        return settings.propagation_seconds
    has_network = any(each.type is BalancerType.NETWORK for each in balancers)
    return NETWORK_PROPAGATION_SECONDS if has_network else PROPAGATION_SECONDS


def problems(settings: LoadBalancers, seen: Seen, hosts: Sequence[Instance]) -> list[Problem]:
    """Errors first."""
    found = [
        *(_error(f"{each} does not exist in this account and Region: correct its name") for each in seen.missing),
        *(problem for each in seen.balancers for problem in _of_balancer(settings, each, hosts)),
        *_registrations(seen, hosts),
        *(problem for each in seen.scaling_groups for problem in _of_scaling_group(each)),
    ]
    return sorted(found, key=lambda each: each.severity is Severity.WARNING)


def _of_balancer(settings: LoadBalancers, one: Balancer, hosts: Sequence[Instance]) -> Iterator[Problem]:
    if one.target_type != _INSTANCE:
        what = f"{one.kind} has the target type {one.target_type}: hosts can only be in one of type instance"
        yield _error(f"{what}. Name another target group")
        return
    if one.type is None:
        what = f"{one.kind} is in no listener rule, so that its hosts never get healthy"
        yield _error(f"{what}. Add a rule that forwards to it, or remove it from the deployment group")
        return
    if one.type is BalancerType.GATEWAY:
        yield _error(f"{one.kind} belongs to a Gateway Load Balancer, which is not supported: remove it")
        return
    if outside := [each for each in hosts if each.zone and one.zones and each.zone not in one.zones]:
        zones = ", ".join(sorted({each.zone for each in outside if each.zone}))
        what = f"{one.kind}: its load balancer has not enabled {zones}, so that {_named(outside)} never gets healthy"
        yield _error(f"{what}. Enable the Availability Zone, or move the host")
    yield from _times(settings, one)


def _times(settings: LoadBalancers, one: Balancer) -> Iterator[Problem]:
    allow, check = _allow_seconds(one), one.check
    if one.has_checks and allow > settings.healthy_timeout_seconds:
        what = f"healthyTimeout: {settings.healthy_timeout_seconds} s is shorter than the {allow} s that {one.kind}"
        yield _error(
            f"{what} needs until a host is healthy. Give more time, or lower the interval of its health checks"
        )
    if settings.drain is Drain.ELB and one.deregistration_delay > SLOW_DELAY_SECONDS:
        what = f"{one.kind}: with drain: elb every host waits for its whole deregistration delay"
        remedy = "Lower the delay, or use drain: host, which ends with the last connection"
        yield _warning(f"{what} of {one.deregistration_delay} s. {remedy}")
    if one.has_checks and _check_seconds(one) >= SLOW_CHECK_SECONDS:
        many = f"{check.healthy_threshold} checks" if one.type is BalancerType.CLASSIC else "the first check"
        what = f"{one.kind}: a host waits up to {_check_seconds(one)} s for {many} (interval {check.interval} s)"
        yield _warning(f"{what}. An interval of 5 to 10 s makes deployments faster")


def _registrations(seen: Seen, hosts: Sequence[Instance]) -> Iterator[Problem]:
    known = {each.registration.instance_id for each in seen.registered if each.is_registered}
    if seen.balancers and (out := [each for each in hosts if each.instance_id not in known]):
        what = f"{_named(out)} is in none of the group's load balancers: there is nothing to block"
        yield _warning(f"{what}, and it is registered in all of them after the installation")


def _of_scaling_group(one: ScalingGroup) -> Iterator[Problem]:
    if "ELB" in one.health_check_types and "ReplaceUnhealthy" not in one.suspended:
        what = f"Auto Scaling group {one.name} has ELB health checks: it terminates a host that is slow to get healthy"
        yield _warning(
            f"{what} after its update. Suspend ReplaceUnhealthy during deployments, or use EC2 health checks"
        )


def _block_seconds(settings: LoadBalancers, one: Balancer) -> int:
    return one.deregistration_delay if settings.drain is Drain.ELB else propagation_seconds(settings, [one])


def _allow_seconds(one: Balancer) -> int:
    registration = NETWORK_REGISTRATION_SECONDS if one.type is BalancerType.NETWORK else 0
    return registration + (_check_seconds(one) if one.has_checks else 0)


def _check_seconds(one: Balancer) -> int:
    """A new target of a target group must pass one check; a Classic Load Balancer asks for as many as its threshold."""
    return one.check.interval * (one.check.healthy_threshold if one.type is BalancerType.CLASSIC else 1)


def _named(hosts: Sequence[Instance]) -> str:
    """
    >>> _named([Instance(instance_id=f"i-{number}", tags={}) for number in range(7)])
    'each of i-0, i-1, i-2, i-3, i-4 and 2 more'
    """
    shown = ", ".join(each.instance_id for each in hosts[:_SHOWN])
    more = f" and {len(hosts) - _SHOWN} more" if len(hosts) > _SHOWN else ""
    return f"each of {shown}{more}" if len(hosts) > 1 else shown


def _error(message: str) -> Problem:
    return Problem(severity=Severity.ERROR, message=message)


def _warning(message: str) -> Problem:
    return Problem(severity=Severity.WARNING, message=message)

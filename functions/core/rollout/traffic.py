"""Traffic: what a host is taken out of, when it has left, and when it is back (docs/load-balancers.md).

Source: Application, Network and Classic Load Balancer guides, "Health checks" and "Deregistration delay".
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import ceil

from functions.core.balancer_checks import NETWORK_REGISTRATION_SECONDS, propagation_seconds
from functions.core.causes import Cause
from functions.core.load_balancers import HealthReason, HealthState, HostHealth
from functions.core.records import (
    AllowTraffic,
    Balancer,
    BalancerType,
    BlockTraffic,
    Deployment,
    Diagnostics,
    LifecycleEventRecord,
    Registration,
    SegmentResult,
    Target,
    TargetFailure,
    Traffic,
)
from functions.core.statuses import Drain as DrainBy
from functions.core.statuses import LifecycleEventStatus, TargetStatus
from functions.core.text.plain_text import listed
from host.instructions import Drain
from host.lifecycle import LifecycleEvent

NOWHERE = "The instance is in none of the group's load balancers"
_LATE_SECONDS = 120  # beyond a deregistration delay, after which nothing is drained any more
_MESSAGE = 1000  # characters
Found = Mapping[Registration, HostHealth]


# -- out


def pin(target_id: str, balancers: Sequence[Balancer], found: Found, left_out: Sequence[Registration]) -> Traffic:
    """What a host is registered as in these load balancers, with what an earlier deployment has left it out of.

    One that is in none comes into all of them, as with CodeDeploy.
    """
    mine = [each for each in found.values() if each.registration.instance_id == target_id]
    current = [each.registration for each in mine if each.is_registered]
    leaves = any(each.reason is HealthReason.DEREGISTRATION_IN_PROGRESS for each in mine)
    ids = {each.id for each in balancers}
    known = dict.fromkeys([*current, *(each for each in left_out if each.balancer in ids)])
    registered = tuple(known) or tuple(_new(target_id, each) for each in balancers)
    return Traffic(registered=registered, was_out=not current and not leaves)


def _new(target_id: str, balancer: Balancer) -> Registration:
    is_classic = balancer.type is BalancerType.CLASSIC
    port = balancer.ports[0] if balancer.ports and not is_classic else None
    return Registration(balancer=balancer.id, instance_id=target_id, port=port)


def drain(deployment: Deployment, target: Target, step: int, now: str) -> Drain | None:
    """What the host waits for before the first event of a segment: one that comes after it was taken out."""
    settings, traffic = deployment.settings.load_balancers, target.traffic
    if not step or not isinstance(target.steps[step - 1], BlockTraffic) or settings.drain is not DrainBy.HOST:
        return None
    if traffic is None or traffic.was_out:
        return None
    balancers = _of(deployment, traffic)
    ports = {port for each in traffic.registered if (port := each.port)}
    ports |= {port for each in balancers if each.type is BalancerType.CLASSIC for port in each.ports}
    at_least = max(0, ceil(propagation_seconds(settings, balancers) - _seconds(_left_at(target) or now, now)))
    delay = max((each.deregistration_delay for each in balancers), default=0)
    return Drain(ports=tuple(sorted(ports)), at_least=at_least, at_most=max(delay, at_least))


def has_left(deployment: Deployment, traffic: Traffic, found: Found, left_at: str, now: str) -> bool:
    """Whether load balancers have nothing of the host in flight any more."""
    if all(each not in found or found[each].state is HealthState.UNUSED for each in traffic.registered):
        return True
    delay = max((each.deregistration_delay for each in _of(deployment, traffic)), default=0)
    return _seconds(left_at, now) > delay + _LATE_SECONDS


def _left_at(target: Target) -> str | None:
    """When it had been deregistered everywhere."""
    return next((each.end_time for each in target.events if each.name == LifecycleEvent.BLOCK_TRAFFIC.value), None)


def blocked(target: Target, step: int, now: str) -> SegmentResult:
    traffic = target.traffic or Traffic()
    if traffic.was_out or not traffic.registered:
        return _done(target, step, f"{NOWHERE}: nothing to deregister", now)
    return _done(target, step, f"Deregistered from {_listed(traffic.registered)}", now)


# -- back


def health(deployment: Deployment, target: Target, found: Found, registered_at: str, now: str) -> str | bool:
    """Whether the host is back; a text says why it will not be."""
    traffic = target.traffic or Traffic()
    waited = _seconds(registered_at, now)
    by_id = {each.id: each for each in deployment.balancers}
    waiting = [each for each in traffic.registered if each not in found or not found[each].is_ready]
    for each in waiting:
        fares, balancer = found.get(each), by_id.get(each.balancer)
        if fares and fares.is_hopeless:
            return _unhealthy(each, fares)
        if balancer and _has_failed(fares) and waited >= _patience(balancer):
            return _unhealthy(each, fares)
    seconds = deployment.settings.load_balancers.healthy_timeout_seconds
    if waiting and waited >= seconds:
        return f"{_unhealthy(waiting[0], found.get(waiting[0]))}; waited {waited:.0f} of {seconds} seconds"
    return not waiting


def _has_failed(fares: HostHealth | None) -> bool:
    """Whether the load balancer has made up its mind, or somebody has taken the host out again."""
    return fares is None or fares.state is HealthState.UNHEALTHY or fares.reason is HealthReason.NOT_REGISTERED


def _patience(balancer: Balancer) -> float:
    """Seconds within which a host that is well gets healthy, and one that is not has failed often enough to be told."""
    check, is_classic = balancer.check, balancer.type is BalancerType.CLASSIC
    checks = max(check.unhealthy_threshold, check.healthy_threshold if is_classic else 0)
    late = NETWORK_REGISTRATION_SECONDS if balancer.type is BalancerType.NETWORK else 0
    return check.interval * (checks + 1) + late


def _unhealthy(registration: Registration, fares: HostHealth | None) -> str:
    port = f" (port {registration.port})" if registration.port else ""
    who = f"{registration.shown}: {registration.instance_id}{port}"
    if fares is None:
        return f"{who} is not registered any more"
    why = fares.description or (fares.reason if fares.reason is not HealthReason.UNKNOWN else "")
    code = f" ({fares.reason})" if fares.description and fares.reason is not HealthReason.UNKNOWN else ""
    return f"{who} is {fares.state}{': ' if why else ''}{why}{code}"


def allowed(target: Target, step: int, now: str) -> SegmentResult:
    traffic = target.traffic or Traffic()
    if not traffic.registered:
        return _done(target, step, f"{NOWHERE}: nothing to register", now)
    return _done(target, step, f"Healthy in {_listed(traffic.registered)}", now)


# -- the record of a step


def begun(target: Target, step: int, now: str) -> tuple[LifecycleEventRecord, ...]:
    """The events of a target whose traffic step begins."""
    own = _own(target, step)
    return tuple(
        LifecycleEventRecord(name=each.name, status=LifecycleEventStatus.IN_PROGRESS, start_time=now)
        if each.name == own and each.status is LifecycleEventStatus.PENDING
        else each
        for each in target.events
    )


def failed(target: Target, step: int, message: str, now: str) -> SegmentResult:
    """The load balancers do not take the host, or do not find it healthy."""
    own, message = _own(target, step), message[:_MESSAGE]
    diagnostics = Diagnostics(error_code=Cause.HEALTH.lifecycle_error_code, message=message)
    events = _events(target, step, LifecycleEventStatus.FAILED, diagnostics, now)
    return SegmentResult(
        status=TargetStatus.FAILED,
        events=events,
        failure=TargetFailure(cause=Cause.HEALTH, message=message, event=own),
    )


def _done(target: Target, step: int, message: str, now: str) -> SegmentResult:
    events = _events(target, step, LifecycleEventStatus.SUCCEEDED, Diagnostics(message=message), now)
    return SegmentResult(status=TargetStatus.SUCCEEDED, events=events)


def _events(
    target: Target, step: int, status: LifecycleEventStatus, diagnostics: Diagnostics, now: str
) -> tuple[LifecycleEventRecord, ...]:
    """The step's own event with this status. One beside it has no script: it is done, or skipped after a failure."""
    own, found, is_over = _own(target, step), list[LifecycleEventRecord](), False
    began = {each.name: each.start_time for each in target.events}
    for event in target.steps[step].events:
        if event.value == own:
            time = began.get(own) or now
            found.append(
                LifecycleEventRecord(name=own, status=status, start_time=time, end_time=now, diagnostics=diagnostics)
            )
            is_over = status is LifecycleEventStatus.FAILED
        elif is_over:
            found.append(LifecycleEventRecord(name=event.value, status=LifecycleEventStatus.SKIPPED, end_time=now))
        else:
            done = LifecycleEventStatus.SUCCEEDED
            said = Diagnostics(message="Succeeded")
            found.append(
                LifecycleEventRecord(name=event.value, status=done, start_time=now, end_time=now, diagnostics=said)
            )
    return tuple(found)


def _own(target: Target, step: int) -> str:
    is_allow = isinstance(target.steps[step], AllowTraffic)
    return str((LifecycleEvent.ALLOW_TRAFFIC if is_allow else LifecycleEvent.BLOCK_TRAFFIC).value)


def _of(deployment: Deployment, traffic: Traffic) -> list[Balancer]:
    ids = {each.balancer for each in traffic.registered}
    return [each for each in deployment.balancers if each.id in ids]


def _listed(registered: Sequence[Registration]) -> str:
    ports = [f"{each.shown} (port {each.port})" if each.port else each.shown for each in registered]
    return listed(ports, _MESSAGE, ", ")


def _seconds(since: str, now: str) -> float:
    return (datetime.fromisoformat(now) - datetime.fromisoformat(since)).total_seconds()

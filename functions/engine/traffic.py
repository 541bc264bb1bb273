"""Traffic: hosts leave their load balancers before they are changed, and come back (docs/load-balancers.md).

What a host is registered as is on record before it is touched. To deregister or register it twice does no harm, so a
call that died is simply repeated. What takes time, the watch looks at, for all hosts of a load balancer in one call.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from functions.aws import clock, elb, tokens, weather
from functions.core.load_balancers import HostHealth
from functions.core.records import (
    AllowTraffic,
    Balancer,
    BlockTraffic,
    Deployment,
    Registration,
    SegmentRun,
    Target,
    Traffic,
)
from functions.core.rollout import traffic
from functions.core.rollout.steps import Allow, Block, End, StepResult, next_step, step_result
from functions.core.statuses import Drain, TargetStatus
from functions.engine import chain, places, results
from functions.store import deployments, hosts, pacer, targets, watching
from functions.store.watching import Turn, Wait, WaitKind
from functions.telemetry import logger

_EVERY = 2.0  # seconds between two looks; and a second for each load balancer, so that these are one call a second
_LONGEST = 5.0
_MOST = 2000  # targets in one turn
_NAMED = 100  # targets of one read


# -- out


def block(deployment: Deployment, target: Target, decision: Block, token: str) -> StepResult | None:
    """Take the host out of its load balancers, once it has a place. None while they drain it (`drain: elb`)."""
    now = clock.timestamp()
    if target.status is TargetStatus.PENDING:
        taken = places.take_out_of_service(deployment, target, now)
        if not isinstance(taken, Target):
            return taken
        target = taken
    if target.traffic is None:
        target = targets.pin_traffic(target, decision.step, _as_it_is(deployment, target), now)
    pinned = target.traffic or Traffic()
    if not pinned.was_out:
        try:
            for balancer, mine in _in(deployment, pinned.registered):
                _take_out(balancer, mine)
        except elb.Refused as refused:
            return results.store(target, decision.step, traffic.failed(target, decision.step, str(refused), now))
        if deployment.settings.load_balancers.drain is Drain.ELB:
            _wait(target, decision.step, token, clock.timestamp())
            return None
    return results.store(target, decision.step, traffic.blocked(target, decision.step, clock.timestamp()))


def _as_it_is(deployment: Deployment, target: Target) -> Traffic:
    there, found = list[Balancer](), dict[Registration, HostHealth]()
    for balancer in deployment.balancers:
        try:
            found |= {each.registration: each for each in elb.health(balancer)}
            there.append(balancer)
        except elb.NotThere as gone:
            logger.warning("a load balancer is gone", balancer=balancer.kind, error=str(gone))
    host = hosts.get(target.group_id, target.target_id) if target.group_id else None
    return traffic.pin(target.target_id, there, found, host.out_of if host else ())


def _take_out(balancer: Balancer, hosts: Sequence[Registration]) -> None:
    try:
        elb.deregister(balancer, hosts)
    except elb.NotThere as gone:
        logger.warning("a load balancer is gone", balancer=balancer.kind, error=str(gone))


# -- back


def allow(deployment: Deployment, target: Target, decision: Allow, token: str) -> StepResult | None:
    """Register the host as it was, and let the watch wait until it is healthy."""
    step, now = decision.step, clock.timestamp()
    registered = target.traffic.registered if target.traffic else ()
    if not registered:
        return results.store(target, step, traffic.allowed(target, step, now))
    if refusals := _bring_in(deployment, registered):
        return results.store(target, step, traffic.failed(target, step, "\n".join(refusals), now))
    _wait(target, step, token, now)
    return None


def bring_back(target: Target) -> Target:
    """Register a host that failed on the way, where its group says so. The target as it is then."""
    deployment = deployments.get(target.deployment_id)
    if target.traffic is None or deployment is None or not deployment.settings.load_balancers.reregister_on_failure:
        return target
    if refusals := _bring_in(deployment, target.out_of):
        logger.warning("not registered again", refusals=refusals)
        return target
    targets.note_back(target)
    return replace(target, traffic=replace(target.traffic, is_back=True))


def _bring_in(deployment: Deployment, registered: Sequence[Registration]) -> list[str]:
    """Register in as many load balancers as take the host; what the others say."""
    refusals = list[str]()
    for balancer, mine in _in(deployment, registered):
        try:
            elb.register(balancer, mine)
        except elb.Refused as refused:
            refusals.append(f"{balancer.kind}: {refused}")
    return refusals


def _in(deployment: Deployment, registered: Sequence[Registration]) -> Iterator[tuple[Balancer, list[Registration]]]:
    for balancer in deployment.balancers:
        if mine := [each for each in registered if each.balancer == balancer.id]:
            yield balancer, mine


# -- what takes time


def _wait(target: Target, step: int, token: str, now: str) -> None:
    """The state is told by the watch. One that waits anew does so since it waited first."""
    before = target.segments.get(str(step)) or SegmentRun()
    run = replace(before, task_token=token, sent_at=before.sent_at or now)
    current = targets.await_traffic(target, step, run, now)
    if (ended := current.segments.get(str(step))) and ended.status:
        tokens.succeed(token, results.answer(step_result(current)))
        return
    chain.park(target.deployment_id, Wait(kind=WaitKind.TRAFFIC, target_id=target.target_id))


def look(deployment: Deployment, turn: Turn) -> tuple[Turn, float | None]:
    """A turn of the watch: the targets that wait for load balancers, with one call for each of these."""
    deployment_id = deployment.deployment_id
    waiting = watching.waits(deployment_id, WaitKind.TRAFFIC, _MOST)
    if not waiting:
        return turn, None
    every = min(max(_EVERY, len(deployment.balancers)), _LONGEST)
    left = every - (pacer.now() - turn.traffic_at) / 1000
    if left > 0:
        return turn, left
    turn, ended = replace(turn, traffic_at=pacer.now()), list[Wait]()
    found, silent, gone = _look_at(deployment.balancers)
    for start in range(0, len(waiting), _NAMED):
        some = waiting[start : start + _NAMED]
        named = targets.named(deployment_id, [each.target_id for each in some])
        for wait in some:
            target = named.get(wait.target_id)
            if target is None or _is_over(deployment, target, found, silent, gone):
                ended.append(wait)
    watching.remove(deployment_id, ended)
    return turn, every if len(ended) < len(waiting) else None


def _look_at(
    balancers: Sequence[Balancer],
) -> tuple[dict[Registration, HostHealth], set[str], dict[str, str]]:
    """How all hosts fare; the load balancers that do not say so now; and those that are gone, with the reason."""
    found, silent, gone = dict[Registration, HostHealth](), set[str](), dict[str, str]()
    for balancer in balancers:
        try:
            fares = elb.health(balancer)
        except elb.Refused as refused:
            gone[balancer.id] = f"{balancer.kind}: {refused}"
        except Exception as error:
            if not weather.passes(error):
                raise
            silent.add(balancer.id)
        else:
            found |= {each.registration: each for each in fares}
    return found, silent, gone


def _is_over(
    deployment: Deployment,
    target: Target,
    found: dict[Registration, HostHealth],
    silent: set[str],
    gone: dict[str, str],
) -> bool:
    """Whether a target waits for its load balancers no more. Nothing follows from those that are silent."""
    decision, pinned = next_step(target, deployment.stop), target.traffic or Traffic()
    if not isinstance(decision, Block | Allow):
        if isinstance(decision, End):
            _let_go(target, decision)
        return True
    mine = {each.balancer for each in pinned.registered}
    if mine & silent:
        return False
    step, now = decision.step, clock.timestamp()
    run = target.segments[str(step)]
    if isinstance(decision, Block):
        if traffic.has_left(deployment, pinned, found, run.sent_at or now, now):
            results.store(target, step, traffic.blocked(target, step, now))
            return True
        return False
    lost = [gone[each] for each in sorted(mine & set(gone))]
    is_back = "\n".join(lost) or traffic.health(deployment, target, found, run.sent_at or now, now)
    if isinstance(is_back, str):
        results.store(target, step, traffic.failed(target, step, is_back, now))
    elif is_back:
        results.store(target, step, traffic.allowed(target, step, now))
    return bool(is_back)


def _let_go(target: Target, end: End) -> None:
    """The deployment stops, and the target waits no more."""
    for number, step in enumerate(target.steps):
        run = target.segments.get(str(number))
        if isinstance(step, BlockTraffic | AllowTraffic) and run and run.status is None and run.task_token:
            tokens.succeed(run.task_token, results.answer(end.status))

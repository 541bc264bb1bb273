"""Traffic: hosts leave their load balancers before they are changed, and come back (docs/load-balancers.md).

What a host is registered as is on record before it is touched. To deregister or register it twice does no harm, so a
call that died is simply repeated. What takes time, the watch looks at, for all hosts of a load balancer in one call.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from functions.aws import clock, weather
from functions.aws.fleet import elb
from functions.core.limits import batches
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
from functions.core.rollout.steps import Allow, Block, Decision, End, StepResult, StepSignal, next_step, step_result
from functions.core.statuses import Drain, TargetStatus
from functions.engine.running import chain, places, results
from functions.store.records import deployments, hosts, pacer, targets, watching
from functions.store.records.watching import Turn, Wait, WaitKind
from functions.telemetry import logger

_EVERY = 1.8  # seconds between two looks: two with all that follows; a second for each load balancer: one read a second
_LONGEST = 5.0  # then ten load balancers of a kind are two reads and four moves a second
_MOST = 2000  # targets in one turn
_NAMED = 100  # targets of one read
_FEW = 5  # hosts at a time that are moved one by one, which is faster
_MOVES = 20  # that Elastic Load Balancing takes at once, and then four a second: README of AWS's Kubernetes controller
_LONG = 20_000  # milliseconds of work in one turn
_TRIES = 6  # in one look, to read what AWS does not answer at once
_PAUSE = 2.0  # seconds between two of them, at most

Moved = tuple[Target, int]  # and its step
Refusals = dict[str, str]  # by host, what Elastic Load Balancing says


@dataclass(frozen=True, slots=True)
class Seen:
    """What load balancers say: how hosts fare there; which do not say so now; which are gone, with the reason."""

    found: dict[Registration, HostHealth] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    gone: dict[str, str] = field(default_factory=dict)

    def has(self, registration: Registration) -> bool:
        fares = self.found.get(registration)
        return fares is not None and fares.is_registered


# -- what a target's state asks for


def block(deployment: Deployment, target: Target, decision: Block, token: str) -> StepResult | None:
    """Take the host out of its load balancers, once it has a place. None while they drain it (`drain: elb`), and where
    the watch does it."""
    now, step = clock.timestamp(), decision.step
    if target.status is TargetStatus.PENDING:
        taken = places.take_out_of_service(deployment, target, now)
        if not isinstance(taken, Target):
            return taken
        target = taken
    if _are_many(deployment):
        _wait(target, step, token, None)
        return None
    left = weather.known(lambda: _leave_alone(deployment, target, step))
    if left is None:  # the watch goes on with what is not done yet
        _wait(target, step, token, None)
        return None
    target, refusals = left
    if refusals or not _is_waited_for(deployment, target):
        return _out(target, step, refusals)
    _wait(target, step, token, clock.timestamp())
    return None


def allow(deployment: Deployment, target: Target, decision: Allow, token: str) -> StepResult | None:
    """Register the host as it was, and let the watch wait until it is healthy."""
    step, now = decision.step, clock.timestamp()
    if not (target.traffic and target.traffic.registered):
        return results.store(target, step, traffic.allowed(target, step, now))
    if _are_many(deployment):
        _wait(target, step, token, None)
        return None
    refusals = weather.known(lambda: _bring_in(deployment, [target]))
    if refusals:
        return results.store(target, step, traffic.failed(target, step, "\n".join(refusals.values()), now))
    _wait(target, step, token, None if refusals is None else now)  # None: the watch goes on with what is not done yet
    return None


def bring_back(target: Target) -> Target:
    """Register a host that failed on the way, where its group says so. The target as it is then."""
    deployment = deployments.get(target.deployment_id)
    if target.traffic is None or deployment is None or not deployment.settings.load_balancers.reregister_on_failure:
        return target
    if refusals := _bring_in(deployment, [target]):
        logger.warning("not registered again", refusals=refusals)
        return target
    targets.note_back(target)
    return replace(target, traffic=replace(target.traffic, is_back=True))


def _are_many(deployment: Deployment) -> bool:
    """Whether so many hosts may be out at a time that calls for each would be more than AWS takes: then the watch
    moves them, all that wait in one call for each load balancer."""
    hosts_at_once = deployment.counts.max_out_of_service
    return hosts_at_once > _FEW or hosts_at_once * len(deployment.balancers) > _MOVES


def _is_waited_for(deployment: Deployment, target: Target) -> bool:
    """Whether the load balancers drain the host, and the engine waits until they have."""
    is_out_already = target.traffic is not None and target.traffic.was_out
    return deployment.settings.load_balancers.drain is Drain.ELB and not is_out_already


def _out(target: Target, step: int, refusals: Refusals) -> StepResult:
    now = clock.timestamp()
    if why := refusals.get(target.target_id):
        return results.store(target, step, traffic.failed(target, step, why, now))
    return results.store(target, step, traffic.blocked(target, step, now))


def _wait(target: Target, step: int, token: str, moved_at: str | None) -> None:
    """The state is told by the watch. One that waits anew does so since it waited first; or this call is late, and its
    token of an earlier try of the state: so who waited till now asks again."""
    before = target.segments.get(str(step)) or SegmentRun()
    results.make_way(before, token)
    run = replace(before, task_token=token, sent_at=before.sent_at or moved_at)
    current = targets.await_traffic(target, step, run, clock.timestamp())
    now = current.segments.get(str(step)) or SegmentRun()
    if now.status or current.status.is_final:
        results.wake(token, step_result(current))
    elif now.task_token != token:  # another call was faster
        _wait(current, step, token, moved_at)
    else:
        chain.park(target.deployment_id, Wait(kind=WaitKind.TRAFFIC, target_id=target.target_id, since=pacer.now()))


# -- hosts are moved


def _as_it_is(deployment: Deployment, target: Target, seen: Seen) -> Traffic:
    there = [each for each in deployment.balancers if each.id not in seen.gone]
    host = hosts.get(target.group_id, target.target_id) if target.group_id else None
    return traffic.pin(target.target_id, there, seen.found, host.out_of if host else ())


def _leave_alone(deployment: Deployment, target: Target, step: int) -> tuple[Target, Refusals]:
    if target.traffic is None:
        seen = _look_at(deployment.balancers, patient=False)
        target = targets.pin_traffic(target, step, _as_it_is(deployment, target, seen), clock.timestamp())
    return target, _take_out(deployment, [target])


def _take_out(deployment: Deployment, moved: Sequence[Target], seen: Seen | None = None) -> Refusals:
    """Deregister; what AWS says of those that it does not let go. Who has seen that some are out does not ask for these
    again: a call that AWS throttles in the middle would never come to its end."""
    refusals = dict[str, str]()
    pinned = [each.traffic for each in moved if each.traffic and not each.traffic.was_out]
    wanted = [one for each in pinned for one in each.registered if seen is None or seen.has(one)]
    for balancer, mine in _in(deployment, wanted):
        try:
            elb.deregister(balancer, mine)
        except elb.NotThere as gone:
            logger.warning("a load balancer is gone", balancer=balancer.kind, error=str(gone))
        except elb.Refused as refused:
            refusals |= dict.fromkeys((each.instance_id for each in mine), f"{balancer.kind}: {refused}")
    return refusals


def _bring_in(deployment: Deployment, moved: Sequence[Target], seen: Seen | None = None) -> Refusals:
    """Register in as many load balancers as take the hosts; what the others say. One host that is refused is no reason
    to refuse the others. As for `_take_out`, what is seen to be done is not done again."""
    refusals = dict[str, str]()
    pinned = [each.traffic for each in moved if each.traffic]
    wanted = [one for each in pinned for one in each.registered if seen is None or not seen.has(one)]
    for balancer, mine in _in(deployment, wanted):
        try:
            elb.register(balancer, mine)
        except elb.Refused as refused:
            if len(moved) > 1:
                for each in moved:
                    refusals |= _bring_in(deployment, [each], seen)
                return refusals
            (only,) = moved
            before = f"{refusals[only.target_id]}\n" if only.target_id in refusals else ""
            refusals[only.target_id] = f"{before}{balancer.kind}: {refused}"
    return refusals


def _in(deployment: Deployment, registered: Sequence[Registration]) -> Iterator[tuple[Balancer, list[Registration]]]:
    for balancer in deployment.balancers:
        if mine := [each for each in registered if each.balancer == balancer.id]:
            yield balancer, mine


# -- the watch looks at what takes time


def look(deployment: Deployment, turn: Turn) -> tuple[Turn, float | None]:
    """The targets that wait for load balancers, with one call for each of these."""
    deployment_id = deployment.deployment_id
    waiting = watching.waits(deployment_id, WaitKind.TRAFFIC, _MOST)
    if not waiting:
        return turn, None
    every = seconds_between_looks(len(deployment.balancers))
    left = every - (pacer.now() - turn.traffic_at) / 1000
    if left >= 1:
        return turn, int(left)
    clock.sleep(max(0.0, left))  # messages come after whole seconds
    turn, ended = replace(turn, traffic_at=pacer.now()), list[Wait]()
    seen = _look_at(deployment.balancers, patient=True)
    for some in batches(waiting, _NAMED):
        if pacer.now() - turn.traffic_at > _LONG:
            break  # the next turn goes on
        named = targets.named(deployment_id, [each.target_id for each in some])
        over = _go_on(deployment, list(named.values()), seen)
        ended += [each for each in some if each.target_id in over or each.target_id not in named]
    watching.remove(deployment_id, ended)
    return turn, int(every) if len(ended) < len(waiting) else None


def seconds_between_looks(balancers: int) -> float:
    return min(max(_EVERY, balancers), _LONGEST)


def _look_at(balancers: Sequence[Balancer], *, patient: bool) -> Seen:
    """How all hosts fare. Who is not patient raises what passes; who is asks again for some seconds: what has to be
    known of all at one time would otherwise never be where AWS takes only a few reads."""
    seen, tries = Seen(), _TRIES
    for balancer in balancers:
        ask = partial(elb.health, balancer)
        try:
            fares = weather.known(ask) if patient else ask()
            while fares is None and (tries := tries - 1) > 0:
                clock.sleep(clock.jitter(_PAUSE))
                fares = weather.known(ask)
        except elb.Refused as refused:
            logger.warning("a load balancer does not answer", balancer=balancer.kind, error=str(refused))
            seen.gone[balancer.id] = f"{balancer.kind}: {refused}"
            continue
        if fares is None:
            seen.silent.add(balancer.id)
        else:
            seen.found.update((each.registration, each) for each in fares)
    return seen


def _go_on(deployment: Deployment, waiting: Sequence[Target], seen: Seen) -> set[str]:
    """The ids of those that wait no more."""
    over, leaving, coming = set[str](), list[Moved](), list[Moved]()
    for target in waiting:
        decision = next_step(target, deployment.stop)
        if not isinstance(decision, Block | Allow) or str(decision.step) not in target.segments:
            _let_go(target, decision)
            over.add(target.target_id)
            continue
        is_moved = target.segments[str(decision.step)].sent_at is not None
        if is_moved and _is_over(deployment, target, decision, seen):
            over.add(target.target_id)
        elif not is_moved:
            (leaving if isinstance(decision, Block) else coming).append((target, decision.step))
    if leaving and not seen.silent:
        over |= weather.known(lambda: _leave(deployment, leaving, seen)) or set()
    if coming:
        over |= weather.known(lambda: _come(deployment, coming, seen)) or set()
    return over


def _leave(deployment: Deployment, leaving: Sequence[Moved], seen: Seen) -> set[str]:
    """The ids of those that have left, as far as the engine waits for it."""
    now, over = clock.timestamp(), set[str]()
    pinned = [
        (each if each.traffic else targets.pin_traffic(each, step, _as_it_is(deployment, each, seen), now), step)
        for each, step in leaving
    ]
    refusals = _take_out(deployment, [each for each, _ in pinned], seen)
    for each, step in pinned:
        if each.target_id in refusals or not _is_waited_for(deployment, each):
            _out(each, step, refusals)
            over.add(each.target_id)
        else:
            targets.note_moved(each, step, clock.timestamp())
    return over


def _come(deployment: Deployment, coming: Sequence[Moved], seen: Seen) -> set[str]:
    """Register those; the ids of those that are refused."""
    refusals, now = _bring_in(deployment, [each for each, _ in coming], seen), clock.timestamp()
    for each, step in coming:
        if why := refusals.get(each.target_id):
            results.store(each, step, traffic.failed(each, step, why, now))
        else:
            targets.note_moved(each, step, clock.timestamp())
    return set(refusals)


def _is_over(deployment: Deployment, target: Target, decision: Block | Allow, seen: Seen) -> bool:
    """Whether a target waits no more. Nothing follows from load balancers that are silent."""
    pinned, step, now = target.traffic or Traffic(), decision.step, clock.timestamp()
    mine = {each.balancer for each in pinned.registered}
    if mine & seen.silent:
        return False
    moved_at = target.segments[str(step)].sent_at or now
    if isinstance(decision, Block):
        has_left = traffic.has_left(deployment, pinned, seen.found, moved_at, now)
        if has_left:
            _out(target, step, {})
        return has_left
    lost = [seen.gone[each] for each in sorted(mine & set(seen.gone))]
    is_back = "\n".join(lost) or traffic.health(deployment, target, seen.found, moved_at, now)
    if isinstance(is_back, str):
        results.store(target, step, traffic.failed(target, step, is_back, now))
    elif is_back:
        results.store(target, step, traffic.allowed(target, step, now))
    return bool(is_back)


def _let_go(target: Target, decision: Decision) -> None:
    """The target waits no more: its deployment stops, or its step is over. That is told once more, because whoever put
    it on record may have died before it said so."""
    told = decision.status if isinstance(decision, End) else StepSignal.NEXT
    for number, step in enumerate(target.steps):
        run = target.segments.get(str(number))
        if isinstance(step, BlockTraffic | AllowTraffic) and run and run.task_token:
            results.wake(run.task_token, told)

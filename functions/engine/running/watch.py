"""watch: one chain of messages per deployment looks for everything that waits, in bulk (docs/how-it-works.md).

Each turn looks at every kind of what may wait. A kind answers in how many seconds it wants to be looked at again, None
when nothing of it waits; the chain goes on at the earliest of these, and ends when nothing waits at all.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from functions.aws import weather
from functions.aws.fleet import ssm
from functions.core.records import Deployment
from functions.core.rollout.looks import SentCommand, is_due, is_left_to_find_lost, seconds_to_next
from functions.core.rollout.stages import is_running
from functions.core.rollout.steps import End, StepSignal, next_step, step_result
from functions.engine.auto_scaling import instances
from functions.engine.running import chain, results, segments, traffic
from functions.store.records import deployments, pacer, targets, watching
from functions.store.records.targets import OpenTarget
from functions.store.records.watching import Turn, Wait, WaitKind
from functions.telemetry import logger

_GRANT_SECONDS = 5.0  # of sends that one turn hands out: so long others wait who send too
_MOST_SENDS = 300  # that one turn hands out: each is taken away for two of the 1,000 units a second of a partition
_EARLIER = 1.0  # seconds before the last moment that it handed out, the chain asks for more
_LET_GO = 200  # targets of a stopping deployment in one turn
_NAMED = 100  # targets of one read
_READS = 1000  # commands that have ended, in one turn
_READ_AGAIN = 4.0
_TOLD = 60.0  # seconds, by which whoever stores the end of a step has told it
_PARKED = 10_000
_AFTER_ERROR = 30.0

Kind = Callable[[Deployment, Turn], tuple[Turn, float | None]]


def take_over(deployment_id: str) -> bool:
    """Look for what the chain has left to `find_lost`, if that is due. As `tick`."""
    turn = watching.turn(deployment_id)
    is_due = turn.is_left and turn.next_at <= pacer.now()
    if is_due:
        tick(deployment_id, turn.number, (_commands,))
    return is_due


def tick(deployment_id: str, number: int, kinds: Sequence[Kind] = ()) -> None:
    """One turn of the chain; nothing when another one has its place. Raises what went wrong after the chain has gone
    on, but what AWS refuses for now. `kinds`: that it looks at, all unless some are named."""
    turn = watching.turn(deployment_id)
    at_work = watching.move(deployment_id, turn, next_at=pacer.now()) if turn.number == number else None
    if at_work is None:
        logger.info("another chain has its place", turn=number, current=turn.number)
        return
    error: Exception | None = None
    seconds: float | None = _AFTER_ERROR
    is_paused = False
    try:
        deployment = deployments.get(deployment_id)
        is_paused = bool(deployment and deployment.pause)
        at_work, seconds = _look(deployment, at_work, kinds or KINDS)
    except Exception as raised:
        logger.exception("not all was looked at")
        error = raised
    _rest(deployment_id, at_work, seconds, is_paused=is_paused)
    if error and not weather.passes(error):
        raise error


def _look(deployment: Deployment | None, turn: Turn, kinds: Sequence[Kind]) -> tuple[Turn, float | None]:
    """The turn after the look, and in how many seconds the next one is to come."""
    if deployment is None or not is_running(deployment):
        return turn, None
    wanted = dict[Kind, float]()
    for look in kinds:
        turn, seconds = look(deployment, turn)
        if seconds is not None:
            wanted[look] = seconds
    next_in = min(wanted.values(), default=None)
    if next_in is not None and wanted.keys() == {_commands}:
        turn = replace(turn, is_left=is_left_to_find_lost(next_in, turn.running))
    return turn, next_in


def _rest(deployment_id: str, turn: Turn, seconds: float | None, *, is_paused: bool) -> None:
    """The end of the turn. What waits for the end of a pause needs no further look: who ends it wakes the chain."""
    looked_for = [kind for kind in WaitKind if not (is_paused and kind is WaitKind.PAUSE)]
    next_at = pacer.now() + round(1000 * (seconds or 0))
    resting = watching.rest(deployment_id, turn, next_at=next_at, is_over=seconds is None)
    if resting is None:
        return
    is_idle = seconds is None or chain.is_at_rest(resting)
    if is_idle and any(watching.waits(deployment_id, kind, 1) for kind in looked_for):
        chain.wake(deployment_id, resting)  # it began to wait in this moment, and found the chain at work
    elif seconds is not None and not resting.is_left:
        chain.go_on(deployment_id, resting, seconds)


# -- targets that wait for the moment at which their command may be sent


def _sends(deployment: Deployment, turn: Turn) -> tuple[Turn, float | None]:
    deployment_id = deployment.deployment_id
    if deployment.stop and _let_go(deployment):
        return turn, 0.0
    if not deployment.pause and _let_ask_again(deployment_id):
        return turn, 0.0
    left = (turn.granted_until - pacer.now()) / 1000 - _EARLIER
    if left > 0:
        return turn, left
    waiting = watching.waits(deployment_id, WaitKind.SEND, min(pacer.most(_GRANT_SECONDS), _MOST_SENDS))
    if not waiting:
        return turn, None
    moments = pacer.take(len(waiting), seconds=_GRANT_SECONDS)
    if moments is None:
        return turn, _EARLIER
    handed = waiting[: moments.count]
    chain.hand_out(deployment_id, handed, moments)
    watching.remove(deployment_id, handed)
    until = moments[moments.count].at
    granted = replace(
        turn, granted_until=until, throttled_at=moments.throttled_at, running=turn.running + moments.count
    )
    return granted, max(0.0, (until - pacer.now()) / 1000 - _EARLIER)


def _let_go(deployment: Deployment) -> bool:
    """Wake the targets that are not sent to any more, because the deployment stops; whether there were some."""
    kinds = WaitKind.SEND, WaitKind.PAUSE
    waiting = [wait for kind in kinds for wait in watching.waits(deployment.deployment_id, kind, _LET_GO)]
    ended = list[Wait]()
    for start in range(0, len(waiting), _NAMED):
        some = waiting[start : start + _NAMED]
        found = targets.named(deployment.deployment_id, [each.target_id for each in some])
        for wait in some:
            decision = next_step(found[wait.target_id], deployment.stop)
            if isinstance(decision, End):
                results.wake(wait.task_token, decision.status)
                ended.append(wait)
    watching.remove(deployment.deployment_id, ended)
    return bool(ended)


def _let_ask_again(deployment_id: str) -> bool:
    """Wake the targets that a pause has held; whether there were some."""
    waiting = watching.waits(deployment_id, WaitKind.PAUSE, _LET_GO)
    for wait in waiting:
        results.wake(wait.task_token, StepSignal.WAIT)
    watching.remove(deployment_id, waiting)
    return bool(waiting)


# -- commands that run


def _commands(deployment: Deployment, turn: Turn) -> tuple[Turn, float | None]:
    """Read the commands whose end SSM has told but not shown, and at intervals those of whose end no event has told.

    All targets are read for that, at most 10,000 in about 25 pages, but only when a look comes due: what waits is on
    record with them, also as an older engine has written it, and no target pays for a list of its own.
    """
    deployment_id, now, every = deployment.deployment_id, pacer.now(), watching.reconcile_seconds()
    ended = watching.waits(deployment_id, WaitKind.READ, _READS)
    left = every - (now - turn.looked_at) / 1000
    if not ended and left > 0:
        return turn, left
    fleet = list(targets.open_ones(deployment_id))
    running = list(_sent(fleet))
    turn = replace(turn, running=len(running))
    told = {each.target_id for each in ended}
    due = [each for each in running if left <= 0 and is_due(each.sent_at, turn.looked_at / 1000, now / 1000, every)]
    wanted = {each.target_id: each for each in (*due, *(each for each in running if each.target_id in told))}
    silent, still = _read(deployment_id, list(wanted.values()))
    _end_lost(deployment_id, [each for each in due if each.target_id in silent | still])
    watching.remove(deployment_id, [each for each in ended if each.target_id not in silent])
    if left <= 0:
        _tell_again(deployment, fleet, since=turn.looked_at / 1000)
        turn = replace(turn, looked_at=now)
        # A command that is sent meanwhile calls the chain back: `chain.come_by`.
        left = max(every, min((seconds_to_next(each.sent_at, now / 1000, every) for each in running), default=0.0))
    return turn, (min(left, _READ_AGAIN) if silent & told else left) if fleet else None


def _sent(fleet: Iterable[OpenTarget]) -> Iterator[SentCommand]:
    for target in fleet:
        for step, run in target.segments.items():
            if run.command_id and run.status is None:
                sent_at = _seconds(run.sent_at) if run.sent_at else 0.0
                yield SentCommand(target.target_id, int(step), run.command_id, sent_at)


def _read(deployment_id: str, commands: Sequence[SentCommand]) -> tuple[set[str], set[str]]:
    """Record the ends of these commands. The targets of which SSM shows nothing, and those whose command runs."""
    silent, still = set[str](), set[str]()
    found = ssm.invocations_of(commands)
    for each in commands:
        invocation = found.get((each.command_id, each.target_id))
        target = targets.get(deployment_id, each.target_id) if invocation else None
        if not invocation or target is None:
            silent.add(each.target_id)
        elif segments.record_end(target, each.step, each.command_id, invocation) is None:
            still.add(each.target_id)
    return silent, still


def _tell_again(deployment: Deployment, fleet: Iterable[OpenTarget], *, since: float) -> None:
    """Tell the ends of steps once more that were stored since the last look: whoever stored one may have died before it
    told, and its state would wait for hours. One that waits for its moment to send has heard."""
    deployment_id, now = deployment.deployment_id, pacer.now() / 1000
    between = [
        each.target_id
        for each in fleet
        if each.is_between_steps and since - _TOLD < _seconds(each.updated_at) < now - _TOLD
    ]
    heard = {each.target_id for each in watching.waits(deployment_id, WaitKind.SEND, _PARKED)} if between else set()
    for start in range(0, len(between), _NAMED):
        named = targets.named(deployment_id, [each for each in between[start : start + _NAMED] if each not in heard])
        for target in named.values():
            token = max(target.segments.items(), key=lambda each: int(each[0]))[1].task_token
            if token and not target.status.is_final:
                results.wake(token, step_result(target))


def _seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()


def _end_lost(deployment_id: str, commands: Sequence[SentCommand]) -> None:
    """The hosts that SSM has lost for good fail."""
    lost = ssm.lost([each.target_id for each in commands])
    for each in commands:
        target = targets.get(deployment_id, each.target_id) if each.target_id in lost else None
        if target:
            segments.end_lost(target, each.step, each.command_id, lost[each.target_id])


KINDS: Sequence[Kind] = (instances.look, _sends, _commands, traffic.look)

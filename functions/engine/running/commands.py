"""The look at commands that run, for what no event tells: an end of which it was lost, a host that died."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from functions.aws.fleet import ssm
from functions.core.limits import batches
from functions.core.records import Deployment
from functions.core.rollout.looks import SentCommand, is_due, seconds_to_next
from functions.core.rollout.places import in_progress, tally
from functions.core.rollout.steps import step_result
from functions.engine.running import results, segments
from functions.store.records import pacer, places, targets, watching
from functions.store.records.targets import RunningTarget
from functions.store.records.watching import Turn, WaitKind

_NAMED = 100  # targets of one read
_READS = 1000  # commands that have ended, in one turn
_READ_AGAIN = 4.0
_TOLD = 60.0  # seconds, by which whoever stores the end of a step has told it
_PARKED = 10_000
_FEW_OF = 4  # one of so many: that fewer targets are read by their ids, 100 in a request


def look(deployment: Deployment, turn: Turn) -> tuple[Turn, float | None]:
    """Read the commands whose end SSM has told but not shown, and at intervals those of whose end no event has told.

    What waits is on record with its target, also as an older engine has written it, so no target pays for a list of its
    own; and who may have begun, the deployment's places know.
    """
    deployment_id, now, every = deployment.deployment_id, pacer.now(), watching.reconcile_seconds()
    ended = watching.waits(deployment_id, WaitKind.READ, _READS)
    left = every - (now - turn.looked_at) / 1000
    if not ended and left > 0:
        return turn, left
    fleet, is_over = _in_progress(deployment)
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
    if is_over:
        return turn, None
    return turn, min(left, _READ_AGAIN) if silent & told else left


def _in_progress(deployment: Deployment) -> tuple[list[RunningTarget], bool]:
    """The targets in progress, and whether all have ended. Each has a place of its deployment, so a fleet that is
    deployed to few by few is read few by few; where many have places, all targets are read, 400 in a request."""
    if not deployment.places:  # an older engine began it
        return list(targets.in_progress(deployment.deployment_id)), False
    states = places.read(deployment.places[0])
    counts, holders = tally(deployment.counts, states), in_progress(states)
    named = holders if len(holders) * _FEW_OF <= counts.total else None
    is_over = not (counts.pending or counts.in_progress)
    return list(targets.in_progress(deployment.deployment_id, named)), is_over


def _sent(fleet: Iterable[RunningTarget]) -> Iterator[SentCommand]:
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


def _tell_again(deployment: Deployment, fleet: Iterable[RunningTarget], *, since: float) -> None:
    """Tell the ends of steps once more that were stored since the last look: whoever stored one may have died before it
    told, and its state would wait for hours. One that waits for its moment to send has heard."""
    deployment_id, now = deployment.deployment_id, pacer.now() / 1000
    between = [
        each.target_id
        for each in fleet
        if each.is_between_steps and since - _TOLD < _seconds(each.updated_at) < now - _TOLD
    ]
    heard = {each.target_id for each in watching.waits(deployment_id, WaitKind.SEND, _PARKED)} if between else set()
    for some in batches(between, _NAMED):
        named = targets.named(deployment_id, [each for each in some if each not in heard])
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

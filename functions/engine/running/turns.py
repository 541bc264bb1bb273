"""The turns of a watch's chain: each one looks at some kinds of what may wait, and says when the next one is to come.

A kind answers in how many seconds it wants to be looked at again, None when nothing of it waits; the chain goes on at
the earliest of these, and ends when nothing waits at all. Where only commands are to be looked at, and that is far or
they are few, the turn is left to `find_lost`.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from functions.aws import weather
from functions.core.records import Deployment
from functions.core.rollout.looks import is_left_to_find_lost
from functions.core.rollout.stages import is_running
from functions.engine.running import chain, commands
from functions.store.records import deployments, pacer, watching
from functions.store.records.watching import Turn, WaitKind
from functions.telemetry import logger

_AFTER_ERROR = 30.0

Kind = Callable[[Deployment, Turn], tuple[Turn, float | None]]


def take_over(deployment_id: str) -> bool:
    """Look for what the chain has left to `find_lost`, if that is due. As `tick`."""
    turn = watching.turn(deployment_id)
    is_due = turn.is_left and turn.next_at <= pacer.now()
    if is_due:
        tick(deployment_id, turn.number, [commands.look])
    return is_due


def tick(deployment_id: str, number: int, kinds: Sequence[Kind]) -> None:
    """One turn of the chain; nothing when another one has its place. Raises what went wrong after the chain has gone
    on, but what AWS refuses for now."""
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
        at_work, seconds = _look(deployment, at_work, kinds)
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
    if next_in is not None and wanted.keys() == {commands.look}:
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

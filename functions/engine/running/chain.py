"""The chain of a deployment's watch: it is started, woken and goes on by messages, and one of them lives at a time.

A message that is lost, or whose turn ended with its function, leaves a chain that is overdue: RunSegment, NextStage and
`find_lost` start it again when they see that.
"""

from collections.abc import Sequence
from dataclasses import replace

from functions.aws import clock, queues
from functions.core.limits import batches
from functions.core.text.shapes import to_plain
from functions.store.records import pacer, watching
from functions.store.records.pacer import Moment, Moments
from functions.store.records.watching import Turn, Wait, WaitKind

_SOON = 2_000  # milliseconds: a chain that goes on by then needs no waking
_OVERDUE = 150_000  # milliseconds after which a chain that should have gone on is dead
_MOST = 5  # targets of one message: they are sent to one after another, a tenth of a second each


def start(deployment_id: str) -> None:
    """Make sure that somebody watches: nothing happens where a chain lives."""
    turn = watching.turn(deployment_id)
    if turn.is_over or is_dead(turn):
        _move(deployment_id, turn, watching.reconcile_seconds())


def revive(deployment_id: str) -> bool:
    """As `start`, where something may have killed the chain; one that found nothing left to wait for stays as it is."""
    turn = watching.turn(deployment_id)
    return not turn.is_over and is_dead(turn) and _move(deployment_id, turn, 0)


def come_by(deployment_id: str, seconds: int) -> None:
    """Let the chain go on in so many seconds at the latest, where it rests for longer."""
    turn, at = watching.turn(deployment_id), pacer.now() + seconds * 1000
    if turn.is_over or turn.next_at <= at + _SOON:
        return
    if turn.is_left:
        watching.hasten(deployment_id, turn, next_at=at)
    else:
        _move(deployment_id, turn, seconds)


def is_dead(turn: Turn) -> bool:
    return pacer.now() - turn.next_at > _OVERDUE


def park(deployment_id: str, wait: Wait, void: Moment | None = None) -> bool:
    """Keep what waits until the chain finds it, which is soon. False when it is to find the target anyway.

    In this order: a chain that goes to rest looks once more at what waits after it has said so. With the moment that it
    had and that is `void`, the chain hands out new ones at once, instead of when the old ones are over.
    """
    is_new = watching.add(deployment_id, wait)
    turn = watching.turn(deployment_id)
    if void and turn.granted_until and turn.throttled_at == void.throttled_at:
        wake(deployment_id, replace(turn, granted_until=0))
    elif turn.is_over or is_dead(turn) or is_at_rest(turn, is_sending=wait.kind is WaitKind.SEND):
        wake(deployment_id, turn)
    return is_new


def is_at_rest(turn: Turn, *, is_sending: bool = True) -> bool:
    """Whether the chain goes on so late that it has to be woken. One that has handed out moments to send at comes back
    when they are over, which is soon enough for who waits to send; one that is left to `find_lost` does not."""
    has_more = is_sending and turn.next_at <= turn.granted_until
    return turn.is_left or (turn.next_at > pacer.now() + _SOON and not has_more)


def wake(deployment_id: str, turn: Turn) -> None:
    """Let the chain go on now."""
    _move(deployment_id, turn, 1)


def go_on(deployment_id: str, turn: Turn, seconds: float) -> None:
    """The next message of the chain."""
    queues.send_turn({"deployment_id": deployment_id, "turn": turn.number}, seconds=seconds)


def hand_out(deployment_id: str, waits: Sequence[Wait], moments: Moments) -> None:
    """Tell RunSegment which targets to send to, and when: about a second's worth in each message."""
    size = max(1, min(_MOST, round(1000 / moments.interval)))
    for number, some in enumerate(batches(waits, size)):
        mine = replace(moments, first=moments[number * size].at, count=len(some))
        body = {"deployment_id": deployment_id, "moments": to_plain(mine), "sends": to_plain(some)}
        queues.send_moments(body, seconds=(mine.first - pacer.now()) / 1000)


def _move(deployment_id: str, turn: Turn, seconds: int) -> bool:
    """The chain goes on in so many seconds, whatever it was about to do. False when another call has moved it."""
    delay = clock.jittered(seconds) if seconds > 1 else seconds
    moved = watching.move(deployment_id, turn, next_at=pacer.now() + delay * 1000)
    if moved:
        go_on(deployment_id, moved, delay)
    return moved is not None

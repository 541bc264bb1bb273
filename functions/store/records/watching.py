"""What a deployment's watch keeps: the turn of its chain, and what waits to be looked at soon.

A chain is a row of messages, each with the number of its turn. Whoever takes a turn makes the next number, so a message
that came twice, or that belongs to a chain which another one took the place of, finds that its turn is over.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from functions.aws import clock
from functions.core.limits import batches
from functions.core.text.shapes import from_plain, to_plain
from functions.settings import settings
from functions.store.keys import turn_key, wait_key, waits_pk
from functions.store.table.items import items
from functions.store.table.values import IS_NEW, MAX_WRITES, Delete, Equals, Item, Put, Query, all_of

_KEPT_SECONDS = 30 * 86400  # TTL


class WaitKind(StrEnum):
    """For what a target waits."""

    SEND = "SEND"  # for the moment at which its command may be sent
    PAUSE = "PAUSE"  # for the end of a pause, before it begins
    READ = "READ"  # its command has ended, but SSM did not say how
    HOST = "HOST"  # for its host, which has only begun to run
    TRAFFIC = "TRAFFIC"  # to have left its load balancers, or to be healthy there


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """The turn of a chain."""

    number: int = 0
    next_at: int = 0  # when the chain goes on; in the past while it is at work. All times are milliseconds
    looked_at: int = 0  # when it looked at running commands last
    granted_until: int = 0  # the last moment to send at that it has handed out
    throttled_at: int = 0  # when SSM had throttled last, at that time
    traffic_at: int = 0  # when it looked at load balancers last
    heartbeat_at: int = 0  # when it last told Auto Scaling to wait
    is_over: bool = False  # nothing waits
    is_left: bool = False  # to `find_lost`, which takes it when it is due: there is no message of it
    running: int = 0  # commands, as far as it knows


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """One target that waits."""

    kind: WaitKind
    target_id: str
    task_token: str = ""
    since: int = 0


def reconcile_seconds() -> int:
    """After how long a running command is looked at, if no event tells of its end."""
    return settings().reconcile_seconds


def turn(deployment_id: str) -> Turn:
    """The chain as it is."""
    item = items().get(turn_key(deployment_id))
    return from_plain(Turn, item) if item else Turn()


def move(deployment_id: str, was: Turn, *, next_at: int) -> Turn | None:
    """The chain's next turn; None when another call has moved it."""
    moved = replace(was, number=was.number + 1, next_at=next_at, is_over=False, is_left=False)
    return moved if _write(deployment_id, was, moved) else None


def rest(deployment_id: str, at_work: Turn, *, next_at: int, is_over: bool) -> Turn | None:
    """The end of a turn: when the next one is. None when another chain took its place meanwhile."""
    resting = replace(at_work, next_at=next_at, is_over=is_over)
    return resting if _write(deployment_id, at_work, resting) else None


def hasten(deployment_id: str, left: Turn, *, next_at: int) -> None:
    """A turn that is left to `find_lost` is due earlier, if it is left to it still."""
    _write(deployment_id, left, replace(left, next_at=next_at))


def add(deployment_id: str, wait: Wait) -> bool:
    """A target waits. False when it does already with a token: which one a state waits with, nobody can tell.

    Without a token it waits anew, for the next step perhaps: what the chain is just about to remove is the old wait.
    """
    key = wait_key(deployment_id, wait.kind, wait.target_id)
    return items().write(Put(key, {**to_plain(wait), **_expires()}, IS_NEW if wait.task_token else None))


def waits(deployment_id: str, kind: WaitKind, limit: int) -> list[Wait]:
    """Some that wait."""
    page = items().page(Query(waits_pk(deployment_id), f"{kind}#"), limit)
    return [from_plain(Wait, item) for item in page.items]


def get(deployment_id: str, kind: WaitKind, target_id: str) -> Wait | None:
    """How a target waits, if it does."""
    item = items().get(wait_key(deployment_id, kind, target_id))
    return from_plain(Wait, item) if item else None


def remove(deployment_id: str, waits: list[Wait]) -> None:
    """They wait no longer; one that has begun to wait anew meanwhile stays."""
    for some in batches(waits, MAX_WRITES):
        gone = [_gone(deployment_id, each) for each in some]
        if not items().transact(gone):
            for each in gone:
                items().write(each)


def _gone(deployment_id: str, wait: Wait) -> Delete:
    key = wait_key(deployment_id, wait.kind, wait.target_id)
    return Delete(key, all_of(Equals("task_token", wait.task_token), Equals("since", wait.since)))


def _write(deployment_id: str, was: Turn, is_now: Turn) -> bool:
    same = Equals("number", was.number) if was.number else IS_NEW
    return items().write(Put(turn_key(deployment_id), {**to_plain(is_now), **_expires()}, same))


def _expires() -> Item:
    return {"expires_at": int(clock.now().timestamp()) + _KEPT_SECONDS}

"""Places in the table: one item for each shard of a set, with a partition of its own and in no index.

Every write is of one item, conditional, and can be repeated. A target has a place at most in the shard that its record
names (`targets.move_to_shard`), so whoever finds the record can give the place back.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from functions.core.records import Deployment, PlaceSet, Shard, ShardState, Target
from functions.core.records.places import GUEST
from functions.core.rollout.places import Ended, tally
from functions.core.statuses import TargetStatus
from functions.core.text.shapes import from_plain
from functions.store.keys import shard_key
from functions.store.reading import get_many
from functions.store.table.items import items
from functions.store.table.values import (
    IS_THERE,
    Condition,
    Contains,
    Fewer,
    Key,
    Lacks,
    Missing,
    Put,
    Update,
    all_of,
)


def new(places: PlaceSet) -> list[Put]:
    """Its shards, for a begin."""
    return [Put(_key(shard), {"places": shard.places}) for shard in places.shards]


# -- a target's place


def take(shard: Shard, target: Target, *, without_room: bool = False) -> bool:
    """Whether the target has a place now. One that has it already keeps it, also when the shard is full or closed: it
    may have got it by a call that died, and would leave it behind."""
    me = target.target_id
    lets_in: list[Condition] = [IS_THERE, Missing("closed"), Lacks("holders", me)]
    if not without_room:
        lets_in.append(Fewer("holders", shard.places))
    update = Update(
        _key(shard),
        includes={"holders": frozenset({me})},
        adds={"was_out": 1} if target.was_out_of_service else {},
        condition=all_of(*lets_in),
    )
    return me in _state(items().update_or_read(update)).holders


def take_as_guest(shard: Shard, launch_id: str) -> bool:
    """Whether a deployment to an instance that is launched has a place now."""
    guest = f"{GUEST}{launch_id}"
    has_room = all_of(IS_THERE, Missing("closed"), Lacks("holders", guest), Fewer("holders", shard.places))
    update = Update(_key(shard), includes={"holders": frozenset({guest})}, condition=has_room)
    return guest in _state(items().update_or_read(update)).holders


def send_away(shard: Shard, launch_ids: Iterable[str]) -> None:
    """Give the places of guests back."""
    gone = frozenset(f"{GUEST}{each}" for each in launch_ids)
    items().write(Update(_key(shard), excludes={"holders": gone}, condition=IS_THERE))


def leave(name: str, number: int, target: Target) -> None:
    """Give a place back that was not used."""
    items().write(_left(shard_key(name, number), target))


def settle(name: str, number: int, target: Target) -> None:
    """What the end of a target makes of its place: a failed one keeps it."""
    me, key = frozenset({target.target_id}), shard_key(name, number)
    match target.status:
        case TargetStatus.SUCCEEDED:
            holds = Contains("holders", target.target_id)
            items().write(Update(key, excludes={"holders": me}, adds={"succeeded": 1}, condition=holds))
        case TargetStatus.FAILED:
            items().write(Update(key, includes={"failed": me}, condition=IS_THERE))
        case _:
            items().write(_left(key, target))


def settle_all(name: str, number: int, ended: Ended) -> bool:
    """As `settle`, for many targets of one shard. False when one of them was settled meanwhile: read again."""
    gone = ended.succeeded | ended.left
    adds = {"succeeded": len(ended.succeeded), "was_out": -ended.left_out}
    update = Update(
        shard_key(name, number),
        excludes={"holders": gone} if gone else {},
        includes={"failed": ended.failed} if ended.failed else {},
        adds={counter: change for counter, change in adds.items() if change},
        condition=all_of(IS_THERE, *(Contains("holders", each) for each in sorted(gone))),
    )
    return items().write(update)


def _left(key: Key, target: Target) -> Update:
    return Update(
        key,
        excludes={"holders": frozenset({target.target_id})},
        adds={"was_out": -1} if target.was_out_of_service else {},
        condition=Contains("holders", target.target_id),
    )


# -- a set


def close(places: PlaceSet) -> None:
    """No target gets a place of it any more."""
    for shard in places.shards:
        items().write(Update(_key(shard), sets={"closed": True}, condition=all_of(IS_THERE, Missing("closed"))))


def read(places: PlaceSet) -> list[ShardState]:
    """All its shards, in their order, consistently."""
    return read_all([places])[places.name]


def counted(deployment: Deployment) -> Deployment:
    """The deployment with the counts of this moment: at most two requests, none for one that is over."""
    return counted_all([deployment])[0]


def counted_all(found: Sequence[Deployment]) -> list[Deployment]:
    """As `counted`, for some deployments at once."""
    states = read_all([each.places[0] for each in found if _is_counted(each)])
    return [
        replace(each, counts=tally(each.counts, states[each.places[0].name])) if _is_counted(each) else each
        for each in found
    ]


def _is_counted(deployment: Deployment) -> bool:
    return bool(deployment.places) and not deployment.status.is_final


def read_all(sets: Iterable[PlaceSet]) -> dict[str, list[ShardState]]:
    shards = [shard for places in sets for shard in places.shards]
    found = {Key(item["pk"], item["sk"]): item for item in get_many(map(_key, shards))}
    states = dict[str, list[ShardState]]()
    for shard in shards:
        states.setdefault(shard.of, []).append(_state(found.get(_key(shard), {})))
    return states


def _key(shard: Shard) -> Key:
    return shard_key(shard.of, shard.number)


def _state(item: dict[str, Any]) -> ShardState:
    return from_plain(ShardState, item)

"""The places of budgets in the table: one item for each shard, with a partition of its own and in no index.

Every write is of one item, conditional, and can be repeated. The item stays when the deployments are over that made it.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from functions.aws import clock
from functions.core.causes import Cause
from functions.core.records import BudgetShard, BudgetShare, HostPlace, InLine, Shard, Target
from functions.core.records.budgets import set_name
from functions.core.statuses import TargetStatus
from functions.core.text.shapes import from_plain, to_plain
from functions.settings import settings
from functions.store.keys import shard_key
from functions.store.reading import get_many
from functions.store.table.items import items
from functions.store.table.values import (
    IS_THERE,
    AtMost,
    Condition,
    Differs,
    Equals,
    Exists,
    Fewer,
    Item,
    Key,
    Missing,
    Path,
    Update,
    all_of,
    any_of,
)

_ASKS = 4  # times a target's wait: who has not asked again by then has lost its turn


def prepare(budget: str, numbers: Collection[int]) -> None:
    """Shards that are used from now on, if they are new."""
    for number in numbers:
        items().write(Update(shard_key(set_name(budget), number), defaults={"held": {}, "line": {}}))


def read(budget: str, number_of_shards: int) -> list[BudgetShard]:
    """The first so many shards, in their order, consistently."""
    keys = [shard_key(set_name(budget), number) for number in range(number_of_shards)]
    found = {Key(item["pk"], item["sk"]): item for item in get_many(keys)}
    return [_state(found.get(key, {})) for key in keys]


# -- a target's place


def take(shard: Shard, target: Target, now: str, *, is_first: bool = False) -> BudgetShard:
    """The shard after the target has asked for a place there. It gets one if its host has none, there is room, and
    nobody waits, or (`is_first`) its deployment has waited the longest. So it leaves the line."""
    me, place = target.deployment_id, _place(target.target_id)
    lets_in: list[Condition] = [Missing(place), Fewer("held", shard.places)]
    if not is_first:
        alone = all_of(Exists(("line", me)), Fewer("line", 2))
        lets_in.append(any_of(Fewer("line", 1), alone))
    update = Update(
        _key(shard),
        sets={place: to_plain(HostPlace(since=now, deployment_id=me))},
        removes=(("line", me),),
        condition=all_of(IS_THERE, *lets_in),
    )
    return _state(items().update_or_read(update))


def take_over(shard: Shard, target: Target) -> bool:
    """Whether the target has the place now that its host has since it failed. That needs no room."""
    at_work: Path = (*_place(target.target_id), "deployment_id")
    return items().write(Update(_key(shard), sets={at_work: target.deployment_id}, condition=Equals(at_work, "")))


def stand_in_line(shard: Shard, state: BudgetShard, deployment_id: str, now: str) -> None:
    """The deployment waits for a place of this shard. `state`: as the shard was read; one that has just said so need
    not say it again."""
    patience, asked = timedelta(seconds=_ASKS * settings().ask_again_seconds), datetime.fromisoformat(now)
    known = state.line.get(deployment_id)
    if known and datetime.fromisoformat(known.until) - asked > patience / 2:
        return
    since = known.since if known and known.until > now else now
    waits = InLine(since=since, until=clock.timestamp(asked + patience))
    items().write(Update(_key(shard), sets={("line", deployment_id): to_plain(waits)}, condition=IS_THERE))


def settle(place_set: str, number: int, target: Target) -> None:
    """What the end of a target makes of its place: one that failed keeps it. A place that was taken after the end, by a
    call that came late, is left."""
    key, place, ended_at = shard_key(place_set, number), _place(target.target_id), target.last_updated_at or ""
    at_work: Path = (*place, "deployment_id")
    is_mine = Equals(at_work, target.deployment_id)
    is_gone = bool(target.failure and target.failure.cause is Cause.TERMINATED)
    if target.status is TargetStatus.SUCCEEDED or is_gone:
        items().write(Update(key, removes=(place,), condition=is_mine))
        return
    if target.status is TargetStatus.FAILED and target.started_at:
        failed: Path = (*place, "failed_in")
        is_of_then = AtMost((*place, "since"), ended_at)
        sets, condition = {at_work: "", failed: target.deployment_id}, all_of(is_mine, is_of_then)
        if items().write(Update(key, sets=sets, condition=condition)):
            return
    leave(place_set, number, target)


def leave(place_set: str, number: int, target: Target) -> None:
    """Give a place back that was not used; that of a host which had failed before stays with it."""
    key, place = shard_key(place_set, number), _place(target.target_id)
    at_work: Path = (*place, "deployment_id")
    is_mine, has_failed = Equals(at_work, target.deployment_id), Differs((*place, "failed_in"), "")
    if not items().write(Update(key, sets={at_work: ""}, condition=all_of(is_mine, has_failed))):
        items().write(Update(key, removes=(place,), condition=is_mine))


def leave_line(share: BudgetShare, shards: Sequence[BudgetShard], deployment_id: str) -> None:
    """The deployment waits for no place any more."""
    for shard, state in zip(share.shards, shards, strict=True):
        if deployment_id in state.line:
            items().write(Update(_key(shard), removes=(("line", deployment_id),), condition=IS_THERE))


def release(budget: str, number: int, host_id: str, place: HostPlace) -> bool:
    """Take the place of a host back. False when it is not as it was read any more."""
    path: Path = _place(host_id)
    is_same = Equals((*path, "deployment_id"), place.deployment_id)
    return items().write(Update(shard_key(set_name(budget), number), removes=(path,), condition=is_same))


def _place(host_id: str) -> tuple[str, str]:
    return "held", host_id


def _key(shard: Shard) -> Key:
    return shard_key(shard.of, shard.number)


def _state(item: Item) -> BudgetShard:
    return from_plain(BudgetShard, item)

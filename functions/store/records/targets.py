"""The targets of deployments: out of service, under a command, at their end; and the commands, by which they are found.

What a target's begin and end have to do with its places and its host is put together in
`functions/engine/running/places.py`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from functions.core.causes import Cause
from functions.core.errors import Conflict
from functions.core.records import BudgetWait, HostWait, SegmentResult, SegmentRun, Target, TargetFailure, Traffic
from functions.core.rollout.command_result import closed_events, merged
from functions.core.rollout.traffic import begun as begun_events
from functions.core.statuses import TargetStatus
from functions.core.text.shapes import from_plain, to_plain
from functions.store import announced
from functions.store.keys import command_key, deployment_key, target_key
from functions.store.reading import get_many, record
from functions.store.records import hosts
from functions.store.table import pages
from functions.store.table.items import items
from functions.store.table.values import (
    Condition,
    Equals,
    Exists,
    Item,
    Key,
    Missing,
    Path,
    Put,
    Query,
    Update,
    Write,
    any_of,
    is_any,
)

COMMAND_DAYS = 30  # how long a command's record is kept (TTL)

Ending = tuple[Target, TargetStatus, TargetFailure | None]


@dataclass(frozen=True, slots=True)
class RunningTarget:
    """As much of a target in progress as says what it waits for."""

    target_id: str
    segments: Mapping[str, SegmentRun]
    updated_at: str  # when its last step began or ended

    @property
    def is_between_steps(self) -> bool:
        """Its last step is over, and the next one has not begun."""
        return bool(self.segments) and all(run.status for run in self.segments.values())


# -- reading


def get(deployment_id: str, target_id: str) -> Target | None:
    """The target, read consistently."""
    item = items().get(target_key(deployment_id, target_id))
    return record(Target, item) if item else None


def named(deployment_id: str, target_ids: Sequence[str]) -> dict[str, Target]:
    """Those of a deployment that exist, by id; a hundred in a request."""
    found = get_many(target_key(deployment_id, each) for each in target_ids)
    return {item["target_id"]: record(Target, item) for item in found}


def of(deployment_id: str, statuses: Iterable[TargetStatus] = ()) -> Iterator[Target]:
    """The deployment's targets in the order of their ids, of some statuses or all."""
    for item in items().query(_of(deployment_id, statuses)):
        yield record(Target, item)


def in_progress(deployment_id: str, among: Sequence[str] | None = None) -> Iterator[RunningTarget]:
    """The targets in progress: of these, a hundred in a request, or of all."""
    if among is None:
        yield from map(_running, items().query(_of(deployment_id, (TargetStatus.IN_PROGRESS,))))
        return
    found = get_many(target_key(deployment_id, each) for each in among)
    yield from (_running(item) for item in found if item["status"] == TargetStatus.IN_PROGRESS)


def _running(item: Item) -> RunningTarget:
    segments = {step: from_plain(SegmentRun, run) for step, run in item.get("segments", {}).items()}
    return RunningTarget(item["target_id"], segments, item.get("last_updated_at", ""))


def failed(deployment_id: str, limit: int | None = None) -> list[Target]:
    """The failed targets, in the order of their ids."""
    found: list[Target] = []
    for target in of(deployment_id, (TargetStatus.FAILED,)):
        if limit is not None and len(found) == limit:
            break
        found.append(target)
    return found


def terminated(deployment_id: str) -> int:
    """How many targets' instances Auto Scaling has ended."""
    skipped = of(deployment_id, (TargetStatus.SKIPPED,))
    return sum(1 for each in skipped if each.failure and each.failure.cause is Cause.TERMINATED)


def page(deployment_id: str, statuses: Iterable[str], token: str | None) -> tuple[list[Target], str | None]:
    """A page of targets, of some statuses or all, and the token of the next."""
    found, after = pages.page(_of(deployment_id, statuses), token)
    return [record(Target, item) for item in found], after


def command(command_id: str, instance_id: str) -> tuple[str, int] | None:
    """The deployment and segment that sent the command to the instance."""
    item = items().get(command_key(command_id, instance_id))
    return (item["deployment_id"], item["segment"]) if item and "deployment_id" in item else None


def note_end(command_id: str, instance_id: str, *, expires_at: int) -> bool:
    """A command has ended that is not on record: whoever puts it there finds this. False when it is there by now."""
    early = {"has_ended": True, "expires_at": expires_at}
    return items().write(Put(command_key(command_id, instance_id), early, Missing("deployment_id")))


# -- a target's life


def move_to_shard(target: Target, place_set: str, number: int) -> bool:
    """From now on the target asks another shard of the set, because its own has refused it. False when another call has
    moved or begun it."""
    path: Path = ("places", place_set)
    is_as_read = Equals(path, target.places[place_set]), Equals("status", TargetStatus.PENDING.value)
    return items().write(announced.same_status(_key(target), *is_as_read, sets={path: number}))


def give_places_back(target: Target, wait: BudgetWait | None) -> bool:
    """The target is about to give back the places that it has: a call that has taken some meanwhile does not begin it.
    False when another call has begun, ended or refused it. `wait`: why, if it is a budget."""
    is_as_read = Equals("status", TargetStatus.PENDING.value), _has_as_many_refusals(target)
    sets: dict[Path, object] = {"refusals": target.refusals + 1}
    if wait:
        sets["budget_wait"] = to_plain(wait)
    return items().write(announced.same_status(_key(target), *is_as_read, sets=sets))


def _has_as_many_refusals(target: Target) -> Condition:
    is_same: Condition = Equals("refusals", target.refusals)
    return is_same if target.refusals else any_of(Missing("refusals"), is_same)


def begin(target: Target, now: str) -> bool:
    """Pending -> InProgress, of a target that has its places. False when another call has moved, refused, begun or
    ended it."""
    return items().write(beginning(target, now))


def beginning(target: Target, now: str) -> Update:
    """The write of `begin`."""
    has_places = (Equals(("places", name), number) for name, number in target.places.items())
    claimed = to_plain(SegmentRun(claimed_at=now))
    sets: dict[Path, object] = {"last_updated_at": now, "started_at": now, ("segments", "0"): claimed}
    return announced.status_change(
        _key(target),
        [TargetStatus.PENDING],
        TargetStatus.IN_PROGRESS,
        *has_places,
        _has_as_many_refusals(target),
        sets=sets,
    )


def begin_segment(target: Target, segment: int, now: str) -> bool:
    """A target that is out of service begins a later segment: from now on its command may have been sent, by this call.
    False when another call has begun it, or the target has ended."""
    place: Path = ("segments", str(segment))
    is_due = Equals("status", TargetStatus.IN_PROGRESS.value)
    sets: dict[Path, object] = {"last_updated_at": now, place: to_plain(SegmentRun(claimed_at=now))}
    return items().write(announced.same_status(_key(target), is_due, Missing(place), sets=sets))


def claim(target: Target, segment: int, now: str) -> bool:
    """This call alone may send a segment that has begun. False when another call has claimed it since the target was
    read, or the target has ended."""
    place: Path = ("segments", str(segment))
    run = target.segments.get(str(segment), SegmentRun())
    claimed_at: Path = (*place, "claimed_at")
    as_read = Missing(claimed_at) if run.claimed_at is None else Equals(claimed_at, run.claimed_at)
    is_due = Equals("status", TargetStatus.IN_PROGRESS.value), Missing((*place, "command_id"))
    sets: dict[Path, object] = {place: to_plain(replace(run, claimed_at=now))}
    return items().write(announced.same_status(_key(target), *is_due, as_read, sets=sets))


def give_up_claim(target: Target, segment: int) -> None:
    """SSM has not taken the segment of the call that claimed it: another one may send it at once."""
    claimed_at: Path = ("segments", str(segment), "claimed_at")
    is_mine = Equals(claimed_at, target.segments[str(segment)].claimed_at)
    items().write(announced.same_status(_key(target), is_mine, sets={claimed_at: ""}))


def store_command(target: Target, segment: int, command_id: str, run: SegmentRun, *, expires_at: int) -> bool:
    """Remember the command that carries a segment, and the token that waits for it. False when it has ended already:
    its event came first. Raises Conflict on a second command."""
    place: Path = ("segments", str(segment))
    command = {"deployment_id": target.deployment_id, "segment": segment, "expires_at": expires_at}
    is_first = announced.same_status(_key(target), Missing((*place, "command_id")), sets={place: to_plain(run)})
    key = command_key(command_id, target.target_id)
    if items().transact([is_first, Put(key, command, Missing("has_ended"))]):
        return True
    if items().transact([is_first, Put(key, command, Exists("has_ended"))]):
        return False
    raise Conflict(f"segment {segment} of {target.target_id} has another command than {command_id}")


def wait_for_host(target: Target, segment: int, command_id: str, wait: HostWait, now: str) -> SegmentRun | None:
    """The segment's command found the host busy: another one will be sent. The run that this ends, None when that, or
    the segment's end, is on record already."""
    return _send_again(target, segment, command_id, now, renewals=0, sets={"host_wait": to_plain(wait)})


def renew(target: Target, segment: int, command_id: str, now: str) -> SegmentRun | None:
    """As `wait_for_host`, of a command whose URLs had expired."""
    return _send_again(target, segment, command_id, now, renewals=1, sets={})


def _send_again(
    target: Target, segment: int, command_id: str, now: str, *, renewals: int, sets: Mapping[Path, object]
) -> SegmentRun | None:
    run, place = target.segments[str(segment)], ("segments", str(segment))
    again = SegmentRun(attempt=run.attempt + 1, renewals=run.renewals + renewals, claimed_at="")
    update = announced.same_status(
        _key(target),
        Equals((*place, "command_id"), command_id),
        Missing((*place, "status")),
        sets={place: to_plain(again), "last_updated_at": now, **sets},
    )
    return run if items().write(update) else None


def store_token(target: Target, segment: int, token: str) -> Target:
    """The state waits with a new token for the same command. The target as it is then: the segment may have ended."""
    place = ("segments", str(segment))
    run, path = target.segments[str(segment)], (*place, "task_token")
    as_read = Equals(path, run.task_token) if run.task_token else Missing(path)
    update = announced.same_status(_key(target), Exists(place), as_read, sets={path: token})
    return record(Target, items().update_or_read(update))


def record_segment(target: Target, segment: int, result: SegmentResult, now: str) -> Target:
    """Store how a segment ended, once, and return the target with the token that waits for it.

    The events of its other steps stay as they are. A repeat stores nothing and returns the same.
    """
    place, sets = ("segments", str(segment)), dict[Path, object]()
    if str(segment) in target.segments:
        is_open = Missing((*place, "status"))
        sets[(*place, "status")] = result.status.value
    else:  # it never got as far as a command
        is_open = Missing(place)
        sets[place] = {"status": result.status.value}
    sets |= {"events": to_plain(merged(target.events, result.events)), "last_updated_at": now}
    if result.failure:
        sets["failure"] = to_plain(result.failure)
    as_it_was = Equals("status", target.status.value)  # with another status, the events are others too
    update = announced.same_status(_key(target), is_open, as_it_was, sets=sets)
    found = record(Target, items().update_or_read(update))
    run = found.segments.get(str(segment))
    if run and run.status:
        return found
    return record_segment(found, segment, result, now)  # `target` was read before its last change


def pin_traffic(target: Target, segment: int, traffic: Traffic, now: str) -> Target:
    """What the host is registered as, before it is touched; the target as it is then, if another call was faster."""
    begun = replace(target, events=begun_events(target, segment, now))
    sets: dict[Path, object] = {"traffic": to_plain(traffic), "events": to_plain(begun.events), "last_updated_at": now}
    if str(segment) not in target.segments:  # else its state may wait with another token by now
        sets["segments", str(segment)] = to_plain(SegmentRun())
    is_open = Equals("status", TargetStatus.IN_PROGRESS.value), Missing("traffic")
    return record(Target, items().update_or_read(announced.same_status(_key(target), *is_open, sets=sets)))


def await_traffic(target: Target, segment: int, run: SegmentRun, now: str) -> Target:
    """The state waits for load balancers, with the token of the run in the place of the one that was read. The target
    as it is then: it may have ended, or another call waits."""
    place: Path = ("segments", str(segment))
    before, token_at = target.segments.get(str(segment)), (*place, "task_token")
    as_read = Equals(token_at, before.task_token) if before and before.task_token else Missing(token_at)
    is_open = Missing((*place, "status")), Equals("status", TargetStatus.IN_PROGRESS.value), as_read
    events = to_plain(begun_events(target, segment, now))
    update = announced.same_status(
        _key(target), *is_open, sets={place: to_plain(run), "events": events, "last_updated_at": now}
    )
    return record(Target, items().update_or_read(update))


def note_moved(target: Target, segment: int, now: str) -> None:
    """The host has been moved, and waits from now on, with whatever token."""
    place: Path = ("segments", str(segment))
    is_open = Exists(place), Missing((*place, "status"))
    items().write(announced.same_status(_key(target), *is_open, sets={(*place, "sent_at"): now}))


def note_back(target: Target) -> None:
    """The host of a target that failed is registered again."""
    items().write(announced.same_status(_key(target), Exists("traffic"), sets={("traffic", "is_back"): True}))


def finish(target: Target, status: TargetStatus, now: str, failure: TargetFailure | None = None) -> bool:
    """The target's terminal status. False when it had changed, or ended, before."""
    return items().write(ending(target, status, failure, now))


def finish_all(endings: Sequence[Ending], now: str) -> bool:
    """End some targets of one deployment, at most 49, all or none, together with what their hosts run."""
    writes = list[Write]()
    for target, status, failure in endings:
        writes += [ending(target, status, failure, now), *hosts.changes(target, status, now)]
    return items().transact(writes)


def ending(target: Target, status: TargetStatus, failure: TargetFailure | None, now: str) -> Update:
    """The write of `finish`."""
    sets: Item = {"last_updated_at": now}
    if failure:
        sets["failure"] = to_plain(failure)
    events = closed_events(target, now)
    if events == target.events:
        return announced.status_change(_key(target), [target.status], status, sets=sets)
    same_events = Equals("events", to_plain(target.events))  # what a command reported meanwhile is not overwritten
    sets["events"] = to_plain(events)
    return announced.status_change(_key(target), [target.status], status, same_events, sets=sets)


def _key(target: Target) -> Key:
    return target_key(target.deployment_id, target.target_id)


def _of(deployment_id: str, statuses: Iterable[str]) -> Query:
    wanted = list(statuses)
    where = is_any("status", wanted) if wanted else None
    return Query(deployment_key(deployment_id).pk, "TARGET#", where=where)

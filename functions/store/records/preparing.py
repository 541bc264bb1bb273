"""The begin of a deployment: its targets and places are written first, by a plan that is on record before them.

The plan of the first call of Prepare counts. So every other call writes the same, whatever it finds of the fleet, and
who ends a deployment that has not begun writes the targets that a call may be just about to write.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from zlib import compress, decompress

from functions.aws import clock
from functions.core.limits import batches
from functions.core.records import Deployment, PlaceSet, Target
from functions.core.statuses import DeploymentStatus, TargetStatus
from functions.core.text.shapes import from_plain, to_plain
from functions.store import announced
from functions.store.keys import deployment_key, plan_key, preparing_key, target_key
from functions.store.records import places
from functions.store.table.items import items
from functions.store.table.values import (
    IS_NEW,
    MAX_ADDED,
    MAX_WRITES,
    Check,
    Delete,
    Differs,
    Equals,
    Item,
    Key,
    Missing,
    Path,
    Put,
    Query,
    Update,
    Write,
    all_of,
    any_of,
)

_ADDED_SECONDS = 0.0255  # of 25 items: DynamoDB takes 1,000 units a second below one key, and one for each
_TARGETS_IN_A_PART = 2500  # of a plan, some 70 KB
_KEPT = timedelta(days=30)
_NO_MORE = "no more"  # the claim on a deployment that ends before it began: nobody prepares it any more
_PINNED = ("revision", "counts", "step_count", "stages", "places", "budgets", "balancers")
_IS_CREATED = Equals("status", DeploymentStatus.CREATED.value)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a deployment begins with."""

    attempt: str
    pinned: Item  # of the deployment's record
    fleet: list[Item]  # its targets' records

    @classmethod
    def of(cls, deployment: Deployment, targets: Iterable[Target]) -> "_Plan":
        plain = to_plain(deployment)
        # An empty map of segments, because a later update can set a key of a map but not make the map.
        fleet = [{"segments": {}, **to_plain(each)} for each in targets]
        return cls(clock.new_uuid(), {name: plain[name] for name in _PINNED if name in plain}, fleet)


def begin(deployment: Deployment, targets: Sequence[Target], now: str) -> bool:
    """Created -> InProgress with its pinned revision, counts and places; its targets and shards are written first.

    False when it was stopped, refused, begun or ended meanwhile, or begins by the plan of another call.
    """
    mine = _Plan.of(deployment, targets)
    plan = _agreed(deployment.deployment_id, mine)
    if plan is None:
        return False
    _add([*_targets(deployment.deployment_id, plan), *_shards(plan)])
    key, is_agreed = deployment_key(deployment.deployment_id), _has_attempt(deployment.deployment_id, plan.attempt)
    former: tuple[Path, ...] = ("counters",)  # of an older engine, which created it
    begun = announced.status_change(
        key,
        [DeploymentStatus.CREATED],
        DeploymentStatus.IN_PROGRESS,
        Missing("stop"),
        Missing("failure"),
        sets={**plan.pinned, "start_time": now},
        removes=former,
    )
    if items().transact([is_agreed, begun]):
        return plan is mine
    # Its end is to count the targets that are on record now.
    items().transact([is_agreed, announced.same_status(key, _IS_CREATED, sets=plan.pinned, removes=former)])
    return False


def end_preparing(deployment_id: str) -> None:
    """From now on a deployment that has not begun never does: it ends. The targets of its plan are on record then, so
    that no call which is late writes one behind the end's back."""
    claim = items().update_or_read(Update(preparing_key(deployment_id), sets={"attempt": _NO_MORE}))
    if "plan" not in claim:
        return
    known = _known(deployment_id)
    missing = [each for each in _targets(deployment_id, _read(deployment_id, claim)) if each.key not in known]
    for batch in batches(missing, MAX_WRITES):
        some = [replace(each, condition=IS_NEW) for each in batch]
        if not items().transact(some):  # that call is at work
            for each in some:
                items().write(each)


# -- the plan


def _agreed(deployment_id: str, mine: _Plan) -> _Plan | None:
    """The plan by which the deployment begins: the first one on record. None when it does not begin any more."""
    claim = items().get(preparing_key(deployment_id))
    if claim and "plan" not in claim and not _take_over(deployment_id, mine.attempt):
        return None
    if (claim is None or "plan" not in claim) and items().transact(_claim(deployment_id, mine)):
        return mine
    claim = items().get(preparing_key(deployment_id)) or {}
    return _read(deployment_id, claim) if "plan" in claim and claim["attempt"] != _NO_MORE else None


def _claim(deployment_id: str, plan: _Plan) -> list[Write]:
    """All of the plan at once."""
    expires = {"expires_at": int((clock.now() + _KEPT).timestamp())}
    is_mine = any_of(IS_NEW, all_of(Equals("attempt", plan.attempt), Missing("plan")))
    return [
        Put(preparing_key(deployment_id), {"attempt": plan.attempt, "plan": plan.pinned, **expires}, is_mine),
        Check(deployment_key(deployment_id), all_of(_IS_CREATED, Missing("stop"))),
        *(
            Put(plan_key(deployment_id, number), {"fleet": _packed(part), **expires})
            for number, part in enumerate(batches(plan.fleet, _TARGETS_IN_A_PART))
        ),
    ]


def _read(deployment_id: str, claim: Item) -> _Plan:
    parts = items().query(Query(plan_key(deployment_id, 0).pk))
    fleet = [target for part in parts for target in _unpacked(part["fleet"])]
    return _Plan(claim["attempt"], claim["plan"], fleet)


def _packed(fleet: list[Item]) -> str:
    return b64encode(compress(json.dumps(fleet, separators=(",", ":")).encode())).decode()


def _unpacked(text: str) -> list[Item]:
    found: list[Item] = json.loads(decompress(b64decode(text)))
    return found


def _has_attempt(deployment_id: str, attempt: str) -> Check:
    return Check(preparing_key(deployment_id), Equals("attempt", attempt))


def _take_over(deployment_id: str, attempt: str) -> bool:
    """An engine that made no plans prepares the deployment, or did: its calls write nothing from now on, and what they
    wrote is gone. False when the deployment ends, or another call has made a plan."""
    is_open = all_of(any_of(Missing("attempt"), Differs("attempt", _NO_MORE)), Missing("plan"))
    taken = Put(preparing_key(deployment_id), {"attempt": attempt}, is_open)
    if not items().transact([taken, Check(deployment_key(deployment_id), _IS_CREATED)]):
        return False
    gone, is_mine = sorted(_known(deployment_id)), _has_attempt(deployment_id, attempt)
    return all(items().transact([is_mine, *map(Delete, some)]) for some in batches(gone, MAX_WRITES - 1))


# -- what it says


def _targets(deployment_id: str, plan: _Plan) -> Iterator[Put]:
    for each in plan.fleet:
        is_over = TargetStatus(each["status"]).is_final
        yield announced.new_target(target_key(deployment_id, each["target_id"]), each, is_over=is_over)


def _shards(plan: _Plan) -> Iterator[Put]:
    for each in plan.pinned.get("places", ()):
        yield from places.new(from_plain(PlaceSet, each))


def _known(deployment_id: str) -> set[Key]:
    found = items().query(Query(deployment_key(deployment_id).pk, "TARGET#"))
    return {Key(item["pk"], item["sk"]) for item in found}


def _add(puts: Sequence[Put]) -> None:
    began = clock.now()
    for number, some in enumerate(batches(puts, MAX_ADDED)):
        early = began + number * timedelta(seconds=_ADDED_SECONDS) - clock.now()
        if early > timedelta():
            clock.sleep(early.total_seconds())
        items().add_all(some)

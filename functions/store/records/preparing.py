"""The begin of a deployment: its targets and places are written first, by the call of Prepare that holds the claim."""

from collections.abc import Sequence

from functions.aws import clock
from functions.core.records import Deployment, Target
from functions.core.statuses import DeploymentStatus
from functions.core.text.shapes import to_plain
from functions.store import announced
from functions.store.keys import deployment_key, preparing_key, target_key
from functions.store.records import places
from functions.store.table.items import items
from functions.store.table.values import (
    MAX_WRITES,
    Check,
    Delete,
    Differs,
    Equals,
    Key,
    Missing,
    Path,
    Put,
    Query,
    Write,
    all_of,
    any_of,
)

_TARGETS_AT_ONCE = MAX_WRITES - 1  # in one transaction: these, and the check of the claim
_REST_SECONDS = 0.2  # of 200 units, beside the time that a transaction takes by itself
_NO_MORE = "no more"  # the claim on a deployment that ends before it began: nobody prepares it any more
_IS_CREATED = Equals("status", DeploymentStatus.CREATED.value)


def begin(deployment: Deployment, targets: Sequence[Target], now: str) -> bool:
    """Created -> InProgress with its pinned revision, counts and places; its targets and shards are written first.

    False when it was stopped, refused, begun or ended meanwhile, or when another call prepares it now. Whoever
    prepares claims that first, and the last claim counts: only under it are targets written and the deployment
    begun, so nobody writes a target of a deployment that has begun. 10,000 targets are 105 transactions, which rest
    between each other: DynamoDB takes 1,000 units a second below one key, and two for each target.
    """
    attempt = clock.new_uuid()
    if not items().transact(_claim(deployment.deployment_id, attempt)):
        return False
    mine = Check(preparing_key(deployment.deployment_id), Equals("attempt", attempt))
    shards = [shard for each in deployment.places for shard in places.new(each)]
    writes = [*_fleet(deployment.deployment_id, targets), *shards]
    for first in range(0, len(writes), _TARGETS_AT_ONCE):
        if first:
            clock.sleep(_REST_SECONDS)
        if not items().transact([mine, *writes[first : first + _TARGETS_AT_ONCE]]):
            return False
    key, plain = deployment_key(deployment.deployment_id), to_plain(deployment)
    names = ("revision", "counts", "stages", "places", "budgets", "balancers")
    pinned = {name: plain[name] for name in names if name in plain}
    former: tuple[Path, ...] = ("counters",)  # of an older engine, which created it
    begun = announced.status_change(
        key,
        [DeploymentStatus.CREATED],
        DeploymentStatus.IN_PROGRESS,
        Missing("stop"),
        Missing("failure"),
        sets={**pinned, "start_time": now},
        removes=former,
    )
    if items().transact([mine, begun]):
        return True
    # Its end is to count the targets that are on record now.
    items().transact([mine, announced.same_status(key, _IS_CREATED, sets=pinned, removes=former)])
    return False


def end_preparing(deployment_id: str) -> None:
    """From now on nobody writes targets of a deployment that has not begun: it ends."""
    items().write(Put(preparing_key(deployment_id), {"attempt": _NO_MORE}))


def _claim(deployment_id: str, attempt: str) -> list[Write]:
    """To prepare the deployment. An item of its own, so that a stop does not meet all the transactions on it."""
    is_open = any_of(Missing("attempt"), Differs("attempt", _NO_MORE))
    return [
        Put(preparing_key(deployment_id), {"attempt": attempt}, is_open),
        Check(deployment_key(deployment_id), all_of(_IS_CREATED, Missing("stop"))),
    ]


def _fleet(deployment_id: str, targets: Sequence[Target]) -> list[Write]:
    """These targets, and none of a call that did not begin."""
    keys = [target_key(deployment_id, each.target_id) for each in targets]
    partition = deployment_key(deployment_id).pk
    known = {Key(item["pk"], item["sk"]) for item in items().query(Query(partition, "TARGET#"))}
    # An empty map of segments, because a later update can set a key of a map but not make the map.
    return [
        *map(Delete, sorted(known - set(keys))),
        *(
            announced.new_target(key, {"segments": {}, **to_plain(each)}, is_over=each.status.is_final)
            for key, each in zip(keys, targets, strict=True)
        ),
    ]

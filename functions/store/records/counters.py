"""The targets of a deployment that an engine before places began, which this one ends: its counts are in its item.

They change in the transaction that changes a target, as that engine wrote it.
"""

from collections.abc import Sequence

from functions.core.records import Counters, Target
from functions.core.statuses import DeploymentStatus, TargetStatus
from functions.store import announced
from functions.store.keys import deployment_key
from functions.store.records import hosts
from functions.store.records.targets import Ending, beginning, ending
from functions.store.table.items import items
from functions.store.table.values import IS_THERE, At, Equals, Less, Missing, Path, Write


def is_full_for_good(counters: Counters) -> bool:
    """Whether failed targets have all places."""
    return counters.failed >= counters.allowed


def take_out_of_service(target: Target, now: str) -> bool:
    """False when no place is free, the deployment stops, or the target does not wait for one."""
    place = announced.same_status(
        deployment_key(target.deployment_id),
        Equals("status", DeploymentStatus.IN_PROGRESS.value),
        Missing("stop"),
        Less(("counters", "out"), At(("counters", "allowed"))),
        adds={("counters", "out"): 1, ("counters", "started"): 1},
    )
    return items().transact([place, beginning(target, now)])


def finish_all(endings: Sequence[Ending], now: str) -> bool:
    """End some targets, at most 49, all or none. False when one of them had changed."""
    writes, counted = list[Write](), dict[Path, int]()
    for target, status, failure in endings:
        for counter, change in _changes(target.status, status).items():
            counted["counters", counter] = counted.get(("counters", counter), 0) + change
        writes += [ending(target, status, failure, now), *hosts.changes(target, status, now)]
    writes.append(announced.same_status(deployment_key(endings[0][0].deployment_id), IS_THERE, adds=counted))
    return items().transact(writes)


def _changes(was: TargetStatus, status: TargetStatus) -> dict[str, int]:
    """How a target's ending moves the counters: only one that was started is out of service."""
    if status is TargetStatus.SUCCEEDED:
        return {"succeeded": 1, "out": -1}
    in_flight = was is TargetStatus.IN_PROGRESS
    if status is TargetStatus.FAILED:
        return {"failed": 1} if in_flight else {"failed": 1, "out": 1}
    return {"skipped": 1, "out": -1} if in_flight else {"skipped": 1}

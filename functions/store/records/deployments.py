"""Deployments: the record, its stop mark, and the moves of its status that its group's lock has no part in."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from functions.core.errors import Unreadable
from functions.core.records import (
    Approved,
    Bypass,
    Closed,
    Deployment,
    Failure,
    Hold,
    Pause,
    StageAnalysis,
    StopMark,
)
from functions.core.rollout.analysis import with_verdict
from functions.core.statuses import BEGUN, RUNNING, DeploymentStatus
from functions.core.text.shapes import to_plain
from functions.store import announced
from functions.store.keys import deployment_key
from functions.store.reading import get_many, record
from functions.store.table import pages
from functions.store.table.items import items
from functions.store.table.values import (
    IS_THERE,
    Condition,
    Equals,
    Exists,
    Index,
    Missing,
    Path,
    Query,
    Update,
    is_any,
)
from functions.telemetry import logger

_EVER = ("0", "9999")  # around every time


def get(deployment_id: str) -> Deployment | None:
    """The deployment, read consistently."""
    item = items().get(deployment_key(deployment_id))
    return record(Deployment, item) if item else None


def named(deployment_ids: Sequence[str]) -> dict[str, Deployment]:
    """Those that exist, by id; a hundred in a request."""
    found = get_many(map(deployment_key, deployment_ids))
    return {item["deployment_id"]: record(Deployment, item) for item in found}


def of_status(status: DeploymentStatus) -> Iterator[Deployment]:
    """The deployments of a status, the oldest first, as an index knows them: a moment late. Those that this version
    cannot read are left out."""
    for item in items().query(Query(status.value, index=Index.BY_STATUS)):
        try:
            yield record(Deployment, item)
        except Unreadable as unreadable:
            logger.error("a deployment is left out", reason=str(unreadable))


def page(
    group_key: str | None,
    statuses: Iterable[str],
    created: tuple[str | None, str | None],
    token: str | None,
) -> tuple[list[str], str | None]:
    """A page of ids, the newest first, and the token of the next: of a group or all, of some statuses or all, created
    between two times, both included."""
    wanted = list(dict.fromkeys(statuses))
    first, last = created
    if group_key:
        index, pk = Index.BY_GROUP, group_key
    elif len(wanted) == 1:
        index, pk = Index.BY_STATUS, wanted[0]
    else:
        index, pk = Index.BY_TIME, "deployment"
    query = Query(
        pk,
        index=index,
        between=(first or _EVER[0], f"{last}~" if last else _EVER[1]),
        where=is_any("status", wanted) if wanted and index is not Index.BY_STATUS else None,
        descending=True,
    )
    found, after = pages.page(query, token)
    return [str(item["created"]).partition("#")[2] for item in found], after


def note_failure(deployment_id: str, failure: Failure) -> bool:
    """Why a deployment cannot begin; Finish makes it the verdict. False when it has begun, or has ended."""
    is_created = Equals("status", DeploymentStatus.CREATED.value)
    sets = {"failure": to_plain(failure)}
    return items().write(announced.same_status(deployment_key(deployment_id), is_created, sets=sets))


def mark_stop(deployment_id: str, mark: StopMark) -> Deployment | None:
    """Set the stop mark of a running deployment; of a second one only that it cancels or rolls back, and where to.

    None when it is over.
    """
    key, runs = deployment_key(deployment_id), is_any("status", RUNNING)
    first = announced.same_status(key, runs, Missing("stop"), sets={"stop": to_plain(mark)})
    wishes = ("cancel", "auto_rollback", "rollback_to")
    more = {("stop", wish): value for wish in wishes if (value := getattr(mark, wish))}
    if not items().write(first) and more:
        items().write(announced.same_status(key, runs, Exists("stop"), sets=more))
    marked = get(deployment_id)
    return marked if marked and not marked.status.is_final else None


def note_analysis(deployment: Deployment, new: StageAnalysis, stop: StopMark | None) -> None:
    """What the metrics said after a stage, and the stop that follows of it. The first verdict stays, and so does a stop
    that came before."""
    key, runs = deployment_key(deployment.deployment_id), is_any("status", RUNNING)
    before = deployment.analyses[-1].stage if deployment.analyses else None
    first = Missing("judged") if before is None else Equals("judged", before)
    sets = {"analyses": to_plain(with_verdict(deployment.analyses, new)), "judged": new.stage}
    marks = {"stop": to_plain(stop)} if stop else {}
    items().write(announced.same_status(key, runs, first, Missing("stop"), sets={**sets, **marks}))


def note_update(deployment_id: str, updated_by: tuple[str, ...]) -> None:
    """The deployments to instances that this one has missed."""
    key = deployment_key(deployment_id)
    items().write(announced.same_status(key, IS_THERE, sets={"updated_by": list(updated_by)}))


def store_hold(deployment_id: str, hold: Hold, status: DeploymentStatus) -> Deployment | None:
    """For what the deployment waits between two stages, and its status meanwhile: InProgress, or Ready. The deployment
    as it is now, None when it does not run."""
    key, sets = deployment_key(deployment_id), {"hold": to_plain(hold)}
    others = [each for each in BEGUN if each is not status]
    changed = items().write(announced.status_change(key, others, status, sets=sets))
    same = announced.same_status(key, Equals("status", status.value), sets=sets)
    return get(deployment_id) if changed or items().write(same) else None


def end_hold(deployment_id: str) -> None:
    """It waits no longer, and goes on."""
    key, status = deployment_key(deployment_id), DeploymentStatus.IN_PROGRESS
    gone: tuple[Path, ...] = ("hold",)
    if not items().write(announced.status_change(key, [DeploymentStatus.READY], status, removes=gone)):
        items().write(announced.same_status(key, Equals("status", status.value), Exists("hold"), removes=gone))


def approve(deployment: Deployment, approved: Approved) -> bool:
    """Somebody lets the deployment go on. False when it does not wait for that any more."""
    key, approvals = deployment_key(deployment.deployment_id), (*deployment.approvals, approved)
    waits = Equals(("hold", "stage"), approved.stage), Missing("stop")
    update = announced.status_change(
        key,
        [DeploymentStatus.READY],
        DeploymentStatus.IN_PROGRESS,
        *waits,
        sets={"approvals": to_plain(approvals)},
    )
    return items().write(update)


def pause(deployment_id: str, pause: Pause) -> bool:
    """Somebody holds a deployment that is not over. False when it is, or was paused before."""
    not_over = is_any("status", (*RUNNING, DeploymentStatus.QUEUED))
    update = announced.same_status(
        deployment_key(deployment_id), not_over, Missing("pause"), sets={"pause": to_plain(pause)}
    )
    return items().write(update)


def resume(deployment_id: str) -> bool:
    """False when it was not paused."""
    return items().write(announced.same_status(deployment_key(deployment_id), Exists("pause"), removes=("pause",)))


def note_closed(deployment_id: str, closed: Closed | None) -> None:
    """Until when a deployment that is Queued waits for its calendar, and why; None: for another deployment only."""
    key, waits = deployment_key(deployment_id), Equals("status", DeploymentStatus.QUEUED.value)
    sets, removes = ({"closed": to_plain(closed)}, ()) if closed else ({}, ("closed",))
    items().write(announced.same_status(key, waits, sets=sets, removes=removes))


def bypass(deployment_id: str, given: Bypass) -> bool:
    """Past windows and freezes; of a second one the first stays. False when the deployment is over."""
    key, waits = deployment_key(deployment_id), is_any("status", (DeploymentStatus.QUEUED, *RUNNING))
    items().write(announced.same_status(key, waits, Missing("bypass"), sets={"bypass": to_plain(given)}))
    found = get(deployment_id)
    return bool(found and found.bypass and not found.status.is_final)


# -- parts of a transaction


def turn(deployment_id: str) -> Update:
    """A waiting deployment has its turn."""
    return announced.status_change(
        deployment_key(deployment_id), [DeploymentStatus.QUEUED], DeploymentStatus.CREATED, removes=("closed",)
    )


def end(
    deployment_id: str,
    status: DeploymentStatus,
    before: Sequence[DeploymentStatus],
    *conditions: Condition,
    **fields: Any,
) -> Update:
    """A deployment's move to a terminal status out of one of `before`; fields that are None stay as they are."""
    sets = {name: to_plain(value) for name, value in fields.items() if value is not None}
    return announced.status_change(deployment_key(deployment_id), before, status, *conditions, sets=sets)

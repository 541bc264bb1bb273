"""A group's lock: who deploys to it now, who waits, and what it accepted last.

A deployment is created, gets its turn and ends together with its group's lock, each in one transaction.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from functions.core.errors import Conflict
from functions.core.new_deployment import summary
from functions.core.order import Accepted, Judgement, Order, Upload, after, going_back, judge
from functions.core.records import Deployment, Failure, Group
from functions.core.rollout import rollback_choice
from functions.core.statuses import RUNNING, Creator, DeploymentErrorCode, DeploymentStatus, OverriddenSetting
from functions.core.text.shapes import from_plain, to_plain
from functions.store import announced
from functions.store.keys import group_item_key, lock_key, own_alarm_key, token_key, upload_key
from functions.store.records import deployments
from functions.store.table.items import items
from functions.store.table.patience import Attempts
from functions.store.table.values import IS_NEW, Condition, Equals, Item, Key, Missing, Path, Put, Update, Write, all_of

_TRIES = 30  # of taking or handing over a lock: about 8 s
_ALARM_KEPT = timedelta(days=30)  # an alarm of one deployment, from its creation on


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """What became of a request: the deployment it made (or had made before), or the one that is in its way."""

    deployment_id: str | None = None
    busy_with: str | None = None
    superseded: bool = False  # the deployment is on record, but a newer request was there before it
    behind: str | None = None  # the deployment that holds the lock for which this one waits
    goes_back: str | None = None  # why a sequence refuses its revision


def holder(group_key: str) -> str | None:
    """The deployment that holds the group's lock."""
    return (items().get(lock_key(group_key)) or {}).get("holder")


def waiting(group_key: str) -> str | None:
    """The deployment that waits for the group's lock."""
    return (items().get(lock_key(group_key)) or {}).get("waiting")


@dataclass(frozen=True, slots=True, kw_only=True)
class InTheWay:
    """What a new deployment of a group would meet."""

    holder: str | None  # the deployment that has the lock
    waiting: str | None
    rejects: str | None  # the one for which the group would refuse it, if it does not let deployments wait
    goes_back: str | None  # why a sequence would refuse its revision


def in_the_way(deployment: Deployment, stored_at: str | None) -> InTheWay:
    """As `create` would find it now; nothing is written."""
    held = items().get(lock_key(deployment.group_key)) or {}
    return InTheWay(
        holder=held.get("holder"),
        waiting=held.get("waiting"),
        rejects=_rejects(deployment, held),
        goes_back=going_back(deployment, stored_at, _accepted(held)) if stored_at else None,
    )


# -- creating


def refuse(deployment: Deployment, upload: Upload | None = None) -> None:
    """Record a deployment that has ended as it was created. A repeat of the same upload changes nothing."""
    items().transact([announced.new_deployment(deployment), *_mark(_mark_key(upload), deployment)])


def made_with(token: str) -> str | None:
    """The deployment that a request with this token has created."""
    return (items().get(token_key(token)) or {}).get("deployment_id")


def create(
    deployment: Deployment,
    upload: Upload | None,
    *,
    queue: bool,
    stored_at: str | None = None,
    token: str | None = None,
) -> Creation:
    """Create a deployment: Created with the group's lock, or Queued behind the deployment that holds it, or until its
    calendar opens (`closed`).

    `upload`, or the `token` of another request, makes a repeat harmless. An upload that is older than what the group
    accepted last (functions/core/order.py) ends at once, Stopped: superseded; a newer one supersedes the one that
    waits. When the group is busy and `queue` is false nothing is created, nor when a sequence would go back:
    `stored_at` says when S3 stored the revision, if the group is one.
    """
    mark = _mark_key(upload, token)
    besides = [*_mark(mark, deployment), *_own_alarms(deployment)]
    failure = f"the lock of {deployment.group_key} changed hands {_TRIES} times while creating a deployment"
    attempts = Attempts(_TRIES, failure)
    while True:
        if mark and (known := items().get(mark)):
            return Creation(deployment_id=known["deployment_id"], superseded=known.get("superseded", False))
        held = items().get(lock_key(deployment.group_key)) or {}
        accepted = _accepted(held)
        found = judge(deployment, upload, accepted)
        if superseded := accepted is not None and found.order is Order.OLDER:
            ended = _ended(deployment, accepted, found)
            writes: list[Write] = [announced.new_deployment(ended), *_mark(mark, ended)]
        elif stored_at and (why := going_back(deployment, stored_at, accepted)):
            return Creation(goes_back=why)
        elif not queue and (other := _rejects(deployment, held)):
            return Creation(busy_with=other)
        else:
            newest = after(deployment, upload, accepted, stored_at)
            writes = [*_take(deployment, held, newest), *besides]
        if items().transact(writes):
            behind = None if superseded else held.get("holder")
            return Creation(deployment_id=deployment.deployment_id, superseded=superseded, behind=behind)
        attempts.again()


def _rejects(deployment: Deployment, held: Item) -> str | None:
    """The deployment because of which a group that lets none wait refuses this one."""
    return held.get("holder") or (held.get("waiting") if _gives_way_to(deployment) else None)


def _accepted(held: Item) -> Accepted | None:
    """What the group of a lock accepted last. An engine that kept no record of it left only who waits."""
    if known := held.get("accepted"):
        return from_plain(Accepted, known)
    waits = deployments.get(held["waiting"]) if "waiting" in held else None
    return Accepted(deployment_id=waits.deployment_id, time=waits.create_time) if waits else None


def _take(deployment: Deployment, held: Item, newest: Accepted) -> list[Write]:
    """The lock for a deployment, or the place behind its holder; who waited there ends Stopped: superseded.

    What the group accepted last changes with it, on the condition that it is as it was read.
    """
    has_to_wait, waiting = "holder" in held or deployment.closed is not None, held.get("waiting")
    role, status = ("waiting", DeploymentStatus.QUEUED) if has_to_wait else ("holder", DeploymentStatus.CREATED)
    replaced = waiting if has_to_wait or _gives_way_to(deployment) else None
    sets: dict[Path, Any] = {role: deployment.deployment_id}
    if not (deployment.has_own_targets or deployment.is_restart):  # which say nothing of what the group is to run
        sets["accepted"] = to_plain(newest)
    conditions = [_same_accepted(held), _same(held, "holder"), _same(held, "waiting")]
    leaves = ("waiting",) if replaced and not has_to_wait else ()
    writes: list[Write] = [
        announced.new_deployment(replace(deployment, status=status)),
        Update(lock_key(deployment.group_key), sets=sets, removes=leaves, condition=all_of(*conditions)),
    ]
    if replaced:
        ended = _superseded(deployment.deployment_id, deployment.create_time)
        writes.append(deployments.end(replaced, DeploymentStatus.STOPPED, [DeploymentStatus.QUEUED], **ended))
    return writes


def _gives_way_to(newer: Deployment) -> bool:
    """Whether what waits for its window in a group that is free gives way to another deployment: not to a rollback, nor
    to one that only brings instances to what the others have."""
    return newer.rollback is None and newer.creator is Creator.USER


def _same(held: Item, role: str) -> Condition:
    """That the holder of a lock, or who waits for it, is as it was read."""
    return Equals(role, held[role]) if role in held else Missing(role)


def _same_accepted(held: Item) -> Condition:
    known = held.get("accepted")
    return Equals(("accepted", "deployment_id"), known["deployment_id"]) if known else Missing("accepted")


def _mark_key(upload: Upload | None, token: str | None = None) -> Key | None:
    """Where a repeat of the request finds what the first one has created."""
    if upload:
        return upload_key(upload.bucket, upload.key, upload.version)
    return token_key(token) if token else None


def _mark(key: Key | None, deployment: Deployment) -> list[Write]:
    if key is None:
        return []
    attributes: Item = {"deployment_id": deployment.deployment_id}
    if deployment.superseded_by:
        attributes["superseded"] = True
    return [Put(key, attributes, IS_NEW)]


def _own_alarms(deployment: Deployment) -> list[Write]:
    """Where `stop` finds the alarms that are not the group's. Which deployment of the group watches them the
    deployment itself says, so they may stay; they go when it is surely over."""
    if OverriddenSetting.ALARMS not in deployment.own:
        return []
    expires_at = int((datetime.fromisoformat(deployment.create_time) + _ALARM_KEPT).timestamp())
    keys = [own_alarm_key(alarm, deployment.group_key) for alarm in deployment.settings.alarms.watched]
    return [Put(key, {"expires_at": expires_at}) for key in keys]


def _ended(deployment: Deployment, accepted: Accepted, found: Judgement) -> Deployment:
    """A deployment that was superseded before it was created."""
    ended = _superseded(accepted.deployment_id, deployment.create_time, found.reason)
    return replace(deployment, status=DeploymentStatus.STOPPED, **ended)


def _superseded(by: str, now: str, reason: str = "") -> dict[str, Any]:
    message = f"Superseded by the newer deployment {by}. {reason}".rstrip()
    failure = Failure(code=DeploymentErrorCode.MANUAL_STOP, message=message)
    return {"failure": failure, "complete_time": now, "superseded_by": by}


# -- waiting


def stop_queued(deployment: Deployment, failure: Failure, now: str) -> bool:
    """End a deployment that waits for its group. False when it does not wait any more."""
    deployment_id, was = deployment.deployment_id, [DeploymentStatus.QUEUED]
    leave = Update(lock_key(deployment.group_key), removes=("waiting",), condition=Equals("waiting", deployment_id))
    end = deployments.end(deployment_id, DeploymentStatus.STOPPED, was, failure=failure, complete_time=now)
    return items().transact([leave, end])


def promote(waiting: Deployment) -> bool:
    """Give a waiting deployment its turn when its group's lock is free, or held by a deployment that has ended.
    False when it is another one's turn, or it does not wait any more."""
    lock, me = lock_key(waiting.group_key), waiting.deployment_id
    held = items().get(lock) or {}
    running = deployments.get(held["holder"]) if "holder" in held else None
    if (running and not running.status.is_final) or held.get("waiting", me) != me:
        return False
    is_same = all_of(_same(held, "holder"), _same(held, "waiting"))
    take = Update(lock, sets={"holder": me}, removes=("waiting",), condition=is_same)
    return items().transact([take, deployments.turn(me)])


# -- handing over


def close(
    deployment: Deployment,
    group: Group | None,
    rollback: Deployment | None,
    *,
    has_revision_failed: bool = False,
    is_ready: Callable[[str], bool] = lambda deployment_id: True,
) -> bool:
    """End the deployment that holds its group's lock, and hand the lock over in the same transaction.

    `deployment` carries the terminal status, failure, rollback info and complete time. The lock goes to
    `rollback` if there is one, else to the waiting deployment if it `is_ready`, else it is free. False when somebody
    else closed it.
    `has_revision_failed`: the group remembers that its end speaks against its revision.
    """
    deployment_id, lock = deployment.deployment_id, lock_key(deployment.group_key)
    kept = ("counts", "failure", "causes", "rollback", "complete_time", "start_time")
    fields = {name: value for name in kept if (value := getattr(deployment, name))}
    is_unstopped = () if deployment.stop else (Missing("stop"),)
    end = deployments.end(deployment_id, deployment.status, RUNNING, *is_unstopped, **fields)
    remembered = _remember(deployment, group, has_revision_failed)
    failure = f"the lock of {deployment.group_key} changed hands {_TRIES} times while closing {deployment_id}"
    attempts = Attempts(_TRIES, failure)
    while True:
        current = deployments.get(deployment_id)
        if current is None or current.status.is_final:
            return False
        if current.stop and not deployment.stop:
            raise Conflict(f"{deployment_id} was stopped while its end was decided: decide again")
        held = items().get(lock) or {}
        if items().transact([end, *_hand_over(lock, deployment_id, held, rollback, is_ready), *remembered]):
            return True
        attempts.again()


def _hand_over(
    lock: Key, holder: str, held: Item, rollback: Deployment | None, is_ready: Callable[[str], bool]
) -> list[Write]:
    waiting = held.get("waiting")
    if held.get("holder") != holder:
        return []
    mine = Equals("holder", holder)
    if rollback:
        take = Update(lock, sets={"holder": rollback.deployment_id}, condition=mine)
        return [announced.new_deployment(rollback), take]
    if waiting:
        condition = all_of(mine, Equals("waiting", waiting))
        if not is_ready(waiting):
            return [Update(lock, removes=("holder",), condition=condition)]
        take = Update(lock, sets={"holder": waiting}, removes=("waiting",), condition=condition)
        return [take, deployments.turn(waiting)]
    return [Update(lock, removes=("holder",), condition=all_of(mine, Missing("waiting")))]


def _remember(deployment: Deployment, group: Group | None, has_revision_failed: bool) -> list[Write]:
    """The group's last attempted and last successful deployment, and its good ones: what there is to go back to.

    A success on other instances than the group's says nothing of what those run; one that found nothing to do
    says nothing of its revision, and a restart changes nothing of what the group runs.
    """
    if group is None or deployment.is_restart:
        return []
    last = summary(deployment)
    is_success = deployment.status is DeploymentStatus.SUCCEEDED and not deployment.has_own_targets
    is_evidence = is_success and not (deployment.outdated_only and not deployment.counts.total)
    good = rollback_choice.after(group, last, is_success=is_evidence, has_failed=has_revision_failed)
    sets: dict[Path, Any] = {"last_attempted": to_plain(last), "good_deployments": to_plain(good)}
    if is_success:
        sets["last_successful"] = to_plain(last)
    key = group_item_key(group.application, group.name)
    return [Update(key, sets=sets, condition=Equals("group_id", group.group_id))]

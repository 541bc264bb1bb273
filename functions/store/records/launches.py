"""Instances that wait in lifecycle hooks: which deployment works for each, and how Auto Scaling is answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from functions.aws import clock
from functions.core.records import Deployment, Group, HookAnswer, LifecycleAction
from functions.core.statuses import RUNNING
from functions.core.text.shapes import from_plain, to_plain
from functions.store import announced
from functions.store.keys import action_key, group_item_key, launches_key
from functions.store.records import deployments
from functions.store.table.items import items
from functions.store.table.values import (
    IS_NEW,
    Check,
    Condition,
    Equals,
    Item,
    Key,
    Missing,
    Put,
    Update,
    Write,
    all_of,
)

_KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What becomes of an instance that waits."""

    action: LifecycleAction
    state: str  # Auto Scaling's, in which it waits
    deployment_id: str = ""  # that works for it; none: it is let through
    answer: HookAnswer | None = None  # None: the deployment runs
    is_told: bool = False  # Auto Scaling has been answered


def get(action: LifecycleAction) -> Answer | None:
    item = items().get(_key(action))
    return from_plain(Answer, item) if item else None


def begin(was: Answer | None, new: Answer, deployment: Deployment | None) -> bool:
    """Somebody works for an instance that waits, or lets it through. False when somebody else does since."""
    is_same: Condition = IS_NEW
    if was:
        is_same = all_of(Equals("deployment_id", was.deployment_id), Equals("is_told", was.is_told))
    attributes: Item = {**to_plain(new), "deployment_id": new.deployment_id, "is_told": new.is_told, **_expires()}
    made: list[Write] = [announced.new_deployment(deployment)] if deployment else []
    return items().transact([*made, Put(_key(new.action), attributes, is_same)])


def note_told(found: Answer) -> None:
    """Auto Scaling has been answered."""
    is_same = Equals("deployment_id", found.deployment_id)
    items().write(Update(_key(found.action), sets={"is_told": True}, condition=is_same))


def failures(group_id: str) -> int:
    """How many of the group's launches have failed since the last one that did not."""
    return int((items().get(launches_key(group_id)) or {}).get("failures", 0))


def close(
    deployment: Deployment,
    action: LifecycleAction,
    answer: HookAnswer,
    group: Group | None,
    follow_up: Deployment | None,
) -> bool:
    """End a deployment together with what Auto Scaling is answered, or with the next deployment to the same instance.

    `group`: as it was read when that was decided, None where its last successful deployment does not matter. False when
    that has changed, or the deployment has ended.
    """
    kept = ("counts", "failure", "causes", "complete_time", "start_time")
    fields = {name: value for name in kept if (value := getattr(deployment, name))}
    is_unstopped = () if deployment.stop else (Missing("stop"),)
    writes: list[Write] = [
        deployments.end(deployment.deployment_id, deployment.status, RUNNING, *is_unstopped, **fields)
    ]
    is_mine = Equals("deployment_id", deployment.deployment_id)
    if follow_up:
        writes += [
            announced.new_deployment(follow_up),
            Update(_key(action), sets={"deployment_id": follow_up.deployment_id}, condition=is_mine),
        ]
    else:
        writes.append(Update(_key(action), sets={"answer": answer.value}, condition=is_mine))
    if group:
        last = group.last_successful
        path = ("last_successful", "deployment_id")
        is_last = Equals(path, last.deployment_id) if last else Missing("last_successful")
        writes.append(Check(group_item_key(group.application, group.name), is_last))
    return items().transact(writes)


def count(group_id: str, *, has_failed: bool) -> None:
    """One more launch of the group has failed, or none in a row any more."""
    key = launches_key(group_id)
    items().write(Update(key, adds={"failures": 1}) if has_failed else Update(key, sets={"failures": 0}))


# -- sweeps


def swept(group_id: str, source: str) -> set[str]:
    """The instances that were to get the revision of this deployment after it had ended."""
    item = items().get(launches_key(group_id)) or {}
    return set(item.get("swept", ())) if item.get("swept_for") == source else set()


def note_swept(group_id: str, source: str, instance_ids: Sequence[str]) -> None:
    items().write(Update(launches_key(group_id), sets={"swept_for": source, "swept": sorted(instance_ids)}))


def _key(action: LifecycleAction) -> Key:
    return action_key(action.scaling_group, action.instance_id, action.hook)


def _expires() -> Item:
    return {"expires_at": int((clock.now() + _KEPT).timestamp())}

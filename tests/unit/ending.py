"""Deployments that run or have ended, for the tests of what ends them."""

from dataclasses import replace
from typing import Any

from functions.core.new_deployment import new_deployment
from functions.core.records import Alarms, Counts, Deployment, GroupSettings, SegmentRun
from functions.core.rollout.command_result import pending_events
from functions.core.statuses import (
    AutoRollbackEvent,
    TargetStatus,
)
from functions.handlers import finish
from functions.store.records import deployments, groups, lock, places, targets
from tests.conftest import LambdaContext, all_items, pending, put_group, revision
from tests.rollout import begin, begin_target, end_target

NOW = "2026-11-23T10:00:00.000Z"


SETTINGS = GroupSettings(alarms=Alarms(names=("errors",)), auto_rollback=tuple(AutoRollbackEvent))


def created(number: int) -> Deployment:
    """A deployment that has its turn, or waits for it."""
    group = groups.get("shop", "web") or put_group(settings=SETTINGS)
    one = new_deployment(group, revision(f"v{number}"), deployment_id=f"d-{number:09}", now=NOW, requested_by="me")
    lock.create(one, None, queue=True)
    return one


def running(number: int = 1, hosts: int = 2, started: int = 1) -> Deployment:
    """A deployment with some targets let go, each with a command in flight."""
    one = created(number)
    one = replace(one, counts=Counts(total=hosts, max_out_of_service=hosts))
    fleet = [replace(each, events=pending_events()) for each in pending(one, *(f"i-{n}" for n in range(hosts)))]
    begin(one, fleet, NOW)
    for target in list(targets.of(one.deployment_id))[:started]:
        begin_target(target, NOW)
        command = f"c-{target.target_id}"
        targets.store_command(target, 0, command, SegmentRun(command_id=command), expires_at=1)
    return read(one.deployment_id)


def read(deployment_id: str) -> Deployment:
    one = deployments.get(deployment_id)
    assert one
    return places.counted(one)


def succeed_all(one: Deployment) -> None:
    for target in targets.of(one.deployment_id):
        if target.status is TargetStatus.PENDING:
            begin_target(target, NOW)
    for target in list(targets.of(one.deployment_id)):
        end_target(target, TargetStatus.SUCCEEDED, NOW)


def done(number: int, context: LambdaContext) -> Deployment:
    one = running(number)
    succeed_all(one)
    finish.handler({"deployment_id": one.deployment_id}, context)
    return read(one.deployment_id)


def throttled(*command: str) -> None:
    raise TimeoutError


def to_alarm(name: str) -> dict[str, Any]:
    return {"detail": {"alarmName": name, "state": {"value": "ALARM"}}}


def last_uses() -> list[str]:
    """The times at which the revisions on record were used last, as their places say."""
    places = [item["sk"].split("#") for item in all_items() if item["sk"].startswith("lastUsedTime#")]
    return [time for _, time, _ in places]

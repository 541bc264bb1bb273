"""A deployment with targets, put on record as the engine does, and moved on while somebody watches it."""

from collections.abc import Callable
from typing import Any

import pytest

from functions.core.causes import Cause
from functions.core.records import Counts, Deployment, Diagnostics, LifecycleEventRecord, Target, TargetFailure
from functions.core.rollout.command_result import pending_events
from functions.core.statuses import (
    Creator,
    DeploymentStatus,
    LifecycleErrorCode,
    LifecycleEventStatus,
    TargetStatus,
)
from functions.core.text.shapes import to_plain
from functions.store.keys import target_key
from tests.conftest import put_item, revision
from tests.unit.api.test_deployments import record

ID = "d-ABCDEF123"
P, W, S, F, K = (
    TargetStatus.PENDING,
    TargetStatus.IN_PROGRESS,
    TargetStatus.SUCCEEDED,
    TargetStatus.FAILED,
    TargetStatus.SKIPPED,
)
EVENTS = [event.name for event in pending_events()]
Captured = pytest.CaptureFixture[str]


def at(seconds: int) -> str:
    return f"2026-11-23T10:{seconds // 60:02}:{seconds % 60:02}.000Z"


def put_deployment(status: DeploymentStatus, counters: Counts = Counts(), **fields: Any) -> Deployment:
    """Created at 10:00:00, begun at 10:00:01, ended at 10:01:00."""
    given = {
        "deployment_id": ID,
        "create_time": at(0),
        "start_time": None if status is DeploymentStatus.CREATED else at(1),
        "complete_time": at(60) if status.is_final else None,
        **fields,
    }
    return record(
        Deployment(
            application="shop",
            group="web",
            group_id="uuid",
            status=status,
            creator=Creator.USER,
            revision=revision(version="v", etag="e"),
            counts=counters,
            **given,
        )
    )


def put_target(
    name: str,
    status: TargetStatus,
    *,
    done: int = 0,
    left: Diagnostics | None = None,
    exit_code: int | None = 3,
    deployment_id: str = ID,
    begun: int = 0,
    **fields: Any,
) -> None:
    """A target that is through with the first `done` events; the next one goes on, or has failed and left this.
    `begun`: the second of its begin, after that of the others."""
    events = list(pending_events())
    for number in range(done):
        events[number] = LifecycleEventRecord(
            name=EVENTS[number],
            status=LifecycleEventStatus.SUCCEEDED,
            start_time=at(begun + 2 + number),
            end_time=at(begun + 3 + number),
        )
    if status is TargetStatus.IN_PROGRESS:
        now = LifecycleEventStatus.IN_PROGRESS
        events[done] = LifecycleEventRecord(name=EVENTS[done], status=now, start_time=at(begun + 2 + done))
    if status is TargetStatus.FAILED:
        events = [
            *events[:done],
            LifecycleEventRecord(
                name=EVENTS[done],
                status=LifecycleEventStatus.FAILED,
                start_time=at(begun + 2 + done),
                end_time=at(begun + 3 + done),
                diagnostics=left,
            ),
            *(LifecycleEventRecord(name=name, status=LifecycleEventStatus.SKIPPED) for name in EVENTS[done + 1 :]),
        ]
    updated = None if status in (TargetStatus.PENDING, TargetStatus.SKIPPED) else at(begun + 3 + done)
    failure = None
    if status is TargetStatus.FAILED and left:
        script = left.error_code is LifecycleErrorCode.SCRIPT_FAILED
        failure = TargetFailure(
            cause=Cause.SCRIPT if script else Cause.CONFLICT,
            message=left.message,
            event=EVENTS[done],
            script_name=left.script_name or None,
            exit_code=exit_code if script else None,
        )
    target = Target(
        deployment_id=deployment_id,
        target_id=name,
        status=status,
        events=tuple(events),
        last_updated_at=updated,
        failure=failure,
        **fields,
    )
    put_item({**target_key(deployment_id, name).item, **to_plain(target)})


MESSAGE = "Script at specified location: start.sh failed with exit code 3"


def script_failed(message: str = MESSAGE, log: str = "no") -> Diagnostics:
    code = LifecycleErrorCode.SCRIPT_FAILED
    return Diagnostics(error_code=code, script_name="start.sh", message=message, log_tail=log)


class Time:
    """Time that passes only when the watcher sleeps; each sleep is the next of the steps that happen meanwhile."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self._steps = iter(steps)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        if step := next(self._steps, None):
            step()


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Time]:
    def of(*steps: Callable[[], object]) -> Time:
        time = Time(*steps)
        for module in ("cli.view.looks", "cli.account.turn"):
            monkeypatch.setattr(f"{module}.sleep", time.sleep)
        for module in ("cli.view.looks", "cli.view.watch_view", "cli.account.turn"):
            monkeypatch.setattr(f"{module}.monotonic", lambda: time.now)
        return time

    return of

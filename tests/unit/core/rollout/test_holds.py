"""Holds: for what a deployment waits between two stages, and for how long."""

from dataclasses import replace
from datetime import datetime, timedelta

from functions.core.records import Approved, Closed, Deployment, Hold, HoldKind, Pause, Stage
from functions.core.rollout.health import Approval
from functions.core.rollout.holds import LONGEST_SECONDS, needed, seconds
from functions.core.statuses import DeploymentStatus
from tests.unit.news import deployment

NOW = "2026-11-23T10:00:00.000Z"
AT = datetime.fromisoformat(NOW)


def one(*stages: Stage) -> Deployment:
    return deployment(DeploymentStatus.IN_PROGRESS, stages=stages)


def test_a_bake_counts_from_the_end_of_the_stage() -> None:
    running = one(Stage(bake_seconds=90), Stage())
    hold = needed(running, 0, None, AT)
    assert hold == Hold(stage=0, kinds=(HoldKind.BAKE,), since=NOW, until="2026-11-23T10:01:30.000Z")
    assert seconds(hold, AT) == 90 and seconds(hold, AT + timedelta(seconds=88.5)) == 2
    assert needed(running, 0, hold, AT + timedelta(seconds=60)) == hold, "woken too early it goes on"
    assert needed(running, 0, hold, AT + timedelta(seconds=90)) is None
    assert needed(running, 1, hold, AT) is None is needed(running, -1, None, AT)


def test_an_approval_and_a_bake_count_at_the_same_time() -> None:
    running = one(Stage(bake_seconds=90, approval=Approval()))
    hold = needed(running, 0, None, AT)
    assert hold and hold.kinds == (HoldKind.BAKE, HoldKind.APPROVAL) and seconds(hold, AT) == LONGEST_SECONDS
    approved = replace(running, approvals=(Approved(stage=0, by="ann", at=NOW),))
    after = needed(approved, 0, hold, AT + timedelta(seconds=30))
    assert after and after.kinds == (HoldKind.BAKE,) and seconds(after, AT + timedelta(seconds=30)) == 60
    late = needed(running, 0, hold, AT + timedelta(days=2))
    assert late and late.kinds == (HoldKind.APPROVAL,) and late.since == NOW


def test_an_approval_is_for_one_stage() -> None:
    running = one(Stage(approval=Approval()), Stage(approval=Approval()))
    approved = replace(running, approvals=(Approved(stage=0, by="ann", at=NOW),))
    assert needed(approved, 0, None, AT) is None and needed(approved, 1, None, AT)


def test_a_pause_holds_before_the_first_stage_too() -> None:
    paused = replace(one(Stage(), Stage()), pause=Pause(by="ann", at=NOW))
    for stage in (-1, 0):
        hold = needed(paused, stage, None, AT)
        assert hold and hold.kinds == (HoldKind.PAUSE,) and hold.until is None


def test_neither_a_pause_nor_a_freeze_keeps_a_deployment_from_its_end() -> None:
    paused = replace(one(Stage(), Stage()), pause=Pause(by="ann", at=NOW))
    assert needed(paused, 1, None, AT, Closed(until=None, why="a freeze")) is None

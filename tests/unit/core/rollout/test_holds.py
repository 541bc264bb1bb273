"""Holds: for what a deployment waits between two stages, and for how long."""

from dataclasses import replace
from datetime import datetime, timedelta

from functions.core.records import (
    AnalysisVerdict,
    Approved,
    Closed,
    Deployment,
    Hold,
    HoldKind,
    Pause,
    Stage,
    StageAnalysis,
)
from functions.core.rollout.health import Approval
from functions.core.rollout.holds import (
    LONGEST_SECONDS,
    approval_asked,
    is_to_be_judged,
    needed,
    seconds,
    waits_for_approval,
)
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


JUDGED = Stage(name="canary", bake_seconds=90, approval=Approval(), analysis="canary")
LATER = AT + timedelta(seconds=90)


def verdict(word: AnalysisVerdict) -> StageAnalysis:
    return StageAnalysis(stage=0, verdict=word, at=NOW, reason="errors: 9 on 1 new host, above 5")


def test_metrics_are_judged_at_the_end_of_the_bake_and_nobody_approves_before() -> None:
    running = replace(one(JUDGED, Stage()), pause=Pause(by="ann", at=NOW))
    hold = needed(running, 0, None, AT, Closed(until="2026-12-23T10:00:00.000Z", why="a freeze"))
    assert hold and hold.kinds == (HoldKind.BAKE, HoldKind.PAUSE, HoldKind.FREEZE)
    assert hold.judged_at == "2026-11-23T10:01:30.000Z" and seconds(hold, AT) == 90, "whatever holds it besides"
    assert not is_to_be_judged(running, 0, hold, LATER - timedelta(seconds=1))
    assert is_to_be_judged(running, 0, hold, LATER)
    judged = replace(running, analyses=(verdict(AnalysisVerdict.SUCCESS),))
    assert not is_to_be_judged(judged, 0, hold, LATER) and not is_to_be_judged(judged, 1, None, LATER)
    after = needed(judged, 0, hold, LATER)
    assert after and after.kinds == (HoldKind.APPROVAL, HoldKind.PAUSE) and after.judged_at is None
    assert seconds(after, LATER) == LONGEST_SECONDS


def test_inconclusive_metrics_hold_until_somebody_approves() -> None:
    for stage in (JUDGED, replace(JUDGED, approval=None)):
        judged = replace(one(stage, Stage()), analyses=(verdict(AnalysisVerdict.INCONCLUSIVE),))
        hold = needed(judged, 0, Hold(stage=0, kinds=(HoldKind.BAKE,), since=NOW), LATER)
        assert hold and hold.kinds[-1] is HoldKind.INCONCLUSIVE and waits_for_approval(hold)
        assert seconds(hold, LATER) == LONGEST_SECONDS, "nothing asks while it waits"
        approved = replace(judged, approvals=(Approved(stage=0, by="ann", at=NOW),))
        assert needed(approved, 0, hold, LATER) is None, "one approval is for both"
        ready = replace(judged, status=DeploymentStatus.READY, hold=hold)
        assert approval_asked(ready) == (stage, Approval())


def test_metrics_of_the_last_stage_hold_its_end() -> None:
    judged = replace(one(JUDGED), analyses=(verdict(AnalysisVerdict.INCONCLUSIVE),))
    hold = needed(replace(judged, approvals=()), 0, Hold(stage=0, kinds=(HoldKind.BAKE,), since=NOW), LATER)
    assert hold and HoldKind.INCONCLUSIVE in hold.kinds

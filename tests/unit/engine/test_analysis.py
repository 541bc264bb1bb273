"""A stage that has baked is judged: its hosts' metrics are read, the verdict is on record once, and what follows of it
follows."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from functions.aws import clock
from functions.aws.clients import client
from functions.core.messages.verdict import decide, rolls_back
from functions.core.new_deployment import new_deployment
from functions.core.records import (
    Alarms,
    AnalysisVerdict,
    Approved,
    Counts,
    Deployment,
    GroupSettings,
    HoldKind,
    Stage,
    StageAnalysis,
)
from functions.core.rollout import stop_mark
from functions.core.rollout.analysis_rule import Analysis, Compare, MetricRule, OnInconclusive, Tolerance
from functions.core.rollout.health import (
    DeploymentConfig,
    MinimumHealthyHosts,
    MinimumHealthyHostsType,
    Select,
    StageRule,
)
from functions.core.statuses import AutoRollbackEvent, DeploymentErrorCode, DeploymentStatus, TargetStatus
from functions.handlers import hold, next_stage
from functions.store.records import deployments, lock, targets
from tests.conftest import WEB, LambdaContext, pending, put_group, revision, stand_in
from tests.fakes.cloudwatch import FakeAlarms
from tests.fakes.service import refusal
from tests.fakes.step_functions import FakeStepFunctions
from tests.rollout import begin, begin_target, end_target
from tests.store import Store

ID, NOW = "d-000000001", "2026-11-23T10:00:00.000Z"
SINCE = datetime.fromisoformat("2026-11-23T10:00:30.000Z")
BAKE = 600
ERRORS = MetricRule(
    name="errors",
    namespace="Shop",
    metric_name="Errors",
    statistic="Sum",
    compare=Compare.OLD_HOSTS,
    tolerance=Tolerance(percent=50, value=1),
    minimum_points=3,
)
MANIFEST = {"bucket": "b", "key": "0", "concurrency": 1, "bake_seconds": BAKE}


@dataclass
class Canary:
    """A deployment whose canary, i-new, has baked; three hosts wait."""

    context: LambdaContext
    cloudwatch: FakeAlarms

    def put(self, host: str, value: float, points: int = 9, name: str = "Errors") -> None:
        """One value in the middle of each whole minute of the bake."""
        for number in range(points):
            at = SINCE + timedelta(seconds=60 * (number + 1))
            point = {"MetricName": name, "Timestamp": at, "Value": value}
            point["Dimensions"] = [{"Name": "InstanceId", "Value": host}]
            self.cloudwatch.put_metric_data(Namespace="Shop", MetricData=[point])

    def next(self, kinds: tuple[str, ...] = ("BAKE",)) -> dict[str, Any]:
        since = SINCE.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        held = {"stage": 0, "kinds": list(kinds), "since": since}
        stages = [{**MANIFEST, "stage": 0}, {**MANIFEST, "stage": 1}]
        last = {"next": "Hold", "stage": stages[0], "hold": held}
        event = {"deployment_id": ID, "stages": stages, "holds": True, "last": last}
        answer: dict[str, Any] = next_stage.handler(event, self.context)
        return answer

    @property
    def record(self) -> Deployment:
        found = deployments.get(ID)
        assert found
        return found

    @property
    def verdict(self) -> StageAnalysis:
        (found,) = self.record.analyses
        return found


def baked(rule: Analysis, settings: GroupSettings) -> None:
    canary = StageRule(name="canary", select=Select.COUNT, value=1, bake_seconds=BAKE, analysis=rule)
    minimum = MinimumHealthyHosts(MinimumHealthyHostsType.HOST_COUNT, 0)
    config = DeploymentConfig("Mine", minimum, stages=(canary, StageRule(name="rest")))
    group = put_group(settings=replace(settings, config=config, tag_groups=(WEB,)))
    one = new_deployment(group, revision(), deployment_id=ID, now=NOW, requested_by="me")
    lock.create(one, None, queue=True)
    stages = (Stage(name="canary", targets=1, bake_seconds=BAKE, analysis="canary"), Stage(name="rest", targets=3))
    fleet = pending(one, "i-new", "i-old-1", "i-old-2", "i-old-3")
    begin(replace(one, counts=Counts(total=4, max_out_of_service=4), stages=stages), fleet, NOW)
    new = targets.get(ID, "i-new")
    assert new and begin_target(new, NOW) and end_target(targets.get(ID, "i-new") or new, TargetStatus.SUCCEEDED, NOW)


ON_ALARM = GroupSettings(auto_rollback=(AutoRollbackEvent.DEPLOYMENT_STOP_ON_ALARM,))


@pytest.fixture
def canary(store: Store, services: None, context: LambdaContext) -> Canary:
    baked(Analysis(metrics=(ERRORS,)), ON_ALARM)
    return Canary(context, stand_in("cloudwatch", FakeAlarms()))


def test_hosts_that_are_no_worse_let_it_go_on(canary: Canary) -> None:
    canary.put("i-new", 3.0)
    for host in ("i-old-1", "i-old-2", "i-old-3"):
        canary.put(host, 2.0)
    assert canary.next()["next"] == "Run"
    (judged,) = canary.verdict.judged
    assert (canary.verdict.verdict, judged.bound) == (AnalysisVerdict.SUCCESS, 3.0)
    assert judged.new and judged.old and (judged.new.value, judged.old.value) == (3.0, 2.0)
    assert (judged.new.points, judged.old.points, judged.old.hosts) == (9, 27, 3)


def test_only_whole_minutes_of_the_bake_count(canary: Canary) -> None:
    """What came before is of the old revision, or of the deployment itself."""
    dimensions = [{"Name": "InstanceId", "Value": "i-new"}]
    for at in (SINCE, SINCE + timedelta(seconds=BAKE)):
        point = {"MetricName": "Errors", "Timestamp": at, "Value": 1000.0, "Dimensions": dimensions}
        canary.cloudwatch.put_metric_data(Namespace="Shop", MetricData=[point])
    canary.put("i-new", 1.0)
    canary.put("i-old-1", 1.0)
    assert canary.next()["next"] == "Run" and canary.verdict.verdict is AnalysisVerdict.SUCCESS


def test_worse_hosts_stop_it_as_an_alarm_does(canary: Canary) -> None:
    canary.put("i-new", 3.1)
    canary.put("i-old-1", 2.0)
    assert canary.next()["next"] == "Finish"
    one = canary.record
    assert one.stop and one.stop.by == "analysis of the stage canary"
    ended = decide(one, ())
    assert ended.status is DeploymentStatus.STOPPED and ended.failure
    assert ended.failure.code is DeploymentErrorCode.ALARM_ACTIVE
    assert "errors: 3.1 on 1 new host, above 3 (2 on 1 old host, and 1 of tolerance)" in ended.failure.message
    begun = replace(one, counts=Counts(total=4, max_out_of_service=4, started=1, succeeded=1))
    assert rolls_back(begun, ended)
    assert not rolls_back(replace(begun, settings=replace(one.settings, auto_rollback=())), ended)


def test_too_few_data_hold_it_until_somebody_approves(canary: Canary) -> None:
    told = stand_in("stepfunctions", FakeStepFunctions())
    canary.put("i-new", 1.0, points=2)
    canary.put("i-old-1", 1.0)
    answer = canary.next()
    assert (answer["next"], answer["hold"]["kinds"]) == ("Hold", ["INCONCLUSIVE"])
    assert canary.verdict.reason == "errors: 1 of 1 new host with fewer than 3 data points"
    event = {"deployment_id": ID, "hold": answer["hold"], "task_token": "t-1"}
    hold.handler(event, canary.context)
    assert canary.record.status is DeploymentStatus.READY and not told.told
    assert deployments.approve(canary.record, Approved(stage=0, by="ann", at=NOW))
    assert canary.next(("INCONCLUSIVE",))["next"] == "Run"
    assert canary.cloudwatch.operations.count("GetMetricData") == 1, "it is judged once"


def test_what_cloudwatch_does_not_answer_is_inconclusive(canary: Canary) -> None:
    canary.put("i-new", 1.0)
    canary.put("i-old-1", 1.0)
    canary.cloudwatch.refuses = refusal("Throttling", "GetMetricData")
    assert canary.next()["hold"]["kinds"] == ["INCONCLUSIVE"]
    assert canary.cloudwatch.operations.count("GetMetricData") > 1, "it is tried again"
    assert canary.verdict.reason == "errors: CloudWatch could not be read (AWS throttled it)"
    assert canary.record.stop is None


def test_inconclusive_may_be_a_stop_that_says_nothing_against_the_revision(
    store: Store, services: None, context: LambdaContext
) -> None:
    baked(Analysis(metrics=(ERRORS,), on_inconclusive=OnInconclusive.STOP), ON_ALARM)
    one = Canary(context, stand_in("cloudwatch", FakeAlarms()))
    assert one.next()["next"] == "Finish"
    assert one.record.stop and one.record.stop.are_alarms_unreadable
    assert "are inconclusive: errors: 1 of 1 new host" in one.record.stop.message


def test_the_first_verdict_stays(canary: Canary, store: Store) -> None:
    """A call that comes twice, and whose twin has found other data."""
    canary.put("i-new", 3.1)
    canary.put("i-old-1", 2.0)
    first = StageAnalysis(stage=0, verdict=AnalysisVerdict.SUCCESS, at=NOW, reason="fine")
    before = canary.record
    store.before_next_write(lambda: deployments.note_analysis(before, first, None))
    assert canary.next()["next"] == "Run"
    assert canary.verdict == first and canary.record.stop is None


def test_a_stop_that_came_first_is_the_one_that_counts(canary: Canary, store: Store) -> None:
    canary.put("i-new", 3.1)
    canary.put("i-old-1", 2.0)
    store.before_next_write(lambda: deployments.mark_stop(ID, stop_mark.by_person("ann", NOW)))
    assert canary.next()["next"] == "Finish"
    assert canary.record.stop and canary.record.stop.by == "ann"


def test_a_bake_that_goes_on_is_not_judged(canary: Canary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: SINCE + timedelta(seconds=BAKE - 1))
    answer = canary.next()
    assert (answer["hold"]["kinds"], answer["seconds"]) == (["BAKE"], 1)
    assert not canary.record.analyses and "GetMetricData" not in canary.cloudwatch.operations


def test_a_stage_that_has_failed_is_not_judged(canary: Canary) -> None:
    deployments.mark_stop(ID, stop_mark.by_person("ann", NOW))
    assert canary.next()["next"] == "Finish" and not canary.record.analyses


@pytest.fixture
def alarmed(store: Store, services: None, context: LambdaContext) -> Canary:
    """Alarms of the group need three data points."""
    baked(Analysis(alarm_points=3), replace(ON_ALARM, alarms=Alarms(names=("rate", "cpu"))))
    one = Canary(context, stand_in("cloudwatch", FakeAlarms({"rate": "OK", "cpu": "OK"})))
    for name in ("rate", "cpu"):
        client("cloudwatch").put_metric_alarm(
            AlarmName=name,
            Namespace="Shop",
            MetricName=name,
            Dimensions=[{"Name": "InstanceId", "Value": "all"}],
            Period=60,
            Statistic="Sum",
            ComparisonOperator="GreaterThanThreshold",
            EvaluationPeriods=1,
            Threshold=1,
        )
    return one


@pytest.mark.parametrize(("points", "following"), [(3, "Run"), (2, "Hold"), (0, "Hold")])
def test_a_bake_may_need_data_of_its_alarms(alarmed: Canary, points: int, following: str) -> None:
    alarmed.put("all", 0.0, name="rate")
    alarmed.put("all", 0.0, points, name="cpu")
    assert alarmed.next()["next"] == following
    reasons = {each.name: each.reason for each in alarmed.verdict.judged}
    assert reasons["cpu"] == f"the alarm's metric has {points} data points, and needs 3"


@pytest.mark.parametrize("refused", ["DescribeAlarms", "GetMetricData"])
def test_alarms_that_cannot_be_read_hold_it(alarmed: Canary, refused: str) -> None:
    def refuse(operation: str) -> None:
        if operation == refused:
            raise refusal("AccessDenied", operation)

    alarmed.cloudwatch.before = refuse
    assert alarmed.next()["hold"]["kinds"] == [HoldKind.INCONCLUSIVE]
    assert {each.name for each in alarmed.verdict.judged} == {"rate", "cpu"}
    assert "could not be read (AWS denied one of its calls)" in alarmed.verdict.reason


def test_an_alarm_that_cannot_be_counted_any_more_holds_it(alarmed: Canary) -> None:
    client("cloudwatch").put_composite_alarm(AlarmName="rate", AlarmRule="ALARM(cpu)")
    alarmed.put("all", 0.0, name="cpu")
    assert alarmed.next()["hold"]["kinds"] == [HoldKind.INCONCLUSIVE]
    assert "composite alarm" in alarmed.verdict.reason

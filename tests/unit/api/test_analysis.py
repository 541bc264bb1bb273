"""Metrics of a stage, as CreateDeploymentConfig takes them and GetDeployment tells what they said."""

from dataclasses import replace
from typing import Any

import pytest

from functions.core.quotas import MAX_METRICS
from functions.core.records import (
    AnalysisVerdict,
    Deployment,
    Hold,
    HoldKind,
    Judged,
    JudgedKind,
    Measured,
    Stage,
    StageAnalysis,
)
from functions.core.rollout.analysis_rule import Analysis, Compare, MetricRule
from functions.core.rollout.health import Approval, DeploymentConfig, Select, StageRule
from functions.core.statuses import DeploymentStatus
from functions.store.records import deployments
from tests.conftest import put_group, stand_in
from tests.fakes.step_functions import FakeStepFunctions
from tests.store import Store
from tests.unit.api.conftest import ARN, Api
from tests.unit.api.test_deployments import put, record

ID, NOW = "d-000000001", "2026-11-23T10:00:00.000Z"
WEB = {"applicationName": "shop", "deploymentGroupName": "web"}
METRIC = {"name": "errors", "namespace": "Shop", "metricName": "Errors", "compare": "limit", "limit": 5}
OLD = {**METRIC, "compare": "oldHosts", "limit": None, "tolerance": {"percent": 10}}


def stage(*metrics: dict[str, Any], **members: Any) -> dict[str, Any]:
    known = {"name": "canary", "select": {"type": "COUNT", "value": 1}, "bakeSeconds": 600}
    return {**known, "analysis": {"metrics": list(metrics)}, **members}


def members(*stages: dict[str, Any], name: str = "Mine") -> dict[str, Any]:
    rest = {"name": "rest", "select": {"type": "REST"}}
    least = {"type": "HOST_COUNT", "value": 1}
    return {"deploymentConfigName": name, "minimumHealthyHosts": least, "stages": [*stages, rest]}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (stage({**METRIC, "compare": "others"}), "'others' is not one of oldHosts, limit"),
        (stage({**METRIC, "failOn": "sideways"}), "'sideways' is not one of above, below"),
        (stage({**METRIC, "limit": None}), "compared with a limit: give limit"),
        (stage({**METRIC, "limit": 1e200}), "give a number up to 1e+100"),
        (stage({**METRIC, "tolerance": {"percent": 1}}), "and no tolerance"),
        (stage({**OLD, "tolerance": {"percent": -1}}), "tolerance -1: give 0 or more"),
        (stage({**OLD, "tolerance": {}}), "empty tolerance"),
        (stage({**OLD, "tolerance": None}), "compared with the old hosts: give tolerance"),
        (stage({**METRIC, "periodSeconds": 90}), "a period of 90 seconds: give a multiple of 60"),
        (stage({**METRIC, "statistic": "Median"}), "the statistic 'Median'"),
        (stage({**METRIC, "minimumDataPoints": 10}), "has 9 whole periods of 60 seconds"),
        (stage({**METRIC, "minimumDataPoints": 0}), "minimumDataPoints 0: give 1 or more"),
        (stage({**METRIC, "dimensions": {"InstanceId": "i-1"}}), "leave it out"),
        (stage({**METRIC, "namespace": ":"}), "no colon first"),
        (stage({"name": "errors", "namespace": "Shop", "compare": "limit"}), "metricName is missing"),
        (stage(*({**METRIC, "name": f"m{number}"} for number in range(MAX_METRICS + 1))), f"at most {MAX_METRICS}"),
        (stage(METRIC, METRIC), "two metrics of the name errors"),
        (stage(), "judges nothing: give metrics"),
        (stage(analysis={"alarms": {}}), "minimumDataPoints 0: give 1 or more, or leave alarms out"),
        (stage(analysis={"alarms": {"minimumDataPoints": 100}}), "each alarm needs 100 data points"),
        (stage(METRIC, bakeSeconds=0), "has an analysis and no bake"),
        (stage(OLD, select={"type": "PERCENT", "value": 100}), "leaves no host that errors could be compared with"),
    ],
)
def test_what_could_never_be_judged_is_refused(api: Api, given: dict[str, Any], why: str) -> None:
    said = api.refuses("ValidationException", "CreateDeploymentConfig", **members(given))
    assert why in said and ": stages[0]" in said


@pytest.mark.parametrize("value", ["5", True, [1]])
def test_what_is_no_number_is_refused(api: Api, value: Any) -> None:
    given = members(stage({**METRIC, "limit": value}))
    said = api.refuses("SerializationException", "CreateDeploymentConfig", **given)
    assert "stages[0].analysis.metrics[0].limit: " in said and "is not a number" in said


def test_a_number_too_large_for_a_number_is_refused(api: Api) -> None:
    api.refuses("SerializationException", "CreateDeploymentConfig", **members(stage({**METRIC, "limit": 10**400})))


def test_a_stage_of_alarms_data_needs_a_group_with_an_alarm(api: Api, services: None) -> None:
    api("CreateApplication", applicationName="shop")
    api("CreateDeploymentConfig", **members(stage(analysis={"alarms": {"minimumDataPoints": 3}})))
    group = {**WEB, "serviceRoleArn": "arn:aws:iam::123456789012:role/any", "deploymentConfigName": "Mine"}
    alarms = {"enabled": True, "alarms": [{"name": "errors"}]}
    said = api.refuses("InvalidAlarmConfigException", "CreateDeploymentGroup", **group)
    assert "the stage canary of Mine wants data points of the group's alarms, and none is watched" in said
    api("CreateDeploymentGroup", **group, alarmConfiguration=alarms)
    change = {"applicationName": "shop", "currentDeploymentGroupName": "web"}
    off = {"alarmConfiguration": {**alarms, "enabled": False}}
    api.refuses("InvalidAlarmConfigException", "UpdateDeploymentGroup", **change, **off)


JUDGED = StageAnalysis(
    stage=0,
    verdict=AnalysisVerdict.INCONCLUSIVE,
    at=NOW,
    reason="cpu: it is a composite alarm",
    judged=(
        Judged(
            name="errors",
            verdict=AnalysisVerdict.SUCCESS,
            reason="0.5 on 1 new host, not above 1.25",
            new=Measured(hosts=1, points=9, value=0.5),
            old=Measured(hosts=9, silent=1, points=72, value=0.25),
            bound=1.25,
        ),
        Judged(
            name="cpu", kind=JudgedKind.ALARM, verdict=AnalysisVerdict.INCONCLUSIVE, reason="it is a composite alarm"
        ),
    ),
)


def inconclusive(approval: Approval | None = None, **fields: Any) -> Deployment:
    """It waits after its canary, whose metrics say nothing."""
    rule = MetricRule(name="errors", namespace="Shop", metric_name="Errors", compare=Compare.LIMIT, limit=5.0)
    canary = StageRule(
        name="canary", select=Select.COUNT, value=1, bake_seconds=600, analysis=Analysis(metrics=(rule,))
    )
    one = put(1, status=DeploymentStatus.READY)
    config = DeploymentConfig("Mine", stages=(canary, StageRule(name="rest")))
    return record(
        replace(
            one,
            settings=replace(one.settings, config=config),
            stages=(
                Stage(name="canary", targets=1, bake_seconds=600, analysis="canary", approval=approval),
                Stage(name="rest", targets=9),
            ),
            hold=Hold(stage=0, kinds=(HoldKind.INCONCLUSIVE,), since=NOW, token="t-1"),
            analyses=(JUDGED,),
            **fields,
        )
    )


def test_what_metrics_said_is_told_with_its_numbers(api: Api) -> None:
    inconclusive()
    info = api("GetDeployment", deploymentId=ID)["deploymentInfo"]
    assert info["stages"][0]["analysis"]["metrics"][0]["limit"] == 5.0 and "analysis" not in info["stages"][1]
    (found,) = info["analyses"]
    assert (found["afterStage"], found["verdict"], found["reason"]) == (0, "inconclusive", JUDGED.reason)
    errors, cpu = found["judged"]
    assert errors == {
        "name": "errors",
        "kind": "METRIC",
        "verdict": "success",
        "reason": "0.5 on 1 new host, not above 1.25",
        "newHosts": {"hosts": 1, "silentHosts": 0, "dataPoints": 9, "value": 0.5},
        "oldHosts": {"hosts": 9, "silentHosts": 1, "dataPoints": 72, "value": 0.25},
        "bound": 1.25,
    }
    assert cpu["kind"] == "ALARM" and "newHosts" not in cpu
    assert info["hold"]["kinds"] == ["INCONCLUSIVE"]


def test_who_may_approve_lets_it_go_on(api: Api, services: None, store: Store) -> None:
    put_group()
    told = stand_in("stepfunctions", FakeStepFunctions())
    inconclusive()
    api("ContinueDeployment", deploymentId=ID, reason="nobody was there")
    found = deployments.get(ID)
    assert found and found.status is DeploymentStatus.IN_PROGRESS and told.told == {"t-1": {"status": "Over"}}
    assert [(each.stage, each.by, each.why) for each in found.approvals] == [(0, ARN, "nobody was there")]


def test_four_eyes_count_for_it_too(api: Api, services: None, store: Store) -> None:
    put_group()
    inconclusive(Approval(by_another=True), principal=ARN)
    assert "somebody else" in api.refuses("AccessDeniedException", "ContinueDeployment", deploymentId=ID)

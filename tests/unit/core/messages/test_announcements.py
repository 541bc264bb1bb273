"""Events and messages exactly as they go out."""

import json
from typing import Any

import pytest

from functions.core.failures import shared
from functions.core.messages import announcements
from functions.core.messages.announcements import Announcement
from functions.core.records import (
    AnalysisVerdict,
    Counts,
    Failure,
    Hold,
    HoldKind,
    LifecycleEventRecord,
    RollbackInfo,
    Stage,
    StageAnalysis,
)
from functions.core.rollout import stop_mark
from functions.core.statuses import (
    Creator,
    DeploymentErrorCode,
    DeploymentStatus,
    LifecycleEventStatus,
    TargetStatus,
    TriggerEvent,
)
from tests.unit.news import DONE, PLACE, deployment, left_out, target, triggers

TOPIC = "arn:aws:sns:us-east-1:123456789012:ops"


def of(status: DeploymentStatus, **fields: Any) -> Announcement:
    announcement = announcements.of_deployment(deployment(status, **fields), PLACE)
    assert announcement
    return announcement


def test_a_deployments_event_has_codedeploys_keys() -> None:
    event = of(DeploymentStatus.FAILED).event
    assert event.detail_type == "CodeDeploy Deployment State-change Notification"
    assert event.resources == (
        "arn:aws:codedeploy:us-east-1:123456789012:deploymentgroup:shop/web",
        "arn:aws:codedeploy:us-east-1:123456789012:application:shop",
    )
    assert event.detail == {
        "application": "shop",
        "deploymentId": "d-A1B2C3111",
        "deploymentGroup": "web",
        "instanceGroupId": "uuid-of-web",
        "region": "us-east-1",
        "state": "FAILURE",
    }


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (DeploymentStatus.QUEUED, None),
        (DeploymentStatus.CREATED, "START"),
        (DeploymentStatus.IN_PROGRESS, None),
        (DeploymentStatus.SUCCEEDED, "SUCCESS"),
        (DeploymentStatus.FAILED, "FAILURE"),
        (DeploymentStatus.STOPPED, "STOP"),
    ],
)
def test_only_codedeploys_states_are_told(status: DeploymentStatus, state: str | None) -> None:
    announcement = announcements.of_deployment(deployment(status), PLACE)
    assert (announcement and announcement.event.detail["state"]) == state


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (TargetStatus.PENDING, None),
        (TargetStatus.IN_PROGRESS, "START"),
        (TargetStatus.SUCCEEDED, "SUCCESS"),
        (TargetStatus.FAILED, "FAILURE"),
        (TargetStatus.SKIPPED, None),
    ],
)
def test_only_codedeploys_states_of_an_instance_are_told(status: TargetStatus, state: str | None) -> None:
    announcement = announcements.of_target(target(status), deployment(), PLACE)
    assert (announcement and announcement.event.detail["state"]) == state


@pytest.mark.parametrize(
    ("target_id", "arn"),
    [
        ("i-0a1", "arn:aws:ec2:us-east-1:123456789012:instance/i-0a1"),
        ("mi-0a1", "arn:aws:ssm:us-east-1:123456789012:managed-instance/mi-0a1"),
        ("db-1", "arn:aws:ssm:us-east-1:123456789012:managed-instance/db-1"),  # which SSM does not know
    ],
)
def test_an_instances_event_leads_with_its_arn(target_id: str, arn: str) -> None:
    announcement = announcements.of_target(target(TargetStatus.FAILED, target_id), deployment(), PLACE)
    assert announcement
    assert announcement.event.detail_type == "CodeDeploy Instance State-change Notification"
    assert announcement.event.resources[0] == arn and len(announcement.event.resources) == 3
    assert announcement.event.detail["instanceId"] == target_id


def test_a_deployments_message_is_codedeploys_wire_form() -> None:
    (message,) = of(
        DeploymentStatus.FAILED,
        settings=triggers(TOPIC, TriggerEvent.DEPLOYMENT_FAILURE),
        complete_time="2022-10-13T15:59:01.000Z",
        counts=DONE,
        failure=Failure(code=DeploymentErrorCode.HEALTH_CONSTRAINTS, message="too few"),
        rollback=RollbackInfo(rollback_message="m", rollback_deployment_id="d-2"),
    ).messages
    assert message.topic_arn == TOPIC
    assert message.subject == "FAILED: AWS CodeDeploy d-A1B2C3111 in us-east-1 to shop"
    assert json.loads(message.message) == {
        "region": "us-east-1",
        "accountId": "123456789012",
        "eventTriggerName": "ops",
        "applicationName": "shop",
        "deploymentId": "d-A1B2C3111",
        "deploymentGroupName": "web",
        "createTime": "Thu Oct 13 15:50:45 UTC 2022",
        "completeTime": "Thu Oct 13 15:59:01 UTC 2022",
        "deploymentOverview": '{"Failed": 1, "InProgress": 0, "Pending": 0, "Skipped": 1, "Succeeded": 2}',
        "status": "FAILED",
        "errorInformation": '{"ErrorCode": "HEALTH_CONSTRAINTS", "ErrorMessage": "too few"}',
        "rollbackInformation": '{"RollbackMessage": "m", "RollbackDeploymentId": "d-2"}',
    }


def test_a_success_does_not_hide_failed_hosts() -> None:
    settings = triggers("arn:aws:sns:us-east-1:1:t", TriggerEvent.DEPLOYMENT_SUCCESS)
    counts = Counts(total=12, succeeded=6, failed=6)
    said = of(DeploymentStatus.SUCCEEDED, settings=settings, counts=counts)
    assert said.event.detail["failedHosts"] == "6 of 12 hosts failed"
    assert json.loads(said.messages[0].message)["failedHosts"] == "6 of 12 hosts failed"
    assert "failedHosts" not in of(DeploymentStatus.FAILED, counts=counts).event.detail


def test_a_running_deployment_has_no_end_and_no_error() -> None:
    (message,) = of(DeploymentStatus.CREATED, settings=triggers(TOPIC, TriggerEvent.DEPLOYMENT_START)).messages
    body = json.loads(message.message)
    assert body["completeTime"] is None and body["rollbackInformation"] == "{}" and body["status"] == "CREATED"
    assert "errorInformation" not in body


def test_an_instances_message_is_codedeploys_wire_form() -> None:
    event = LifecycleEventRecord(
        name="Install", status=LifecycleEventStatus.SUCCEEDED, start_time="2022-10-13T15:50:45.123Z"
    )
    found = target(TargetStatus.IN_PROGRESS, last_updated_at="2022-10-13T15:50:46.000Z", events=(event,))
    parent = deployment(settings=triggers(TOPIC, TriggerEvent.INSTANCE_START))
    announcement = announcements.of_target(found, parent, PLACE)
    assert announcement
    (message,) = announcement.messages
    assert message.subject == "IN_PROGRESS: AWS CodeDeploy d-A1B2C3111 in us-east-1 to i-0a1"
    assert json.loads(message.message) == {
        "region": "us-east-1",
        "accountId": "123456789012",
        "eventTriggerName": "ops",
        "deploymentId": "d-A1B2C3111",
        "instanceId": "arn:aws:ec2:us-east-1:123456789012:instance/i-0a1",
        "lastUpdatedAt": "Thu Oct 13 15:50:46 UTC 2022",
        "instanceStatus": "IN_PROGRESS",
        "lifecycleEvents": (
            '[{"LifecycleEvent": "Install", "LifecycleEventStatus": "Succeeded",'
            ' "StartTime": "Thu Oct 13 15:50:45 UTC 2022", "EndTime": null}]'
        ),
    }


def test_a_trigger_hears_only_what_it_asked_for() -> None:
    asked = triggers(TOPIC, TriggerEvent.DEPLOYMENT_SUCCESS, TriggerEvent.INSTANCE_FAILURE)
    assert of(DeploymentStatus.SUCCEEDED, settings=asked).messages
    assert not of(DeploymentStatus.FAILED, settings=asked).messages


def test_the_birth_of_a_rollback_reaches_a_trigger_once_whichever_of_its_names_was_asked_for() -> None:
    both = triggers(TOPIC, TriggerEvent.DEPLOYMENT_ROLLBACK, TriggerEvent.DEPLOYMENT_START)
    only = triggers(TOPIC, TriggerEvent.DEPLOYMENT_ROLLBACK)
    for asked in (both, only):
        assert len(of(DeploymentStatus.CREATED, creator=Creator.ROLLBACK, settings=asked).messages) == 1
    assert not of(DeploymentStatus.SUCCEEDED, creator=Creator.ROLLBACK, settings=only).messages
    assert not of(DeploymentStatus.CREATED, settings=only).messages


def test_a_subject_is_what_sns_accepts_whatever_the_name() -> None:
    asked = triggers(TOPIC, TriggerEvent.DEPLOYMENT_FAILURE)
    (message,) = of(DeploymentStatus.FAILED, settings=asked, application="größe\n" * 40).messages
    assert len(message.subject) == 100 and message.subject.isascii() and message.subject.isprintable()


def test_what_failed_targets_stay_out_of_is_told() -> None:
    failed, settings = left_out(), triggers(TOPIC, TriggerEvent.INSTANCE_FAILURE, TriggerEvent.DEPLOYMENT_FAILURE)
    found = deployment(DeploymentStatus.FAILED, settings=settings, causes=shared([failed]))
    of_target = announcements.of_target(failed, found, PLACE)
    out = [failed.out_of[0].balancer, "old"]
    assert of_target and json.loads(json.loads(of_target.messages[0].message)["outOfLoadBalancers"]) == out
    of_deployment = announcements.of_deployment(found, PLACE)
    assert of_deployment
    (cause,) = json.loads(json.loads(of_deployment.messages[0].message)["causes"])
    assert cause["OutOfLoadBalancers"] == out


@pytest.mark.parametrize("verdict", list(AnalysisVerdict))
def test_metrics_are_told_where_a_deployment_waits_or_ends_for_them(verdict: AnalysisVerdict) -> None:
    at = "2026-11-23T10:00:00.000Z"
    found = StageAnalysis(stage=0, verdict=verdict, at=at, reason="errors: why")
    fields: dict[str, Any] = {"stages": (Stage(name="canary"), Stage(name="rest")), "analyses": (found,)}
    told = {"afterStage": "canary", "verdict": verdict, "reason": "errors: why"}
    settings = triggers(TOPIC, TriggerEvent.DEPLOYMENT_READY, TriggerEvent.DEPLOYMENT_STOP)
    hold = Hold(stage=0, kinds=(HoldKind.INCONCLUSIVE,), since=at)
    waits = of(DeploymentStatus.READY, hold=hold, settings=settings, **fields)
    stopped = of(DeploymentStatus.STOPPED, stop=stop_mark.by_analysis("canary", found), settings=settings, **fields)
    for one in (waits, stopped):
        is_told = verdict is not AnalysisVerdict.SUCCESS
        (message,) = one.messages
        for where in (one.event.detail, json.loads(message.message)):
            assert ("analysis" in where) == is_told
            assert not is_told or json.loads(where["analysis"]) == told
    assert "analysis" not in of(DeploymentStatus.SUCCEEDED, **fields).event.detail
    bakes = Hold(stage=0, kinds=(HoldKind.APPROVAL,), since=at)
    assert "analysis" not in of(DeploymentStatus.READY, hold=bakes, **fields).event.detail

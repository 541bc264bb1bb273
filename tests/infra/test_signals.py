"""Which events reach which function: the rules' patterns against events as AWS sends them, matched by moto."""

import json
from typing import Any

import pytest
from moto.events.models import EventPattern

from infra.checks.nag import spelled
from tests.infra.conftest import Synthesized, resources

BUCKET = "revisions"
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:stepdeploy"
VALUES = {
    "<AWS::Partition>": "aws",
    "<AWS::Region>": "eu-west-1",
    "<AWS::AccountId>": "123456789012",
}


@pytest.fixture(scope="module")
def reached(template: dict[str, Any]) -> Any:
    return reached_of(template)


def reached_of(template: dict[str, Any]) -> Any:
    """Functions and queues, by logical id without hash, that an event reaches."""
    patterns = [
        (
            each["Properties"]["Targets"][0]["Arn"]["Fn::GetAtt"][0][:-8],
            "EventBusName" in each["Properties"],
            _known(each["Properties"]["EventPattern"]),
        )
        for each in resources(template, "AWS::Events::Rule").values()
        if "EventPattern" in each["Properties"]
    ]

    def by(event: dict[str, Any], *, own_bus: bool = False) -> set[str]:
        return {
            target for target, on_own_bus, pattern in patterns if on_own_bus == own_bus and _matches(pattern, event)
        }

    return by


def _matches(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    """By moto, which reads what the pattern names."""
    return bool(EventPattern(None, pattern).matches_event(event))


def _known(pattern: Any) -> Any:
    """A pattern with its references resolved."""
    if isinstance(pattern, dict) and not any(key.startswith(("Fn::", "Ref")) for key in pattern):
        return {key: _known(value) for key, value in pattern.items()}
    if isinstance(pattern, list):
        return [_known(each) for each in pattern]
    if not isinstance(pattern, dict):
        return pattern
    text = spelled(pattern)
    for name, value in VALUES.items():
        text = text.replace(name, value)
    return BUCKET if text.startswith("<StoreRevisions") else text


def uploaded(key: str, bucket: str = BUCKET) -> dict[str, Any]:
    """From the S3 User Guide, "Event message structure for Amazon EventBridge"."""
    return {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {
            "version": "0",
            "bucket": {"name": bucket},
            "object": {"key": key, "size": 5, "etag": "b1946ac92492d2347c6235b4d2611184", "version-id": "v1"},
            "reason": "PutObject",
        },
    }


def command(status: str, document: str = "stepdeploy-segment") -> dict[str, Any]:
    """From the Systems Manager User Guide, "Amazon EventBridge event examples for Systems Manager"."""
    return {
        "source": "aws.ssm",
        "detail-type": "EC2 Command Invocation Status-change Notification",
        "resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111"],
        "detail": {
            "command-id": "e8d3c0e4-71f7-4491-898f-c9b35bee5f3b",
            "document-name": document,
            "instance-id": "i-9bb89e2b",
            "requested-date-time": "2016-07-10T21:51:30.049Z",
            "status": status,
        },
    }


def alarm(value: str) -> dict[str, Any]:
    """From the CloudWatch User Guide, "Alarm events and EventBridge"."""
    return {
        "source": "aws.cloudwatch",
        "detail-type": "CloudWatch Alarm State Change",
        "detail": {"alarmName": "errors", "state": {"value": value}, "previousState": {"value": "OK"}},
    }


def execution(status: str, machine: str = MACHINE) -> dict[str, Any]:
    """From the Step Functions Developer Guide, "Automating event delivery"."""
    return {
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "detail": {"name": "d-ABCDEFGHI", "stateMachineArn": machine, "status": status},
    }


@pytest.mark.parametrize("key", ["app/group/1.zip", "app/group/sub/1.TAR", "a/g/1.rar", "app/group/a.txt", "top.zip"])
def test_an_upload_reaches_the_function_that_decides_what_it_is(reached: Any, key: str) -> None:
    assert reached(uploaded(key)) == {"RevisionsUploads"}


@pytest.mark.parametrize(
    "key",
    [
        ".stepdeploy/manifests/d-ABCDEFGHI/0.json",
        ".stepdeploy/logs/d-ABCDEFGHI/i-1/Install.log.gz",
        ".stepdeploy/revisions/app/1.zip",
    ],
)
def test_the_engines_own_objects_cost_no_call(reached: Any, key: str) -> None:
    assert reached(uploaded(key)) == set()


def test_an_archive_in_another_bucket_starts_nothing(reached: Any) -> None:
    assert reached(uploaded("app/group/1.zip", bucket="another")) == set()


def test_uploads_to_another_bucket_reach_it_where_deployments_yaml_says_so(named: Synthesized) -> None:
    reached = reached_of(named.template)
    assert reached(uploaded("app/group/1.zip")) == {"RevisionsUploads"}
    assert reached(uploaded("app/group/1.zip", bucket="ci-builds")) == set(), "a name alone starts nothing"
    assert reached(uploaded("ci/app/group/1.zip", bucket="other.builds")) == {"RevisionsUploads"}
    assert reached(uploaded("app/group/1.zip", bucket="other.builds")) == set(), "not below the prefix"
    assert reached(uploaded("app/group/1.zip", bucket="third")) == {"RevisionsUploads"}
    for bucket in (BUCKET, "third"):
        assert reached(uploaded(".stepdeploy/logs/d-ABCDEFGHI/i-1/1.zip", bucket=bucket)) == set()


@pytest.mark.parametrize("status", ["Success", "Failed", "TimedOut", "Cancelled", "Undeliverable", "Terminated"])
def test_the_end_of_our_commands_is_heard(reached: Any, status: str) -> None:
    assert reached(command(status)) == {"CommandStatus"}


@pytest.mark.parametrize("status", ["Pending", "InProgress", "Delayed", "Cancelling"])
def test_commands_that_still_run_cost_no_call(reached: Any, status: str) -> None:
    assert reached(command(status)) == set()


def test_commands_with_other_documents_are_not_ours(reached: Any) -> None:
    assert reached(command("Success", document="AWS-RunShellScript")) == set()


def test_alarms_count_when_they_go_to_alarm(reached: Any) -> None:
    assert reached(alarm("ALARM")) == {"ControlStop"}
    assert reached(alarm("OK")) == reached(alarm("INSUFFICIENT_DATA")) == set()


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_executions_that_did_not_end_by_themselves_are_closed(reached: Any, status: str) -> None:
    assert reached(execution(status)) == {"ExecutionStatus"}


def test_executions_that_run_end_well_or_are_not_deployments_are_left_alone(reached: Any) -> None:
    assert reached(execution("RUNNING")) == reached(execution("SUCCEEDED")) == set()
    assert reached(execution("FAILED", machine=f"{MACHINE}/Targets")) == set(), "a child of the Distributed Map"
    assert reached(execution("FAILED", machine=MACHINE + "-other")) == set()


def test_lost_events_are_looked_for_every_few_minutes(template: dict[str, Any]) -> None:
    (rule,) = [
        each for each in resources(template, "AWS::Events::Rule").values() if "EventPattern" not in each["Properties"]
    ]
    assert rule["Properties"]["ScheduleExpression"] == "rate(3 minutes)"
    assert rule["Properties"]["Targets"][0]["Arn"]["Fn::GetAtt"][0].startswith("FindLost")


def test_slack_hears_of_deployments_and_not_of_instances(reached: Any) -> None:
    told = {"source": "stepdeploy", "detail": {"state": "FAILURE"}}
    deployment = {**told, "detail-type": "CodeDeploy Deployment State-change Notification"}
    instance = {**told, "detail-type": "CodeDeploy Instance State-change Notification"}
    assert reached(deployment, own_bus=True) == {"NotificationsSlackQueue"}
    assert reached(instance, own_bus=True) == set()


def test_the_stream_launches_created_deployments_and_announces_changes_of_status(template: dict[str, Any]) -> None:
    def readers(sk: str, status: str, *, news: bool = True) -> set[str]:
        image = {"sk": {"S": sk}, "status": {"S": status}} | ({"news": {"BOOL": True}} if news else {})
        record = {"dynamodb": {"NewImage": image}}
        found = set()
        for name, each in resources(template, "AWS::Lambda::EventSourceMapping").items():
            filters = each["Properties"].get("FilterCriteria", {}).get("Filters", ())
            if any(_matches(json.loads(one["Pattern"]), record) for one in filters):
                found.add(name[:-8])
        return found

    assert readers("DEPLOYMENT", "Created") == {"EngineLaunchStream", "NotificationsPublishStream"}
    assert readers("DEPLOYMENT", "InProgress") == {"NotificationsPublishStream"}
    assert readers("TARGET#i-1", "Succeeded") == {"NotificationsPublishStream"}
    assert readers("DEPLOYMENT", "Created", news=False) == set(), "a write that changed no status wakes no one"
    assert readers("LOCK", "Created", news=False) == set()


def abandoned(state: str, provider: str = "Lambda") -> dict[str, Any]:
    """From the CodePipeline User Guide, "Monitoring CodePipeline events"."""
    return {
        "source": "aws.codepipeline",
        "detail-type": "CodePipeline Action Execution State Change",
        "detail": {
            "pipeline": "release",
            "execution-id": "11111111-1111-1111-1111-111111111111",
            "stage": "Deploy",
            "action": "Hosts",
            "state": state,
            "type": {"owner": "AWS", "provider": provider, "category": "Invoke", "version": "1"},
        },
    }


def test_the_action_of_a_function_that_is_abandoned_is_heard_and_nothing_else_of_pipelines(reached: Any) -> None:
    assert reached(abandoned("ABANDONED")) == {"ControlStop"}
    assert reached(abandoned("FAILED")) == reached(abandoned("ABANDONED", provider="StepFunctions")) == set()

"""Exactly the grants that the handlers need. What every function has (its log, X-Ray) is checked once."""

from typing import Any

import pytest

from infra.app import ROOT
from infra.permissions import PAGE, grants, page
from tests.infra.conftest import OTHER_TOPIC, Synthesized

TABLE, STREAM = "<StoreRecords.Arn>", "<StoreRecords.StreamArn>"
BUCKET = "<StoreRevisions.Arn>"
UNDELIVERED = "<StoreUndelivered.Arn>"
MACHINE = "states stateMachine:stepdeploy"
TAGGED = '{"StringEquals": {"ssm:resourceTag/stepdeploy": "enabled"}}'

XRAY = {("xray:PutTelemetryRecords", "*"), ("xray:PutTraceSegments", "*")}
ANSWER = {("states:SendTaskSuccess", MACHINE), ("states:SendTaskSuccess", f"{MACHINE}/Targets")}
CANCEL = {("ssm:CancelCommand", "*")}
LOOK = {("ssm:ListCommandInvocations", "*")}
PING = {("ssm:DescribeInstanceInformation", "*")}
READ_REVISIONS = {("s3:GetObject", f"{BUCKET}/*"), ("s3:GetObjectVersion", f"{BUCKET}/*")}
KEEP_FAILED = {("sqs:SendMessage", UNDELIVERED)}
READ_STREAM = {
    ("dynamodb:DescribeStream", STREAM),
    ("dynamodb:GetRecords", STREAM),
    ("dynamodb:GetShardIterator", STREAM),
    ("dynamodb:ListStreams", "*"),
    *KEEP_FAILED,
}
PUBLISH = {("sns:Publish", "<NotificationsTopic>"), ("sns:Publish", OTHER_TOPIC)}


def table(*actions: str) -> set[tuple[str, str]]:
    return {(f"dynamodb:{action}", TABLE) for action in actions}


def take(queue: str) -> set[tuple[str, str]]:
    actions = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes", "ChangeMessageVisibility")
    return {(f"sqs:{action}", f"<{queue}.Arn>") for action in actions} | KEEP_FAILED


CREATE = table("GetItem", "PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem")  # a deployment, a revision's use
DESCRIBE = {("states:DescribeExecution", "states execution:stepdeploy:*")}
STOP = CREATE | table("Query") | CANCEL | ANSWER | DESCRIBE
EXPECTED = {
    "Start": CREATE | take("RevisionsUploads"),
    "Launch": {("states:StartExecution", MACHINE)} | READ_STREAM,
    "Prepare": CREATE
    | table("Query")
    | READ_REVISIONS
    | PING
    | {
        ("s3:ListBucket", BUCKET),
        ("s3:PutObject", f"{BUCKET}/.stepdeploy/manifests/*"),
        ("s3:PutObject", f"{BUCKET}/.stepdeploy/github/*"),
        ("secretsmanager:GetSecretValue", "<EngineGitHubToken.Id>"),
        ("ec2:DescribeInstances", "*"),
        ("cloudwatch:DescribeAlarms", "*"),
    },
    "RunSegment": table("GetItem", "PutItem", "UpdateItem")
    | READ_REVISIONS
    | PING
    | LOOK
    | CANCEL
    | ANSWER
    | {
        ("ssm:SendCommand", "ssm document/stepdeploy-lifecycle"),
        ("ssm:SendCommand", "ec2 instance/*", TAGGED),
        ("ssm:SendCommand", "ssm managed-instance/*", TAGGED),
        ("s3:GetObject", "s3 asset"),
        ("s3:PutObject", f"{BUCKET}/.stepdeploy/logs/*"),
    },
    "TargetDone": table("GetItem", "UpdateItem") | CANCEL,
    "Bake": table("GetItem", "UpdateItem") | ANSWER,
    "Finish": CREATE | table("Query"),
    "CommandStatus": table("GetItem", "UpdateItem") | LOOK | ANSWER | KEEP_FAILED,
    "AlarmState": STOP | KEEP_FAILED,
    "ExecutionStatus": CREATE | table("Query") | CANCEL | KEEP_FAILED,
    "FindLost": STOP
    | {
        ("dynamodb:Query", f"{TABLE}/index/by_status"),
        ("states:ListExecutions", MACHINE),
        ("states:StartExecution", MACHINE),
        ("cloudwatch:DescribeAlarms", "*"),
    },
    "Stop": STOP,
    "Rollback": STOP,
    "Api": STOP
    | table("BatchGetItem")
    | {("dynamodb:Query", f"{TABLE}/index/{name}") for name in ("by_group", "by_status", "by_time")}
    | LOOK,
    "Declare": table("GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem")
    | KEEP_FAILED
    | {("s3:GetObject", "s3 asset")},
    "Publish": table("GetItem")
    | READ_STREAM
    | PUBLISH
    | {("events:PutEvents", "<NotificationsBus.Arn>"), ("sqs:SendMessage", "<NotificationsTriggerQueue.Arn>")},
    "Trigger": PUBLISH | take("NotificationsTriggerQueue"),
    "Slack": table("GetItem", "Query")
    | take("NotificationsSlackQueue")
    | {("secretsmanager:GetSecretValue", "<NotificationsSlackWebhook.Id>")},
}


def granted(template: dict[str, Any], role: str) -> set[tuple[str, ...]]:
    """Action, resource and, where there is one, condition."""
    return {
        (action, grant.resource, *filter(None, [grant.condition]))
        for grant in grants(template)
        for action in grant.actions
        if grant.role == role
    }


@pytest.mark.parametrize("role", EXPECTED)
def test_a_function_may_do_no_more_and_no_less_than_its_handler_does(template: dict[str, Any], role: str) -> None:
    own = granted(template, role) - XRAY
    log = {("logs:CreateLogStream", resource) for action, resource, *_ in own if action == "logs:CreateLogStream"}
    log |= {("logs:PutLogEvents", resource) for _, resource in log}
    assert len(log) == 2, "one log group"
    assert f"{role}Logs" in next(iter(log))[1], "its own"
    assert own - log == EXPECTED[role]


def test_every_role_is_known_here(template: dict[str, Any]) -> None:
    assert {grant.role for grant in grants(template)} == {*EXPECTED, "Machine"}


def test_the_machine_may_call_its_functions_and_run_its_distributed_map(template: dict[str, Any]) -> None:
    services = {entry for entry in granted(template, "Machine") if not entry[0].startswith(("logs:", "xray:"))}
    calls = {
        ("lambda:InvokeFunction", f"<Engine{name}.Arn>")
        for name in ("Prepare", "RunSegment", "TargetDone", "Bake", "Finish")
    }
    executions = {
        (action, f"states execution:stepdeploy{label}:*")
        for action in ("states:DescribeExecution", "states:StopExecution")
        for label in ("", "/Targets")
    }
    manifests = {("s3:GetObject", f"{BUCKET}/.stepdeploy/manifests/*")}
    assert services == calls | executions | manifests | {("states:StartExecution", MACHINE)}


def test_no_action_is_a_wildcard_and_only_these_are_allowed_on_everything(template: dict[str, Any]) -> None:
    everywhere = {action for grant in grants(template) for action in grant.actions if grant.resource == "*"}
    assert not [action for grant in grants(template) for action in grant.actions if "*" in action]
    assert {action for action in everywhere if not action.startswith(("logs:", "xray:"))} == {
        "cloudwatch:DescribeAlarms",
        "dynamodb:ListStreams",
        "ec2:DescribeInstances",
        "ssm:CancelCommand",
        "ssm:DescribeInstanceInformation",
        "ssm:ListCommandInvocations",
    }


def test_no_role_has_a_managed_policy_or_a_policy_that_is_not_in_the_page(template: dict[str, Any]) -> None:
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::IAM::Role":
            assert set(resource["Properties"]) <= {"AssumeRolePolicyDocument", "Tags"}
        if resource["Type"] == "AWS::IAM::Policy":
            statements = resource["Properties"]["PolicyDocument"]["Statement"]
            assert {statement["Effect"] for statement in statements} == {"Allow"}


def test_the_page_of_permissions_is_current(synthesized: Synthesized) -> None:
    lines = page(synthesized.template, synthesized.report).splitlines(keepends=True)
    current = "".join(line for line in lines if OTHER_TOPIC not in line)
    assert (ROOT / PAGE).read_text() == current, "run `make permissions`"

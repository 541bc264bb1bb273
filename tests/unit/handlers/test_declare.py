"""declare: CloudFormation's three requests, each with an answer at its URL."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from functions.aws.table import Table
from functions.core.declaration import load
from functions.core.shapes import to_plain
from functions.handlers import declare
from tests.conftest import LambdaContext, all_items
from tests.unit import fake_slack
from tests.unit.core.test_declaration import group
from tests.unit.fake_slack import FakeSlack

BUCKET = "bootstrap"
TOPIC = "arn:aws:sns:us-east-1:123456789012:engine"
TRIGGER = "triggerConfigurations: [{triggerName: t, triggerTargetArn: notifications, triggerEvents: [DeploymentStop]}]"


@pytest.fixture(autouse=True)
def bootstrap(aws: None) -> None:
    """The bucket into which `cdk deploy` has put the declaration."""
    boto3.client("s3").create_bucket(Bucket=BUCKET)


@pytest.fixture
def cloudformation() -> Iterator[FakeSlack]:
    """The pre-signed URL: any socket that takes JSON will do."""
    with fake_slack.running() as running:
        yield running


def request(cloudformation: FakeSlack, kind: str, key: str = "declaration.json") -> dict[str, Any]:
    return {
        "RequestType": kind,
        "ResponseURL": f"{cloudformation.url}/answer",
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "Declaration",
        "ResourceProperties": {"Bucket": BUCKET, "Key": key, "Hash": "h", "TopicArn": TOPIC},
    }


def answer(cloudformation: FakeSlack) -> dict[str, Any]:
    return cloudformation.posted[-1][1]


def put_declaration(text: str) -> None:
    body = json.dumps(to_plain(load(text)))
    boto3.client("s3").put_object(Bucket=BUCKET, Key="declaration.json", Body=body.encode())


def test_create_applies_the_declaration_with_the_engines_topic(
    table: Table, cloudformation: FakeSlack, context: LambdaContext
) -> None:
    put_declaration(group(TRIGGER))
    declare.handler(request(cloudformation, "Create"), context)
    found = table.group("shop", "web")
    assert found and found.settings.triggers[0].topic_arn == TOPIC
    assert answer(cloudformation) == {
        "Status": "SUCCESS",
        "Reason": "",
        "PhysicalResourceId": "stepdeploy-declaration",
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "Declaration",
    }


def test_update_changes_what_differs_under_the_same_resource_id(
    table: Table, cloudformation: FakeSlack, context: LambdaContext
) -> None:
    for kind, text in (("Create", group("")), ("Update", group("onBusy: reject"))):
        put_declaration(text)
        declare.handler(request(cloudformation, kind), context)
    found = table.group("shop", "web")
    assert found and found.settings.on_busy == "reject"
    assert {payload["PhysicalResourceId"] for _, payload in cloudformation.posted} == {"stepdeploy-declaration"}


def test_what_the_file_names_no_more_is_removed(
    table: Table, cloudformation: FakeSlack, context: LambdaContext
) -> None:
    half = "deploymentConfigs: {Half: {minimumHealthyHosts: {type: FLEET_PERCENT, value: 50}}}\n"
    for kind, text in (("Create", half + group("")), ("Update", "applications: {}")):
        put_declaration(text)
        declare.handler(request(cloudformation, kind), context)
        assert answer(cloudformation)["Status"] == "SUCCESS"
    found = table.group("shop", "web")
    assert found and found.removed_at and table.config("Half") is None


def test_delete_keeps_everything(table: Table, cloudformation: FakeSlack, context: LambdaContext) -> None:
    put_declaration(group(""))
    declare.handler(request(cloudformation, "Create"), context)
    before = all_items()
    declare.handler(request(cloudformation, "Delete"), context)
    assert answer(cloudformation)["Status"] == "SUCCESS" and all_items() == before


def test_a_failure_is_answered_with_its_reason(table: Table, cloudformation: FakeSlack, context: LambdaContext) -> None:
    declare.handler(request(cloudformation, "Create", key="missing.json"), context)
    assert answer(cloudformation)["Status"] == "FAILED"
    assert answer(cloudformation)["Reason"].startswith("deployments.yaml was not applied: NoSuchKey: ")


def test_a_reason_of_any_length_fits_the_answer(
    cloudformation: FakeSlack, context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(properties: Any) -> None:
        raise ValueError("😀" * 5000)

    monkeypatch.setattr(declare, "_apply", fail)
    declare.handler(request(cloudformation, "Create"), context)
    assert len(json.dumps(answer(cloudformation), ensure_ascii=False).encode()) < 4096


def test_an_answer_that_did_not_arrive_is_sent_again(
    table: Table, cloudformation: FakeSlack, context: LambdaContext
) -> None:
    cloudformation.answers = [(503, {})]
    declare.handler(request(cloudformation, "Delete"), context)
    assert answer(cloudformation)["Status"] == "SUCCESS"

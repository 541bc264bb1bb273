"""declare: CloudFormation's three requests, each with an answer at its URL."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from functions.core.declaration import load
from functions.core.records import GroupSettings
from functions.core.text.packing import pack
from functions.core.text.shapes import to_plain
from functions.handlers import declare
from functions.store import guards
from functions.store.records import configs, groups
from tests.conftest import WEB, LambdaContext, all_items, put_group, stand_in
from tests.fakes.cloudformation import FakeCloudFormation
from tests.store import Store
from tests.unit import fake_slack
from tests.unit.core.test_declaration import group
from tests.unit.fake_slack import FakeSlack

TOPIC = "arn:aws:sns:us-east-1:123456789012:engine"
TRIGGER = "triggerConfigurations: [{triggerName: t, triggerTargetArn: notifications, triggerEvents: [DeploymentStop]}]"


@pytest.fixture
def cloudformation() -> Iterator[FakeSlack]:
    """The pre-signed URL: any socket that takes JSON will do."""
    with fake_slack.running() as running:
        yield running


def request(cloudformation: FakeSlack, kind: str, text: str = "applications: {}") -> dict[str, Any]:
    return {
        "RequestType": kind,
        "ResponseURL": f"{cloudformation.url}/answer",
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "Declaration",
        "ResourceProperties": {"Declaration": pack(to_plain(load(text))), "TopicArn": TOPIC},
    }


def answer(cloudformation: FakeSlack) -> dict[str, Any]:
    return cloudformation.posted[-1][1]


def test_create_applies_the_declaration_with_the_engines_topic(
    store: Store, cloudformation: FakeSlack, context: LambdaContext
) -> None:
    declare.handler(request(cloudformation, "Create", group(TRIGGER)), context)
    found = groups.get("shop", "web")
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
    store: Store, cloudformation: FakeSlack, context: LambdaContext
) -> None:
    for kind, text in (("Create", group("")), ("Update", group("onBusy: reject"))):
        declare.handler(request(cloudformation, kind, text), context)
    found = groups.get("shop", "web")
    assert found and found.settings.on_busy == "reject"
    assert {payload["PhysicalResourceId"] for _, payload in cloudformation.posted} == {"stepdeploy-declaration"}


def test_what_a_stack_has_is_refused_and_what_it_has_left_is_declared(
    store: Store, cloudformation: FakeSlack, context: LambdaContext
) -> None:
    stacks = stand_in("cloudformation", FakeCloudFormation())
    shop = "arn:aws:cloudformation:us-east-1:123456789012:stack/shop/0a1b2c3d"
    put_group(registered_by=f"{shop}#Group")
    stacks.has(shop, "Group")
    declare.handler(request(cloudformation, "Create", group("")), context)
    assert answer(cloudformation)["Status"] == "FAILED" and "stack shop" in answer(cloudformation)["Reason"]
    stacks.stacks.clear()
    declare.handler(request(cloudformation, "Create", group("")), context)
    found = groups.get("shop", "web")
    assert answer(cloudformation)["Status"] == "SUCCESS" and found and found.declared and not found.registered_by


def test_target_groups_that_the_same_app_makes_are_known_by_their_arns(
    store: Store, cloudformation: FakeSlack, context: LambdaContext
) -> None:
    asked = request(cloudformation, "Create", group("loadBalancerInfo: {targetGroupInfoList: [{name: web}]}"))
    asked["ResourceProperties"]["TargetGroupArns"] = {"web": "arn:of-web"}
    declare.handler(asked, context)
    found = groups.get("shop", "web")
    assert found and found.settings.load_balancers.target_groups == ("arn:of-web",)


def test_what_the_file_names_no_more_is_removed(
    store: Store, cloudformation: FakeSlack, context: LambdaContext
) -> None:
    half = "deploymentConfigs: {Half: {minimumHealthyHosts: {type: FLEET_PERCENT, value: 50}}}\n"
    for kind, text in (("Create", half + group("")), ("Update", "applications: {}")):
        declare.handler(request(cloudformation, kind, text), context)
        assert answer(cloudformation)["Status"] == "SUCCESS"
    found = groups.get("shop", "web")
    assert found and found.removed_at and configs.get("Half") is None


def test_delete_keeps_everything(store: Store, cloudformation: FakeSlack, context: LambdaContext) -> None:
    declare.handler(request(cloudformation, "Create", group("")), context)
    before = all_items()
    declare.handler(request(cloudformation, "Delete"), context)
    assert answer(cloudformation)["Status"] == "SUCCESS" and all_items() == before


def test_a_failure_is_answered_with_its_reason(store: Store, cloudformation: FakeSlack, context: LambdaContext) -> None:
    asked = request(cloudformation, "Create")
    asked["ResourceProperties"]["Declaration"] = "e30"
    declare.handler(asked, context)
    assert answer(cloudformation)["Status"] == "FAILED"
    assert answer(cloudformation)["Reason"].startswith("deployments.yaml was not applied: Error: Incorrect padding")


def test_a_reason_of_any_length_fits_the_answer(
    cloudformation: FakeSlack, context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(properties: Any) -> None:
        raise ValueError("😀" * 5000)

    monkeypatch.setattr(declare, "_apply", fail)
    declare.handler(request(cloudformation, "Create"), context)
    assert len(json.dumps(answer(cloudformation), ensure_ascii=False).encode()) < 4096


def test_an_answer_that_did_not_arrive_is_sent_again(
    store: Store, cloudformation: FakeSlack, context: LambdaContext
) -> None:
    cloudformation.answers = [(503, {})]
    declare.handler(request(cloudformation, "Delete"), context)
    assert answer(cloudformation)["Status"] == "SUCCESS"


def test_groups_that_the_api_made_get_into_the_index_of_guarded_ones(
    store: Store, cloudformation: FakeSlack, context: LambdaContext
) -> None:
    """Those of an engine that had no index."""
    allowed = ("arn:aws:iam::123456789012:role/release",)
    put_group("made", settings=GroupSettings(tag_groups=(WEB,), allowed_principals=allowed))
    declare.handler(request(cloudformation, "Create", group("")), context)
    assert answer(cloudformation)["Status"] == "SUCCESS"
    assert [each.key for each in guards.guards()] == ["shop/made"]

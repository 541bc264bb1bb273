"""register: CloudFormation's three requests for each kind of resource, as a stack goes through its life."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from functions.aws.clients import client
from functions.engine.starting import create
from functions.handlers import register
from functions.store.records import applications, configs, groups
from tests.conftest import LambdaContext, revision, stand_in
from tests.fakes.cloudformation import FakeCloudFormation
from tests.store import Store
from tests.unit import fake_slack
from tests.unit.fake_slack import FakeSlack

SHOP = "arn:aws:cloudformation:us-east-1:123456789012:stack/shop/0a1b2c3d"
HOSTS = {"ec2TagFilters": [{"Key": "app", "Value": "web"}]}
HALF = {"minimumHealthyHosts": {"type": "FLEET_PERCENT", "value": 50}}


@dataclass
class Stack:
    """A stack of a user whose resources reach the engine; the pre-signed URL is any socket that takes JSON."""

    url: FakeSlack
    context: LambdaContext
    id: str = SHOP

    def asks(self, request: str, kind: str, logical_id: str, properties: dict[str, str], **more: Any) -> dict[str, Any]:
        """What CloudFormation is answered."""
        register.handler(
            {
                "RequestType": request,
                "ResponseURL": f"{self.url.url}/answer",
                "StackId": self.id,
                "RequestId": "request",
                "ResourceType": f"Custom::StepDeploy{kind}",
                "LogicalResourceId": logical_id,
                "ResourceProperties": {"ServiceToken": "register", "Version": "1", **properties},
                **more,
            },
            self.context,
        )
        answer: dict[str, Any] = self.url.posted[-1][1]
        assert answer["StackId"] == self.id and answer["LogicalResourceId"] == logical_id
        return answer

    def does(self, *asked: Any, **more: Any) -> str:
        """The physical id of what succeeded."""
        answer = self.asks(*asked, **more)
        assert answer["Status"] == "SUCCESS", answer["Reason"]
        return str(answer["PhysicalResourceId"])

    def fails(self, *asked: Any, **more: Any) -> str:
        """The reason that CloudFormation shows."""
        answer = self.asks(*asked, **more)
        assert answer["Status"] == "FAILED"
        return str(answer["Reason"])


@pytest.fixture
def stack(store: Store, context: LambdaContext) -> Iterator[Stack]:
    stand_in("cloudformation", FakeCloudFormation())
    with fake_slack.running() as running:
        yield Stack(running, context)


def application(name: str = "shop") -> tuple[str, str, dict[str, str]]:
    return "Application", "App", {"ApplicationName": name}


def group(name: str = "web", **content: Any) -> tuple[str, str, dict[str, str]]:
    properties = {"ApplicationName": "shop", "DeploymentGroupName": name, "Group": json.dumps({**HOSTS, **content})}
    return "DeploymentGroup", "Group", properties


def config(name: str = "Half", **content: Any) -> tuple[str, str, dict[str, str]]:
    return (
        "DeploymentConfig",
        "Config",
        {"DeploymentConfigName": name, "Config": json.dumps({**HALF, **content})},
    )


def test_a_stack_is_made_changed_and_deleted(stack: Stack) -> None:
    assert stack.does("Create", *config()) == "Half"
    assert stack.does("Create", *application()) == "shop"
    assert stack.does("Create", *group(deploymentConfigName="Half")) == "shop/web"
    made = groups.get("shop", "web")
    assert made and made.registered_by == f"{SHOP}#Group" and not made.declared
    assert made.settings.config.name == "Half" and made.settings.config.minimum
    changed = group(deploymentConfigName="Half", bakeTime="5m")
    old = {"PhysicalResourceId": "shop/web", "OldResourceProperties": group()[2]}
    assert stack.does("Update", *changed, **old) == "shop/web"
    after = groups.get("shop", "web")
    assert after and after.settings.bake_seconds == 300 and after.group_id == made.group_id

    assert "used by shop/web: give each of these groups another" in stack.fails(
        "Delete", *config(), PhysicalResourceId="Half"
    )
    for resource, physical_id in ((changed, "shop/web"), (application(), "shop"), (config(), "Half")):
        assert stack.does("Delete", *resource, PhysicalResourceId=physical_id) == physical_id
    gone, left = groups.get("shop", "web"), applications.get("shop")
    assert gone and gone.removed_at and gone.registered_by is None
    assert left and left.registered_by is None and configs.custom("Half") is None


def test_what_a_stack_has_retained_is_taken_by_the_next_one_when_it_is_gone(stack: Stack) -> None:
    client("cloudformation").has(SHOP, "App", "Group")
    stack.does("Create", *application())
    stack.does("Create", *group())
    stack.id = SHOP.replace("shop", "next")
    assert "is registered by the CloudFormation stack shop" in stack.fails("Create", *group())
    client("cloudformation").has(SHOP, "App", "Group", status="DELETE_SKIPPED")
    assert stack.does("Create", *application()) == "shop" and stack.does("Create", *group()) == "shop/web"
    found = groups.get("shop", "web")
    assert found and found.registered_by == f"{stack.id}#Group"


def test_a_repeated_request_changes_nothing(stack: Stack, store: Store) -> None:
    for resource in (application(), config(), group()):
        stack.does("Create", *resource)
        before = store.all_items()
        stack.does("Create", *resource)
        assert store.all_items() == before
    for _ in range(2):
        stack.does("Delete", *group(), PhysicalResourceId="shop/web")


def test_a_name_that_changes_is_another_resource_and_the_old_one_is_deleted_after_it(stack: Stack) -> None:
    stack.does("Create", *application())
    stack.does("Create", *group())
    old = {"PhysicalResourceId": "shop/web", "OldResourceProperties": group()[2]}
    assert stack.does("Update", *group("site"), **old) == "shop/site"
    stack.does("Delete", *group(), PhysicalResourceId="shop/web")
    web, site = groups.get("shop", "web"), groups.get("shop", "site")
    assert web and web.removed_at and site and not site.removed_at


def test_a_group_is_neither_deleted_nor_renamed_while_a_deployment_runs(stack: Stack) -> None:
    stack.does("Create", *application())
    stack.does("Create", *group())
    running = create.create(create.Request(application="shop", group="web", revision=revision(), requested_by="ann"))
    old = {"PhysicalResourceId": "shop/web", "OldResourceProperties": group()[2]}
    for request, resource in (("Delete", group()), ("Update", group("site"))):
        reason = stack.fails(request, *resource, **old)
        assert reason == (
            f'deployment_group_name: {running} runs in "shop/web": wait for it or stop it (stepdeploy stop {running}),'
            " then do this again"
        )
    found = groups.get("shop", "web")
    assert found and not found.removed_at and groups.get("shop", "site") is None
    # What it changes meanwhile is for the next deployment.
    stack.does("Update", *group(bakeTime=60), **old)


def test_a_deployment_that_begins_while_its_group_is_deleted_keeps_it(stack: Stack, store: Store) -> None:
    stack.does("Create", *application())
    stack.does("Create", *group())
    request = create.Request(application="shop", group="web", revision=revision(), requested_by="ann")
    store.before_next_write(lambda: create.create(request))
    assert "runs in" in stack.fails("Delete", *group(), PhysicalResourceId="shop/web")
    found = groups.get("shop", "web")
    assert found and not found.removed_at


def test_all_that_is_wrong_with_a_group_is_said_by_field_value_and_remedy(stack: Stack) -> None:
    stack.does("Create", *application())
    wrong = group(onBusy="wait", deploymentConfigName="CodeDeployDefault.HalfAtOnce", ec2TagFilters=[{}])
    reason = stack.fails("Create", *wrong)
    assert 'onBusy: "wait" is not one of queue, reject' in reason
    assert 'deploymentConfigName: there is no deployment configuration "CodeDeployDefault.HalfAtOnce"' in reason
    assert "ec2TagFilters[0]: give Key, Value or both" in reason
    # CloudFormation deletes what it could not create, under the id that it was told.
    assert stack.does("Delete", *wrong, PhysicalResourceId="Group") == "Group"
    assert groups.get("shop", "web") is None


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        (group("a b"), 'deployment_group_name: "a b" is not a name'),
        (application("a/b"), 'application_name: "a/b" is not a name'),
        (application(".own"), "a name that begins with a dot"),
        (config("CodeDeployDefault.Mine"), "names that begin with CodeDeployDefault."),
        (config("Half", minimumHealthyHosts={"type": "FLEET_PERCENT", "value": 101}), "minimumHealthyHosts.value:"),
        (group(), 'there is no application "shop": register it by ServerApplication'),
        (("DeploymentGroup", "Group", {**group()[2], "Group": "]"}), "not JSON"),
        (("DeploymentGroup", "Group", {**group()[2], "Version": "2"}), "Version 2: this engine knows Version 1"),
        (("Pipeline", "P", {}), "Custom::StepDeployPipeline, Version 1: this engine knows"),
        (("Application", "App", {}), "KeyError"),
    ],
)
def test_what_cannot_be_is_refused(stack: Stack, resource: Any, reason: str) -> None:
    assert reason in stack.fails("Create", *resource)


def test_a_configuration_never_changes(stack: Stack) -> None:
    stack.does("Create", *config())
    changed = config(minimumHealthyHosts={"type": "HOST_COUNT", "value": 1})
    old = {"PhysicalResourceId": "Half", "OldResourceProperties": config()[2]}
    assert '"Half" cannot change' in stack.fails("Update", *changed, **old)

"""Budgets by requests, and in the deployments that keep to them."""

import json
from typing import Any

import pytest

from functions.aws import clock
from functions.aws.clients import client
from functions.core.declaration import load
from functions.core.records import Deployment
from functions.core.statuses import DeploymentErrorCode, TargetStatus
from functions.engine import declare
from functions.engine.ending import end
from functions.engine.starting import begin
from functions.handlers import prepare
from functions.store.records import deployments, targets
from tests.conftest import BUCKET
from tests.rollout import begin_target, end_target
from tests.unit.api.conftest import Api
from tests.unit.api.test_additions import world
from tests.unit.api.test_groups import make
from tests.unit.api.test_groups import told as told_of_group
from tests.unit.handlers.test_prepare import World

__all__ = ["world"]  # a fixture
ROLE = [{"Key": "role", "Value": "web", "Type": "KEY_AND_VALUE"}]
TWO = {"type": "HOST_COUNT", "value": 2}
BUDGET: dict[str, Any] = {"budgetName": "fleet", "ec2TagFilters": ROLE, "maximumOutOfService": TWO}
FILE = """
budgets: {fleet: {ec2TagFilters: [{Key: role, Value: web}], maximumOutOfService: {type: HOST_COUNT, value: 2}}}
applications: {}
"""


@pytest.fixture
def shop(api: Api, world: World) -> World:
    """Two groups on four hosts, which both name the budget."""
    world.launch(4)
    api("PutBudget", **BUDGET)
    api("CreateApplication", applicationName="shop")
    for name in ("web", "tools"):
        make(api, name, ec2TagFilters=ROLE, budgets=["fleet"])
    return world


def deploy(api: Api, world: World, group: str = "web", **more: Any) -> Deployment:
    """Created and begun, as far as it can."""
    location = {"bucket": BUCKET, "key": "shop/web/v1.zip", "bundleType": "zip"}
    given = {
        "applicationName": "shop",
        "deploymentGroupName": group,
        "deploymentConfigName": "CodeDeployDefault.AllAtOnce",
    }
    revision = {"revision": {"revisionType": "S3", "s3Location": location}}
    one = api("CreateDeployment", **given, **revision, **more)["deploymentId"]
    prepare.handler({"deployment_id": one}, world.context)
    found = deployments.get(one)
    assert found
    return found


def take(deployment: Deployment, number: int) -> bool:
    return begin_target(list(targets.of(deployment.deployment_id))[number], clock.timestamp())


def finish(deployment: Deployment, number: int, status: TargetStatus) -> None:
    assert end_target(list(targets.of(deployment.deployment_id))[number], status, clock.timestamp())


def listed(api: Api) -> dict[str, Any]:
    (found,) = api("ListBudgets")["budgets"]
    return dict(found)


def test_two_groups_take_places_of_one_budget(api: Api, shop: World) -> None:
    hosts = sorted(shop.instances)
    web, tools = deploy(api, shop), deploy(api, shop, "tools")
    assert take(web, 0) and take(tools, 1) and not take(web, 2) and not take(tools, 3)
    told = listed(api)
    assert (told["hosts"], told["places"], told["deploymentGroups"]) == (4, 2, ["shop/tools", "shop/web"])
    assert [(each["hostId"], each["deploymentId"]) for each in told["holders"]] == [
        (hosts[0], web.deployment_id),
        (hosts[1], tools.deployment_id),
    ]
    assert {each["deploymentId"] for each in told["waiting"]} == {web.deployment_id, tools.deployment_id}
    ids = sorted([web.deployment_id, tools.deployment_id])
    waits = [f"waits for budget fleet: 2 of 2 held by {', '.join(ids)}"]
    (info,) = api("BatchGetDeployments", deploymentIds=[web.deployment_id])["deploymentsInfo"]
    assert info["waitingFor"] == waits
    target = api("GetDeploymentTarget", deploymentId=web.deployment_id, targetId=hosts[2])["deploymentTarget"]
    assert target["instanceTarget"]["waitingFor"] == waits[0]


def test_a_host_that_failed_is_released_by_a_person_or_deployed_to_first(api: Api, shop: World) -> None:
    web = deploy(api, shop)
    host = sorted(shop.instances)[3]
    assert take(web, 3)
    finish(web, 3, TargetStatus.FAILED)
    end.end(web.deployment_id)
    assert [each["failedIn"] for each in listed(api)["holders"]] == [web.deployment_id]
    tools = deploy(api, shop, "tools")
    (stage,) = begin.run(tools)
    body = client("s3").get_object(Bucket=stage.bucket, Key=stage.key)["Body"].read()
    assert [each["target_id"] for each in json.loads(body)] == [host, *sorted(shop.instances)[:3]], "in any group"
    api.refuses("InvalidInputException", "ReleaseBudgetPlace", budgetName="fleet", hostId="i-0")
    api.refuses("BudgetDoesNotExistException", "ReleaseBudgetPlace", budgetName="other", hostId=host)
    assert api("ReleaseBudgetPlace", budgetName="fleet", hostId=host) == {"failedIn": web.deployment_id}
    assert listed(api)["holders"] == []
    assert take(tools, 0)
    said = api.refuses(
        "BudgetInUseException", "ReleaseBudgetPlace", budgetName="fleet", hostId=sorted(shop.instances)[0]
    )
    assert tools.deployment_id in said


def test_the_place_of_a_host_that_was_terminated_is_given_back_by_the_next_deployment(api: Api, shop: World) -> None:
    web = deploy(api, shop)
    assert take(web, 0)
    finish(web, 0, TargetStatus.FAILED)
    end.end(web.deployment_id)
    client("ec2").terminate_instances(InstanceIds=[sorted(shop.instances)[0]])
    deploy(api, shop, "tools")
    assert listed(api)["holders"] == [] and listed(api)["hosts"] == 3


def test_a_percentage_is_counted_when_a_deployment_begins(api: Api, shop: World) -> None:
    api("PutBudget", **{**BUDGET, "maximumOutOfService": {"type": "FLEET_PERCENT", "value": 25}})
    first = deploy(api, shop)
    shop.launch(4)
    second = deploy(api, shop, "tools")
    assert [each.places for each in (*first.budgets, *second.budgets)] == [1, 2]
    assert [each.covers_all for each in first.budgets] == [True]


@pytest.mark.parametrize(
    ("maximum", "says"),
    [
        ({"type": "FLEET_PERCENT", "value": 20}, "20 % of 4 hosts is less than one host"),
        ({"type": "FLEET_PERCENT", "value": 101}, "give 1 to 100"),
        ({"type": "HOST_COUNT", "value": 0}, "no host could be deployed to"),
        ({"type": "HOST_COUNT"}, "no host could be deployed to"),
        ({"value": 1}, "maximumOutOfService.type: is missing"),
    ],
)
def test_a_maximum_that_no_deployment_could_keep_is_refused(
    api: Api, shop: World, maximum: dict[str, Any], says: str
) -> None:
    said = api.refuses("InvalidInputException", "PutBudget", **{**BUDGET, "maximumOutOfService": maximum})
    assert says in said and listed(api)["maximumOutOfService"] == TWO


@pytest.mark.parametrize(
    ("code", "members", "says"),
    [
        ("InvalidInputException", {"budgetName": "a/b"}, "is not a name"),
        ("InvalidInputException", {"ec2TagFilters": []}, "selects no hosts"),
        ("InvalidInputException", {"ec2TagFilters": [{"Key": "role", "Value": "wbe"}]}, "selects no host that runs"),
        ("InvalidInputException", {"autoScalingGroups": ["a"] * 11}, "has 11, at most 10"),
        ("InvalidInputException", {"autoScalingGroups": ["a:b"]}, "is not the name of an Auto Scaling group"),
        ("InvalidInputException", {"autoScalingGroups": ["other"]}, "the engine may not use other"),
        ("InvalidEC2TagCombinationException", {"ec2TagSet": {"ec2TagSetList": [ROLE]}}, "give one of the two"),
    ],
)
def test_a_budget_that_cannot_be_is_refused(
    api: Api, shop: World, code: str, members: dict[str, Any], says: str
) -> None:
    assert says in api.refuses(code, "PutBudget", **{**BUDGET, **members})


def test_a_group_names_budgets_that_there_are(api: Api, shop: World) -> None:
    assert told_of_group(api)["budgets"] == ["fleet"]
    change = {"applicationName": "shop", "currentDeploymentGroupName": "web"}
    said = api.refuses("InvalidInputException", "UpdateDeploymentGroup", **change, budgets=["flet"])
    assert "budgets[0]: there is no budget 'flet'" in said
    api.refuses("InvalidInputException", "UpdateDeploymentGroup", **change, budgets=["fleet"] * 11)
    api("UpdateDeploymentGroup", **change, budgets=[])
    assert "budgets" not in told_of_group(api)


def test_a_budget_that_is_used_stays(api: Api, shop: World) -> None:
    said = api.refuses("BudgetInUseException", "DeleteBudget", budgetName="fleet")
    assert "is named by shop/tools, shop/web" in said
    web = deploy(api, shop)
    assert take(web, 0)
    for name in ("web", "tools"):
        api("UpdateDeploymentGroup", applicationName="shop", currentDeploymentGroupName=name, budgets=[])
    assert web.deployment_id in api.refuses("BudgetInUseException", "DeleteBudget", budgetName="fleet")
    finish(web, 0, TargetStatus.SUCCEEDED)
    for _ in range(2):
        assert api("DeleteBudget", budgetName="fleet") == {}
    assert api("ListBudgets") == {"budgets": []}
    api.refuses("BudgetDoesNotExistException", "ListBudgets", budgetName="fleet")


def test_there_are_at_most_fifty(api: Api, shop: World) -> None:
    for number in range(49):
        api("PutBudget", **{**BUDGET, "budgetName": f"b{number}"})
    api.refuses("BudgetLimitExceededException", "PutBudget", **{**BUDGET, "budgetName": "more"})
    api("PutBudget", **{**BUDGET, "maximumOutOfService": {"type": "HOST_COUNT", "value": 1}})


# -- deployments.yaml


def test_the_file_has_its_budgets_and_alone_changes_them(api: Api, world: World) -> None:
    world.launch(2)
    assert declare.apply(load(FILE)) == ["fleet"] and declare.apply(load(FILE)) == []
    assert listed(api)["isDeclared"] and listed(api)["ec2TagFilters"] == ROLE
    for operation, given in (("PutBudget", BUDGET), ("DeleteBudget", {"budgetName": "fleet"})):
        assert "declared in deployments.yaml" in api.refuses("InvalidInputException", operation, **given)
    assert declare.apply(load(FILE.replace("value: 2", "value: 1"))) == ["fleet"]
    assert listed(api)["maximumOutOfService"]["value"] == 1
    assert declare.apply(load("applications: {}")) == ["fleet"] and api("ListBudgets") == {"budgets": []}


def test_the_file_takes_over_one_of_the_api_and_leaves_others_alone(api: Api, shop: World) -> None:
    api("PutBudget", **{**BUDGET, "budgetName": "other"})
    declare.apply(load(FILE))
    assert [(each["budgetName"], each["isDeclared"]) for each in api("ListBudgets")["budgets"]] == [
        ("fleet", True),
        ("other", False),
    ]


def test_a_deployment_under_a_budget_that_is_gone_fails_before_a_host_is_touched(api: Api, shop: World) -> None:
    declare.apply(load(FILE))
    declare.apply(load("applications: {}"))  # its groups are of the API
    one = deploy(api, shop)
    end.end(one.deployment_id)
    found = deployments.get(one.deployment_id)
    assert found and found.failure and found.failure.code is DeploymentErrorCode.HEALTH_CONSTRAINTS_INVALID
    assert "shop/web names the budget fleet, which does not exist; there is none" in found.failure.message


def test_a_deployment_whose_budget_has_no_place_or_no_host_says_so(api: Api, shop: World) -> None:
    for body, says in (
        ("{type: FLEET_PERCENT, value: 24}", "Budget fleet: 24 % of 4 hosts is less than one host"),
        ("{type: HOST_COUNT, value: 2}", "Budget fleet selects no host that runs or is stopped"),
    ):
        text = FILE.replace("{type: HOST_COUNT, value: 2}", body)
        declare.apply(load(text.replace("Value: web", "Value: wbe") if "selects" in says else text))
        one = deploy(api, shop)
        end.end(one.deployment_id)
        found = deployments.get(one.deployment_id)
        assert found and found.failure and says in found.failure.message and not list(targets.of(one.deployment_id))

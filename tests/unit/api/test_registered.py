"""What stacks register is read by requests, and changed by none."""

import json
from typing import Any

import pytest

from functions.core.declaration.registrants import Registrant
from functions.engine import register
from functions.store.records import applications
from tests.store import Store
from tests.unit.api.conftest import Api

STACK = Registrant("arn:aws:cloudformation:us-east-1:123456789012:stack/site/1", "Group")
HALF = {"minimumHealthyHosts": {"type": "FLEET_PERCENT", "value": 50}}
WEB = {"applicationName": "shop", "deploymentGroupName": "web"}
SAYS = "is registered by the CloudFormation stack site: change it there"


@pytest.fixture(autouse=True)
def site(store: Store) -> None:
    register.config("Half", json.dumps(HALF), STACK)
    register.application("shop", STACK)
    group = {"ec2TagFilters": [{"Key": "app"}], "deploymentConfigName": "Half"}
    register.group("shop", "web", json.dumps(group), STACK, topics=["own"])


def test_it_is_read_as_any_other(api: Api) -> None:
    found = api("GetDeploymentGroup", **WEB)["deploymentGroupInfo"]
    assert found["deploymentConfigName"] == "Half" and not found["isDeclared"]
    assert found["registeredBy"] == "arn:aws:cloudformation:us-east-1:123456789012:stack/site/1"
    assert api("GetDeploymentConfig", deploymentConfigName="Half")["deploymentConfigInfo"]["deploymentConfigId"]


@pytest.mark.parametrize(
    ("operation", "members", "code"),
    [
        ("UpdateDeploymentGroup", {"applicationName": "shop", "currentDeploymentGroupName": "web"}, "InvalidInput"),
        ("DeleteDeploymentGroup", WEB, "Validation"),
        ("DeleteDeploymentConfig", {"deploymentConfigName": "Half"}, "Validation"),
        ("UpdateApplication", {"applicationName": "shop", "newApplicationName": "b"}, "Validation"),
        ("DeleteApplication", {"applicationName": "shop"}, "Validation"),
    ],
)
def test_a_request_does_not_change_it(api: Api, operation: str, members: dict[str, Any], code: str) -> None:
    assert SAYS in api.refuses(f"{code}Exception", operation, **members)


def test_an_application_of_requests_is_not_deleted_under_a_group_of_a_stack(api: Api) -> None:
    api("CreateApplication", applicationName="front")
    register.group("front", "web", '{"ec2TagFilters": [{"Key": "app"}]}', STACK, topics=["own"])
    assert f"its group web {SAYS}" in api.refuses("ValidationException", "DeleteApplication", applicationName="front")


def test_an_application_that_a_stack_takes_meanwhile_is_not_deleted(api: Api, store: Store) -> None:
    api("CreateApplication", applicationName="front")
    store.before_next_write(lambda: register.application("front", STACK))
    assert SAYS in api.refuses("ValidationException", "DeleteApplication", applicationName="front")
    assert applications.has("front")


def test_one_that_its_stack_has_left_is_deleted(api: Api) -> None:
    register.remove_group("shop", "web", STACK)
    register.release_application("shop", STACK)
    api("DeleteApplication", applicationName="shop")
    assert not applications.has("shop")

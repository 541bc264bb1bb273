"""Tags of applications and deployment groups."""

import pytest

from functions.core.declaration import load
from functions.engine import declare
from functions.store.records import groups
from tests.conftest import REGION
from tests.store import Store
from tests.unit.api.conftest import Api
from tests.unit.api.test_groups import make

OWN = f"arn:aws:codedeploy:{REGION}:123456789012:"
SHOP, WEB = f"{OWN}application:shop", f"{OWN}deploymentgroup:shop/web"


@pytest.fixture(autouse=True)
def shop(api: Api) -> None:
    api("CreateApplication", applicationName="shop", tags=[{"Key": "team", "Value": "web"}])
    make(api, tags=[{"Key": "tier", "Value": "1"}])


def tags(api: Api, arn: str) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in api("ListTagsForResource", ResourceArn=arn)["Tags"]}


def test_tags_are_added_replaced_and_removed(api: Api) -> None:
    for arn, key in ((SHOP, "team"), (WEB, "tier")):
        assert list(tags(api, arn)) == [key]
        api("TagResource", ResourceArn=arn, Tags=[{"Key": key, "Value": "2"}, {"Key": "new", "Value": ""}])
        assert tags(api, arn) == {key: "2", "new": ""}
        api("UntagResource", ResourceArn=arn, TagKeys=[key, "unknown"])
        assert tags(api, arn) == {"new": ""}


def test_a_change_of_a_group_leaves_its_tags(api: Api) -> None:
    change = {"applicationName": "shop", "currentDeploymentGroupName": "web"}
    api("UpdateDeploymentGroup", **change, outdatedInstancesStrategy="IGNORE")
    api("UpdateDeploymentGroup", **change, newDeploymentGroupName="site")
    assert tags(api, f"{OWN}deploymentgroup:shop/site") == {"tier": "1"}


def test_declared_groups_have_tags_too(api: Api, store: Store) -> None:
    declare.apply(load("applications: {shop: {groups: {api: {ec2TagFilters: [{Key: role}]}}}}"))
    arn = f"{OWN}deploymentgroup:shop/api"
    api("TagResource", ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}])
    declare.apply(load("applications: {shop: {groups: {api: {ec2TagFilters: [{Key: other}]}}}}"))
    assert tags(api, arn) == {"a": "b"}


def test_tags_that_somebody_else_changed_are_not_overwritten(api: Api, store: Store) -> None:
    assert not groups.set_tags("shop", None, {"team": "old"}, {})
    assert tags(api, SHOP) == {"team": "web"}


def test_what_is_not_there_is_told(api: Api) -> None:
    tag = [{"Key": "a", "Value": "b"}]
    gone = f"{OWN}application:gone"
    api.refuses("ApplicationDoesNotExistException", "TagResource", ResourceArn=gone, Tags=tag)
    api.refuses("InvalidArnException", "ListTagsForResource", ResourceArn=gone)
    group = f"{OWN}deploymentgroup:shop/gone"
    api.refuses("DeploymentGroupDoesNotExistException", "UntagResource", ResourceArn=group, TagKeys=["a"])


@pytest.mark.parametrize(
    ("code", "arn"),
    [
        ("InvalidArnException", "shop"),
        ("InvalidArnException", SHOP.replace("123456789012", "123456789013")),
        ("InvalidArnException", SHOP.replace(REGION, "eu-west-1")),
        ("InvalidArnException", f"{OWN}application:a b"),
        ("ArnNotSupportedException", f"{OWN}deploymentconfig:Half"),
        ("ArnNotSupportedException", f"{OWN}deploymentgroup:shop"),
        ("ArnNotSupportedException", f"{OWN}application:shop/web"),
    ],
)
def test_arns_of_something_else_are_refused(api: Api, code: str, arn: str) -> None:
    assert "ResourceArn" in api.refuses(code, "ListTagsForResource", ResourceArn=arn)


@pytest.mark.parametrize(
    "wrong",
    [
        [{"Key": "aws:x", "Value": ""}],
        [{"Key": "x" * 129, "Value": ""}],
        [{"Key": "", "Value": ""}],
        [{"Key": "x", "Value": "y" * 257}],
        [{"Key": "x", "Value": "1"}, {"Key": "x", "Value": "2"}],
        [{"Key": f"k{number}", "Value": ""} for number in range(50)],
    ],
)
def test_tags_that_aws_does_not_allow_are_refused(api: Api, wrong: list[dict[str, str]]) -> None:
    api.refuses("InvalidTagsToAddException", "TagResource", ResourceArn=SHOP, Tags=wrong)
    assert tags(api, SHOP) == {"team": "web"}

"""Terraform's AWS provider: the requests of its resources for CodeDeploy, and that a plan after them is empty.

A plan is empty when what the provider reads back is what the configuration says; `state` is how it reads. The sequences
and this reading are those of the provider's resources aws_codedeploy_app, aws_codedeploy_deployment_group and
aws_codedeploy_deployment_config (internal/service/deploy of hashicorp/terraform-provider-aws, 5): they send what
changes alone, an empty block for one that was taken out, and, by the AWS SDK for Go v2, no `false` and no 0.
"""

from collections.abc import Iterable
from typing import Any

import pytest

from functions.aws.clients import client as aws_client
from functions.core.records import NO_LOAD_BALANCERS, LoadBalancers
from functions.store.records import declared
from tests.conftest import REGION
from tests.tools.conftest import ACCOUNT, ROLE, Api

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:news"
NAMES = {"applicationName": "shop", "deploymentGroupName": "web"}
FILTERS = [{"Key": "role", "Value": "web", "Type": "KEY_AND_VALUE"}, {"Key": "old", "Value": "", "Type": "KEY_ONLY"}]
NO_BLOCK: dict[str, Any] = {}
DEFAULTS: dict[str, Any] = {  # what the provider's schema says of a block or argument that is not there
    "deploymentConfigName": "CodeDeployDefault.OneAtATime",
    "outdatedInstancesStrategy": "UPDATE",
    "computePlatform": "Server",
    "alarmConfiguration": NO_BLOCK,
    "autoRollbackConfiguration": NO_BLOCK,
    "loadBalancerInfo": NO_BLOCK,
    "blueGreenDeploymentConfiguration": NO_BLOCK,
    "ec2TagFilters": set(),
    "ec2TagSet": set(),
    "onPremisesInstanceTagFilters": set(),
    "triggerConfigurations": set(),
    "autoScalingGroups": set(),
    "ecsServices": set(),
    "terminationHookEnabled": False,
}


def tag_filters(given: Iterable[dict[str, str]]) -> set[tuple[str, str, str]]:
    return {(each.get("Key", ""), each.get("Value", ""), each.get("Type", "")) for each in given}


def state(group: dict[str, Any]) -> dict[str, Any]:
    """What the provider takes from GetDeploymentGroup; deployment_style counts where it is configured alone."""
    found = {name: group.get(name) for name in ("deploymentConfigName", "outdatedInstancesStrategy", "computePlatform")}
    alarms, rollback = group.get("alarmConfiguration"), group.get("autoRollbackConfiguration")
    is_watched = alarms and (alarms["enabled"] or alarms.get("alarms"))
    rolls_back = rollback and (rollback["enabled"] or rollback.get("events"))
    return {
        **found,
        "alarmConfiguration": {
            "enabled": alarms["enabled"],
            "ignorePollAlarmFailure": alarms.get("ignorePollAlarmFailure", False),
            "alarms": {each["name"] for each in alarms["alarms"]},
        }
        if alarms and is_watched
        else NO_BLOCK,
        "autoRollbackConfiguration": {"enabled": rollback["enabled"], "events": set(rollback["events"])}
        if rollback and rolls_back
        else NO_BLOCK,
        "loadBalancerInfo": {
            kind: {each["name"] for each in balancers.get(kind, [])}
            for kind in ("elbInfoList", "targetGroupInfoList", "targetGroupPairInfoList")
        }
        if (balancers := group.get("loadBalancerInfo")) is not None
        else NO_BLOCK,
        "blueGreenDeploymentConfiguration": group.get("blueGreenDeploymentConfiguration", NO_BLOCK),
        "ec2TagFilters": tag_filters(group.get("ec2TagFilters", [])),
        "ec2TagSet": {frozenset(tag_filters(each)) for each in group.get("ec2TagSet", {}).get("ec2TagSetList", [])},
        "onPremisesInstanceTagFilters": tag_filters(group.get("onPremisesInstanceTagFilters", [])),
        "triggerConfigurations": {
            (each["triggerName"], each["triggerTargetArn"], frozenset(each["triggerEvents"]))
            for each in group.get("triggerConfigurations", [])
        },
        "autoScalingGroups": {each["name"] for each in group.get("autoScalingGroups", [])},
        "ecsServices": set(group.get("ecsServices", [])),
        "terminationHookEnabled": group.get("terminationHookEnabled", False),
    }


def read(api: Api, name: str = "web") -> dict[str, Any]:
    asked = {"applicationName": "shop", "deploymentGroupName": name}
    found: dict[str, Any] = api.client.get_deployment_group(**asked)["deploymentGroupInfo"]
    return found


def assert_plan_is_empty(api: Api, **configured: Any) -> None:
    assert state(read(api)) == {**DEFAULTS, **configured}


def update(api: Api, **changed: Any) -> None:
    """What has changed alone, with the two arguments that the provider always gives."""
    given = {"applicationName": "shop", "currentDeploymentGroupName": "web", "serviceRoleArn": ROLE}
    api.client.update_deployment_group(**given, **changed)


@pytest.fixture
def group(api: Api) -> Api:
    """An application and a group by their required arguments; schema defaults are sent."""
    api.client.create_application(applicationName="shop", computePlatform="Server")
    defaults = {"deploymentConfigName": "CodeDeployDefault.OneAtATime", "outdatedInstancesStrategy": "UPDATE"}
    made = api.client.create_deployment_group(**NAMES, serviceRoleArn=ROLE, **defaults)
    assert made["deploymentGroupId"] == read(api)["deploymentGroupId"], "the resource's id"
    assert read(api)["serviceRoleArn"] == ROLE
    return api


def test_a_group_without_any_block(group: Api) -> None:
    assert_plan_is_empty(group)


def test_an_application_is_created_read_tagged_renamed_and_deleted(api: Api) -> None:
    client = api.client
    tags = [{"Key": "team", "Value": "web"}, {"Key": "cost", "Value": "1"}]
    made = client.create_application(applicationName="shop", computePlatform="Server", tags=tags)
    found = client.get_application(applicationName="shop")["application"]
    assert found["applicationId"] == made["applicationId"], "the first half of the resource's id"
    assert (found["applicationName"], found["computePlatform"], found["linkedToGitHub"]) == ("shop", "Server", False)
    arn = f"arn:aws:codedeploy:{REGION}:{ACCOUNT}:application:shop"  # as the provider builds it

    def tags_all() -> dict[str, str]:
        return {each["Key"]: each["Value"] for each in client.list_tags_for_resource(ResourceArn=arn)["Tags"]}

    assert tags_all() == {"team": "web", "cost": "1"}
    client.untag_resource(ResourceArn=arn, TagKeys=["cost"])
    client.tag_resource(ResourceArn=arn, Tags=[{"Key": "team", "Value": "shop"}])
    assert tags_all() == {"team": "shop"}
    client.update_application(applicationName="shop", newApplicationName="store")
    renamed = client.get_application(applicationName="store")["application"]
    assert renamed["applicationId"] == made["applicationId"]
    client.delete_application(applicationName="store")
    with pytest.raises(client.exceptions.ApplicationDoesNotExistException):
        client.get_application(applicationName="store")
    client.delete_application(applicationName="store")  # deleted by somebody else


def test_tag_filters_are_replaced_and_taken_out(group: Api) -> None:
    update(group, ec2TagFilters=FILTERS, onPremisesInstanceTagFilters=FILTERS[:1])
    wanted = {"ec2TagFilters": tag_filters(FILTERS), "onPremisesInstanceTagFilters": tag_filters(FILTERS[:1])}
    assert_plan_is_empty(group, **wanted)
    update(group, ec2TagFilters=FILTERS[:1])
    assert_plan_is_empty(group, **{**wanted, "ec2TagFilters": tag_filters(FILTERS[:1])})
    update(group, ec2TagFilters=[], onPremisesInstanceTagFilters=[])
    assert_plan_is_empty(group)


def test_a_tag_set_takes_the_place_of_filters(group: Api) -> None:
    update(group, ec2TagFilters=FILTERS)
    update(group, ec2TagFilters=[], ec2TagSet={"ec2TagSetList": [FILTERS, FILTERS[:1]]})
    sets = {frozenset(tag_filters(FILTERS)), frozenset(tag_filters(FILTERS[:1]))}
    assert_plan_is_empty(group, ec2TagSet=sets)
    update(group, ec2TagSet={"ec2TagSetList": []})
    assert_plan_is_empty(group)


def test_triggers_are_changed_and_taken_out(group: Api) -> None:
    first = {"triggerName": "news", "triggerTargetArn": TOPIC, "triggerEvents": ["DeploymentFailure"]}
    second = {**first, "triggerEvents": ["DeploymentFailure", "DeploymentSuccess"]}
    other = {**first, "triggerName": "more"}

    def configured(*triggers: dict[str, Any]) -> set[tuple[str, str, frozenset[str]]]:
        return {(each["triggerName"], TOPIC, frozenset(each["triggerEvents"])) for each in triggers}

    for triggers in ([first], [second], [second, other], []):
        update(group, triggerConfigurations=triggers)
        assert_plan_is_empty(group, triggerConfigurations=configured(*triggers))


@pytest.mark.parametrize("sends_false", [True, False], ids=["SDK v1", "SDK v2"])
def test_alarms_are_disabled_and_taken_out(group: Api, sends_false: bool) -> None:
    no = {"enabled": False, "ignorePollAlarmFailure": False} if sends_false else {}
    alarms = [{"name": "errors"}, {"name": "latency"}]
    update(group, alarmConfiguration={**no, "alarms": alarms, "enabled": True})
    wanted = {"enabled": True, "ignorePollAlarmFailure": False, "alarms": {"errors", "latency"}}
    assert_plan_is_empty(group, alarmConfiguration=wanted)
    update(group, alarmConfiguration={**no, "alarms": alarms[:1], "enabled": True, "ignorePollAlarmFailure": True})
    assert_plan_is_empty(group, alarmConfiguration={**wanted, "ignorePollAlarmFailure": True, "alarms": {"errors"}})
    update(group, alarmConfiguration={**no, "alarms": alarms[:1]})
    assert_plan_is_empty(group, alarmConfiguration={**wanted, "enabled": False, "alarms": {"errors"}})
    update(group, alarmConfiguration={**no, "alarms": []})
    assert_plan_is_empty(group)


@pytest.mark.parametrize("sends_false", [True, False], ids=["SDK v1", "SDK v2"])
def test_automatic_rollback_is_disabled_and_taken_out(group: Api, sends_false: bool) -> None:
    no = {"enabled": False} if sends_false else {}
    events = ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"]
    update(group, autoRollbackConfiguration={"enabled": True, "events": events})
    assert_plan_is_empty(group, autoRollbackConfiguration={"enabled": True, "events": set(events)})
    update(group, autoRollbackConfiguration={**no, "events": events[:1]})
    assert_plan_is_empty(group, autoRollbackConfiguration={"enabled": False, "events": set(events[:1])})
    update(group, autoRollbackConfiguration={**no, "events": []})
    assert_plan_is_empty(group)


def test_strategy_and_configuration_go_back_to_their_defaults(group: Api) -> None:
    update(group, outdatedInstancesStrategy="IGNORE", deploymentConfigName="CodeDeployDefault.AllAtOnce")
    changed = {"outdatedInstancesStrategy": "IGNORE", "deploymentConfigName": "CodeDeployDefault.AllAtOnce"}
    assert_plan_is_empty(group, **changed)
    update(group, outdatedInstancesStrategy="UPDATE", deploymentConfigName="CodeDeployDefault.OneAtATime")
    assert_plan_is_empty(group)


def test_load_balancers_are_configured_with_their_style_and_taken_out_with_it(group: Api) -> None:
    """CodeDeploy, too, refuses WITH_TRAFFIC_CONTROL without a load balancer."""
    declared.change_load_balancers(NO_LOAD_BALANCERS, LoadBalancers(target_groups=("a", "b"), classic=("old",)))
    style = {"deploymentType": "IN_PLACE", "deploymentOption": "WITH_TRAFFIC_CONTROL"}
    update(group, deploymentStyle=style, loadBalancerInfo={"targetGroupInfoList": [{"name": "a"}]})
    wanted = {"elbInfoList": set(), "targetGroupInfoList": {"a"}, "targetGroupPairInfoList": set()}
    assert_plan_is_empty(group, loadBalancerInfo=wanted)
    assert read(group)["deploymentStyle"] == style
    both = {"targetGroupInfoList": [{"name": "a"}, {"name": "b"}], "elbInfoList": [{"name": "old"}]}
    update(group, loadBalancerInfo=both)
    wanted = {**wanted, "elbInfoList": {"old"}, "targetGroupInfoList": {"a", "b"}}
    assert_plan_is_empty(group, loadBalancerInfo=wanted)
    without = {**style, "deploymentOption": "WITHOUT_TRAFFIC_CONTROL"}
    update(group, deploymentStyle=without, loadBalancerInfo={})
    assert_plan_is_empty(group)
    assert read(group)["deploymentStyle"] == without


def test_auto_scaling_groups_are_changed_and_taken_out(group: Api) -> None:
    for name in ("fleet", "spare"):
        aws_client("autoscaling").create_auto_scaling_group(
            AutoScalingGroupName=name, MinSize=0, MaxSize=9, AvailabilityZones=["us-east-1a"]
        )
    declared.change_scaling_groups(("fleet", "spare"))
    update(group, autoScalingGroups=["fleet", "spare"], terminationHookEnabled=True)
    assert_plan_is_empty(group, autoScalingGroups={"fleet", "spare"}, terminationHookEnabled=True)
    update(group, autoScalingGroups=["spare"], terminationHookEnabled=False)
    assert_plan_is_empty(group, autoScalingGroups={"spare"})
    update(group, autoScalingGroups=[])
    assert_plan_is_empty(group)


def test_a_group_is_renamed_and_keeps_its_id(group: Api) -> None:
    before = read(group)["deploymentGroupId"]
    update(group, newDeploymentGroupName="api")
    assert read(group, "api")["deploymentGroupId"] == before
    with pytest.raises(group.client.exceptions.DeploymentGroupDoesNotExistException):
        read(group)


def test_a_group_is_deleted_and_so_it_is_when_it_or_its_application_is_gone(group: Api) -> None:
    client = group.client
    client.delete_deployment_group(**NAMES)
    with pytest.raises(client.exceptions.DeploymentGroupDoesNotExistException):
        read(group)
    assert client.delete_deployment_group(**NAMES)["hooksNotCleanedUp"] == []
    client.delete_application(applicationName="shop")
    with pytest.raises(client.exceptions.ApplicationDoesNotExistException):
        read(group)


def test_a_group_has_tags_of_its_own(group: Api) -> None:
    arn = f"arn:aws:codedeploy:{REGION}:{ACCOUNT}:deploymentgroup:shop/web"
    assert group.client.list_tags_for_resource(ResourceArn=arn)["Tags"] == []
    group.client.tag_resource(ResourceArn=arn, Tags=[{"Key": "team", "Value": "web"}])
    assert group.client.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "web"}]
    assert_plan_is_empty(group)


def test_what_is_not_there_is_refused_by_exceptions_that_it_does_not_try_again(api: Api) -> None:
    """InvalidRoleException, and InvalidTriggerConfigException with `Topic ARN`, are repeated for five minutes."""
    client = api.client
    with pytest.raises(client.exceptions.ApplicationDoesNotExistException):
        client.create_deployment_group(**NAMES, serviceRoleArn=ROLE)
    client.create_application(applicationName="shop")
    blue_green = {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}
    refusals = client.exceptions.InvalidDeploymentStyleException
    with pytest.raises(refusals):
        client.create_deployment_group(**NAMES, serviceRoleArn=ROLE, deploymentStyle=blue_green)


@pytest.mark.parametrize("minimum", [{"type": "HOST_COUNT", "value": 2}, {"type": "FLEET_PERCENT", "value": 75}])
def test_a_configuration_is_created_read_and_deleted(api: Api, minimum: dict[str, Any]) -> None:
    client = api.client
    zones = {"firstZoneMonitorDurationInSeconds": 60, "monitorDurationInSeconds": 30}
    zones["minimumHealthyHostsPerZone"] = {"type": "HOST_COUNT", "value": 1}  # type: ignore[assignment]
    given = {"computePlatform": "Server", "minimumHealthyHosts": minimum, "zonalConfig": zones}
    for name, wanted in (("plain", {**given, "zonalConfig": None}), ("zonal", given)):
        asked = {key: value for key, value in wanted.items() if value}
        made = client.create_deployment_config(deploymentConfigName=name, **asked)
        found = client.get_deployment_config(deploymentConfigName=name)["deploymentConfigInfo"]
        assert (found["deploymentConfigId"], found["deploymentConfigName"]) == (made["deploymentConfigId"], name)
        # Every argument forces a new resource: a value that was not configured would be a replacement.
        assert {key: found.get(key) for key in (*given, "trafficRoutingConfig")} == {
            **wanted,
            "trafficRoutingConfig": None,
        }
        client.delete_deployment_config(deploymentConfigName=name)
        with pytest.raises(client.exceptions.DeploymentConfigDoesNotExistException):
            client.get_deployment_config(deploymentConfigName=name)


@pytest.mark.parametrize("zero", [{"value": 0}, {}], ids=["SDK v1", "SDK v2"])
def test_a_minimum_of_no_hosts_stays_none(api: Api, zero: dict[str, int]) -> None:
    minimum = {"type": "HOST_COUNT", **zero}
    api.client.create_deployment_config(deploymentConfigName="none", minimumHealthyHosts=minimum)
    found = api.client.get_deployment_config(deploymentConfigName="none")["deploymentConfigInfo"]
    assert found["minimumHealthyHosts"] == {"type": "HOST_COUNT", "value": 0}

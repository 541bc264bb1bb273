"""Deployment groups by the API: made, changed, renamed, deleted; what deployments.yaml declares is its own."""

from dataclasses import replace
from typing import Any

import pytest

from functions.aws.clients import client
from functions.core.declaration import load
from functions.core.records import NO_LOAD_BALANCERS, Deployment, LoadBalancers
from functions.core.statuses import DeploymentStatus
from functions.engine import declare
from functions.engine.ending import end
from functions.engine.starting import create
from functions.store.keys import lock_key
from functions.store.records import declared, deployments, groups, lock
from functions.store.table.values import Key
from tests.conftest import BUCKET, REGION, all_items, put_group, put_item, revision
from tests.store import Store
from tests.unit.api.conftest import Api

ROLE = "arn:aws:iam::123456789012:role/deploy"
TOPIC = f"arn:aws:sns:{REGION}:123456789012:news"
WEB = {"applicationName": "shop", "deploymentGroupName": "web"}
CHANGE = {"applicationName": "shop", "currentDeploymentGroupName": "web"}


def make(api: Api, name: str = "web", **members: Any) -> dict[str, Any]:
    group = {"applicationName": "shop", "deploymentGroupName": name, "serviceRoleArn": ROLE}
    return api("CreateDeploymentGroup", **{**group, **members})


def told(api: Api, name: str = "web") -> dict[str, Any]:
    answer = api("GetDeploymentGroup", applicationName="shop", deploymentGroupName=name)
    found: dict[str, Any] = answer["deploymentGroupInfo"]
    return found


@pytest.fixture(autouse=True)
def shop(api: Api, request: pytest.FixtureRequest) -> None:
    api("CreateApplication", applicationName="shop")


def test_a_group_has_what_the_request_gives(api: Api, store: Store) -> None:
    given: dict[str, Any] = {
        "deploymentConfigName": "CodeDeployDefault.HalfAtATime",
        "ec2TagFilters": [{"Key": "role", "Value": "web", "Type": "KEY_AND_VALUE"}],
        "triggerConfigurations": [
            {"triggerName": "all", "triggerTargetArn": TOPIC, "triggerEvents": ["DeploymentStart", "InstanceFailure"]}
        ],
        "alarmConfiguration": {"enabled": True, "ignorePollAlarmFailure": False, "alarms": [{"name": "errors"}]},
        "autoRollbackConfiguration": {"enabled": True, "events": ["DEPLOYMENT_FAILURE"]},
        "outdatedInstancesStrategy": "IGNORE",
    }
    style = {"deploymentType": "IN_PLACE", "deploymentOption": "WITHOUT_TRAFFIC_CONTROL"}
    made = make(api, deploymentStyle=style, **given)
    found = told(api)
    assert found.items() >= {**WEB, **given, **made, "serviceRoleArn": ROLE, "deploymentStyle": style}.items()
    assert groups.of_alarm("errors") == ["shop/web"]
    assert api("BatchGetDeploymentGroups", applicationName="shop", deploymentGroupNames=["web"]) == {
        "deploymentGroupsInfo": [found]
    }


def test_a_group_of_little_has_codedeploys_defaults(api: Api) -> None:
    make(api)
    found = told(api)
    assert found["deploymentConfigName"] == "CodeDeployDefault.OneAtATime"
    assert (found["ec2TagFilters"], found["triggerConfigurations"], found["computePlatform"]) == ([], [], "Server")
    assert found["autoRollbackConfiguration"] == {"enabled": False, "events": []}
    assert "lastAttemptedDeployment" not in found and "targetRevision" not in found


def test_a_tag_set_comes_back_as_one(api: Api) -> None:
    tags = {"ec2TagSetList": [[{"Key": "role", "Value": "web", "Type": "KEY_AND_VALUE"}]]}
    make(api, ec2TagSet=tags)
    found = told(api)
    assert found["ec2TagSet"] == tags and "ec2TagFilters" not in found


def test_on_premises_instances_are_named_by_tags_of_their_own(api: Api) -> None:
    rack = {"Key": "rack", "Value": "7", "Type": "KEY_AND_VALUE"}
    make(api, ec2TagFilters=[{"Key": "role", "Type": "KEY_ONLY"}], onPremisesInstanceTagFilters=[rack])
    assert told(api)["onPremisesInstanceTagFilters"] == [rack]
    tags = {"onPremisesTagSetList": [[rack], [{"Key": "role", "Type": "KEY_ONLY"}]]}
    api("UpdateDeploymentGroup", **CHANGE, onPremisesTagSet=tags)
    found = told(api)
    assert found["onPremisesTagSet"] == tags and "onPremisesInstanceTagFilters" not in found
    assert found["ec2TagFilters"] == [{"Key": "role", "Type": "KEY_ONLY"}]
    api("UpdateDeploymentGroup", **CHANGE, onPremisesInstanceTagFilters=[])
    assert told(api)["onPremisesInstanceTagFilters"] == [] and "onPremisesTagSet" not in told(api)


def test_groups_are_listed_by_name_a_hundred_a_page(api: Api) -> None:
    names = [f"g{number:03}" for number in range(120)]
    for name in reversed(names):
        put_group(name)
    first = api("ListDeploymentGroups", applicationName="shop")
    second = api("ListDeploymentGroups", applicationName="shop", nextToken=first["nextToken"])
    assert first["deploymentGroups"] + second["deploymentGroups"] == names
    assert (first["applicationName"], "nextToken" in second) == ("shop", False)


def test_unknown_ones_are_named(api: Api) -> None:
    make(api)
    found = api("BatchGetDeploymentGroups", applicationName="shop", deploymentGroupNames=["api", "web", "job"])
    assert found["errorMessage"] == "No Deployment Group found for name: api, job"
    assert [group["deploymentGroupName"] for group in found["deploymentGroupsInfo"]] == ["web"]
    api.refuses("DeploymentGroupDoesNotExistException", "GetDeploymentGroup", **{**WEB, "deploymentGroupName": "x"})
    for operation in ("GetDeploymentGroup", "CreateDeploymentGroup"):
        other = {**WEB, "applicationName": "x", "serviceRoleArn": ROLE}
        api.refuses("ApplicationDoesNotExistException", operation, **other)
    api.refuses("ApplicationDoesNotExistException", "ListDeploymentGroups", applicationName="x")
    many = {"applicationName": "shop", "deploymentGroupNames": [str(number) for number in range(101)]}
    api.refuses("BatchLimitExceededException", "BatchGetDeploymentGroups", **many)


WITH_CONTROL = {"deploymentType": "IN_PLACE", "deploymentOption": "WITH_TRAFFIC_CONTROL"}
WITHOUT_CONTROL = {"deploymentType": "IN_PLACE", "deploymentOption": "WITHOUT_TRAFFIC_CONTROL"}
ALARMS = [{"name": str(number)} for number in range(11)]
TRIGGER = {"triggerName": "a", "triggerTargetArn": TOPIC, "triggerEvents": ["DeploymentStart"]}
WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("InvalidRoleException", {"serviceRoleArn": "deploy"}, "give arn:aws:iam::ACCOUNT:role/NAME"),
    ("DeploymentConfigDoesNotExistException", {"deploymentConfigName": "None"}, "create it first"),
    ("InvalidTagException", {"onPremisesInstanceTagFilters": [{"Type": "KEY_AND_VALUE", "Key": "a"}]}, "give Value"),
    (
        "InvalidOnPremisesTagCombinationException",
        {
            "onPremisesInstanceTagFilters": [{"Key": "a"}],
            "onPremisesTagSet": {"onPremisesTagSetList": [[{"Key": "a"}]]},
        },
        "give one of the two",
    ),
    *(
        ("InvalidLoadBalancerInfoException", {"loadBalancerInfo": info, **style}, says)
        for info, style, says in (
            ({"elbInfoList": [{"name": "-a"}]}, {}, "elbInfoList[0].name: '-a' is not a Classic Load Balancer's name"),
            ({"targetGroupInfoList": [{}]}, {}, "targetGroupInfoList[0].name: '' is not a target group's name or ARN"),
            ({"targetGroupInfoList": [{"name": "a"}] * 2}, {}, "a is listed twice: name it once"),
            ({"elbInfoList": [{"name": f"a{n}"} for n in range(11)]}, {}, "has 11, at most 10"),
            ({"targetGroupPairInfoList": [{"targetGroups": [{"name": "a"}]}]}, {}, "is for ECS"),
            ({}, {"deploymentStyle": WITH_CONTROL}, "WITH_TRAFFIC_CONTROL needs loadBalancerInfo"),
            (
                {"targetGroupInfoList": [{"name": "other"}]},
                {"deploymentStyle": WITH_CONTROL},
                "the engine may not use other: name it in deployments.yaml and run cdk deploy",
            ),
        )
    ),
    ("InvalidECSServiceException", {"ecsServices": [{"serviceName": "a"}]}, "is not supported"),
    (
        "InvalidBlueGreenDeploymentConfigurationException",
        {"blueGreenDeploymentConfiguration": {"deploymentReadyOption": {"waitTimeInMinutes": 5}}},
        "deployments are in place",
    ),
    ("InvalidDeploymentStyleException", {"deploymentStyle": {"deploymentType": "BLUE_GREEN"}}, "give IN_PLACE"),
    (
        "InvalidEC2TagCombinationException",
        {"ec2TagFilters": [{"Key": "a"}], "ec2TagSet": {"ec2TagSetList": [[{"Key": "a"}]]}},
        "give one of the two",
    ),
    ("InvalidEC2TagException", {"ec2TagFilters": [{"Type": "KEY_AND_VALUE", "Key": "a"}]}, "give Value"),
    ("TagSetListLimitExceededException", {"ec2TagSet": {"ec2TagSetList": [[{"Key": "a"}]] * 4}}, "at most 3"),
    ("AlarmsLimitExceededException", {"alarmConfiguration": {"enabled": True, "alarms": ALARMS}}, "at most 10"),
    ("InvalidAutoRollbackConfigException", {"autoRollbackConfiguration": {"enabled": True}}, "without events"),
    ("TriggerTargetsLimitExceededException", {"triggerConfigurations": [TRIGGER] * 11}, "at most 10"),
    ("InvalidTriggerConfigException", {"triggerConfigurations": [TRIGGER] * 2}, "is used twice"),
    (
        "InvalidTriggerConfigException",
        {"triggerConfigurations": [{"triggerName": "a"}]},
        "triggerTargetArn: is missing",
    ),
    (
        "InvalidTriggerConfigException",
        {"triggerConfigurations": [{**TRIGGER, "triggerTargetArn": f"{TOPIC}2"}]},
        "name it in deployments.yaml",
    ),
    (
        "InvalidTriggerConfigException",
        {"triggerConfigurations": [{**TRIGGER, "triggerEvents": ["InstanceReady"]}]},
        "blue/green",
    ),
    ("InvalidTriggerConfigException", {"triggerConfigurations": [{**TRIGGER, "triggerFormat": "Q"}]}, "AmazonQ"),
]


@pytest.mark.parametrize(("code", "members", "says"), WRONG)
def test_what_is_wrong_is_refused_before_anything_changes(api: Api, code: str, members: Any, says: str) -> None:
    group = {**WEB, "deploymentGroupName": "new", "serviceRoleArn": ROLE, **members}
    assert says in api.refuses(code, "CreateDeploymentGroup", **group)
    make(api)
    before = told(api)
    assert says in api.refuses(code, "UpdateDeploymentGroup", **{**CHANGE, **members})
    assert told(api) == before


def test_what_says_nothing_of_the_unsupported_is_taken(api: Api) -> None:
    nothing: dict[str, Any] = {"autoScalingGroups": [], "ecsServices": [], "loadBalancerInfo": {"elbInfoList": []}}
    make(api, terminationHookEnabled=False, **nothing)


def test_load_balancers_are_used_only_with_traffic_control(api: Api, store: Store) -> None:
    named = {"targetGroupInfoList": [{"name": "web"}], "elbInfoList": [{"name": "old"}]}
    listed: dict[str, Any] = {"loadBalancerInfo": named}
    make(api, **listed)
    assert told(api).items() >= {**listed, "deploymentStyle": WITHOUT_CONTROL}.items()
    api.refuses("InvalidLoadBalancerInfoException", "UpdateDeploymentGroup", **CHANGE, deploymentStyle=WITH_CONTROL)
    declared.change_load_balancers(NO_LOAD_BALANCERS, LoadBalancers(target_groups=("web",), classic=("old",)))
    api("UpdateDeploymentGroup", **CHANGE, deploymentStyle=WITH_CONTROL)
    assert told(api).items() >= {**listed, "deploymentStyle": WITH_CONTROL}.items()
    running = begin(store)
    api("UpdateDeploymentGroup", **CHANGE, loadBalancerInfo={"elbInfoList": [{"name": "old"}]})
    assert told(api)["loadBalancerInfo"] == {"elbInfoList": [{"name": "old"}]}
    info = api("GetDeployment", deploymentId=running.deployment_id)["deploymentInfo"]
    assert info.items() >= {**listed, "deploymentStyle": WITH_CONTROL}.items(), "as the group was"
    api("UpdateDeploymentGroup", **CHANGE, loadBalancerInfo={}, deploymentStyle=WITHOUT_CONTROL)
    assert "loadBalancerInfo" not in told(api) and told(api)["deploymentStyle"] == WITHOUT_CONTROL


def test_a_name_is_any_target_group_of_it_and_an_arn_is_that_one(api: Api) -> None:
    arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/0123456789abcdef"
    other = arn.replace("0123", "4567")
    declared.change_load_balancers(NO_LOAD_BALANCERS, LoadBalancers(target_groups=(arn, "api")))
    for number, name in enumerate(("web", arn, "api", arn.replace("/web/", "/api/"))):
        made = {"loadBalancerInfo": {"targetGroupInfoList": [{"name": name}]}, "deploymentStyle": WITH_CONTROL}
        make(api, f"g{number}", **made)
        assert told(api, f"g{number}")["loadBalancerInfo"] == made["loadBalancerInfo"]
    refused = {"loadBalancerInfo": {"targetGroupInfoList": [{"name": other}]}, "deploymentStyle": WITH_CONTROL}
    group = {**WEB, "serviceRoleArn": ROLE, **refused}
    assert other in api.refuses("InvalidLoadBalancerInfoException", "CreateDeploymentGroup", **group)


def test_a_second_one_of_a_name_is_refused_and_so_are_strange_names(api: Api) -> None:
    make(api)
    api.refuses("DeploymentGroupAlreadyExistsException", "CreateDeploymentGroup", **WEB, serviceRoleArn=ROLE)
    strange = {**WEB, "deploymentGroupName": "a/b", "serviceRoleArn": ROLE}
    api.refuses("InvalidDeploymentGroupNameException", "CreateDeploymentGroup", **strange)


def test_an_application_has_a_thousand_at_most(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.api.operations.groups.MAX", 1)
    make(api)
    more = {**WEB, "deploymentGroupName": "api", "serviceRoleArn": ROLE}
    api.refuses("DeploymentGroupLimitExceededException", "CreateDeploymentGroup", **more)


def test_a_change_replaces_what_it_names_and_leaves_the_rest(api: Api, store: Store) -> None:
    make(
        api,
        ec2TagFilters=[{"Key": "role", "Type": "KEY_ONLY"}],
        alarmConfiguration={"enabled": True, "alarms": [{"name": "errors"}]},
    )
    before = told(api)
    api("UpdateDeploymentGroup", **CHANGE, alarmConfiguration={"enabled": True, "alarms": [{"name": "latency"}]})
    after = told(api)
    assert after["alarmConfiguration"]["alarms"] == [{"name": "latency"}]
    assert {**after, "alarmConfiguration": 0} == {**before, "alarmConfiguration": 0}
    assert (groups.of_alarm("errors"), groups.of_alarm("latency")) == ([], ["shop/web"])
    api("UpdateDeploymentGroup", **CHANGE, ec2TagFilters=[])
    assert told(api)["ec2TagFilters"] == []


def test_what_changes_nothing_writes_nothing(api: Api) -> None:
    make(api)
    before = all_items()
    assert api("UpdateDeploymentGroup", **CHANGE) == {"hooksNotCleanedUp": []}
    assert all_items() == before


def test_a_change_of_what_somebody_else_changed_is_not_written(api: Api, store: Store) -> None:
    make(api)
    seen = groups.get("shop", "web")
    api("UpdateDeploymentGroup", **CHANGE, outdatedInstancesStrategy="IGNORE")
    assert seen and not groups.store_change(seen, replace(seen, service_role_arn="other"))
    assert not groups.store_change(seen, replace(seen, name="api"))
    assert not groups.store_change(seen, None)
    assert told(api)["serviceRoleArn"] == ROLE


def test_a_running_deployment_keeps_its_settings_when_its_group_changes_or_goes(api: Api, store: Store) -> None:
    make(api, autoRollbackConfiguration={"enabled": True, "events": ["DEPLOYMENT_FAILURE"]})
    running = begin(store)
    api("UpdateDeploymentGroup", **CHANGE, deploymentConfigName="CodeDeployDefault.AllAtOnce")
    api("DeleteDeploymentGroup", **WEB)
    found = deployments.get(running.deployment_id)
    assert found and found.settings == running.settings
    assert end.end(running.deployment_id, "it broke") is DeploymentStatus.FAILED


def begin(store: Store) -> Deployment:
    request = create.Request(application="shop", group="web", revision=revision(), requested_by="ann")
    found = deployments.get(create.create(request))
    assert found
    return found


def test_a_deployment_of_a_deleted_group_tells_nothing_to_one_of_the_same_name(api: Api, store: Store) -> None:
    make(api)
    running = begin(store)
    api("DeleteDeploymentGroup", **WEB)
    make(api)
    assert end.end(running.deployment_id, "it broke") is DeploymentStatus.FAILED
    assert "lastAttemptedDeployment" not in told(api)
    assert lock.holder("shop/web") is None


def test_the_last_deployments_and_the_target_revision_are_told(api: Api, store: Store) -> None:
    make(api)
    running = begin(store)
    end.end(running.deployment_id, "it broke")
    found = told(api)
    assert found["lastAttemptedDeployment"]["deploymentId"] == running.deployment_id
    assert found["lastAttemptedDeployment"]["status"] == "Failed"
    assert found["targetRevision"]["s3Location"]["key"] == "shop/web/v1.zip"
    assert "lastSuccessfulDeployment" not in found


def test_another_name_takes_everything_along(api: Api, store: Store) -> None:
    api("CreateDeploymentConfig", deploymentConfigName="Half", minimumHealthyHosts={"type": "HOST_COUNT", "value": 1})
    make(api, deploymentConfigName="Half", alarmConfiguration={"enabled": True, "alarms": [{"name": "errors"}]})
    end.end(begin(store).deployment_id, "it broke")
    put_item({"pk": "APPLICATION#shop", "sk": "AIM#web", "digest": "d", "aimed": "2026"})
    before = told(api)
    api("UpdateDeploymentGroup", **CHANGE, newDeploymentGroupName="site")
    assert "deploy shop/site" in told(api, "site")["rollbackChoice"]["reason"]
    choice = told(api, "site")["rollbackChoice"]
    assert told(api, "site") == {**before, "deploymentGroupName": "site", "rollbackChoice": choice}
    assert api("ListDeploymentGroups", applicationName="shop")["deploymentGroups"] == ["site"]
    assert groups.of_alarm("errors") == ["shop/site"]
    assert store.get(Key("APPLICATION#shop", "AIM#site"))
    assert not store.get(Key("APPLICATION#shop", "AIM#web"))
    half = {"deploymentConfigName": "Half"}
    assert "shop/site" in api.refuses("DeploymentConfigInUseException", "DeleteDeploymentConfig", **half)
    api("DeleteDeploymentGroup", applicationName="shop", deploymentGroupName="site")
    api("DeleteDeploymentConfig", **half)


def test_no_name_that_is_taken_and_none_while_a_deployment_runs(api: Api, store: Store) -> None:
    make(api)
    make(api, "api")
    api.refuses(
        "DeploymentGroupAlreadyExistsException", "UpdateDeploymentGroup", **CHANGE, newDeploymentGroupName="api"
    )
    running = begin(store)
    said = api.refuses("InvalidInputException", "UpdateDeploymentGroup", **CHANGE, newDeploymentGroupName="site")
    assert running.deployment_id in said
    seen = groups.get("shop", "web")
    assert seen and not groups.store_change(seen, replace(seen, name="site"))


def test_a_deleted_group_is_gone_and_so_is_what_is_found_by_it(api: Api, store: Store) -> None:
    before = all_items()
    make(api, alarmConfiguration={"enabled": True, "alarms": [{"name": "errors"}]})
    for _ in range(2):
        assert api("DeleteDeploymentGroup", **WEB) == {"hooksNotCleanedUp": []}
    left = [item for item in all_items() if item not in before]
    assert [(item["sk"], item["groups_made"]) for item in left] == [("APPLICATION", 1)]


def test_what_is_declared_is_changed_by_its_file_alone(api: Api, store: Store) -> None:
    declare.apply(load("applications: {shop: {groups: {web: {ec2TagFilters: [{Key: role}]}}}}"))
    said = api.refuses("InvalidInputException", "UpdateDeploymentGroup", **CHANGE, newDeploymentGroupName="site")
    assert "web of shop is declared in deployments.yaml" in said
    assert "declared" in api.refuses("ValidationException", "DeleteDeploymentGroup", **WEB)
    assert told(api)["ec2TagFilters"] == [{"Key": "role", "Type": "KEY_ONLY"}]


def test_one_that_the_file_dropped_is_not_there_and_one_in_its_place_has_its_id(api: Api, store: Store) -> None:
    declare.apply(load("applications: {shop: {groups: {web: {ec2TagFilters: [{Key: role}]}}}}"))
    before = told(api)
    declare.apply(load("applications: {shop: {groups: {}}}"))
    api.refuses("DeploymentGroupDoesNotExistException", "GetDeploymentGroup", **WEB)
    assert api("ListDeploymentGroups", applicationName="shop")["deploymentGroups"] == []
    assert make(api)["deploymentGroupId"] == before["deploymentGroupId"]
    found = told(api)
    assert (found["ec2TagFilters"], found["serviceRoleArn"]) == ([], ROLE)
    declare.apply(load("applications: {}"))
    assert told(api) == found


def test_a_deployment_goes_to_a_group_of_the_api(api: Api, services: None) -> None:
    make(api)
    client("s3").put_object(Bucket=BUCKET, Key="shop/web/v1.zip", Body=b"x")
    location = {"bucket": BUCKET, "key": "shop/web/v1.zip", "bundleType": "zip"}
    made = api("CreateDeployment", **WEB, revision={"revisionType": "S3", "s3Location": location})
    found = api("GetDeployment", deploymentId=made["deploymentId"])["deploymentInfo"]
    assert (found["applicationName"], found["deploymentGroupName"], found["status"]) == ("shop", "web", "Created")
    again = {"revision": {"revisionType": "S3", "s3Location": location}}
    api.refuses("DeploymentLimitExceededException", "CreateDeployment", **WEB, **again)


def test_the_lock_of_a_name_outlives_its_group(api: Api, store: Store) -> None:
    make(api)
    running = begin(store)
    api("DeleteDeploymentGroup", **WEB)
    assert (store.get(lock_key("shop/web")) or {})["holder"] == running.deployment_id

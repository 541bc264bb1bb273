"""What a client sent is what it reads back, member by member of the service model: Terraform and CDK compare it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.model import ListShape, Shape, StructureShape

from functions.api import model
from functions.core.records import Budget, MaximumOutOfService
from functions.core.rollout.health import MinimumHealthyHostsType
from functions.store.records import budgets
from tests.conftest import BUCKET, REGION, put_group
from tests.store import Store
from tests.unit.api.conftest import Api

ROLE = "arn:aws:iam::123456789012:role/deploy"
TOPIC = f"arn:aws:sns:{REGION}:123456789012:news"
USER = "arn:aws:iam::123456789012:user/rack-7"
FILTERS = [
    {"Key": "role", "Value": "web", "Type": "KEY_AND_VALUE"},
    {"Key": "app", "Type": "KEY_ONLY"},
    {"Value": "blue", "Type": "VALUE_ONLY"},
]
S3 = {
    "revisionType": "S3",
    "s3Location": {"bucket": BUCKET, "key": "k.zip", "bundleType": "zip", "version": "v", "eTag": "e"},
}
GIT_HUB = {"revisionType": "GitHub", "gitHubLocation": {"repository": "Octo/Hello", "commitId": "7FD1" * 10}}
COMMIT = {"revisionType": "CodeCommit", "codeCommitLocation": {"repository": "Site", "commitId": "7FD1" * 10}}
ALARMS = {"enabled": True, "ignorePollAlarmFailure": True, "alarms": [{"name": "z"}, {"name": "a"}]}
WEB = {"applicationName": "shop", "deploymentGroupName": "web"}

GROUP: list[dict[str, Any]] = [
    {
        "ec2TagFilters": FILTERS,
        "onPremisesTagSet": {"onPremisesTagSetList": [FILTERS]},
        "deploymentConfigName": "CodeDeployDefault.AllAtOnce",
        "outdatedInstancesStrategy": "IGNORE",
        "deploymentStyle": {"deploymentType": "IN_PLACE", "deploymentOption": "WITHOUT_TRAFFIC_CONTROL"},
        "loadBalancerInfo": {"targetGroupInfoList": [{"name": "z"}, {"name": "a"}], "elbInfoList": [{"name": "old"}]},
        "alarmConfiguration": ALARMS,
        "autoRollbackConfiguration": {"enabled": True, "events": ["DEPLOYMENT_STOP_ON_REQUEST", "DEPLOYMENT_FAILURE"]},
        "triggerConfigurations": [
            {"triggerName": "b", "triggerTargetArn": TOPIC, "triggerEvents": ["InstanceFailure", "DeploymentStart"]},
            {
                "triggerName": "a",
                "triggerTargetArn": TOPIC,
                "triggerEvents": ["DeploymentStop"],
                "triggerFormat": "AmazonQ",
            },
        ],
        "allowedPrincipals": ["arn:aws:iam::123456789012:role/*", "arn:aws:iam::123456789012:user/ann"],
        "sharedWith": ["shop/tools"],
        "hostBusySeconds": 90,
        "budgets": ["racks", "fleet"],
        "onBusy": "supersede",
        "sequence": True,
        "onFreeze": "finish",
        "terminationHookEnabled": False,
    },
    {
        "ec2TagSet": {"ec2TagSetList": [[FILTERS[1], FILTERS[0]]]},
        "onPremisesInstanceTagFilters": FILTERS[::-1],
        "alarmConfiguration": {**ALARMS, "enabled": False},
        "autoRollbackConfiguration": {"enabled": False, "events": ["DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_FAILURE"]},
        "outdatedInstancesStrategy": "UPDATE",
        "triggerConfigurations": [],
    },
]
DEPLOYMENT: list[dict[str, Any]] = [
    {
        "revision": S3,
        "deploymentConfigName": "CodeDeployDefault.HalfAtATime",
        "description": "the spring sale",
        "ignoreApplicationStopFailures": True,
        "targetInstances": {"tagFilters": FILTERS},
        "autoRollbackConfiguration": {"enabled": False, "events": ["DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_FAILURE"]},
        "updateOutdatedInstancesOnly": True,
        "fileExistsBehavior": "RETAIN",
        "overrideAlarmConfiguration": {**ALARMS, "enabled": False},
        "metadata": {"commit": "abc"},
    },
    {
        "revision": GIT_HUB,
        "targetInstances": {"ec2TagSet": {"ec2TagSetList": [FILTERS[:2]]}},
        "autoRollbackConfiguration": {"enabled": True, "events": ["DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_FAILURE"]},
    },
    {"revision": COMMIT},
    {"revision": S3, "targetInstances": {"instanceIds": ["i-0123456789abcdef1", "i-0123456789abcdef0"]}},
]
CONFIGS: list[dict[str, Any]] = [
    {"minimumHealthyHosts": {"type": "FLEET_PERCENT", "value": 75}, "computePlatform": "Server"},
    {"minimumHealthyHosts": {"type": "HOST_COUNT", "value": 0}},
    {
        "minimumHealthyHosts": {"type": "HOST_COUNT", "value": 1},
        "zonalConfig": {
            "firstZoneMonitorDurationInSeconds": 300,
            "monitorDurationInSeconds": 60,
            "minimumHealthyHostsPerZone": {"type": "FLEET_PERCENT", "value": 50},
        },
    },
    {
        "minimumHealthyHosts": {"type": "FLEET_PERCENT", "value": 75},
        "orderTag": "ring",
        "stages": [
            {
                "name": "canary",
                "select": {"type": "COUNT", "value": 2},
                "minimumHealthyHosts": {"type": "HOST_COUNT", "value": 1},
                "bakeSeconds": 600,
                "approval": {"approvers": ["arn:aws:iam::123456789012:role/lead"], "byAnother": True},
                "analysis": {
                    "alarms": {"minimumDataPoints": 3},
                    "onInconclusive": "stop",
                    "metrics": [
                        {
                            "name": "errors",
                            "namespace": "Shop",
                            "metricName": "Errors",
                            "dimensions": {"Service": "web"},
                            "statistic": "Sum",
                            "periodSeconds": 60,
                            "compare": "oldHosts",
                            "failOn": "above",
                            "tolerance": {"percent": 20.0, "value": 0.5},
                            "minimumDataPoints": 5,
                        },
                        {
                            "name": "hits",
                            "namespace": "Shop",
                            "metricName": "Hits",
                            "statistic": "p99",
                            "periodSeconds": 120,
                            "compare": "limit",
                            "failOn": "below",
                            "limit": 0.25,
                            "minimumDataPoints": 1,
                        },
                    ],
                },
            },
            {"name": "ring", "select": {"type": "TAG", "tag": {"Key": "ring", "Value": "first"}}},
            {"name": "zones", "select": {"type": "ZONE", "zones": ["us-east-1b"]}},
            {"name": "rest", "select": {"type": "REST"}},
        ],
    },
]


def group_of(api: Api, name: str = "web") -> dict[str, Any]:
    found: dict[str, Any] = api("GetDeploymentGroup", **{**WEB, "deploymentGroupName": name})["deploymentGroupInfo"]
    return found


def create_application(api: Api, given: dict[str, Any]) -> dict[str, Any]:
    api("CreateApplication", **given)
    found: dict[str, Any] = api("GetApplication", applicationName=given["applicationName"])["application"]
    arn = f"arn:aws:codedeploy:{REGION}:123456789012:application:{given['applicationName']}"
    return {**found, "tags": api("ListTagsForResource", ResourceArn=arn)["Tags"]}


def put_budgets(given: dict[str, Any]) -> None:
    """Those that a group is about to name."""
    for name in given.get("budgets", ()):
        most = MaximumOutOfService(MinimumHealthyHostsType.HOST_COUNT, 1)
        budgets.put(Budget(name=name, maximum=most, scaling_groups=("fleet",)))


def create_group(api: Api, given: dict[str, Any]) -> dict[str, Any]:
    api("CreateApplication", applicationName="shop")
    put_budgets(given)
    api("CreateDeploymentGroup", **given)
    arn = f"arn:aws:codedeploy:{REGION}:123456789012:deploymentgroup:shop/web"
    return {**group_of(api), "tags": api("ListTagsForResource", ResourceArn=arn)["Tags"]}


def update_group(api: Api, given: dict[str, Any]) -> dict[str, Any]:
    create_group(api, {**WEB, "serviceRoleArn": f"{ROLE}-of-old"})
    put_budgets(given)
    api("UpdateDeploymentGroup", **given)
    found = group_of(api, given["newDeploymentGroupName"])
    return {**found, "newDeploymentGroupName": found["deploymentGroupName"]}


def create_deployment(api: Api, given: dict[str, Any]) -> dict[str, Any]:
    put_group()
    one = api("CreateDeployment", **given)["deploymentId"]
    found: dict[str, Any] = api("GetDeployment", deploymentId=one)["deploymentInfo"]
    return found


def create_config(api: Api, given: dict[str, Any]) -> dict[str, Any]:
    api("CreateDeploymentConfig", **given)
    name = given["deploymentConfigName"]
    found: dict[str, Any] = api("GetDeploymentConfig", deploymentConfigName=name)["deploymentConfigInfo"]
    return found


def update_application(api: Api, given: dict[str, Any]) -> dict[str, Any]:
    api("CreateApplication", applicationName=given["applicationName"])
    api("UpdateApplication", **given)
    name = api("GetApplication", applicationName=given["newApplicationName"])["application"]["applicationName"]
    return {"newApplicationName": name}


def register_revision(api: Api, given: dict[str, Any]) -> dict[str, Any]:
    api("CreateApplication", applicationName=given["applicationName"])
    api("RegisterApplicationRevision", **given)
    name, revision = given["applicationName"], given["revision"]
    found = api("GetApplicationRevision", applicationName=name, revision=revision)
    return {**found, "description": found["revisionInfo"]["description"]}


def instance_of(api: Api, name: str) -> dict[str, Any]:
    found: dict[str, Any] = api("GetOnPremisesInstance", instanceName=name)["instanceInfo"]
    return found


def register_instance(api: Api, given: dict[str, Any]) -> dict[str, Any]:
    api("RegisterOnPremisesInstance", **given)
    return instance_of(api, given["instanceName"])


def add_tags(api: Api, given: dict[str, Any]) -> dict[str, Any]:
    for name in given["instanceNames"]:
        api("RegisterOnPremisesInstance", instanceName=name, iamUserArn=f"{USER}-{name}")
    api("AddTagsToOnPremisesInstances", **given)
    infos = [instance_of(api, name) for name in given["instanceNames"]]
    return {"tags": infos[0]["tags"], "instanceNames": [info["instanceName"] for info in infos]}


def create_freeze(api: Api, given: dict[str, Any]) -> dict[str, Any]:
    freeze_id = api("CreateFreeze", **given)["freezeId"]
    (found,) = api("ListWindows")["freezes"]
    assert found["freezeId"] == freeze_id
    return {**found, **{name: found[name].timestamp() for name in ("from", "to")}}


TAGS = [{"Key": "team", "Value": "web"}, {"Key": "cost", "Value": ""}]
RENAMED = {"applicationName": "shop", "currentDeploymentGroupName": "web", "newDeploymentGroupName": "www"}
Send = Callable[[Api, dict[str, Any]], dict[str, Any]]
REQUESTS: dict[str, tuple[Send, list[dict[str, Any]]]] = {
    "CreateApplication": (
        create_application,
        [{"applicationName": "shop", "computePlatform": "Server", "tags": TAGS}],
    ),
    "UpdateApplication": (update_application, [{"applicationName": "shop", "newApplicationName": "store"}]),
    "CreateDeploymentGroup": (
        create_group,
        [{**WEB, "serviceRoleArn": ROLE, "tags": TAGS, **each} for each in GROUP],
    ),
    "UpdateDeploymentGroup": (update_group, [{**RENAMED, "serviceRoleArn": ROLE, **each} for each in GROUP]),
    "CreateDeployment": (create_deployment, [{**WEB, **each} for each in DEPLOYMENT]),
    "CreateFreeze": (
        create_freeze,
        [{"scope": "*", "reason": "a move", "from": 4e9, "to": 4e9 + 60, "timeZone": "Europe/Berlin"}],
    ),
    "CreateDeploymentConfig": (create_config, [{"deploymentConfigName": "mine", **each} for each in CONFIGS]),
    "RegisterApplicationRevision": (
        register_revision,
        [{"applicationName": "shop", "description": "of spring", "revision": each} for each in (S3, GIT_HUB, COMMIT)],
    ),
    "RegisterOnPremisesInstance": (
        register_instance,
        [
            {"instanceName": "rack-7", "iamUserArn": USER},
            {"instanceName": "rack-7", "iamSessionArn": "arn:aws:sts::123456789012:assumed-role/rack/seven"},
        ],
    ),
    "AddTagsToOnPremisesInstances": (add_tags, [{"instanceNames": ["rack-7", "rack-8"], "tags": TAGS}]),
}

# What is not read back, each with its reason. A path is of the request; it covers what is below it.
_NO_ORDER = "tags are a set: they are read back in the order of their keys"
_SCALING = "needs an Auto Scaling group: test_auto_scaling.py"
_REFUSED = "refused with what to do instead, unless it is empty"
NOT_READ_BACK = {
    "CreateDeployment.onBusy": "says what becomes of the request, not of the deployment",
    "CreateApplication.tags": _NO_ORDER,
    "CreateDeploymentGroup.tags": _NO_ORDER,
    "AddTagsToOnPremisesInstances.tags": _NO_ORDER,
    "UpdateApplication.applicationName": "the name before",
    "UpdateDeploymentGroup.currentDeploymentGroupName": "the name before",
    "CreateDeployment.deploymentMode": "GetDeployment has it of a RESTART alone: test_restart.py",
    "CreateDeployment.targetInstances.autoScalingGroups": _REFUSED,
    "CreateDeploymentConfig.trafficRoutingConfig": _REFUSED,
} | {
    f"{operation}.{member}": _REFUSED
    for operation in ("CreateDeploymentGroup", "UpdateDeploymentGroup")
    for member in (
        "loadBalancerInfo.targetGroupPairInfoList",
        "blueGreenDeploymentConfiguration",
        "ecsServices",
    )
}
NOT_READ_BACK |= {
    f"{operation}.{member}": _SCALING
    for operation in ("CreateDeploymentGroup", "UpdateDeploymentGroup")
    for member in (
        "autoScalingGroups",
        "ec2DeploymentOptions.processesToSuspend",
        "launchOrder",
        "launchesTakePlaces",
        "afterFailedLaunches",
    )
}
_REVISION = {"revision.string": _REFUSED, "revision.appSpecContent": _REFUSED}
for _operation in ("CreateDeployment", "RegisterApplicationRevision"):
    NOT_READ_BACK |= {f"{_operation}.{member}": why for member, why in _REVISION.items()}


def members(shape: Shape, place: str) -> Iterator[str]:
    """The paths of all members of a request that hold a value; a list or map of plain values is one value."""
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            yield from members(member, f"{place}.{name}")
    elif isinstance(shape, ListShape) and shape.member.type_name in ("structure", "list"):
        yield from members(shape.member, place)
    else:
        yield place


def given_members(value: Any, place: str) -> Iterator[str]:
    """The paths of what a request gives, as `members` writes them; a map of texts is one value."""
    if isinstance(value, dict) and not place.endswith((".metadata", ".dimensions")):
        for name, each in value.items():
            yield from given_members(each, f"{place}.{name}")
    elif isinstance(value, list) and any(isinstance(each, dict | list) for each in value):
        for each in value:
            yield from given_members(each, place)
    else:
        yield place


def is_excused(path: str) -> bool:
    return any(path == each or path.startswith(f"{each}.") for each in NOT_READ_BACK)


def test_every_operation_that_writes_is_here() -> None:
    verbs = ("Create", "Update", "Register", "Add")
    assert set(REQUESTS) == {each for each in model.operations() if each.startswith(verbs)}


@pytest.mark.parametrize("operation", REQUESTS)
def test_every_member_of_the_model_is_sent_or_has_a_reason(operation: str) -> None:
    wanted = set(members(model.service().operation_model(operation).input_shape, operation))
    sent = {path for request in REQUESTS[operation][1] for path in given_members(request, operation)}
    assert {path for path in wanted - sent if not is_excused(path)} == set()
    excuses = {each for each in NOT_READ_BACK if each.startswith(f"{operation}.")}
    assert {each for each in excuses if not any(p == each or p.startswith(f"{each}.") for p in wanted)} == set()


@pytest.mark.parametrize(
    ("operation", "number"), [(name, n) for name, (_, requests) in REQUESTS.items() for n in range(len(requests))]
)
def test_what_is_sent_is_read_back(operation: str, number: int, api: Api, store: Store) -> None:
    send, requests = REQUESTS[operation]
    given = requests[number]
    found = send(api, given)
    wanted = {name: value for name, value in given.items() if not is_excused(f"{operation}.{name}")}
    assert {name: found.get(name) for name in wanted} == wanted
    if "tags" in given:
        assert sorted(found["tags"], key=str) == sorted(given["tags"], key=str)


@pytest.mark.parametrize("kind", ["HOST_COUNT", "FLEET_PERCENT"])
def test_a_zero_that_a_client_leaves_out_is_a_zero(kind: str, api: Api) -> None:
    found = create_config(api, {"deploymentConfigName": "mine", "minimumHealthyHosts": {"type": kind}})
    assert found["minimumHealthyHosts"] == {"type": kind, "value": 0}


def test_a_value_that_a_filters_type_does_not_use_is_not_kept(api: Api) -> None:
    filters = [{"Key": "role", "Value": "", "Type": "KEY_ONLY"}, {"Key": "app"}]
    found = create_group(api, {**WEB, "serviceRoleArn": ROLE, "ec2TagFilters": filters})
    assert found["ec2TagFilters"] == [{"Key": "role", "Type": "KEY_ONLY"}, {"Key": "app", "Type": "KEY_ONLY"}]


def test_what_a_group_leaves_out_is_told_as_codedeploys_default(api: Api) -> None:
    found = create_group(api, {**WEB, "serviceRoleArn": ROLE})
    assert found["outdatedInstancesStrategy"] == "UPDATE"

"""CreateDeployment: what it refuses, and that nothing of it is on record."""

from typing import Any

import pytest

from functions.core.records import Group, GroupSettings
from functions.handlers import finish
from tests.conftest import (
    all_items,
    put_group,
)
from tests.store import Store
from tests.unit.api.conftest import Api
from tests.unit.api.creating.asked import NOW, created, s3, tags, wanted

NO_ALARM = "InvalidAlarmConfigException"


NO_REVISION = "InvalidRevisionException"


NO_TARGETS = "InvalidTargetInstancesException"


@pytest.mark.parametrize(
    ("members", "code", "words"),
    [
        ({"applicationName": "nope"}, "ApplicationDoesNotExistException", "no application 'nope'"),
        ({"applicationName": None}, "ApplicationNameRequiredException", "applicationName: is missing"),
        ({"applicationName": "a/b"}, "InvalidApplicationNameException", "applicationName: 'a/b'"),
        ({"deploymentGroupName": "db"}, "DeploymentGroupDoesNotExistException", "no deployment group 'db' of 'shop'"),
        ({"deploymentGroupName": "gone"}, "DeploymentGroupDoesNotExistException", "'gone'"),
        ({"deploymentGroupName": None}, "DeploymentGroupNameRequiredException", "deploymentGroupName: is missing"),
        ({"deploymentGroupName": "a/b"}, "InvalidDeploymentGroupNameException", "deploymentGroupName: 'a/b'"),
        ({"revision": None}, "RevisionRequiredException", "revision: is missing: give revisionType S3"),
        ({"revision": {}}, NO_REVISION, "revisionType: is missing"),
        ({"revision": {"revisionType": "GitHub"}}, NO_REVISION, "gitHubLocation: is missing: give repository"),
        ({"revision": {"revisionType": "String"}}, NO_REVISION, "upload the archive to S3"),
        ({"revision": {"revisionType": "AppSpecContent"}}, NO_REVISION, "upload the archive to S3"),
        ({"revision": {"revisionType": "S3"}}, NO_REVISION, "s3Location: is missing"),
        ({"revision": s3(key=None)}, NO_REVISION, "s3Location.key: is missing"),
        ({"revision": s3(bucket="other")}, NO_REVISION, "other: the engine reads the bucket revisions, and"),
        ({"revision": s3(key="a/b.rar")}, NO_REVISION, "'a/b.rar' does not tell: give zip, tar or tgz"),
        ({"revision": s3(bundleType="YAML")}, NO_REVISION, "YAML is for Lambda"),
        ({"deploymentConfigName": "Nope"}, "DeploymentConfigDoesNotExistException", "no deployment configuration Nope"),
        ({"deploymentConfigName": "a/b"}, "InvalidDeploymentConfigNameException", "'a/b'"),
        ({"description": "x" * 257}, "DescriptionTooLongException", "description: has 257 characters, at most 256"),
        ({"fileExistsBehavior": "KEEP"}, "InvalidFileExistsBehaviorException", "'KEEP' is not one of DISALLOW"),
        (
            {"deploymentMode": "RESTART"},
            "InvalidInputException",
            "revision: deploymentMode RESTART restarts the one",
        ),
        ({"deploymentMode": "AGAIN"}, "InvalidInputException", "'AGAIN' is not one of STANDARD, RESTART"),
        (
            {"deploymentMode": "RESTART", "revision": None, "updateOutdatedInstancesOnly": True},
            "InvalidUpdateOutdatedInstancesOnlyValueException",
            "updateOutdatedInstancesOnly: does not go with deploymentMode RESTART",
        ),
        (
            {"deploymentMode": "RESTART", "revision": None},
            "RevisionDoesNotExistException",
            "shop/web has had no successful deployment: nothing is there to restart; deploy a revision",
        ),
        (
            {"updateOutdatedInstancesOnly": True, "targetInstances": {"instanceIds": ["i-1"]}},
            "InvalidUpdateOutdatedInstancesOnlyValueException",
            "give one of the two",
        ),
        ({"targetInstances": {"instanceIds": ["no/id"]}}, NO_TARGETS, "'no/id' is not an instance id"),
        ({"targetInstances": {"instanceIds": [f"i-{n}" for n in range(101)]}}, NO_TARGETS, "at most 100"),
        ({"metadata": {f"k{n}": "v" for n in range(11)}}, "InvalidInputException", "has 11 entries, at most 10"),
        ({"metadata": {"k": ""}}, "InvalidInputException", "metadata.k: has 0 characters"),
        ({"ignoreApplicationStopFailures": "yes"}, "SerializationException", '"yes" is not true or false'),
        (
            {"autoRollbackConfiguration": {"enabled": True, "events": []}},
            "InvalidAutoRollbackConfigException",
            "autoRollbackConfiguration: is enabled without events: give one of DEPLOYMENT_FAILURE",
        ),
        (
            {"autoRollbackConfiguration": {"enabled": True, "events": ["BOREDOM"]}},
            "InvalidAutoRollbackConfigException",
            "'BOREDOM'",
        ),
        ({"overrideAlarmConfiguration": {"enabled": True}}, NO_ALARM, "overrideAlarmConfiguration: is enabled without"),
        ({"overrideAlarmConfiguration": {"alarms": [{}]}}, NO_ALARM, "alarms[0].name: has 0 characters"),
        ({"overrideAlarmConfiguration": {"alarms": [{"name": "x" * 256}]}}, NO_ALARM, "has 256 characters"),
        (
            {"overrideAlarmConfiguration": {"alarms": [{"name": "a"}] * 2}},
            NO_ALARM,
            "alarms[1].name: a is listed twice",
        ),
        (
            {"overrideAlarmConfiguration": {"alarms": [{"name": f"a{number}"} for number in range(11)]}},
            "AlarmsLimitExceededException",
            "overrideAlarmConfiguration.alarms: has 11, at most 10",
        ),
        ({"targetInstances": {}}, NO_TARGETS, "targetInstances: selects nothing"),
        ({"targetInstances": {"tagFilters": [], "autoScalingGroups": []}}, NO_TARGETS, "selects nothing"),
        ({"targetInstances": {"autoScalingGroups": ["asg"]}}, NO_TARGETS, "autoScalingGroups: is not supported"),
        ({"targetInstances": {"tagFilters": [{}]}}, NO_TARGETS, "targetInstances.tagFilters[0]: give Key"),
        ({"targetInstances": {"tagFilters": [{"Key": "x" * 129}]}}, NO_TARGETS, "its Key has 129 characters"),
        (
            {"targetInstances": {"tagFilters": [{"Key": "a"}] * 11}},
            NO_TARGETS,
            "tagFilters: has 11 filters, at most 10",
        ),
        ({"targetInstances": {"ec2TagSet": {"ec2TagSetList": []}}}, NO_TARGETS, "ec2TagSetList: is empty"),
        ({"targetInstances": {"ec2TagSet": {"ec2TagSetList": [[]]}}}, NO_TARGETS, "ec2TagSetList[0]: is empty"),
        (
            {"targetInstances": {"ec2TagSet": {"ec2TagSetList": [tags("a")] * 4}}},
            NO_TARGETS,
            "ec2TagSetList: has 4 lists, at most 3",
        ),
        (
            {"targetInstances": {"tagFilters": tags("a"), "ec2TagSet": {"ec2TagSetList": [tags("b")]}}},
            NO_TARGETS,
            "give one of tagFilters, ec2TagSet and instanceIds",
        ),
    ],
)
def test_nothing_is_created_of_what_is_refused(
    api: Api, group: Group, members: dict[str, Any], code: str, words: str
) -> None:
    put_group("gone", removed_at=NOW)
    before = all_items()
    request = {name: each for name, each in wanted(**members).items() if each is not None}
    assert words in api.refuses(code, "CreateDeployment", **request)
    assert all_items() == before


def test_a_sequence_refuses_a_revision_that_is_not_there(api: Api, store: Store, services: None) -> None:
    put_group(settings=GroupSettings(is_sequence=True))
    before = all_items()
    message = api.refuses("RevisionDoesNotExistException", "CreateDeployment", **wanted())
    assert "does not exist (any more): upload it again" in message
    assert all_items() == before


def test_a_busy_group_refuses_a_request_that_will_not_wait(api: Api, store: Store, group: Group) -> None:
    first = created(api, store)
    before = all_items()
    alarms = {"enabled": True, "alarms": [{"name": "slow"}]}
    message = api.refuses(
        "DeploymentLimitExceededException",
        "CreateDeployment",
        **wanted(overrideAlarmConfiguration=alarms, onBusy="REJECT"),
    )
    assert f"The Deployment Group 'web' already has an active Deployment '{first.deployment_id}'" in message
    assert all_items() == before


def test_a_repeated_request_is_a_second_deployment_once_the_first_is_over(api: Api, store: Store, group: Group) -> None:
    first = created(api, store)
    api("StopDeployment", deploymentId=first.deployment_id)
    finish.handler({"deployment_id": first.deployment_id}, api.context)
    assert created(api, store).deployment_id != first.deployment_id


def test_a_request_may_wait_its_turn_and_says_behind_whom(api: Api, store: Store, group: Group) -> None:
    first = created(api, store)
    second = created(api, store, onBusy="QUEUE")
    told = api("GetDeployment", deploymentId=second.deployment_id)["deploymentInfo"]
    assert (told["status"], told["queuedBehind"]) == ("Queued", first.deployment_id)
    third = created(api, store)  # the group says queue
    told = api("BatchGetDeployments", deploymentIds=[second.deployment_id])["deploymentsInfo"][0]
    assert (told["status"], "queuedBehind" in told, told["supersededBy"]) == ("Stopped", False, third.deployment_id)
    assert third.deployment_id in told["errorInformation"]["message"]
    assert "'LATER' is not one of" in api.refuses("InvalidInputException", "CreateDeployment", **wanted(onBusy="LATER"))

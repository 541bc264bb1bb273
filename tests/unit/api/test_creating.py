"""CreateDeployment: what is created is what Prepare, hosts and alarms then go by; what is refused leaves nothing."""

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from functions.aws import executions
from functions.aws.clients import client
from functions.core.gate import Counters
from functions.core.health import PREDEFINED_CONFIGS, MinimumHealthyHosts, MinimumHealthyHostsType
from functions.core.instructions import instructions
from functions.core.new_deployment import Overrides, new_deployment
from functions.core.records import (
    Alarms,
    CustomConfig,
    Deployment,
    DeploymentSummary,
    Group,
    GroupSettings,
    TagFilter,
    TagGroup,
)
from functions.core.statuses import (
    AutoRollbackEvent,
    BundleType,
    Creator,
    DeploymentErrorCode,
    DeploymentStatus,
    FileExistsBehavior,
    OnBusy,
    OverriddenSetting,
    TargetStatus,
)
from functions.core.text.shapes import to_plain
from functions.handlers import finish, launch, prepare, stop
from functions.store import deployments, groups, lock, preparing, revisions, targets
from functions.store.keys import group_item_key
from functions.store.wire import from_wire, to_wire
from host.instructions import Runner
from tests.conftest import (
    BUCKET,
    WEB,
    LambdaContext,
    all_items,
    pending,
    put_group,
    put_item,
    revision,
    stand_in,
)
from tests.fakes.cloudwatch import FakeAlarms
from tests.store import Store
from tests.unit.api.conftest import ARN, Api
from tests.unit.handlers.test_prepare import World, archive
from tests.unit.news import STREAM

NOW = "2026-11-23T10:00:00.000Z"
OF_THE_GROUP = GroupSettings(
    tag_groups=(WEB,),
    config=PREDEFINED_CONFIGS["CodeDeployDefault.HalfAtATime"],
    alarms=Alarms(names=("errors",)),
    auto_rollback=(AutoRollbackEvent.DEPLOYMENT_FAILURE,),
    bake_seconds=60,
    on_busy=OnBusy.QUEUE,
    file_exists_behavior=FileExistsBehavior.RETAIN,
    ignore_application_stop_failures=True,
)


def wanted(**more: Any) -> dict[str, Any]:
    """The members of a request for the group `web`."""
    return {"applicationName": "shop", "deploymentGroupName": "web", "revision": s3(), **more}


def s3(**more: Any) -> dict[str, Any]:
    location = {"bucket": BUCKET, "key": "shop/web/v1.zip", **more}
    return {"revisionType": "S3", "s3Location": {name: each for name, each in location.items() if each is not None}}


def created(api: Api, store: Store, **more: Any) -> Deployment:
    found = deployments.get(api("CreateDeployment", **wanted(**more))["deploymentId"])
    assert found
    return found


def told(api: Api, one: Deployment) -> dict[str, Any]:
    found: dict[str, Any] = api("GetDeployment", deploymentId=one.deployment_id)["deploymentInfo"]
    return found


def tags(role: str) -> list[dict[str, str]]:
    return [{"Key": "role", "Value": role, "Type": "KEY_AND_VALUE"}]


CANARY = TagGroup(filters=(TagFilter(key="role", value="canary"),))


@pytest.fixture
def group(store: Store) -> Group:
    return put_group(settings=OF_THE_GROUP)


@pytest.fixture
def world(store: Store, services: None, context: LambdaContext) -> World:
    return World(store, client("ssm"), context)


def upload(body: bytes | None = None) -> dict[str, str]:
    """S3's version and etag of an archive at the key that requests name."""
    put = client("s3").put_object(Bucket=BUCKET, Key="shop/web/v1.zip", Body=body or archive())
    return {"version": put["VersionId"], "eTag": put["ETag"]}


def prepared(world: World, one: Deployment) -> tuple[dict[str, Any], Deployment]:
    """What Prepare answers, and the deployment after it."""
    answer = prepare.handler({"deployment_id": one.deployment_id}, world.context)
    after = deployments.get(one.deployment_id)
    assert after
    return answer, after


def test_a_deployment_takes_the_groups_settings_and_holds_its_lock(api: Api, store: Store, group: Group) -> None:
    one = created(api, store)
    assert one.status is DeploymentStatus.CREATED and lock.holder("shop/web") == one.deployment_id
    assert (one.group_id, one.settings, one.own) == (group.group_id, OF_THE_GROUP, frozenset())
    assert (one.requested_by, one.creator, one.description) == (ARN, Creator.USER, None)
    assert (one.revision.bucket, one.revision.key) == (BUCKET, "shop/web/v1.zip")
    info = told(api, one)
    assert info["fileExistsBehavior"] == "RETAIN" and info["ignoreApplicationStopFailures"] is True
    assert not info.keys() & {"overrideAlarmConfiguration", "targetInstances", "description"}


def test_what_the_request_says_stands_in_the_place_of_what_the_group_says(api: Api, store: Store, group: Group) -> None:
    one = created(
        api,
        store,
        deploymentConfigName="CodeDeployDefault.AllAtOnce",
        description="the third try",
        ignoreApplicationStopFailures=False,
        fileExistsBehavior="OVERWRITE",
        autoRollbackConfiguration={"enabled": True, "events": ["DEPLOYMENT_STOP_ON_REQUEST"]},
        overrideAlarmConfiguration={"enabled": True, "ignorePollAlarmFailure": True, "alarms": [{"name": "slow"}]},
        targetInstances={"tagFilters": tags("canary")},
        deploymentMode="STANDARD",
        updateOutdatedInstancesOnly=False,
    )
    assert one.settings == replace(
        OF_THE_GROUP,
        config=PREDEFINED_CONFIGS["CodeDeployDefault.AllAtOnce"],
        ignore_application_stop_failures=False,
        file_exists_behavior=FileExistsBehavior.OVERWRITE,
        auto_rollback=(AutoRollbackEvent.DEPLOYMENT_STOP_ON_REQUEST,),
        alarms=Alarms(names=("slow",), ignore_poll_alarm_failure=True),
    )
    assert one.target_tag_groups == (CANARY,), "beside the group's tags, not in their place"
    assert groups.get("shop", "web") == group
    info = told(api, one)
    assert info["description"] == "the third try"
    assert info["deploymentConfigName"] == "CodeDeployDefault.AllAtOnce"
    assert (info["ignoreApplicationStopFailures"], info["fileExistsBehavior"]) == (False, "OVERWRITE")
    assert info["autoRollbackConfiguration"] == {"enabled": True, "events": ["DEPLOYMENT_STOP_ON_REQUEST"]}
    assert info["targetInstances"] == {"tagFilters": tags("canary")}
    assert info["overrideAlarmConfiguration"] == {
        "enabled": True,
        "ignorePollAlarmFailure": True,
        "alarms": [{"name": "slow"}],
    }


def test_a_set_of_tags_is_told_as_it_was_given(api: Api, store: Store, group: Group) -> None:
    lists = [tags("canary"), [{"Key": "blue", "Type": "KEY_ONLY"}, {"Value": "", "Type": "VALUE_ONLY"}]]
    one = created(api, store, targetInstances={"ec2TagSet": {"ec2TagSetList": lists}, "tagFilters": []})
    assert one.target_tag_groups == (CANARY, TagGroup(filters=(TagFilter(key="blue"), TagFilter(value=""))))
    assert told(api, one)["targetInstances"] == {"ec2TagSet": {"ec2TagSetList": lists}}


def test_the_revision_of_the_last_success_is_told_beside_the_new_one(api: Api, store: Store) -> None:
    good = revision("v0", version="v", etag="e")
    last = DeploymentSummary(
        deployment_id="d-000000001", status=DeploymentStatus.SUCCEEDED, create_time="2026", revision=good
    )
    put_group(settings=GroupSettings(tag_groups=(CANARY,)), last_successful=last)
    found = told(api, created(api, store))
    assert found["previousRevision"]["s3Location"]["key"] == "shop/web/v0.zip"
    assert found["revision"]["s3Location"]["key"] == "shop/web/v1.zip"


@pytest.mark.parametrize("alarms", [{}, {"enabled": False, "alarms": [{"name": "errors"}]}])
def test_alarms_can_be_left_out_for_once(api: Api, store: Store, group: Group, alarms: dict[str, Any]) -> None:
    one = created(api, store, overrideAlarmConfiguration=alarms)
    assert one.settings.alarms.watched == () and one.own == {OverriddenSetting.ALARMS}
    assert told(api, one)["overrideAlarmConfiguration"]["enabled"] is False


def test_rolling_back_can_be_left_out_for_once(api: Api, store: Store, group: Group) -> None:
    one = created(api, store, autoRollbackConfiguration={"enabled": False, "events": ["DEPLOYMENT_FAILURE"]})
    assert one.settings.auto_rollback == ()


def test_a_configuration_that_the_api_made(api: Api, store: Store, group: Group) -> None:
    half = CustomConfig(name="Two", minimum=MinimumHealthyHosts(MinimumHealthyHostsType.HOST_COUNT, 2), config_id="1")
    put_item({"pk": "CONFIG", "sk": "CONFIG#Two", **to_plain(half)})
    one = created(api, store, deploymentConfigName="Two")
    assert (one.settings.config.name, one.settings.config.minimum) == ("Two", half.minimum)


@pytest.mark.parametrize(
    ("location", "kind"),
    [
        (s3(key="a/b.tar.gz"), BundleType.TGZ),
        (s3(key="a/b.TAR"), BundleType.TAR),
        (s3(key="a/b.zip", bundleType="tar"), BundleType.TAR),
        (s3(key="a/b", bundleType="tgz"), BundleType.TGZ),
    ],
)
def test_the_keys_ending_says_how_it_is_packed_if_the_request_does_not(
    api: Api, store: Store, group: Group, location: dict[str, Any], kind: BundleType
) -> None:
    assert created(api, store, revision=location).revision.bundle_type is kind


def test_a_description_may_have_256_characters(api: Api, store: Store, group: Group) -> None:
    assert created(api, store, description="ü" * 256).description == "ü" * 256


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
        ({"revision": s3(bucket="other")}, NO_REVISION, "other: the engine reads the bucket revisions only: copy"),
        ({"revision": s3(key="a/b.rar")}, NO_REVISION, "'a/b.rar' does not tell: give zip, tar or tgz"),
        ({"revision": s3(bundleType="YAML")}, NO_REVISION, "YAML is for Lambda"),
        ({"deploymentConfigName": "Nope"}, "DeploymentConfigDoesNotExistException", "no deployment configuration Nope"),
        ({"deploymentConfigName": "a/b"}, "InvalidDeploymentConfigNameException", "'a/b'"),
        ({"description": "x" * 257}, "DescriptionTooLongException", "description: has 257 characters, at most 256"),
        ({"fileExistsBehavior": "KEEP"}, "InvalidFileExistsBehaviorException", "'KEEP' is not one of DISALLOW"),
        ({"deploymentMode": "RESTART"}, "InvalidInputException", "RESTART is not supported: deploy the revision again"),
        ({"deploymentMode": "RESTART", "revision": None}, "InvalidInputException", "RESTART is not supported"),
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


def test_a_busy_group_refuses_also_if_its_uploads_wait(api: Api, store: Store, group: Group) -> None:
    first = created(api, store)
    before = all_items()
    alarms = {"enabled": True, "alarms": [{"name": "slow"}]}
    message = api.refuses(
        "DeploymentLimitExceededException", "CreateDeployment", **wanted(overrideAlarmConfiguration=alarms)
    )
    assert f"The Deployment Group 'web' already has an active Deployment '{first.deployment_id}'" in message
    assert all_items() == before


def test_a_repeated_request_is_a_second_deployment_once_the_first_is_over(api: Api, store: Store, group: Group) -> None:
    first = created(api, store)
    api("StopDeployment", deploymentId=first.deployment_id)
    finish.handler({"deployment_id": first.deployment_id}, api.context)
    assert created(api, store).deployment_id != first.deployment_id


def test_its_record_is_what_launch_starts(
    api: Api, store: Store, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = created(api, store)
    (item,) = [each for each in all_items() if each["sk"] == "DEPLOYMENT"]
    assert (item["status"], item["news"]) == ("Created", True), "what the stream's filter lets through"
    started: list[str] = []
    monkeypatch.setattr(executions, "start", started.append)
    images = {"NewImage": to_wire(item), "SequenceNumber": "1", "ApproximateCreationDateTime": 1665676245.0}
    launch.handler({"Records": [{"eventSourceARN": STREAM, "dynamodb": images}]}, api.context)
    assert started == [one.deployment_id] and from_wire(to_wire(item)) == item


def test_prepare_goes_by_what_was_asked_for(api: Api, store: Store, world: World) -> None:
    either = TagGroup(filters=(*WEB.filters, *CANARY.filters))
    put_group(settings=replace(OF_THE_GROUP, tag_groups=(either,)))
    client("cloudwatch").put_metric_alarm(
        AlarmName="errors", ComparisonOperator="GreaterThanThreshold", EvaluationPeriods=1
    )
    client("cloudwatch").set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="a test")
    upload()
    world.launch(2)
    web = sorted(world.instances)
    world.launch(3, role="canary")
    canaries = sorted(set(world.instances) - set(web))
    one = created(
        api,
        store,
        deploymentConfigName="CodeDeployDefault.AllAtOnce",
        overrideAlarmConfiguration={"enabled": False},
        targetInstances={"tagFilters": tags("canary")},
        fileExistsBehavior="OVERWRITE",
        ignoreApplicationStopFailures=False,
    )
    answer, after = prepared(world, one)
    (stage,) = answer["stages"]
    assert world.manifest(stage) == canaries and stage["concurrency"] == 3
    assert after.counters == Counters(total=3, allowed=3)
    assert (after.status, after.own) == (DeploymentStatus.IN_PROGRESS, one.own)
    host = instructions(after, canaries[0], events=(), expires_at=0, runner=Runner("", ""), bundle_url="", logs=None)
    assert (host.file_exists_behavior, host.ignore_application_stop_failures) == ("OVERWRITE", False)
    assert told(api, after)["targetInstances"] == {"tagFilters": tags("canary")}


def test_a_version_and_an_etag_are_what_is_installed(api: Api, store: Store, group: Group, world: World) -> None:
    put_group(settings=GroupSettings(tag_groups=(WEB,)))
    world.launch(1)
    first = upload()
    upload(archive() + b"changed")
    one = created(api, store, revision=s3(**first))
    answer, after = prepared(world, one)
    assert answer["proceed"] and after.revision.version == first["version"]
    assert after.revision.etag == first["eTag"].strip('"')


def test_an_etag_alone_must_be_that_of_the_archive_as_it_is(api: Api, store: Store, group: Group, world: World) -> None:
    put_group(settings=GroupSettings(tag_groups=(WEB,)))
    world.launch(1)
    first = upload()
    now = upload(archive() + b"changed")
    one = created(api, store, revision=s3(eTag=first["eTag"]))
    answer, after = prepared(world, one)
    assert not answer["proceed"] and after.failure
    assert after.failure.code is DeploymentErrorCode.REVISION_MISSING
    actual, asked = (each["eTag"].strip('"') for each in (now, first))
    assert f"has the eTag {actual}, not {asked}: it was replaced" in after.failure.message
    finish.handler({"deployment_id": one.deployment_id}, api.context)
    second = created(api, store, revision=s3(eTag=now["eTag"]))
    assert prepared(world, second)[0]["proceed"]


def test_tags_that_no_instance_has_fail_the_deployment(api: Api, store: Store, group: Group, world: World) -> None:
    put_group(settings=GroupSettings(tag_groups=(WEB,)))
    upload()
    world.launch(1)
    one = created(api, store, targetInstances={"tagFilters": tags("nobody")})
    answer, after = prepared(world, one)
    assert not answer["proceed"] and after.failure
    assert after.failure.code is DeploymentErrorCode.NO_INSTANCES
    assert "no instances were found for your deployment group shop/web that also have" in after.failure.message
    assert f"targetInstances.tagFilters. Its EC2 instances are {world.instances[0]}." in after.failure.message


def test_an_alarm_of_the_request_stops_the_deployment_and_one_of_the_group_does_not(
    api: Api, store: Store, group: Group
) -> None:
    put_item({"pk": "ALARM#errors", "sk": "GROUP#shop/web"})
    one = created(api, store, overrideAlarmConfiguration={"enabled": True, "alarms": [{"name": "slow"}]})
    stop.handler(to_alarm("errors"), api.context)
    assert stop_of(store, one) is None
    stop.handler(to_alarm("slow"), api.context)
    assert stop_of(store, one) == "alarm slow"


def test_an_alarm_of_one_deployment_does_not_stop_the_next(api: Api, store: Store, group: Group) -> None:
    one = created(api, store, overrideAlarmConfiguration={"enabled": True, "alarms": [{"name": "slow"}]})
    finish.handler({"deployment_id": one.deployment_id}, api.context)
    two = created(api, store)
    stop.handler(to_alarm("slow"), api.context)
    assert stop_of(store, two) is None
    (kept,) = [each for each in all_items() if each["sk"] == "OWN#shop/web"]
    assert kept["pk"] == "ALARM#slow" and kept["expires_at"] > 0


def test_an_alarm_that_both_name_stops_once(api: Api, store: Store, group: Group) -> None:
    put_item({"pk": "ALARM#errors", "sk": "GROUP#shop/web"})
    created(api, store, overrideAlarmConfiguration={"enabled": True, "alarms": [{"name": "errors"}]})
    assert groups.of_alarm("errors") == ["shop/web"]


def to_alarm(name: str) -> dict[str, Any]:
    stand_in("cloudwatch", FakeAlarms({name: "ALARM"}))
    return {"detail": {"alarmName": name, "state": {"value": "ALARM"}}}


def stop_of(store: Store, one: Deployment) -> str | None:
    found = deployments.get(one.deployment_id)
    return found.stop.by if found and found.stop else None


def ended(api: Api, store: Store, one: Deployment, status: TargetStatus) -> Deployment:
    """The deployment after its two hosts ended so."""
    preparing.begin(replace(one, counters=Counters(total=2, allowed=1)), pending(one, "i-1", "i-2"), NOW)
    for target in list(targets.of(one.deployment_id)):
        targets.take_out_of_service(target, NOW)
        if going := targets.get(one.deployment_id, target.target_id):
            targets.finish(going, status, NOW)
    finish.handler({"deployment_id": one.deployment_id}, api.context)
    found = deployments.get(one.deployment_id)
    assert found
    return found


def test_a_deployment_to_some_instances_goes_back_on_those(api: Api, store: Store, group: Group) -> None:
    good = ended(api, store, created(api, store), TargetStatus.SUCCEEDED)
    where = {"targetInstances": {"tagFilters": tags("canary")}}
    bad = created(api, store, revision=s3(key="v2.zip"), overrideAlarmConfiguration={}, **where)
    bad = ended(api, store, bad, TargetStatus.FAILED)
    assert bad.status is DeploymentStatus.FAILED and bad.rollback and bad.rollback.rollback_deployment_id
    back = deployments.get(bad.rollback.rollback_deployment_id)
    assert back and back.revision == good.revision
    assert back.settings.tag_groups == (WEB,), "never outside the group"
    assert back.target_tag_groups == (CANARY,) and back.own == {OverriddenSetting.TAG_FILTERS}
    assert told(api, back)["targetInstances"] == {"tagFilters": tags("canary")}


def test_a_deployment_to_some_instances_is_no_success_of_the_group(api: Api, store: Store, group: Group) -> None:
    good = ended(api, store, created(api, store), TargetStatus.SUCCEEDED)
    other = created(api, store, revision=s3(key="v2.zip"), targetInstances={"tagFilters": tags("canary")})
    assert ended(api, store, other, TargetStatus.SUCCEEDED).status is DeploymentStatus.SUCCEEDED
    after = groups.get("shop", "web")
    assert after and after.last_successful and after.last_attempted
    assert after.last_successful.deployment_id == good.deployment_id
    assert after.last_attempted.deployment_id == other.deployment_id


def test_a_rollback_of_the_groups_own_deployment_goes_to_the_group_as_it_is(store: Store, api: Api) -> None:
    put_group(settings=OF_THE_GROUP)
    ended(api, store, created(api, store), TargetStatus.SUCCEEDED)
    bad = created(api, store, revision=s3(key="v2.zip"))
    edited = to_plain(replace(OF_THE_GROUP, tag_groups=(CANARY,)))
    before = next(each for each in all_items() if each["sk"] == "GROUP#web")
    put_item({**before, **group_item_key("shop", "web").item, "settings": edited})
    assert deployments.get(bad.deployment_id) == bad, "an edited group reaches no deployment that runs"
    bad = ended(api, store, bad, TargetStatus.FAILED)
    back = deployments.get((bad.rollback and bad.rollback.rollback_deployment_id) or "")
    assert back and back.settings.tag_groups == (CANARY,) and not back.own


def test_the_revision_is_on_record_as_used_by_it(api: Api, store: Store, group: Group) -> None:
    one = created(api, store)
    info = api("GetApplicationRevision", applicationName="shop", revision=s3(bundleType="zip"))["revisionInfo"]
    assert one.deployment_id in info["description"] and info["deploymentGroups"] == ["web"]


def test_a_deployment_whose_revision_cannot_be_noted_is_answered_with_its_id(
    api: Api, store: Store, group: Group, monkeypatch: pytest.MonkeyPatch, logged: io.StringIO
) -> None:
    def fails(*_: Any) -> None:
        raise TimeoutError

    monkeypatch.setattr(revisions, "used", fails)
    one = created(api, store)
    assert one.deployment_id in logged.getvalue() and "not on record" in logged.getvalue()


def test_few_requests(
    api: Api, group: Group, requests: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revisions, "used", lambda *_: None)
    made = requests()
    api("CreateDeployment", **wanted())
    assert made == ["GetItem", "GetItem", "TransactWriteItems"]


def test_settings_that_nobody_gives_are_the_groups() -> None:
    group = Group(application="shop", name="web", group_id="uuid", settings=OF_THE_GROUP)
    assert Overrides().over(OF_THE_GROUP) == OF_THE_GROUP and Overrides().told == frozenset()
    one = new_deployment(group, revision(), deployment_id="d-1", now=NOW, requested_by="me")
    assert one.settings == OF_THE_GROUP and "own" not in to_plain(one)

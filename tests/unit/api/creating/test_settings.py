"""CreateDeployment: what the request says, and where it says nothing, the group."""

from dataclasses import replace
from typing import Any

import pytest

from functions.core.records import (
    Alarms,
    CustomConfig,
    DeploymentSummary,
    Group,
    GroupSettings,
    TagFilter,
    TagGroup,
)
from functions.core.rollout.health import PREDEFINED_CONFIGS, MinimumHealthyHosts, MinimumHealthyHostsType
from functions.core.statuses import (
    AutoRollbackEvent,
    BundleType,
    Creator,
    DeploymentStatus,
    FileExistsBehavior,
    OverriddenSetting,
)
from functions.core.text.shapes import to_plain
from functions.store.records import groups, lock
from tests.conftest import (
    BUCKET,
    put_group,
    put_item,
    revision,
)
from tests.store import Store
from tests.unit.api.conftest import ARN, Api
from tests.unit.api.creating.asked import CANARY, OF_THE_GROUP, created, s3, tags, told


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


def test_a_revision_may_lie_in_a_bucket_that_deployments_yaml_names(api: Api, store: Store, group: Group) -> None:
    assert created(api, store, revision=s3(bucket="builds")).revision.bucket == "builds"

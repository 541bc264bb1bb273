"""CreateDeployment: what launch, prepare, alarms and rollbacks make of what was asked for."""

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from functions.aws import executions
from functions.aws.clients import client
from functions.core.new_deployment import Overrides, new_deployment
from functions.core.records import (
    Counts,
    Deployment,
    Group,
    GroupSettings,
    TagGroup,
)
from functions.core.rollout.instructions import instructions
from functions.core.statuses import (
    DeploymentErrorCode,
    DeploymentStatus,
    OverriddenSetting,
    TargetStatus,
)
from functions.core.text.shapes import to_plain
from functions.handlers import finish, launch, stop
from functions.store.keys import group_item_key
from functions.store.records import deployments, groups, revisions, targets
from functions.store.table.wire import from_wire, to_wire
from host.instructions import Runner
from tests.conftest import (
    WEB,
    all_items,
    pending,
    put_group,
    put_item,
    revision,
    stand_in,
)
from tests.fakes.cloudwatch import FakeAlarms
from tests.rollout import begin, begin_target, end_target
from tests.store import Store
from tests.unit.api.conftest import Api
from tests.unit.api.creating.asked import CANARY, NOW, OF_THE_GROUP, created, prepared, s3, tags, told, upload, wanted
from tests.unit.handlers.test_prepare import World, archive
from tests.unit.news import STREAM


def test_its_record_is_what_launch_starts(
    api: Api, store: Store, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = created(api, store)
    (item,) = [each for each in all_items() if each["sk"] == "DEPLOYMENT"]
    assert (item["status"], item["news"]) == ("Created", True), "what the stream's filter lets through"
    started: list[str] = []
    monkeypatch.setattr(executions, "start", lambda deployment_id, target_id: started.append(deployment_id))
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
    assert after.counts == Counts(total=3, max_out_of_service=3)
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
    begin(replace(one, counts=Counts(total=2, max_out_of_service=1)), pending(one, "i-1", "i-2"), NOW)
    for target in list(targets.of(one.deployment_id)):
        begin_target(target, NOW)
        if going := targets.get(one.deployment_id, target.target_id):
            end_target(going, status, NOW)
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
    assert made == ["GetItem", "Query", "GetItem", "TransactWriteItems"]


def test_settings_that_nobody_gives_are_the_groups() -> None:
    group = Group(application="shop", name="web", group_id="uuid", settings=OF_THE_GROUP)
    assert Overrides().over(OF_THE_GROUP) == OF_THE_GROUP and Overrides().told == frozenset()
    one = new_deployment(group, revision(), deployment_id="d-1", now=NOW, requested_by="me")
    assert one.settings == OF_THE_GROUP and "own" not in to_plain(one)

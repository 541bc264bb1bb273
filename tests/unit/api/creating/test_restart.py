"""CreateDeployment with RESTART: the group's last successful revision, stopped and started where it is installed."""

from dataclasses import replace
from typing import Any

import pytest

from functions.core.new_deployment import new_deployment
from functions.core.order import Upload
from functions.core.records import Deployment, DeploymentSummary, Group, GroupSettings, Segment
from functions.core.rollout.health import PREDEFINED_CONFIGS
from functions.core.statuses import AutoRollbackEvent, DeploymentErrorCode, DeploymentStatus, TargetStatus
from functions.engine.starting import create
from functions.handlers import finish, prepare, run_segment
from functions.store.keys import host_key
from functions.store.records import deployments, groups, lock, targets
from host.instructions import Instructions
from host.lifecycle import RESTART
from tests.conftest import BUCKET, WEB, put_group, put_item, revision
from tests.rollout import begin_target, end_target
from tests.store import Store
from tests.unit.api.conftest import Api
from tests.unit.api.creating.asked import NOW, OF_THE_GROUP, told
from tests.unit.handlers.test_prepare import World

GOOD = revision(version="1", etag="e", sha256="f" * 64)
WHERE = {"applicationName": "shop", "deploymentGroupName": "web"}
BROUGHT = "d-0000GOOD1"


@pytest.fixture
def group(store: Store) -> Group:
    """A group that has had a success, of which the archive is gone by now."""
    last = DeploymentSummary(
        deployment_id=BROUGHT, status=DeploymentStatus.SUCCEEDED, create_time=NOW, complete_time=NOW, revision=GOOD
    )
    config = PREDEFINED_CONFIGS["CodeDeployDefault.AllAtOnce"]
    settings = replace(OF_THE_GROUP, alarms=GroupSettings().alarms, bake_seconds=0, config=config)
    group = put_group(settings=settings, last_successful=last, last_attempted=last)
    one = new_deployment(group, GOOD, deployment_id=BROUGHT, now=NOW, requested_by="me")
    lock.refuse(replace(one, status=DeploymentStatus.SUCCEEDED, complete_time=NOW))
    return group


def has(group: Group, *host_ids: str, status: str = "Succeeded", deployment_id: str = BROUGHT) -> None:
    """These hosts have what this deployment brought."""
    for each in host_ids:
        host = {"target_id": each, "deployment_id": deployment_id, "status": status, "since": NOW}
        put_item({**host_key(group.group_id, each).item, **host})


def restarted(api: Api, **more: Any) -> Deployment:
    found = deployments.get(api("CreateDeployment", **WHERE, deploymentMode="RESTART", **more)["deploymentId"])
    assert found
    return found


def prepared(world: World, one: Deployment) -> tuple[list[str], Deployment]:
    """The targets that it begins with, and the deployment then."""
    prepare.handler({"deployment_id": one.deployment_id}, world.context)
    after = deployments.get(one.deployment_id)
    assert after
    return [target.target_id for target in targets.of(one.deployment_id)], after


def test_it_is_of_the_groups_last_successful_revision_and_rolls_back_only_if_it_says_so(api: Api, group: Group) -> None:
    one = restarted(api)
    assert one.is_restart and one.revision == GOOD
    assert not one.settings.auto_rollback and group.settings.auto_rollback
    info = told(api, one)
    assert info["deploymentMode"] == "RESTART" and info["revision"]["s3Location"]["key"] == GOOD.key
    finish.handler({"deployment_id": one.deployment_id}, api.context)
    wanted = {"enabled": True, "events": ["DEPLOYMENT_FAILURE"]}
    asked = restarted(api, autoRollbackConfiguration=wanted)
    assert asked.settings.auto_rollback == (AutoRollbackEvent.DEPLOYMENT_FAILURE,)


def test_a_deployment_of_a_revision_has_no_mode(api: Api, group: Group) -> None:
    """As with CodeDeploy: "absent ... for STANDARD deployments"."""
    given = {"revisionType": "S3", "s3Location": {"bucket": BUCKET, "key": "shop/web/v1.zip", "bundleType": "zip"}}
    found = deployments.get(api("CreateDeployment", **WHERE, revision=given, deploymentMode="STANDARD")["deploymentId"])
    assert found and not found.is_restart and "deploymentMode" not in told(api, found)


def test_it_goes_to_the_hosts_that_have_the_revision_and_needs_no_archive(api: Api, group: Group, world: World) -> None:
    world.launch(4)
    has(group, world.instances[0], world.instances[1])
    has(group, world.instances[2], status="Failed")
    begun, one = prepared(world, restarted(api))
    assert begun == sorted(world.instances[:2]), "a deployment has failed on the third, and the fourth has nothing"
    assert one.status is DeploymentStatus.IN_PROGRESS and one.counts.total == 2
    assert {target.steps for target in targets.of(one.deployment_id)} == {(Segment(events=RESTART),)}


def test_a_host_on_which_a_restart_has_failed_can_be_restarted(api: Api, group: Group, world: World) -> None:
    world.launch(2)
    has(group, *world.instances)
    begun, one = prepared(world, restarted(api))
    good, bad = targets.of(one.deployment_id)
    for target, status in ((good, TargetStatus.SUCCEEDED), (bad, TargetStatus.FAILED)):
        begin_target(target, NOW)
        current = targets.get(one.deployment_id, target.target_id)
        assert current and end_target(current, status, NOW)
    finish.handler({"deployment_id": one.deployment_id}, api.context)
    again = deployments.get(api("RetryDeployment", deploymentId=one.deployment_id)["deploymentId"])
    assert again and again.is_restart and prepared(world, again)[0] == [bad.target_id]
    finish.handler({"deployment_id": again.deployment_id}, api.context)
    assert prepared(world, restarted(api))[0] == begun


def test_the_group_remembers_what_was_brought_and_not_that_it_was_restarted(api: Api, group: Group) -> None:
    one = restarted(api)
    finish.handler({"deployment_id": one.deployment_id}, api.context)
    assert groups.get("shop", "web") == group


def test_an_older_upload_that_is_told_late_is_not_superseded_by_it(api: Api, group: Group) -> None:
    one = restarted(api)
    finish.handler({"deployment_id": one.deployment_id}, api.context)
    upload = Upload(bucket=BUCKET, key="shop/web/v2.zip", version="2", sequencer="2")
    request = create.Request(
        application="shop",
        group="web",
        revision=revision("v2"),
        requested_by="upload",
        requested_at="2020-01-01T00:00:00Z",
        upload=upload,
    )
    found = deployments.get(create.create(request))
    assert found and found.status is DeploymentStatus.CREATED


@pytest.mark.parametrize("more", [{}, {"targetInstances": {"instanceIds": ["the-first"]}}])
def test_where_no_host_has_the_revision_it_says_so(api: Api, group: Group, world: World, more: dict[str, Any]) -> None:
    world.launch(1)
    if more:
        more = {"targetInstances": {"instanceIds": world.instances}}
    _, one = prepared(world, restarted(api, **more))
    assert one.failure and one.failure.code is DeploymentErrorCode.NO_INSTANCES
    assert f"none of its instances that the deployment means has {GOOD.place}" in one.failure.message


def test_its_hosts_are_given_no_address_of_a_revision(api: Api, group: Group, world: World) -> None:
    world.launch(1)
    has(group, *world.instances)
    (host_id,), one = prepared(world, restarted(api))
    event = {"deployment_id": one.deployment_id, "target_id": host_id, "task_token": "t"}
    run_segment.handler(event, world.context)
    (sent,) = world.ssm.sent
    instructions = Instructions.decode(sent["Parameters"]["Instructions"][0].partition(".")[0])
    assert instructions.is_restart and instructions.bundle.url == "" and instructions.bundle.key == GOOD.key
    assert instructions.events == tuple(event.value for event in RESTART)


def test_nothing_is_there_to_restart_of_a_group_without_a_success(api: Api, store: Store) -> None:
    put_group(settings=GroupSettings(tag_groups=(WEB,)))
    message = api.refuses("RevisionDoesNotExistException", "CreateDeployment", **WHERE, deploymentMode="RESTART")
    assert "shop/web has had no successful deployment: nothing is there to restart; deploy a revision" in message

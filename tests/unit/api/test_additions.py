"""What stepdeploy adds to CodeDeploy: hosts, named and outdated instances, retries, rollbacks, metadata, principals."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from functions.api.operations import instances_of_group
from functions.aws.clients import client
from functions.core.chat import slack
from functions.core.chat.outcomes import Outcome
from functions.core.declaration import load
from functions.core.errors import InvalidInput
from functions.core.messages import announcements
from functions.core.place import Place
from functions.core.records import Deployment, Host, Target
from functions.core.statuses import DeploymentErrorCode, DeploymentStatus, TargetStatus
from functions.core.text.shapes import to_plain
from functions.engine import declare
from functions.engine.ending import end
from functions.handlers import prepare, rollback, start, stop
from functions.store.keys import host_key
from functions.store.records import deployments, targets
from tests.conftest import BUCKET, LambdaContext, put_item
from tests.rollout import begin_target, run_to_the_end
from tests.store import Store
from tests.unit.api.conftest import ARN, Api
from tests.unit.api.test_groups import TRIGGER, make
from tests.unit.api.test_groups import told as told_of_group
from tests.unit.handlers.test_prepare import World, archive

GROUP = {"applicationName": "shop", "deploymentGroupName": "web"}
NOW = "2026-11-23T10:00:00.000Z"


@pytest.fixture
def world(store: Store, services: None, context: LambdaContext) -> World:
    client("s3").put_object(Bucket=BUCKET, Key="shop/web/v1.zip", Body=archive())
    client("s3").put_object(Bucket=BUCKET, Key="shop/web/v2.zip", Body=archive("version: 0.0\nos: linux\n\n"))
    return World(store, client("ssm"), context)


@pytest.fixture
def group(api: Api, world: World) -> None:
    api("CreateApplication", applicationName="shop")
    make(api, ec2TagFilters=[{"Key": "role", "Value": "web", "Type": "KEY_AND_VALUE"}])
    world.launch(4)


Deploy = Callable[..., Deployment]


@pytest.fixture
def deploy(api: Api, world: World, store: Store) -> Deploy:
    """Create a deployment and run it: `fails` and `skips` say what becomes of which of its targets."""

    def run(name: str = "v1", *, fails: int = 0, skips: int = 0, **more: Any) -> Deployment:
        location = {"bucket": BUCKET, "key": f"shop/web/{name}.zip", "bundleType": "zip"}
        revision = {"revision": {"revisionType": "S3", "s3Location": location}}
        return finish(api("CreateDeployment", **GROUP, **revision, **more)["deploymentId"], fails=fails, skips=skips)

    def finish(deployment_id: str, *, fails: int, skips: int) -> Deployment:
        prepare.handler({"deployment_id": deployment_id}, world.context)
        return run_to_the_end(deployment_id, NOW, fails=fails, skips=skips)

    run.finish = finish  # type: ignore[attr-defined]
    return run


def target_ids(store: Store, deployment: Deployment) -> list[str]:
    return [target.target_id for target in targets.of(deployment.deployment_id)]


# -- hosts


def test_a_host_runs_what_its_last_deployment_brought(
    api: Api, world: World, group: None, deploy: Deploy, requests: Callable[[], list[str]]
) -> None:
    assert api("ListHosts", **GROUP) == {"hosts": []}
    first = deploy("v1", deploymentConfigName="CodeDeployDefault.AllAtOnce")
    second = deploy("v2", fails=1, skips=3)
    asked = len(requests())
    hosts = api("ListHosts", **GROUP)["hosts"]
    assert len(requests()) - asked <= 3
    ids = sorted(world.instances)
    assert [(each["hostId"], each["deploymentId"], each["status"]) for each in hosts] == [
        (ids[0], second.deployment_id, "Failed"),
        *((each, first.deployment_id, "Succeeded") for each in ids[1:]),
    ]
    assert [each["revision"]["s3Location"]["key"] for each in hosts] == ["shop/web/v2.zip", *["shop/web/v1.zip"] * 3]


def test_a_renamed_group_keeps_its_hosts(api: Api, group: None, deploy: Deploy) -> None:
    deploy()
    before = api("ListHosts", **GROUP)
    change = {"applicationName": "shop", "currentDeploymentGroupName": "web", "newDeploymentGroupName": "site"}
    api("UpdateDeploymentGroup", **change)
    assert api("ListHosts", applicationName="shop", deploymentGroupName="site") == before


def test_a_sweep_records_the_hosts_on_which_something_had_begun(
    api: Api, store: Store, group: None, deploy: Deploy, world: World
) -> None:
    world.launch(52)  # more than fit one transaction
    location = {"bucket": BUCKET, "key": "shop/web/v1.zip", "bundleType": "zip"}
    given = {"revision": {"revisionType": "S3", "s3Location": location}}
    one = api("CreateDeployment", **GROUP, **given, deploymentConfigName="CodeDeployDefault.AllAtOnce")["deploymentId"]
    prepare.handler({"deployment_id": one}, world.context)
    for target in list(targets.of(one))[:54]:
        assert begin_target(target, NOW)
    end.end(one, "the engine broke")
    assert [each["status"] for each in api("ListHosts", **GROUP)["hosts"]] == ["Failed"] * 54


def test_hosts_are_listed_a_hundred_a_page(api: Api, group: None) -> None:
    group_id, ids = told_of_group(api)["deploymentGroupId"], [f"i-{number:03}" for number in range(120)]
    for each in ids:
        host = Host(target_id=each, deployment_id="d-000000001", status=TargetStatus.SUCCEEDED, since=NOW)
        put_item({**host_key(group_id, each).item, **to_plain(host)})
    first = api("ListHosts", **GROUP)
    second = api("ListHosts", **GROUP, nextToken=first["nextToken"])
    assert [each["hostId"] for each in first["hosts"] + second["hosts"]] == ids
    assert len(first["hosts"]) == 100 and "nextToken" not in second


# -- the instances of a group


def test_the_instances_that_a_group_means_come_with_their_tags_and_ssms_word(
    api: Api, world: World, group: None
) -> None:
    first, second, *_ = sorted(world.instances)
    world.ssm.ping, world.ssm.platforms = {first: "ConnectionLost", second: ""}, {first: "Windows"}
    told = api("ListGroupInstances", **GROUP)["instances"]
    assert [each["instanceId"] for each in told] == sorted(world.instances)
    assert {"Key": "role", "Value": "web"} in told[0]["tags"]
    assert [each.get("pingStatus") for each in told] == ["ConnectionLost", None, "Online", "Online"]
    assert [each.get("platformType") for each in told] == ["Windows", None, "Linux", "Linux"]


def test_the_instances_of_a_group_come_in_pages(
    api: Api, world: World, group: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instances_of_group, "_ON_A_PAGE", 3)
    one = api("ListGroupInstances", **GROUP)
    other = api("ListGroupInstances", **GROUP, nextToken=one["nextToken"])
    ids = [each["instanceId"] for each in one["instances"] + other["instances"]]
    assert ids == sorted(world.instances) and len(one["instances"]) == 3 and "nextToken" not in other


# -- some of the hosts


def test_only_named_instances_take_part_and_say_nothing_of_the_group(
    api: Api, store: Store, world: World, group: None, deploy: Deploy
) -> None:
    wanted = sorted(world.instances)[1:3]
    one = deploy(targetInstances={"instanceIds": [*wanted, wanted[0]]})
    assert target_ids(store, one) == wanted and one.status is DeploymentStatus.SUCCEEDED
    told = api("GetDeployment", deploymentId=one.deployment_id)["deploymentInfo"]
    assert told["targetInstances"] == {"instanceIds": wanted}
    assert "lastSuccessfulDeployment" not in told_of_group(api)


def test_an_instance_that_is_not_the_groups_fails_before_a_host_is_touched(
    store: Store, world: World, group: None, deploy: Deploy
) -> None:
    one = deploy(targetInstances={"instanceIds": [world.instances[0], "i-unknown"]})
    assert one.failure and one.failure.code is DeploymentErrorCode.NO_INSTANCES
    assert "i-unknown" in one.failure.message and target_ids(store, one) == []


def test_outdated_instances_are_those_that_run_something_else(
    api: Api, store: Store, world: World, group: None, deploy: Deploy
) -> None:
    deploy("v1", deploymentConfigName="CodeDeployDefault.AllAtOnce")
    deploy("v2", fails=1, skips=3)
    world.launch(1)
    one = deploy("v1", updateOutdatedInstancesOnly=True)
    assert target_ids(store, one) == sorted([sorted(world.instances[:4])[0], world.instances[4]])
    assert api("GetDeployment", deploymentId=one.deployment_id)["deploymentInfo"]["updateOutdatedInstancesOnly"]
    assert told_of_group(api)["lastSuccessfulDeployment"]["deploymentId"] == one.deployment_id


def test_where_nothing_is_outdated_nothing_is_done_and_that_is_a_success(
    store: Store, group: None, deploy: Deploy
) -> None:
    deploy("v1", deploymentConfigName="CodeDeployDefault.AllAtOnce")
    one = deploy("v1", updateOutdatedInstancesOnly=True)
    assert (one.status, one.counts.total, target_ids(store, one)) == (DeploymentStatus.SUCCEEDED, 0, [])


def test_a_deployment_of_outdated_instances_that_never_began_has_not_succeeded(
    api: Api, store: Store, group: None
) -> None:
    location = {"bucket": BUCKET, "key": "shop/web/v1.zip", "bundleType": "zip"}
    revision = {"revision": {"revisionType": "S3", "s3Location": location}}
    one = api("CreateDeployment", **GROUP, **revision, updateOutdatedInstancesOnly=True)["deploymentId"]
    assert end.end(one, "the engine broke") is DeploymentStatus.FAILED


# -- again


def test_a_retry_goes_to_the_failed_and_skipped_targets_alone(
    api: Api, store: Store, world: World, group: None, deploy: Deploy
) -> None:
    failed = deploy("v1", fails=1, skips=3, metadata={"commit": "abc"}, description="the first")
    assert failed.status is DeploymentStatus.FAILED
    retried = api("RetryDeployment", deploymentId=failed.deployment_id, metadata={"ticket": "OPS-1"})["deploymentId"]
    one = deploy.finish(retried, fails=0, skips=0)  # type: ignore[attr-defined]
    assert target_ids(store, one) == sorted(world.instances) and one.status is DeploymentStatus.SUCCEEDED
    assert (one.metadata, one.requested_by) == ({"commit": "abc", "ticket": "OPS-1"}, ARN)
    assert one.description == f"Retry of {failed.deployment_id}"
    assert told_of_group(api)["lastSuccessfulDeployment"]["deploymentId"] == retried


def test_a_retry_leaves_alone_what_has_succeeded(
    api: Api, store: Store, world: World, group: None, deploy: Deploy
) -> None:
    failed = deploy("v1", fails=2, deploymentConfigName="CodeDeployDefault.AllAtOnce")
    retried = api("RetryDeployment", deploymentId=failed.deployment_id)["deploymentId"]
    prepare.handler({"deployment_id": retried}, world.context)
    assert [target.target_id for target in targets.of(retried)] == sorted(world.instances)[:2]


def test_there_is_nothing_to_retry_of_what_runs_or_has_succeeded(api: Api, group: None, deploy: Deploy) -> None:
    good = deploy("v1")
    said = api.refuses("InvalidInputException", "RetryDeployment", deploymentId=good.deployment_id)
    assert "no failed or skipped targets" in said
    location = {"bucket": BUCKET, "key": "shop/web/v2.zip", "bundleType": "zip"}
    running = api("CreateDeployment", **GROUP, revision={"revisionType": "S3", "s3Location": location})["deploymentId"]
    assert "is Created" in api.refuses("InvalidInputException", "RetryDeployment", deploymentId=running)
    api.refuses("DeploymentDoesNotExistException", "RetryDeployment", deploymentId="d-000000009")


def test_a_group_goes_back_to_the_revision_before(api: Api, group: None, deploy: Deploy, store: Store) -> None:
    said = api.refuses("InvalidInputException", "RollBackDeploymentGroup", **GROUP)
    assert "no earlier successful revision" in said
    deploy("v1")
    deploy("v2")
    back = deployments.get(api("RollBackDeploymentGroup", **GROUP)["deploymentId"])
    assert back and (back.revision.key, back.requested_by) == ("shop/web/v1.zip", ARN)
    stopped = api("RollBackDeploymentGroup", **GROUP)
    assert stopped == {"stoppedDeploymentId": back.deployment_id}
    api.refuses(
        "DeploymentGroupDoesNotExistException", "RollBackDeploymentGroup", **{**GROUP, "deploymentGroupName": "x"}
    )


# -- who, and what for


def test_who_asked_who_stopped_and_what_it_is_for_are_told(api: Api, group: None, store: Store) -> None:
    location = {"bucket": BUCKET, "key": "shop/web/v1.zip", "bundleType": "zip"}
    given = {"revision": {"revisionType": "S3", "s3Location": location}, "metadata": {"commit": "abc"}}
    one = api("CreateDeployment", **GROUP, **given)["deploymentId"]
    api("StopDeployment", deploymentId=one)
    told = api("GetDeployment", deploymentId=one)["deploymentInfo"]
    assert (told["requestedBy"], told["metadata"]) == (ARN, {"commit": "abc"})
    assert told["stopInfo"]["stoppedBy"] == ARN and told["stopInfo"]["message"].startswith("Stopped by")


def test_a_deployment_that_has_begun_tells_the_cost_that_its_plan_did(
    api: Api, group: None, world: World, store: Store
) -> None:
    location = {"bucket": BUCKET, "key": "shop/web/v1.zip", "bundleType": "zip"}
    given = {**GROUP, "revision": {"revisionType": "S3", "s3Location": location}}
    planned = api("PlanDeployment", **given)["cost"]
    one = api("CreateDeployment", **given)["deploymentId"]
    assert "estimatedCost" not in api("GetDeployment", deploymentId=one)["deploymentInfo"]
    prepare.handler({"deployment_id": one}, world.context)
    assert api("GetDeployment", deploymentId=one)["deploymentInfo"]["estimatedCost"] == planned
    assert planned["usd"] > 0


def test_every_message_tells_what_a_deployment_is_for(group: None, deploy: Deploy, store: Store) -> None:
    given = {"ticket": "<!channel> OPS-1", "url": "https://ci/7?a=1&b=2"}
    one = deploy("v1", metadata=given)
    place = Place(partition="aws", region="us-east-1", account="123456789012")
    said = announcements.of_deployment(one, place)
    target: Target = next(targets.of(one.deployment_id))
    of_target = announcements.of_target(target, one, place)
    assert said and of_target
    for event in (said.event, of_target.event):
        assert json.loads(event.detail["metadata"]) == given
    outcome = Outcome(message_id="1", state=announcements.State.SUCCESS, moment=NOW, place=place, deployment=one)
    text = json.dumps(slack.message(outcome))
    assert "*ticket*: &lt;!channel&gt; OPS-1" in text and "*url*: <https://ci/7?a=1&amp;b=2>" in text


def test_what_is_for_nothing_tells_as_codedeploy_does(group: None, deploy: Deploy) -> None:
    place = Place(partition="aws", region="us-east-1", account="123456789012")
    said = announcements.of_deployment(deploy("v1"), place)
    assert said and "metadata" not in said.event.detail


def test_the_function_start_takes_metadata_too(world: World, group: None, store: Store) -> None:
    asked = {"application": "shop", "group": "web", "key": "shop/web/v1.zip"}
    made = start.handler({**asked, "metadata": {"commit": "abc"}}, world.context)
    found = deployments.get(made["deployment_id"])
    assert found and found.metadata == {"commit": "abc"}
    for wrong in (["a"], {"a": 1}, {f"k{number}": "v" for number in range(11)}):
        with pytest.raises(InvalidInput, match="metadata"):
            start.handler({**asked, "metadata": wrong}, world.context)


# -- who may


ROLE = "arn:aws:iam::123456789012:role/release"


@pytest.fixture
def guarded(api: Api, group: None, deploy: Deploy) -> Deployment:
    """A deployment that failed, of a group to which only one role may deploy from then on."""
    deploy("v1")
    failed = deploy("v2", fails=1, skips=3)
    change = {"applicationName": "shop", "currentDeploymentGroupName": "web", "allowedPrincipals": [ROLE]}
    api("UpdateDeploymentGroup", **change)
    assert told_of_group(api)["allowedPrincipals"] == [ROLE]
    return failed


def test_somebody_else_may_not_deploy_retry_roll_back_or_stop(
    api: Api, guarded: Deployment, context: LambdaContext
) -> None:
    location = {"bucket": BUCKET, "key": "shop/web/v1.zip", "bundleType": "zip"}
    create = {**GROUP, "revision": {"revisionType": "S3", "s3Location": location}}
    release = Api(context, arn="arn:aws:sts::123456789012:assumed-role/release/ann")
    for operation, given in (
        ("CreateDeployment", create),
        ("RetryDeployment", {"deploymentId": guarded.deployment_id}),
        ("RollBackDeploymentGroup", GROUP),
    ):
        said = api.refuses("AccessDeniedException", operation, **given)
        assert f"{ARN} may not deploy to shop/web" in said
    one = release("CreateDeployment", **create)["deploymentId"]
    api.refuses("AccessDeniedException", "StopDeployment", deploymentId=one)
    assert release("StopDeployment", deploymentId=one)["status"] == "Pending"


def test_an_upload_or_a_function_cannot_say_who_it_is(
    api: Api, guarded: Deployment, world: World, store: Store
) -> None:
    asked = {"application": "shop", "group": "web"}
    for handler, event in (
        (start.handler, {**asked, "key": "shop/web/v1.zip", "requested_by": ROLE}),
        (rollback.handler, asked),
    ):
        with pytest.raises(InvalidInput, match="may not deploy to shop/web"):
            handler(event, world.context)
    release = Api(world.context, arn="arn:aws:sts::123456789012:assumed-role/release/ann")
    location = {"bucket": BUCKET, "key": "shop/web/v1.zip", "bundleType": "zip"}
    one = release("CreateDeployment", **GROUP, revision={"revisionType": "S3", "s3Location": location})["deploymentId"]
    with pytest.raises(InvalidInput, match="may not deploy to shop/web"):
        stop.handler({"deployment_id": one}, world.context)


def test_patterns_that_are_no_arns_are_refused(api: Api, group: None) -> None:
    change = {"applicationName": "shop", "currentDeploymentGroupName": "web"}
    for wrong in (["ann"], [ROLE] * 51):
        api.refuses("InvalidInputException", "UpdateDeploymentGroup", **change, allowedPrincipals=wrong)


def test_a_file_can_say_who_may_deploy(api: Api, store: Store) -> None:
    text = "applications: {shop: {groups: {api: {ec2TagFilters: [{Key: a}], allowedPrincipals: [%s]}}}}"
    declare.apply(load(text % f"'{ROLE}'"))
    assert told_of_group(api, "api")["allowedPrincipals"] == [ROLE]
    for wrong, says in (("ann", "not an IAM ARN"), ("", "at least one ARN")):
        with pytest.raises(InvalidInput, match=says):
            load(text % wrong)


def test_a_trigger_for_amazon_q_is_kept_and_told(api: Api) -> None:
    given = [{**TRIGGER, "triggerFormat": "AmazonQ"}, {**TRIGGER, "triggerName": "b"}]
    api("CreateApplication", applicationName="shop")
    make(api, triggerConfigurations=given)
    assert told_of_group(api)["triggerConfigurations"] == given

"""PlanDeployment: what is told before a deployment begins, and that nothing is written by it."""
# ruff: noqa: F811 - a test asks for a fixture by its name

from collections.abc import Callable
from typing import Any

import pytest

from functions.api import plan_responses
from functions.api.operations import plan as plan_deployment
from functions.aws import bucket, clients
from functions.aws.clients import client
from functions.core.causes import Cause
from functions.core.records import (
    Alarms,
    AutoScaling,
    Budget,
    Calendar,
    Deployment,
    Freeze,
    GroupSettings,
    LoadBalancers,
    MaximumOutOfService,
    Window,
)
from functions.core.rollout.health import (
    PREDEFINED_CONFIGS,
    DeploymentConfig,
    MinimumHealthyHosts,
    MinimumHealthyHostsType,
    Select,
    StageRule,
)
from functions.core.statuses import AutoRollbackEvent, OnBusy, TargetStatus
from functions.handlers import prepare
from functions.store.records import budgets, calendar, declared, deployments, targets
from tests.conftest import BUCKET, WEB, put_group, stand_in
from tests.fakes.cloudwatch import FakeAlarms
from tests.rollout import run_to_the_end
from tests.unit.api.conftest import ARN, Api
from tests.unit.handlers.test_prepare import NOW, World, archive, hooks, world  # noqa: F401 - fixtures

GROUP = {"applicationName": "shop", "deploymentGroupName": "web"}
HALF = PREDEFINED_CONFIGS["CodeDeployDefault.HalfAtATime"]
APPSPEC = """\
version: 0.0
os: linux
files: [{source: app, destination: /srv/app}]
hooks:
  ApplicationStop: [{location: stop.sh, timeout: 30}]
  AfterInstall: [{location: start.sh, runas: web}]
"""


def location(name: str = "v1") -> dict[str, Any]:
    return {
        "revision": {
            "revisionType": "S3",
            "s3Location": {"bucket": BUCKET, "key": f"shop/web/{name}.zip", "bundleType": "zip"},
        }
    }


def put(name: str = "v1", body: bytes | None = None) -> None:
    client("s3").put_object(Bucket=BUCKET, Key=f"shop/web/{name}.zip", Body=body or archive())


@pytest.fixture
def shop(world: World) -> Callable[..., None]:
    """A group with these settings, and a revision v1."""

    def make(**settings: Any) -> None:
        put_group(settings=GroupSettings(tag_groups=(WEB,), **settings))
        put()

    return make


def deploy(api: Api, world: World, name: str = "v1", *, fails: int = 0, **more: Any) -> Deployment:
    """A deployment that has run to its end."""
    deployment_id = api("CreateDeployment", **GROUP, **location(name), **more)["deploymentId"]
    prepare.handler({"deployment_id": deployment_id}, world.context)
    return run_to_the_end(deployment_id, NOW, fails=fails)


def codes(plan: dict[str, Any]) -> list[str]:
    return [each["code"] for each in plan["errors"]]


def test_a_plan_tells_what_would_be_done(api: Api, world: World, shop: Callable[..., None]) -> None:
    shop(config=HALF)
    put(body=archive(APPSPEC, **{"app/a": "1", "stop.sh": "#!/bin/sh\n", "start.sh": "#!/bin/sh\n"}))
    world.launch(4)
    plan = api("PlanDeployment", **GROUP, **location())
    assert plan["canBegin"] is True and plan["errors"] == [] and plan["warnings"] == []
    assert plan["pinnedRevision"]["sha256"] and plan["pinnedRevision"]["version"]
    assert plan["contents"] == {
        "scripts": [
            {"event": "ApplicationStop", "location": "stop.sh", "timeoutSeconds": 30},
            {"event": "AfterInstall", "location": "start.sh", "timeoutSeconds": 3600, "runAs": "web"},
        ],
        "scriptCount": 2,
        "copies": [{"source": "app", "destination": "/srv/app"}],
        "copyCount": 1,
        "permissionCount": 0,
    }
    assert [(each["targetCount"], each["concurrency"]) for each in plan["stages"]] == [(4, 2)]
    assert plan["promises"][0].startswith("2 of 4 hosts (50 %) may fail and the deployment still succeeds")
    assert (plan["mayFail"], plan["healthyHosts"]) == (2, {"total": 4, "minimum": 2, "healthy": 4})
    assert [each["hostId"] for each in plan["hosts"]] == sorted(world.instances)
    host = plan["hosts"][0]
    assert (host["stage"], host["order"], host["pingStatus"], host["standing"]) == (0, 0, "Online", "UNKNOWN")
    assert 0 < plan["cost"]["usd"] < 0.01 and "expectedSeconds" not in plan
    assert plan["rollback"]["message"].startswith("No rollback")


WRITING = {"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem"}
READING = ("Describe", "Get", "Head", "List")


def test_nothing_is_written(
    api: Api, world: World, shop: Callable[..., None], requests: Callable[[], list[str]]
) -> None:
    """Of a group with everything for which a begin writes: budgets, load balancers, Auto Scaling, targets, a manifest.
    Every request counts that the store or a service of AWS gets, and that is not a read."""
    behind = LoadBalancers(target_groups=("web",), classic=("old",), has_control=True)
    declared.change_load_balancers(LoadBalancers(), behind)
    made = client("elbv2").create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId="vpc-0")["TargetGroups"][0]
    subnets = ["subnet-us-east-1a"]
    front = client("elbv2").create_load_balancer(Name="front", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    actions = [{"Type": "forward", "TargetGroupArn": made["TargetGroupArn"]}]
    client("elbv2").create_listener(LoadBalancerArn=front, DefaultActions=actions)
    client("elb").create_load_balancer(LoadBalancerName="old", Listeners=[], AvailabilityZones=["us-east-1a"])
    elbv2 = client("elbv2")
    made = elbv2.create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId="vpc-0")["TargetGroups"][0]
    front = elbv2.create_load_balancer(Name="front", Subnets=["subnet-us-east-1a"])["LoadBalancers"][0]
    actions = [{"Type": "forward", "TargetGroupArn": made["TargetGroupArn"]}]
    elbv2.create_listener(LoadBalancerArn=front["LoadBalancerArn"], DefaultActions=actions)
    client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName="asg", MinSize=0, MaxSize=1, AvailabilityZones=["us-east-1a"]
    )
    sixty = MaximumOutOfService(MinimumHealthyHostsType.HOST_COUNT, 60)
    budgets.put(Budget(name="web", maximum=sixty, tag_groups=(WEB,)))
    stand_in("cloudwatch", FakeAlarms({"errors": "OK"}))
    scaling = AutoScaling(groups=("asg",), suspended=("AZRebalance",))
    shop(config=HALF, budgets=("web",), load_balancers=behind, alarms=Alarms(names=("errors",)), auto_scaling=scaling)
    world.launch(3)
    for service in clients.stand_ins.values():
        service.operations.clear()
    before = len(requests())
    plan = api("PlanDeployment", **GROUP, **location())
    assert plan["canBegin"] is True, plan["errors"]
    asked = {service.name: service.operations for service in clients.stand_ins.values() if service.operations}
    assert asked.keys() >= {"s3", "ec2", "ssm", "elb", "elbv2", "autoscaling", "cloudwatch"}
    assert [each for found in asked.values() for each in found if not each.startswith(READING)] == []
    assert requests()[before:] and not WRITING & set(requests()[before:])
    deployment_id = api("CreateDeployment", **GROUP, **location())["deploymentId"]
    before = len(requests())
    prepare.handler({"deployment_id": deployment_id}, world.context)
    assert "PutObject" in client("s3").operations and "SuspendProcesses" in client("autoscaling").operations
    assert {"TransactWriteItems", "UpdateItem"} <= set(requests()[before:]), "a begin of the same does write"


def test_what_is_shown_is_what_begins(api: Api, world: World, shop: Callable[..., None]) -> None:
    """Stages, order, targets, revision, places: of a second deployment, after one that failed on a host."""
    rules = (
        StageRule(name="canary", select=Select.COUNT, value=1, bake_seconds=60),
        StageRule(name="rest", select=Select.REST),
    )
    few = MinimumHealthyHosts(MinimumHealthyHostsType.HOST_COUNT, 1)
    shop(config=DeploymentConfig("staged", few, stages=rules), auto_rollback=(AutoRollbackEvent.DEPLOYMENT_FAILURE,))
    put("v2", archive(hooks("s"), s="#!/bin/sh\n"))
    world.launch(4)
    world.launch(1, managed=False)
    first = deploy(api, world, fails=1, deploymentConfigName="CodeDeployDefault.AllAtOnce")
    plan = api("PlanDeployment", **GROUP, **location("v2"))
    begun = deployments.get(api("CreateDeployment", **GROUP, **location("v2"))["deploymentId"])
    assert begun
    answer = prepare.handler({"deployment_id": begun.deployment_id}, world.context)
    begun = deployments.get(begun.deployment_id)
    assert begun
    manifests = [world.manifest(stage) for stage in answer["stages"]]
    shown = [
        [each["hostId"] for each in plan["hosts"] if each.get("stage") == number] for number in range(len(manifests))
    ]
    assert shown == manifests
    assert [(each["name"], each["targetCount"], each.get("bakeSeconds")) for each in plan["stages"]] == [
        (each.name, each.targets, each.bake_seconds or None) for each in begun.stages
    ]
    assert [each["concurrency"] for each in plan["stages"]] == [stage["concurrency"] for stage in answer["stages"]]
    assert plan["pinnedRevision"]["sha256"] == begun.revision.sha256
    assert plan["healthyHosts"]["minimum"] == begun.counts.total - begun.counts.max_out_of_service
    failed = {each.target_id for each in targets.of(begun.deployment_id) if each.status is TargetStatus.FAILED}
    assert {each["hostId"] for each in plan["hosts"] if "failure" in each} == failed == {world.instances[-1]}
    assert plan["rollback"]["deploymentId"] == first.deployment_id
    ended = run_to_the_end(begun.deployment_id, NOW, fails=3, skips=1)
    back = deployments.get(ended.rollback.rollback_deployment_id or "") if ended.rollback else None
    assert back and back.revision.key == "shop/web/v1.zip"
    effects = {each["hostId"]: each["rollback"] for each in plan["hosts"]}
    had = {each["hostId"] for each in plan["hosts"] if each.get("status") == "Succeeded"}
    assert {name for name, effect in effects.items() if effect == "RESTORES"} == had and len(had) == 3


def test_times_are_those_of_the_last_deployments(api: Api, world: World, shop: Callable[..., None]) -> None:
    shop(config=HALF)
    world.launch(4)
    first = deploy(api, world)
    plan = api("PlanDeployment", **GROUP, **location())
    assert plan["hostsTimed"] == 4 and plan["expectedSeconds"] >= 5
    (stage,) = plan["stages"]
    assert stage["endsAfterSeconds"] == plan["expectedSeconds"] >= stage["beginsAfterSeconds"]
    assert {each["standing"] for each in plan["hosts"]} == {"CURRENT"}
    (installed,) = plan["installed"]
    assert (installed["deploymentId"], installed["targetCount"]) == (first.deployment_id, 4)
    assert installed["isPlanned"] is True


def test_a_group_that_is_not_there_is_refused(api: Api, world: World, shop: Callable[..., None]) -> None:
    api.refuses("ApplicationDoesNotExistException", "PlanDeployment", **GROUP, **location())
    shop()
    of_other = {**GROUP, "deploymentGroupName": "db"}
    api.refuses("DeploymentGroupDoesNotExistException", "PlanDeployment", **of_other, **location())


@pytest.mark.parametrize(
    ("name", "body", "code", "says"),
    [
        ("none", None, "REVISION_MISSING", "does not exist"),
        ("v1", archive(None), "INVALID_REVISION", "has no appspec.yml at its root"),
        ("v1", archive("version: 0.0\nos: linux\nfiles: 1\n"), "INVALID_REVISION", "files"),
        ("v1", archive(hooks("s"), s="#!/none\r\n"), "INVALID_REVISION", "hooks.AfterInstall[0].location"),
    ],
)
def test_faults_of_the_revision_are_told_with_all_else(
    api: Api, world: World, shop: Callable[..., None], name: str, body: bytes | None, code: str, says: str
) -> None:
    shop()
    put(body=body)
    world.launch(2)
    plan = api("PlanDeployment", **GROUP, **location(name))
    (error,) = plan["errors"]
    assert plan["canBegin"] is False and error["code"] == code and says in error["message"]
    assert len(plan["hosts"]) == 2 and len(plan["stages"]) == 1


def test_a_group_without_hosts(api: Api, world: World, shop: Callable[..., None]) -> None:
    shop()
    plan = api("PlanDeployment", **GROUP, **location())
    assert codes(plan) == ["NO_INSTANCES"] and plan["hosts"] == [] and plan["promises"] == []


def test_hosts_that_cannot_be_reached_are_warned_of_and_all_of_them_are_an_error(
    api: Api, world: World, shop: Callable[..., None]
) -> None:
    shop(config=HALF)
    world.launch(1, managed=False)
    world.launch(3)
    plan = api("PlanDeployment", **GROUP, **location())
    assert plan["canBegin"] is True and "cannot take part, and counts as failed" in plan["warnings"][0]
    assert plan["hosts"][-1]["failure"]["cause"] == Cause.UNREACHABLE and "stage" not in plan["hosts"][-1]
    world.ssm.ping.update(dict.fromkeys(world.instances, "ConnectionLost"))
    plan = api("PlanDeployment", **GROUP, **location())
    assert codes(plan) == ["HEALTH_CONSTRAINTS"] and "no host would begin" in plan["errors"][0]["message"]


def test_a_minimum_that_keeps_all_hosts_and_an_alarm_are_both_told(
    api: Api, world: World, shop: Callable[..., None]
) -> None:
    most = DeploymentConfig("most", MinimumHealthyHosts(MinimumHealthyHostsType.HOST_COUNT, 2))
    shop(config=most, alarms=Alarms(names=("errors", "gone")))
    stand_in("cloudwatch", FakeAlarms({"errors": "ALARM"}))
    world.launch(2)
    plan = api("PlanDeployment", **GROUP, **location())
    assert codes(plan) == ["ALARM_ACTIVE", "HEALTH_CONSTRAINTS_INVALID"]
    assert len(plan["hosts"]) == 2 and plan["stages"] == []


def test_who_may_not_deploy_may_look(api: Api, world: World, shop: Callable[..., None]) -> None:
    shop(allowed_principals=("arn:aws:iam::123456789012:user/ben",))
    world.launch(1)
    plan = api("PlanDeployment", **GROUP, **location())
    assert codes(plan) == ["IAM_ROLE_PERMISSIONS"] and ARN in plan["errors"][0]["message"]


@pytest.mark.parametrize(
    ("on_busy", "is_error", "says"),
    [
        (OnBusy.QUEUE, False, "it would be Queued behind it."),
        (OnBusy.SUPERSEDE, False, "ends when it is held between two stages"),
        (OnBusy.REJECT, True, "already has an active Deployment"),
    ],
)
def test_a_busy_group(
    api: Api, world: World, shop: Callable[..., None], on_busy: OnBusy, is_error: bool, says: str
) -> None:
    shop(on_busy=on_busy)
    world.launch(1)
    running = api("CreateDeployment", **GROUP, **location())["deploymentId"]
    plan = api("PlanDeployment", **GROUP, **location())
    assert plan["queuedBehind"] == running and plan["canBegin"] is not is_error
    told = plan["errors"][0]["message"] if is_error else plan["warnings"][0]
    assert running in told and says in told


def test_a_revision_that_goes_back_in_a_sequence(
    api: Api, world: World, shop: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    times = {"shop/web/v1.zip": "2026-11-23T08:00:00.000Z", "shop/web/v2.zip": "2026-11-23T09:00:00.000Z"}
    monkeypatch.setattr(bucket, "stored_at", lambda revision: times[revision.key])
    shop(is_sequence=True, on_busy=OnBusy.QUEUE)
    world.launch(1)
    put("v2")
    deploy(api, world, "v2")
    plan = api("PlanDeployment", **GROUP, **location())
    assert codes(plan) == ["INVALID_REVISION"] and "shop/web/v2.zip" in plan["errors"][0]["message"]


def test_windows_and_freezes(api: Api, world: World, shop: Callable[..., None]) -> None:
    shop()
    world.launch(1)
    never = Window(scope="shop/web", cron="0 0 1 1 *", duration_seconds=60, time_zone="UTC", reason="fireworks")
    calendar.change_declared(Calendar(windows=(never,)), "deployments.yaml")
    freeze = Freeze(freeze_id="f-1", scope="*", start="2026-01-01T00:00:00.000Z", end=None, reason="a move", who="ann")
    calendar.add_freeze(freeze)
    plan = api("PlanDeployment", **GROUP, **location())
    assert plan["closed"] == {"reason": "frozen by ann: a move"} and plan["canBegin"] is True
    assert plan["warnings"][0] == "It would be Queued until a freeze is lifted: frozen by ann: a move."
    assert [each["cron"] for each in plan["windows"]] == ["0 0 1 1 *"]
    assert [each["freezeId"] for each in plan["freezes"]] == ["f-1"]


def test_a_budget_whose_places_are_held(api: Api, world: World, shop: Callable[..., None]) -> None:
    one = MaximumOutOfService(MinimumHealthyHostsType.HOST_COUNT, 1)
    budgets.put(Budget(name="web", maximum=one, tag_groups=(WEB,)))
    shop(budgets=("web",), on_busy=OnBusy.QUEUE, config=HALF)
    world.launch(2)
    plan = api("PlanDeployment", **GROUP, **location())
    assert plan["budgets"] == ["Budget web: 0 of 1 places are held; 2 hosts of this deployment ask it."]
    assert plan["stages"][0]["concurrency"] == 1


def test_an_archive_that_is_not_in_s3_yet(api: Api, world: World, shop: Callable[..., None]) -> None:
    shop()
    world.launch(1)
    done = deploy(api, world)
    local = {"appSpec": APPSPEC, "sha256": done.revision.sha256, "size": 100}
    plan = api("PlanDeployment", **GROUP, localRevision=local)
    assert plan["canBegin"] is True and "revision" not in plan and plan["contents"]["copyCount"] == 1
    assert plan["hosts"][0]["standing"] == "CURRENT"
    plan = api("PlanDeployment", **GROUP, localRevision={**local, "appSpec": "version: 1\nos: linux\n"})
    assert codes(plan) == ["INVALID_REVISION"]
    api.refuses("InvalidInputException", "PlanDeployment", **GROUP, **location(), localRevision=local)


def test_without_a_revision_the_group_alone_is_told(api: Api, world: World, shop: Callable[..., None]) -> None:
    shop()
    world.launch(1)
    plan = api("PlanDeployment", **GROUP)
    assert plan["canBegin"] is True and "revision" not in plan and len(plan["hosts"]) == 1


def test_a_large_archive_is_not_read(
    api: Api, world: World, shop: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop()
    world.launch(1)
    monkeypatch.setattr(plan_deployment, "MAX_EXAMINED_BYTES", 10)
    plan = api("PlanDeployment", **GROUP, **location())
    assert plan["canBegin"] is True and plan["warnings"][0].startswith("The archive was not read")
    assert "contents" not in plan and "pinnedRevision" not in plan


def test_a_restart_touches_only_hosts_that_have_the_revision(api: Api, world: World, shop: Callable[..., None]) -> None:
    shop(on_busy=OnBusy.QUEUE)
    world.launch(1)
    api.refuses("RevisionDoesNotExistException", "PlanDeployment", **GROUP, deploymentMode="RESTART")
    deploy(api, world)
    world.launch(1)
    plan = api("PlanDeployment", **GROUP, deploymentMode="RESTART")
    assert plan["canBegin"] is True and [each["hostId"] for each in plan["hosts"]] == world.instances[:1]
    assert [each["isRemoved"] for each in plan["installed"]] == [False], "its files stay"


def test_hosts_come_in_pages_of_one_plan(
    api: Api, world: World, shop: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_responses, "PAGE_BYTES", 500)
    shop()
    world.launch(3)
    first = api("PlanDeployment", **GROUP, **location())
    found, token = list(first["hosts"]), first.get("nextToken")
    while token:
        page = api("PlanDeployment", **GROUP, **location(), nextToken=token)
        found, token = [*found, *page["hosts"]], page.get("nextToken")
    assert len(first["hosts"]) < 3 and [each["hostId"] for each in found] == sorted(world.instances)
    world.launch(1)
    token = first["nextToken"]
    says = api.refuses("InvalidNextTokenException", "PlanDeployment", **GROUP, **location(), nextToken=token)
    assert "the plan has changed since" in says

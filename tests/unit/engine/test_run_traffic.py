"""run_segment and watch behind load balancers: a host leaves them before it is changed, and comes back healthy."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from functions.aws import elb
from functions.aws.clients import client
from functions.core.causes import Cause
from functions.core.records import Deployment, LoadBalancers, Registration, Target
from functions.core.rollout import stop_mark
from functions.core.rollout.command_result import pending_events
from functions.core.rollout.places import with_homes
from functions.core.rollout.steps import plan_steps
from functions.core.statuses import Drain, TargetStatus
from functions.core.text.shapes import to_plain
from functions.store import deployments, hosts
from functions.store.keys import deployment_key, target_key
from host.instructions import Instructions
from tests.conftest import pending, put_item
from tests.fakes.load_balancers import DRAINING, NOT_IN_USE
from tests.fakes.service import refusal
from tests.unit.two_targets import NOW, World

ID = "d-000000001"
UNHEALTHY = {"State": "unhealthy", "Reason": "Target.FailedHealthChecks", "Description": "Health checks failed"}
SETTINGS = LoadBalancers(target_groups=("web",), classic=("old",), has_control=True)
INSTALL = (
    "AfterBlockTraffic", "ApplicationStop", "DownloadBundle", "BeforeInstall", "Install", "AfterInstall",
    "ApplicationStart", "ValidateService", "BeforeAllowTraffic",
)  # fmt: skip


class Behind:
    """The first target's host is in a target group by two ports, and in a Classic Load Balancer."""

    def __init__(self, world: World, settings: LoadBalancers = SETTINGS) -> None:
        self.world, self.v2, self.classic = world, client("elbv2"), client("elb")
        self.arn = self.v2.create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId="v")["TargetGroups"][0][
            "TargetGroupArn"
        ]
        front = self.v2.create_load_balancer(Name="front", Subnets=["subnet-a"])["LoadBalancers"][0]["LoadBalancerArn"]
        self.v2.create_listener(LoadBalancerArn=front, DefaultActions=[{"Type": "forward", "TargetGroupArn": self.arn}])
        self.classic.create_load_balancer(LoadBalancerName="old", Listeners=[], AvailabilityZones=["a"])
        self.ports = [8080, 9090]
        self.register()
        self.use(settings)

    def register(self) -> None:
        targets = [{"Id": "i-0", "Port": port} for port in self.ports]
        self.v2.register_targets(TargetGroupArn=self.arn, Targets=targets)
        self.classic.register_instances_with_load_balancer(LoadBalancerName="old", Instances=[{"InstanceId": "i-0"}])

    def use(self, settings: LoadBalancers, at_once: int = 1) -> None:
        """The deployment begins anew behind load balancers, with so many hosts at a time."""
        one = self.world.deployment
        group = replace(one.settings, load_balancers=settings)
        steps = plan_steps(group, is_ec2=True, hooks=(), hooks_before=())
        behind = replace(one, settings=group, balancers=elb.see(settings).balancers)
        behind = replace(behind, counts=replace(one.counts, max_out_of_service=at_once))
        put_item({**deployment_key(ID).item, **to_plain(behind)})
        (target,) = with_homes(pending(behind, "i-0", steps=steps, events=pending_events(steps)), behind.places)
        mine = replace(target, group_id=one.group_id)
        put_item({**target_key(ID, "i-0").item, **to_plain(mine), "segments": {}})
        self.v2.operations.clear()

    @property
    def registered(self) -> set[tuple[str, int | None]]:
        """The balancers and ports that have the host now."""
        return {
            (each.registration.balancer, each.registration.port)
            for balancer in self.world.deployment.balancers
            for each in elb.health(balancer)
            if each.is_registered and each.registration.instance_id == "i-0"
        }

    def install(self, command: str = "c-0", status: str = "Success") -> None:
        events = INSTALL if status == "Success" else INSTALL[:2]
        self.world.ssm.answer(command, events, status)
        self.world.report(command)

    def look(self, seconds: float = 3) -> None:
        self.world.watch(hours=seconds / 3600)


@pytest.fixture
def behind(world: World) -> Behind:
    return Behind(world)


ALL = {("web", 8080), ("web", 9090), ("old", None)}


def named(found: set[tuple[str, int | None]]) -> set[tuple[str, int | None]]:
    return {(name.split("/")[1] if "/" in name else name, port) for name, port in found}


def event(target: Target, name: str) -> Any:
    return next(each for each in target.events if each.name == name)


def told(world: World, number: int = 0) -> Instructions:
    return Instructions.decode(world.ssm.sent[number]["Parameters"]["Instructions"][0].partition(".")[0])


def test_a_host_leaves_everything_before_its_command_and_comes_back_as_it_was(
    behind: Behind, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant 10."""
    assert named(behind.registered) == ALL
    send = world.ssm.send_command

    def send_to_one_that_is_out(**request: Any) -> dict[str, Any]:
        assert behind.registered == set()
        return send(**request)

    monkeypatch.setattr(world.ssm, "send_command", send_to_one_that_is_out)
    world.run("t-1")
    block = event(world.target(), "BlockTraffic")
    assert block.status == "Succeeded" and block.start_time and block.end_time
    assert "target group web (port 8080)" in block.diagnostics.message
    drain = told(world).drain
    assert drain and drain.ports == (8080, 9090) and 13 <= drain.at_least <= 15 and drain.at_most == 300
    behind.install()
    assert world.tokens.told["t-1"] == {"status": "Next"}
    assert world.target().out_of
    world.run("t-2")
    assert named(behind.registered) == ALL and "t-2" not in world.tokens.told
    assert event(world.target(), "AllowTraffic").status == "InProgress"
    behind.look()
    assert world.tokens.told["t-2"] == {"status": "Succeeded"}
    world.done()
    allow = event(world.target(), "AllowTraffic")
    assert allow.status == "Succeeded" and "Healthy in target group web" in allow.diagnostics.message
    assert world.target().status is TargetStatus.SUCCEEDED and world.target().out_of == ()
    host = hosts.get(world.target().group_id or "", "i-0")
    assert host and host.out_of == ()


def test_a_call_that_died_in_the_middle_of_a_block_is_repeated_from_what_is_on_record(
    behind: Behind, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(behind.classic, "deregister_instances_from_load_balancer", boom)
        with pytest.raises(RuntimeError, match="killed"):
            world.run("t-1")
    assert named(behind.registered) == {("old", None)}, "the target group is left already"
    world.run("t-2")
    traffic = world.target().traffic
    assert behind.registered == set() and traffic and len(traffic.registered) == 3 and not traffic.was_out


def boom(**request: Any) -> None:
    raise RuntimeError("killed")


@pytest.mark.parametrize("where", ["deregister_targets", "register_targets", "describe_target_health"])
def test_throttling_only_makes_us_late(
    behind: Behind, world: World, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Invariant 9."""
    if where == "register_targets":
        world.run("t-1")
        behind.install()
    with monkeypatch.context() as busy:
        busy.setattr(behind.v2, where, refuse("Throttling"))
        world.run("t-2")
    assert world.tokens.told["t-2"]["status"] == "Wait" and world.target().status is TargetStatus.IN_PROGRESS
    world.run("t-3")
    assert world.tokens.told.get("t-3") is None


def refuse(code: str) -> Callable[..., None]:
    def refused(**request: Any) -> None:
        raise refusal(code)

    return refused


def allowed(behind: Behind, world: World) -> None:
    world.run("t-1")
    behind.install()
    world.run("t-2")


def assert_out(world: World, *says: str) -> None:
    failure = world.target().failure
    assert failure and failure.cause is Cause.HEALTH and failure.event == "AllowTraffic"
    assert all(each in failure.message for each in says), failure.message
    assert world.tokens.told["t-2"] == {"status": "Failed"}
    world.done(segment_result={"status": "Failed"})
    host = hosts.get(world.target().group_id or "", "i-0")
    assert host and host.out_of == world.target().out_of and len(host.out_of) == 3


def test_a_host_that_does_not_get_healthy_fails_as_soon_as_the_balancer_is_sure(behind: Behind, world: World) -> None:
    allowed(behind, world)
    behind.v2.fares(behind.arn, "i-0", 9090, UNHEALTHY)
    behind.look()
    assert "t-2" not in world.tokens.told, "it may be about to come up"
    behind.look(100)
    assert_out(world, "target group web: i-0 (port 9090) is unhealthy: Health checks failed (Target.FailedHealth")


def test_a_host_that_gets_healthy_late_is_well(behind: Behind, world: World) -> None:
    allowed(behind, world)
    behind.v2.fares(behind.arn, "i-0", 9090, {"State": "initial", "Reason": "Elb.InitialHealthChecking"})
    behind.look(1000)
    behind.v2.fares(behind.arn, "i-0", 9090, {"State": "unavailable", "Reason": "Target.HealthCheckDisabled"})
    behind.look(1010)
    assert world.tokens.told["t-2"] == {"status": "Succeeded"}, "without health checks there is nothing to wait for"


def test_a_host_waits_an_hour_at_most(behind: Behind, world: World) -> None:
    allowed(behind, world)
    behind.v2.fares(behind.arn, "i-0", 9090, {"State": "initial", "Reason": "Elb.InitialHealthChecking"})
    behind.look(3500)
    assert "t-2" not in world.tokens.told
    behind.look(3700)
    assert_out(world, "waited 3700 of 3600 seconds")


def test_a_target_group_that_gets_no_traffic_is_not_waited_for(behind: Behind, world: World) -> None:
    allowed(behind, world)
    behind.v2.fares(behind.arn, "i-0", 8080, NOT_IN_USE)
    behind.look()
    assert_out(world, "is unused", "Target.NotInUse")


def test_a_registration_that_is_refused_fails_with_awss_words(
    behind: Behind, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run("t-1")
    behind.install()
    monkeypatch.setattr(behind.v2, "register_targets", refuse("InvalidTarget"))
    world.run("t-2")
    assert_out(world, "target group web: InvalidTarget")
    assert named(behind.registered) == {("old", None)}, "the others have it back"


def test_a_target_group_deleted_in_the_middle_is_told(
    behind: Behind, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed(behind, world)
    monkeypatch.setattr(behind.v2, "describe_target_health", refuse("TargetGroupNotFound"))
    behind.look()
    assert_out(world, "target group web: TargetGroupNotFound")


def test_a_target_group_deleted_before_the_block_keeps_no_host_from_the_others(
    behind: Behind, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(behind.v2, "describe_target_health", refuse("TargetGroupNotFound"))
    world.run("t-1")
    traffic = world.target().traffic
    assert traffic and [each.balancer for each in traffic.registered] == ["old"] and len(world.ssm.sent) == 1


def test_a_throttled_look_knows_nothing(behind: Behind, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed(behind, world)
    with monkeypatch.context() as busy:
        busy.setattr(behind.v2, "describe_target_health", refuse("Throttling"))
        behind.look(4000)
    assert "t-2" not in world.tokens.told
    behind.look(4010)
    assert world.tokens.told["t-2"] == {"status": "Succeeded"}


def test_a_look_is_one_call_for_each_load_balancer_and_not_too_often(behind: Behind, world: World) -> None:
    allowed(behind, world)
    behind.v2.fares(behind.arn, "i-0", 8080, {"State": "initial", "Reason": "Elb.InitialHealthChecking"})
    behind.v2.operations.clear()
    for seconds in (3, 3.5, 4, 6):
        behind.look(seconds)
    assert behind.v2.operations == ["DescribeTargetHealth"] * 2


def test_a_host_in_none_of_them_has_nothing_to_leave_and_comes_into_all(world: World) -> None:
    behind = Behind(world)
    for port in behind.ports:
        behind.v2.deregister_targets(TargetGroupArn=behind.arn, Targets=[{"Id": "i-0", "Port": port}])
    behind.classic.deregister_instances_from_load_balancer(LoadBalancerName="old", Instances=[{"InstanceId": "i-0"}])
    behind.v2.operations.clear()
    world.run("t-1")
    assert "DeregisterTargets" not in behind.v2.operations and told(world).drain is None
    assert "nothing to deregister" in event(world.target(), "BlockTraffic").diagnostics.message
    behind.install()
    world.run("t-2")
    assert named(behind.registered) == {("web", 80), ("old", None)}


def test_a_host_that_is_leaving_already_drains_too(behind: Behind, world: World) -> None:
    for port in behind.ports:
        behind.v2.fares(behind.arn, "i-0", port, DRAINING)
    behind.classic.deregister_instances_from_load_balancer(LoadBalancerName="old", Instances=[{"InstanceId": "i-0"}])
    world.run("t-1")
    assert told(world).drain


def test_a_host_left_out_is_brought_back_by_the_next_deployment(behind: Behind, world: World) -> None:
    world.run("t-1")
    behind.install(status="Failed")
    world.done(segment_result={"status": "Failed"})
    target = world.target()
    assert target.status is TargetStatus.FAILED and len(target.out_of) == 3 and behind.registered == set()
    assert hosts.get(target.group_id or "", "i-0") == hosts.of(target.group_id or "")[0]
    behind.use(SETTINGS)  # as the next deployment, of the same group
    world.run("t-3")
    assert told(world, 1).drain is None, "it has no traffic"
    behind.install("c-1")
    world.run("t-4")
    behind.look()
    world.done()
    host = hosts.get(target.group_id or "", "i-0")
    assert named(behind.registered) == ALL and host and host.out_of == ()


def test_who_prefers_capacity_has_a_failed_host_back(world: World) -> None:
    behind = Behind(world, replace(SETTINGS, reregister_on_failure=True))
    world.run("t-1")
    behind.install(status="Failed")
    world.done(segment_result={"status": "Failed"})
    host = hosts.get(world.target().group_id or "", "i-0")
    assert named(behind.registered) == ALL and world.target().out_of == () and host and host.out_of == ()


def test_drain_elb_waits_until_the_load_balancers_have_let_go(world: World) -> None:
    behind = Behind(world, replace(SETTINGS, drain=Drain.ELB))
    world.run("t-1")
    for port in behind.ports:
        behind.v2.fares(behind.arn, "i-0", port, DRAINING)
    behind.look()
    assert world.tokens.told == {} and not world.ssm.sent
    for port in behind.ports:
        behind.v2.deregister_targets(TargetGroupArn=behind.arn, Targets=[{"Id": "i-0", "Port": port}])
    behind.look(6)
    assert world.tokens.told == {"t-1": {"status": "Next"}}
    world.run("t-2")
    assert told(world).drain is None


@pytest.mark.parametrize("cancels", [False, True])
def test_a_stop_between_block_and_allow_is_on_record(behind: Behind, world: World, cancels: bool) -> None:
    world.run("t-1")
    mark = stop_mark.by_alarms(["errors"], NOW) if cancels else stop_mark.by_person("me", NOW)
    behind.install()
    deployments.mark_stop(ID, mark)
    world.run("t-2")
    if cancels:
        assert world.tokens.told["t-2"] == {"status": "Failed"}
        world.done(segment_result={"status": "Failed"})
        assert len(world.target().out_of) == 3
    else:
        assert "t-2" not in world.tokens.told and named(behind.registered) == ALL, "it goes all its way"


def test_a_stop_that_cancels_ends_the_wait_for_health(behind: Behind, world: World) -> None:
    allowed(behind, world)
    behind.v2.fares(behind.arn, "i-0", 8080, {"State": "initial", "Reason": "Elb.InitialHealthChecking"})
    deployments.mark_stop(ID, stop_mark.by_alarms(["errors"], NOW))
    behind.look()
    assert world.tokens.told["t-2"] == {"status": "Failed"}


def test_what_is_pinned_is_told_by_id_and_port(behind: Behind, world: World) -> None:
    world.run("t-1")
    traffic = world.target().traffic
    assert traffic and traffic.registered == (
        Registration(balancer=behind.arn, instance_id="i-0", port=8080),
        Registration(balancer=behind.arn, instance_id="i-0", port=9090),
        Registration(balancer="old", instance_id="i-0"),
    )


def test_the_deployment_has_its_load_balancers_on_record(behind: Behind, world: World) -> None:
    found: Deployment | None = deployments.get(ID)
    assert found and [each.kind for each in found.balancers] == ["target group web", "Classic Load Balancer old"]


@pytest.fixture
def crowd(behind: Behind) -> Behind:
    """So many hosts are deployed to at a time that the watch moves them."""
    behind.use(SETTINGS, at_once=6)
    return behind


def test_many_hosts_are_moved_by_the_watch_in_one_call(crowd: Behind, world: World) -> None:
    world.run("t-1")
    assert crowd.v2.operations == [] and world.target().status is TargetStatus.IN_PROGRESS
    crowd.look()
    assert world.tokens.told == {"t-1": {"status": "Next"}} and crowd.registered == set()
    world.run("t-2")
    assert told(world).drain
    crowd.install()
    world.run("t-3")
    assert crowd.registered == set()
    crowd.look(100)
    assert named(crowd.registered) == ALL and "t-3" not in world.tokens.told
    crowd.look(110)
    assert world.tokens.told["t-3"] == {"status": "Succeeded"}


def test_many_hosts_wait_where_the_watch_is_throttled(
    crowd: Behind, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run("t-1")
    for operation in ("describe_target_health", "deregister_targets"):
        with monkeypatch.context() as busy:
            busy.setattr(crowd.v2, operation, refuse("Throttling"))
            crowd.look(10)
            assert world.tokens.told == {}
    crowd.look(20)
    assert world.tokens.told == {"t-1": {"status": "Next"}} and crowd.registered == set()


def test_a_host_that_is_refused_among_many_fails_alone(
    crowd: Behind, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run("t-1")
    crowd.look()
    world.run("t-1b")
    crowd.install()
    world.run("t-2")
    monkeypatch.setattr(crowd.v2, "register_targets", refuse("InvalidTarget"))
    crowd.look(100)
    assert_out(world, "target group web: InvalidTarget")


def test_many_hosts_leave_with_drain_elb(world: World) -> None:
    crowd = Behind(world)
    crowd.use(replace(SETTINGS, drain=Drain.ELB), at_once=6)
    world.run("t-1")
    crowd.look()
    assert crowd.registered == set() and world.tokens.told == {}
    crowd.look(6)
    assert world.tokens.told == {"t-1": {"status": "Next"}}

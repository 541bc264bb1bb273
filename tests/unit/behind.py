"""A host behind load balancers, for the tests of how it leaves them and comes back."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from functions.aws.clients import client
from functions.aws.fleet import elb
from functions.core.causes import Cause
from functions.core.records import LoadBalancers, Target
from functions.core.rollout.command_result import pending_events
from functions.core.rollout.places import with_homes
from functions.core.rollout.steps import plan_steps
from functions.core.text.shapes import to_plain
from functions.store.keys import deployment_key, target_key
from functions.store.records import hosts
from host.instructions import Instructions
from tests.conftest import pending, put_item
from tests.fakes.service import refusal
from tests.unit.two_targets import World

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


@pytest.fixture
def crowd(behind: Behind) -> Behind:
    """So many hosts are deployed to at a time that the watch moves them."""
    behind.use(SETTINGS, at_once=6)
    return behind


ALL = {("web", 8080), ("web", 9090), ("old", None)}


def named(found: set[tuple[str, int | None]]) -> set[tuple[str, int | None]]:
    return {(name.split("/")[1] if "/" in name else name, port) for name, port in found}


def event(target: Target, name: str) -> Any:
    return next(each for each in target.events if each.name == name)


def told(world: World, number: int = 0) -> Instructions:
    return Instructions.decode(world.ssm.sent[number]["Parameters"]["Instructions"][0].partition(".")[0])


def boom(*given: Any, **request: Any) -> None:
    raise RuntimeError("killed")


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

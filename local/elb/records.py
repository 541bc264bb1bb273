"""What ELBv2 keeps: load balancers, listeners, rules, target groups; how they are found."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from local.elb.settings import Settings
from local.elb.traffic.front import Front
from local.elb.traffic.health import HealthCheck
from local.elb.traffic.pool import Place, Pool
from local.elb.traffic.turns import Turns
from local.query import QueryError

NAME = r"(?!internal-)(?!-)[A-Za-z0-9-]{1,32}(?<!-)"


class World(Protocol):
    """What is outside: instances, subnets, addresses."""

    region: str
    account: str

    def instance(self, instance_id: str) -> Place | None: ...

    def subnet(self, subnet_id: str) -> tuple[str, str] | None:
        """Its zone and its VPC."""
        ...

    def new_address(self) -> str:
        """One of this machine's loopback network that nobody else has."""
        ...


@dataclass(eq=False)
class TargetGroup:
    arn: str
    described: dict[str, Any]  # as DescribeTargetGroups answers it, without LoadBalancerArns
    attributes: dict[str, str]
    tags: dict[str, str]
    pool: Pool

    @property
    def name(self) -> str:
        return str(self.described["TargetGroupName"])

    @property
    def type(self) -> str:
        return str(self.described["TargetType"])

    @property
    def is_application(self) -> bool:
        """Whether an Application Load Balancer may forward to it."""
        return self.type == "lambda" or self.described["Protocol"] in ("HTTP", "HTTPS")


@dataclass(eq=False)
class LoadBalancer:
    arn: str
    name: str
    type: str  # application, network
    scheme: str
    vpc: str
    zones: dict[str, str]  # by name: its subnet
    security_groups: list[str]
    address: str
    attributes: dict[str, str]
    tags: dict[str, str]
    created: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def full_name(self) -> str:
        """`app/web/0123456789abcdef`"""
        return self.arn.partition(":loadbalancer/")[2]


@dataclass(eq=False)
class Rule:
    arn: str
    priority: str  # a number, or "default"
    conditions: list[dict[str, Any]]
    actions: list[dict[str, Any]]
    tags: dict[str, str] = field(default_factory=dict)
    turns: Turns[str] = field(default_factory=Turns)  # of the target groups, by ARN

    @property
    def is_default(self) -> bool:
        return self.priority == "default"

    def targets(self) -> dict[str, int]:
        """Weights by target group's ARN."""
        return forwarded_to(self.actions)


def forwarded_to(actions: list[dict[str, Any]]) -> dict[str, int]:
    """
    >>> forwarded_to([{"Type": "forward", "TargetGroupArn": "a"}])
    {'a': 1}
    >>> forwarded_to([{"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": "a", "Weight": 3}]}}])
    {'a': 3}
    """
    found: dict[str, int] = {}
    for action in actions:
        groups = action.get("ForwardConfig", {}).get("TargetGroups", [])
        found |= {each["TargetGroupArn"]: each.get("Weight", 1) for each in groups}
        if not groups and "TargetGroupArn" in action:
            found[action["TargetGroupArn"]] = 1
    return found


@dataclass(eq=False)
class Listener:
    arn: str
    load_balancer: LoadBalancer
    port: int
    protocol: str
    rules: list[Rule]  # by priority, the default one last
    attributes: dict[str, str]
    tags: dict[str, str]
    front: Front

    @property
    def default(self) -> Rule:
        return self.rules[-1]


class Registry:
    """Everything that there is, by ARN."""

    def __init__(self, world: World, settings: Settings) -> None:
        self.world, self.settings = world, settings
        self.load_balancers: dict[str, LoadBalancer] = {}
        self.listeners: dict[str, Listener] = {}
        self.groups: dict[str, TargetGroup] = {}

    def arn(self, resource: str) -> str:
        return f"arn:aws:elasticloadbalancing:{self.world.region}:{self.world.account}:{resource}"

    def new_arn(self, resource: str) -> str:
        """The ARN of something new, which ends with an id."""
        return self.arn(f"{resource}/{secrets.token_hex(8)}")

    def load_balancer(self, arn: str) -> LoadBalancer:
        if arn not in self.load_balancers:
            raise QueryError("LoadBalancerNotFound", f"Load balancer '{arn}' not found")
        return self.load_balancers[arn]

    def listener(self, arn: str) -> Listener:
        if arn not in self.listeners:
            raise QueryError("ListenerNotFound", f"Listener '{arn}' not found")
        return self.listeners[arn]

    def group(self, arn: str) -> TargetGroup:
        if arn not in self.groups:
            raise QueryError("TargetGroupNotFound", f"Target groups '{arn}' not found")
        return self.groups[arn]

    def rule(self, arn: str) -> tuple[Listener, Rule]:
        for listener in self.listeners.values():
            for rule in listener.rules:
                if rule.arn == arn:
                    return listener, rule
        raise QueryError("RuleNotFound", f"One or more rules not found: '{arn}'")

    def listeners_of(self, load_balancer: LoadBalancer) -> list[Listener]:
        return [each for each in self.listeners.values() if each.load_balancer is load_balancer]

    def groups_of(self, load_balancer: LoadBalancer) -> set[str]:
        """The ARNs of the groups that its listeners forward to."""
        return {arn for each in self.listeners_of(load_balancer) for rule in each.rules for arn in rule.targets()}

    def users(self, group_arn: str) -> list[LoadBalancer]:
        """The load balancers that forward to a group."""
        return [each for each in self.load_balancers.values() if group_arn in self.groups_of(each)]

    def new_pool(self, arn: str, check: HealthCheck) -> Pool:
        """The targets of a group that is just being made."""
        return Pool(check, self.settings, zones=self._zones(arn), source=lambda: self._source(arn))

    def _zones(self, arn: str) -> Callable[[], frozenset[str] | None]:
        def zones() -> frozenset[str] | None:
            users = self.users(arn)
            return frozenset(zone for user in users for zone in user.zones) if users else None

        return zones

    def _source(self, arn: str) -> str:
        return next((user.address for user in self.users(arn)), "127.0.0.1")

    def tagged(self, arn: str) -> dict[str, str]:
        """The tags of a resource, to be changed in place. Raises QueryError."""
        kind = arn.rpartition(":")[2].partition("/")[0]
        match kind:
            case "loadbalancer":
                return self.load_balancer(arn).tags
            case "targetgroup":
                return self.group(arn).tags
            case "listener":
                return self.listener(arn).tags
            case "listener-rule":
                return self.rule(arn)[1].tags
            case _:
                raise QueryError("ValidationError", f"'{arn}' is not a valid ARN of Elastic Load Balancing")

    def close(self) -> None:
        for listener in self.listeners.values():
            listener.front.close()
        for group in self.groups.values():
            group.pool.close()

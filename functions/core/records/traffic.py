"""The load balancers of a deployment, and what its hosts are registered as in them.

Sources: Elastic Load Balancing API models 2015-12-01 and 2012-06-01 (Classic).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

_TARGET_GROUP = re.compile(r".*:targetgroup/([^/]+)/[^/]+")


def shown(balancer: str) -> str:
    """What messages call the load balancer of this ARN or name.

    >>> shown("arn:aws:elasticloadbalancing:x:1:targetgroup/web/0f"), shown("old")
    ('target group web', 'Classic Load Balancer old')
    """
    found = _TARGET_GROUP.fullmatch(balancer)
    return f"target group {found[1]}" if found else f"Classic Load Balancer {balancer}"


def balancers_of(registered: Iterable["Registration"]) -> tuple[str, ...]:
    """Their ARNs and names, each once."""
    return tuple(dict.fromkeys(each.balancer for each in registered))


class BalancerType(StrEnum):
    """What sends the traffic of a target group; a Classic Load Balancer has none."""

    APPLICATION = "application"
    NETWORK = "network"
    GATEWAY = "gateway"
    CLASSIC = "classic"


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """How a load balancer checks its hosts."""

    interval: int  # seconds
    healthy_threshold: int
    unhealthy_threshold: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Balancer:
    """A target group with the load balancers that send it traffic, or a Classic Load Balancer."""

    name: str
    id: str  # the ARN of a target group, or the Classic Load Balancer's name
    type: BalancerType | None  # None: a target group to which nothing sends traffic
    check: HealthCheck
    deregistration_delay: int  # seconds
    target_type: str = "instance"
    zones: frozenset[str] = frozenset()  # that are enabled, by name
    has_checks: bool = True
    ports: tuple[int, ...] = ()  # of hosts whose registration names none: to these it sends traffic

    @property
    def kind(self) -> str:
        """What messages call it."""
        is_classic = self.type is BalancerType.CLASSIC
        return f"Classic Load Balancer {self.name}" if is_classic else f"target group {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What a host is registered as: one host may be in one target group under several ports."""

    balancer: str  # the ARN of a target group, or the name of a Classic Load Balancer
    instance_id: str
    port: int | None = None  # None: a Classic Load Balancer has no such thing

    @property
    def shown(self) -> str:
        return shown(self.balancer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What a target's host was in before it was touched, and comes back to."""

    registered: tuple[Registration, ...] = ()
    was_out: bool = False  # it was in none of them: it comes new, or an earlier deployment has left it out
    is_back: bool = False  # it failed and was registered again

"""The load balancers that groups name, as ARNs: what the engine may move hosts in and out of."""

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import Stack

from functions.core.load_balancers import is_arn
from functions.core.records import LoadBalancers
from infra.function import Function

_SEE = (
    "elasticloadbalancing:DescribeLoadBalancerAttributes",
    "elasticloadbalancing:DescribeLoadBalancers",
    "elasticloadbalancing:DescribeTargetGroupAttributes",
    "elasticloadbalancing:DescribeTargetGroups",
)
_SEE_HEALTH = ("elasticloadbalancing:DescribeInstanceHealth", "elasticloadbalancing:DescribeTargetHealth")
_NO_RESOURCES = "Elastic Load Balancing's Describe actions know no resources."


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedLoadBalancers:
    """Those of deployments.yaml. `arns`: of target groups that the same app makes, by the names of the file."""

    named: LoadBalancers
    arns: Mapping[str, str]

    def grant_see(self, function: Function) -> None:
        """Lets a function find out what they are, what is registered there, and what Auto Scaling does with hosts."""
        if self._are_any:
            function.allow(*_SEE, *_SEE_HEALTH, on="*", why_wildcard=_NO_RESOURCES)
            function.allow(
                "autoscaling:DescribeAutoScalingGroups",
                on="*",
                why_wildcard="autoscaling:DescribeAutoScalingGroups knows no resources.",
            )

    def grant_move(self, function: Function) -> None:
        """Lets a function take hosts out and bring them in, of these alone, and ask how they fare."""
        self._grant(function, "DeregisterTargets", "DeregisterInstancesFromLoadBalancer")
        self.grant_bring_in(function)
        self.grant_see_health(function)

    def grant_bring_in(self, function: Function) -> None:
        """Lets a function register hosts in these."""
        self._grant(function, "RegisterTargets", "RegisterInstancesWithLoadBalancer")

    def grant_see_health(self, function: Function) -> None:
        """Lets a function ask how hosts fare."""
        if self._are_any:
            function.allow(*_SEE_HEALTH, on="*", why_wildcard=_NO_RESOURCES)

    def _grant(self, function: Function, action: str, classic_action: str) -> None:
        stack = Stack.of(function)
        if groups := self.named.target_groups:
            function.allow(
                f"elasticloadbalancing:{action}",
                on=[self._target_group_arn(stack, each) for each in groups],
                why_wildcard="A target group that is named by its name has an id in its ARN that only AWS knows.",
            )
        if self.named.classic:
            function.allow(
                f"elasticloadbalancing:{classic_action}",
                on=[_arn(stack, f"loadbalancer/{each}") for each in self.named.classic],
            )

    @property
    def _are_any(self) -> bool:
        return bool(self.named.target_groups or self.named.classic)

    def _target_group_arn(self, stack: Stack, name: str) -> str:
        return self.arns.get(name) or (name if is_arn(name) else _arn(stack, f"targetgroup/{name}/*"))


def _arn(stack: Stack, resource: str) -> str:
    return stack.format_arn(service="elasticloadbalancing", resource=resource)

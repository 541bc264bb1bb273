"""What functions may do with Auto Scaling groups: with those that deployments.yaml names, and no others."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import ArnFormat, Stack

from infra.function import Function

_HAS_ID = "An Auto Scaling group has an id in its ARN that only AWS knows."
_NO_RESOURCES = "Auto Scaling's Describe actions know no resources."


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedScalingGroups:
    """Those of deployments.yaml."""

    names: Sequence[str]
    are_counted: bool = False  # members of some, for budgets, whether or not a group has them

    def grant_count(self, function: Function) -> None:
        """Lets a function count the members of those that belong to budgets, besides what the groups need."""
        if self.are_counted and not self.names:
            function.allow("autoscaling:DescribeAutoScalingGroups", on="*", why_wildcard=_NO_RESOURCES)

    def grant_see_groups(self, function: Function) -> None:
        self._see(function, "DescribeAutoScalingGroups")

    def grant_see_instances(self, function: Function) -> None:
        self._see(function, "DescribeAutoScalingInstances")

    def grant_answer(self, function: Function) -> None:
        """Lets a function answer for an instance that waits."""
        self._grant(function, "CompleteLifecycleAction")

    def grant_beat(self, function: Function) -> None:
        """Lets a function keep an instance waiting."""
        self._grant(function, "RecordLifecycleActionHeartbeat")

    def grant_suspend(self, function: Function) -> None:
        self._grant(function, "SuspendProcesses")

    def grant_resume(self, function: Function) -> None:
        self._grant(function, "ResumeProcesses")

    def grant_hooks(self, function: Function) -> None:
        """Lets a function make and delete hooks."""
        self._see(function, "DescribeAutoScalingGroups", "DescribeLifecycleHooks")
        self._grant(function, "PutLifecycleHook", "DeleteLifecycleHook")

    def _see(self, function: Function, *actions: str) -> None:
        if self.names:
            function.allow(*(f"autoscaling:{each}" for each in actions), on="*", why_wildcard=_NO_RESOURCES)

    def _grant(self, function: Function, *actions: str) -> None:
        if self.names:
            stack = Stack.of(function)
            arns = [
                stack.format_arn(
                    service="autoscaling",
                    resource="autoScalingGroup",
                    resource_name=f"*:autoScalingGroupName/{each}",
                    arn_format=ArnFormat.COLON_RESOURCE_NAME,
                )
                for each in self.names
            ]
            function.allow(*(f"autoscaling:{each}" for each in actions), on=arns, why_wildcard=_HAS_ID)

"""Stacks of users: whether they still have what they have registered."""

from aws_cdk import Stack

from infra.function import Function


def let_see_stacks(function: Function) -> None:
    """Lets a function ask for a resource of a stack."""
    function.allow(
        "cloudformation:DescribeStackResource",
        on=Stack.of(function).format_arn(service="cloudformation", resource="stack", resource_name="*"),
        why_wildcard="Any stack of the account and Region may register groups.",
    )

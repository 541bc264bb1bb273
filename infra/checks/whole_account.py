"""What a function may do in the whole account, because the action knows no resources: `on="*"`, with the reason."""

from infra.function import Function


def let_cancel(function: Function) -> None:
    """Lets a function cancel commands on hosts."""
    function.allow("ssm:CancelCommand", on="*", why_wildcard="ssm:CancelCommand knows no resources.")


def let_read_alarms(function: Function) -> None:
    """Lets a function ask CloudWatch for the state of alarms."""
    function.allow(
        "cloudwatch:DescribeAlarms",
        on="*",
        why_wildcard="CloudWatch shows composite alarms only to callers that may describe all alarms.",
    )


def let_read_metrics(function: Function) -> None:
    """Lets a function read the data of metrics."""
    function.allow("cloudwatch:GetMetricData", on="*", why_wildcard="cloudwatch:GetMetricData knows no resources.")


def let_read_commands(function: Function) -> None:
    """Lets a function ask SSM how a command went on a host."""
    function.allow("ssm:ListCommandInvocations", on="*", why_wildcard="ssm:ListCommandInvocations knows no resources.")


def let_see_fleet(function: Function) -> None:
    """Which instances a group's tags select, and whether SSM reaches them."""
    function.allow("ec2:DescribeInstances", on="*", why_wildcard="ec2:DescribeInstances knows no resources.")
    let_ping(function)


def let_ping(function: Function) -> None:
    """Whether SSM reaches hosts."""
    function.allow(
        "ssm:DescribeInstanceInformation",
        on="*",
        why_wildcard="ssm:DescribeInstanceInformation knows no resources.",
    )

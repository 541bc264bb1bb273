"""The checks of `stepdeploy doctor --smoke`, one after another; what these credentials may not do is a finding."""

from collections.abc import Callable

from cli.account.doctor.checks import Finding, Findings, run_check
from cli.account.smoke import deployment, limits, rates
from cli.account.smoke.plan import Plan

_CHECKS: tuple[tuple[str, str, Callable[[Plan], Findings]], ...] = (
    ("flow", "states:DescribeStateMachine and states:ValidateStateMachineDefinition", limits.flow),
    ("stack", "cloudformation:DescribeStackEvents", limits.refusals),
    ("Lambda", "lambda:GetAccountSettings", limits.concurrency),
    (
        "deployment",
        "s3:PutObject and s3:GetObject on the revision bucket, ssm:ListCommands, and execute-api:Invoke on"
        " CreateApplication, CreateDeploymentGroup, CreateDeployment, StopDeployment and DeleteApplication",
        deployment.deployment,
    ),
    ("SSM", "ssm:DescribeInstanceInformation and ssm:ListCommandInvocations", rates.reads),
    ("SSM", "ssm:SendCommand on the document and its hosts", rates.sends),
    ("table", "dynamodb:PutItem and dynamodb:DeleteItem on the table", rates.commits),
)


def smoke_findings(plan: Plan) -> list[Finding]:
    found: list[Finding] = []
    for about, permission, check in _CHECKS:
        found += run_check(about, permission, lambda check=check: check(plan))  # type: ignore[misc]
    return found

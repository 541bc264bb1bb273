"""Rules for all grants. That each function has what its code calls, and no more, is the last step of `make test`."""

from typing import Any

from infra.app import ROOT
from infra.checks.permissions import PAGE, grants, page
from tests.calls.compare import functions
from tests.infra.conftest import OTHER_TOPIC, Synthesized, only, resources

BUCKET = "<StoreRevisions.Arn>"
MACHINE = "states stateMachine:stepdeploy"
TAGGED = '{"StringEquals": {"ssm:resourceTag/stepdeploy": "enabled"}}'


def granted(template: dict[str, Any], role: str) -> set[tuple[str, ...]]:
    """Action, resource and, where there is one, condition."""
    return {
        (action, grant.resource, *filter(None, [grant.condition]))
        for grant in grants(template)
        for action in grant.actions
        if grant.role == role
    }


def test_every_function_has_a_role_of_its_own_with_one_log_group(template: dict[str, Any]) -> None:
    roles = {grant.role for grant in grants(template)} - {"Machine", "Schedule"}  # which are of other services
    assert roles == set(functions(template))
    for role in roles:
        logs = {entry[1] for entry in granted(template, role) if entry[0].startswith("logs:")}
        assert len(logs) == 1 and f"{role}Logs" in logs.pop(), role


def test_commands_go_to_hosts_with_the_tag_only_and_by_our_document_only(template: dict[str, Any]) -> None:
    sends = {
        (role, *entry[1:])
        for role in functions(template)
        for entry in granted(template, role)
        if entry[0] == "ssm:SendCommand"
    }
    assert sends == {
        ("RunSegment", "ssm document/stepdeploy-segment"),
        ("RunSegment", "ec2 instance/*", TAGGED),
        ("RunSegment", "ssm managed-instance/*", TAGGED),
        ("Api", "ssm document/stepdeploy-verify"),
        ("Api", "ec2 instance/*", TAGGED),
        ("Api", "ssm managed-instance/*", TAGGED),
    }


def test_tokens_of_this_machine_alone_are_completed(template: dict[str, Any]) -> None:
    """Also those of the Distributed Map's children, whose ARN AWS does not document."""
    tokens = {grant.resource for grant in grants(template) if "states:SendTaskSuccess" in grant.actions}
    assert tokens == {f"{MACHINE}*"}


def test_services_take_roles_for_this_account_alone(template: dict[str, Any]) -> None:
    """Lambda's role has no such condition: Lambda takes it for the functions that name it, which PassRole fences."""
    for resource in resources(template, "AWS::IAM::Role").values():
        (statement,) = resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        if statement["Principal"] != {"Service": "lambda.amazonaws.com"}:
            assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_the_machine_may_call_its_functions_and_run_its_distributed_map(template: dict[str, Any]) -> None:
    services = {entry for entry in granted(template, "Machine") if not entry[0].startswith(("logs:", "xray:"))}
    calls = {
        ("lambda:InvokeFunction", f"<Engine{name}.Arn>")
        for name in ("Prepare", "NextStage", "RunSegment", "TargetDone", "Hold", "Finish")
    }
    executions = {
        (action, f"states execution:stepdeploy{label}:*")
        for action in ("states:DescribeExecution", "states:StopExecution")
        for label in ("", "/Targets")
    }
    manifests = {("s3:GetObject", f"{BUCKET}/.stepdeploy/manifests/*")}
    assert services == calls | executions | manifests | {("states:StartExecution", MACHINE)}


def test_no_action_is_a_wildcard_and_only_these_are_allowed_on_everything(template: dict[str, Any]) -> None:
    everywhere = {action for grant in grants(template) for action in grant.actions if grant.resource == "*"}
    assert not [action for grant in grants(template) for action in grant.actions if "*" in action]
    assert {action for action in everywhere if not action.startswith(("logs:", "xray:"))} == {
        "autoscaling:DescribeAutoScalingGroups",
        "autoscaling:DescribeAutoScalingInstances",
        "autoscaling:DescribeLifecycleHooks",
        "cloudwatch:DescribeAlarmHistory",
        "cloudwatch:DescribeAlarms",
        "cloudwatch:GetMetricData",
        "codepipeline:GetJobDetails",
        "codepipeline:PutJobFailureResult",
        "codepipeline:PutJobSuccessResult",
        "dynamodb:ListStreams",
        "ec2:DescribeInstances",
        "elasticloadbalancing:DescribeInstanceHealth",
        "elasticloadbalancing:DescribeLoadBalancerAttributes",
        "elasticloadbalancing:DescribeLoadBalancers",
        "elasticloadbalancing:DescribeTargetGroupAttributes",
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeTargetHealth",
        "ssm:CancelCommand",
        "ssm:DescribeInstanceInformation",
        "ssm:ListCommandInvocations",
    }


def test_one_function_alone_may_sign_whatever_other_policies_of_the_account_say(template: dict[str, Any]) -> None:
    assert [grant.role for grant in grants(template) if any("kms:Sign" in action for action in grant.actions)] == [
        "RunSegment"
    ]
    key = only(template, "AWS::KMS::Key")
    assert (key["KeySpec"], key["KeyUsage"]) == ("RSA_2048", "SIGN_VERIFY")
    (denied,) = [each for each in key["KeyPolicy"]["Statement"] if each["Effect"] == "Deny"]
    assert (denied["Action"], denied["Principal"]) == ("kms:Sign", {"AWS": "*"})
    (signer,) = denied["Condition"]["ArnNotEquals"]["aws:PrincipalArn"]["Fn::GetAtt"][:1]
    assert signer.startswith("EngineRunSegmentRole")


def test_no_role_has_a_managed_policy_or_a_policy_that_is_not_in_the_page(template: dict[str, Any]) -> None:
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::IAM::Role":
            assert set(resource["Properties"]) <= {"AssumeRolePolicyDocument", "Tags"}
        if resource["Type"] == "AWS::IAM::Policy":
            statements = resource["Properties"]["PolicyDocument"]["Statement"]
            assert {statement["Effect"] for statement in statements} == {"Allow"}


def test_the_page_of_permissions_is_current(synthesized: Synthesized) -> None:
    lines = page(synthesized.template, synthesized.report).splitlines(keepends=True)
    current = "".join(line for line in lines if OTHER_TOPIC not in line and "kms:*:*:key/*" not in line)
    assert (ROOT / PAGE).read_text() == current, "run `make permissions`"

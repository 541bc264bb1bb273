"""StepDeployAction beside aws_codepipeline_actions.CodeDeployServerDeployAction: the same pipeline by both."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_iam as iam

import stepdeploy.cdk
from functions.api.requests import pipeline as requests
from functions.core.statuses import OnBusy
from functions.handlers import pipeline_job
from infra.app import STACK
from local.json_model import check_request
from stepdeploy.cdk import StepDeployAction, registration
from stepdeploy.cdk import action as module_of_action
from tests.infra.conftest import only, resources
from tests.infra.users.pipelines import as_request, declared, pipeline_of, template_of
from tests.infra.users.templates import plain, user_template
from tests.lint import complaints

NAME = f"{STACK}-pipeline_job"
ROLE = "arn:aws:iam::123456789012:role/deploy"
NAMED = "shop/web"  # a group that is there


def parameters(**props: Any) -> dict[str, Any]:
    """The UserParameters of an action."""
    found: dict[str, Any] = json.loads(declared(template_of(group=NAMED, **props))["Configuration"]["UserParameters"])
    return found


def granted(template: dict[str, Any]) -> set[tuple[str, str]]:
    """What the action's role may do: each action on each resource."""
    (policy,) = [
        each["Properties"]["PolicyDocument"]["Statement"]
        for name, each in resources(template, "AWS::IAM::Policy").items()
        if name.startswith("ReleaseDeployHostsCodePipelineActionRole")
    ]
    found = set()
    for statement in plain(policy):
        named = statement["Action"]
        on = statement["Resource"]
        for action in [named] if isinstance(named, str) else named:
            found |= {(action, each) for each in ([on] if isinstance(on, str) else on)}
    return found


def test_the_same_pipeline_means_the_same() -> None:
    props = {"run_order": 2, "variables_namespace": "Hosts"}
    ours, theirs = (template_of(module, **props) for module in (stepdeploy.cdk, codedeploy))
    deploys, other = declared(ours), declared(theirs)
    for both in ("Name", "InputArtifacts", "RunOrder", "Namespace"):
        assert deploys[both] == other[both]
    assert deploys.keys() == other.keys()
    assert deploys["ActionTypeId"] == {"Category": "Invoke", "Owner": "AWS", "Provider": "Lambda", "Version": "1"}
    named = {"ApplicationName": "AppAEA5F4FF", "DeploymentGroupName": "Group"}  # references to the constructs
    assert other["Configuration"].keys() == named.keys()
    assert deploys["Configuration"]["FunctionName"] == NAME
    assert json.loads(deploys["Configuration"]["UserParameters"]) == {"application": "shop", "group": "web"}


def test_its_role_may_call_the_function_and_read_artifacts_and_nothing_else() -> None:
    ours, theirs = (granted(template_of(module)) for module in (stepdeploy.cdk, codedeploy))
    calls = {(action, on) for action, on in ours if action.startswith("lambda:")}
    assert calls == {("lambda:InvokeFunction", f"arn:Partition:lambda:Region:AccountId:function:{NAME}")}
    artifacts = {(action, on) for action, on in theirs if action.startswith(("s3:", "kms:"))}
    assert artifacts and ours == calls | artifacts


def test_the_pipeline_begins_when_the_group_is_registered() -> None:
    """CodePipeline runs a new pipeline at once."""
    template = template_of()
    (pipeline,) = resources(template, "AWS::CodePipeline::Pipeline").values()
    (group,) = resources(template, "Custom::StepDeployDeploymentGroup")
    assert group in pipeline["DependsOn"]


def test_codepipeline_accepts_the_action() -> None:
    stages = [{"name": "Deploy", "actions": [as_request(declared(template_of(group=NAMED)))]}]
    check_request("codepipeline", "CreatePipeline", {"pipeline": {"name": "p", "roleArn": ROLE, "stages": stages}})


def test_cfn_lint_finds_nothing_in_a_template_with_it(tmp_path: Path) -> None:
    path = tmp_path / "site.json"
    path.write_text(json.dumps(template_of(stop_with_pipeline=True, on_busy="queue")))
    assert complaints(path, "eu-west-1") == []


def test_what_the_function_knows_can_be_given() -> None:
    found = parameters(
        deployment_config=stepdeploy.cdk.ServerDeploymentConfig.HALF_AT_A_TIME,
        on_busy="supersede",
        description="the shop",
        metadata={"date": "#{SourceVariables.AuthorDate}"},
        stop_with_pipeline=True,
    )
    assert found == {
        "application": "shop",
        "group": "web",
        "config": "CodeDeployDefault.HalfAtATime",
        "onBusy": "supersede",
        "description": "the shop",
        "metadata": {"date": "#{SourceVariables.AuthorDate}"},
        "stopWithPipeline": True,
    }
    assert found.keys() == set(requests.FIELDS) - {"artifact"}, "an action of the CDK has one input"
    assert set(module_of_action._ON_BUSY) == {each.value for each in OnBusy}


def test_a_group_is_given_by_its_construct_or_by_its_names() -> None:
    def by_name(stack: Stack) -> Any:
        application = stepdeploy.cdk.ServerApplication.from_server_application_name(stack, "App", "shop")
        return stepdeploy.cdk.ServerDeploymentGroup.from_server_deployment_group_attributes(
            stack, "There", application=application, deployment_group_name="web"
        )

    def template(stack: Stack, module: Any) -> object:
        return pipeline_of(stack, module, group=by_name(stack))

    assert declared(user_template(template, stepdeploy.cdk)) == declared(template_of(group=NAMED))


def test_later_actions_use_its_variables() -> None:
    def approval(deploy: StepDeployAction) -> actions.Action:
        told = deploy.variables
        text = f"{told.deployment_id} {told.revision_key} {told.sha256} {told.succeeded} {told.failed}"
        return actions.ManualApprovalAction(action_name="Look", additional_information=text)

    pipeline = plain(only(template_of(group=NAMED, later=approval), "AWS::CodePipeline::Pipeline"))
    deploys, look = pipeline["Stages"][1]["Actions"]
    wanted = re.findall(r"#\{(\w+)\.(\w+)\}", look["Configuration"]["CustomData"])
    assert {space for space, _ in wanted} == {deploys["Namespace"]}
    assert [name for _, name in wanted] == ["deploymentId", "revisionKey", "sha256", "succeeded", "failed"]


def test_a_role_of_the_users_own_gets_the_rights() -> None:
    def build(stack: Stack, module: Any) -> object:
        role = iam.Role(stack, "Mine", assumed_by=iam.AccountRootPrincipal())
        return pipeline_of(stack, module, group=NAMED, role=role)

    template = user_template(build, stepdeploy.cdk)
    assert declared(template)["RoleArn"].startswith("Mine")
    (mine,) = [each for name, each in resources(template, "AWS::IAM::Policy").items() if name.startswith("Mine")]
    assert "lambda:InvokeFunction" in json.dumps(mine)


def test_an_engine_of_another_name_is_called_by_it() -> None:
    def build(stack: Stack, module: Any) -> object:
        return pipeline_of(stack, module, group=NAMED)

    template = user_template(build, stepdeploy.cdk, **{registration.ENGINE: "staging"})
    assert declared(template)["Configuration"]["FunctionName"] == "staging-pipeline_job"


@pytest.mark.parametrize(
    ("props", "says"),
    [
        ({"group": "shop"}, "deployment_group 'shop': give the construct, or a text such as 'shop/web'"),
        ({"group": "shop/"}, "deployment_group 'shop/'"),
        ({"group": "shop/web/1"}, "deployment_group 'shop/web/1'"),
        ({"group": NAMED, "on_busy": "wait"}, "on_busy 'wait': give one of reject, queue, supersede"),
        ({"group": NAMED, "description": "x" * 1000}, "have 1053 characters, and CodePipeline takes 1000"),
    ],
)
def test_a_mistake_is_told_at_synth(props: dict[str, Any], says: str) -> None:
    with pytest.raises((ValueError, RuntimeError), match=says):
        template_of(**props)


def test_a_group_of_another_region_is_refused_because_its_engine_would_not_be_called() -> None:
    app = App()
    there = Stack(app, "There", env=Environment(account="123456789012", region="eu-west-1"))
    here = Stack(app, "Here", env=Environment(account="123456789012", region="us-east-1"))
    tags = stepdeploy.cdk.InstanceTagSet({"app": ["web"]})
    group = stepdeploy.cdk.ServerDeploymentGroup(there, "Group", ec2_instance_tags=tags)
    with pytest.raises(
        RuntimeError, match="is in the Region eu-west-1 and the pipeline in us-east-1: put both into one"
    ):
        pipeline_of(here, stepdeploy.cdk, group=group)


def test_that_function_has_this_name(template: dict[str, Any]) -> None:
    names = {each["Properties"]["FunctionName"] for each in resources(template, "AWS::Lambda::Function").values()}
    assert NAME in names and pipeline_job.__name__.endswith(".pipeline_job")

"""A user's pipeline with an action that deploys, by CodeDeploy's or by ours."""

from collections.abc import Callable
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_s3 as s3

import stepdeploy.cdk
from tests.infra.conftest import only
from tests.infra.users.templates import plain, user_template

ACTIONS = {stepdeploy.cdk: stepdeploy.cdk.StepDeployAction, codedeploy: actions.CodeDeployServerDeployAction}
Later = Callable[[Any], actions.Action]  # an action that uses the one that deploys


def pipeline_of(stack: Stack, module: Any, group: Any = None, later: Later | None = None, **props: Any) -> Any:
    """S3 -> the group `shop/web`, by the action of a module; the action."""
    built = codepipeline.Artifact("Built")
    source = actions.S3SourceAction(
        action_name="Upload", bucket=s3.Bucket(stack, "Sources"), bucket_key="shop.zip", output=built
    )
    if group is None:
        group = module.ServerDeploymentGroup(
            stack,
            "Group",
            application=module.ServerApplication(stack, "App", application_name="shop"),
            deployment_group_name="web",
            ec2_instance_tags=module.InstanceTagSet({"app": ["web"]}),
        )
    make: Callable[..., actions.Action] = ACTIONS[module]
    deploy = make(action_name="Hosts", input=built, deployment_group=group, **props)
    stages = [
        codepipeline.StageProps(stage_name="Source", actions=[source]),
        codepipeline.StageProps(stage_name="Deploy", actions=[deploy, *([later(deploy)] if later else [])]),
    ]
    codepipeline.Pipeline(stack, "Release", stages=stages)
    return deploy


def template_of(module: Any = stepdeploy.cdk, **props: Any) -> dict[str, Any]:
    return user_template(lambda stack, module: pipeline_of(stack, module, **props), module)


def declared(template: dict[str, Any]) -> dict[str, Any]:
    """The action that deploys, as the pipeline has it."""
    found: dict[str, Any] = plain(only(template, "AWS::CodePipeline::Pipeline"))["Stages"][1]["Actions"][0]
    return found


def as_request(deploys: dict[str, Any]) -> dict[str, Any]:
    """The same action as CodePipeline's API takes it."""
    return {
        "name": deploys["Name"],
        "actionTypeId": {name.lower(): value for name, value in deploys["ActionTypeId"].items()},
        "configuration": deploys["Configuration"],
        "inputArtifacts": [{"name": each["Name"]} for each in deploys["InputArtifacts"]],
        "runOrder": deploys["RunOrder"],
    }

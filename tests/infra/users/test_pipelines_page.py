"""The three forms of docs/pipelines.md are the same action, and CodePipeline's."""

import json
from collections.abc import Callable
from typing import Any

import yaml
from aws_cdk import App, Stack
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Template

from infra.app import ROOT
from local.json_model import check_request
from tests.documents import blocks

PAGE = ROOT / "docs" / "pipelines.md"
NAME = "stepdeploy-pipeline_job"
PARAMETERS = {"application": "shop", "group": "web", "stopWithPipeline": True}


def shown(kind: str) -> str:
    (found,) = [block for block in blocks(PAGE) if block.kind == kind]
    return "\n".join(found.lines)


def assert_deploys(configuration: dict[str, Any]) -> None:
    assert configuration["FunctionName"] == NAME
    assert json.loads(configuration["UserParameters"]) == PARAMETERS


def test_the_json_is_an_action_of_codepipeline() -> None:
    action = json.loads(shown("json"))
    assert_deploys(action["configuration"])
    pipeline = {
        "name": "release",
        "roleArn": "arn:aws:iam::000000000000:role/pipeline",
        "stages": [{"name": "Deploy", "actions": [action]}],
    }
    check_request("codepipeline", "CreatePipeline", {"pipeline": pipeline})


def test_cloudformation_has_the_same() -> None:
    (stage,) = yaml.safe_load(shown("yaml"))
    (action,) = stage["Actions"]
    assert_deploys(action["Configuration"])
    assert action["ActionTypeId"] == {"Category": "Invoke", "Owner": "AWS", "Provider": "Lambda", "Version": "1"}


def made_by(action: Callable[[Stack, codepipeline.Artifact], codepipeline.IAction]) -> tuple[dict[str, Any], str]:
    """The action in the template of a pipeline, and the template's policies as text."""
    stack, built = Stack(App(), "Pipelines"), codepipeline.Artifact("Built")
    source = actions.S3SourceAction(
        action_name="Source", bucket=s3.Bucket(stack, "Sources"), bucket_key="shop.zip", output=built
    )
    codepipeline.Pipeline(
        stack,
        "Release",
        stages=[
            codepipeline.StageProps(stage_name="Source", actions=[source]),
            codepipeline.StageProps(stage_name="Deploy", actions=[action(stack, built)]),
        ],
    )
    template = Template.from_stack(stack).to_json()
    (pipeline,) = [each for each in template["Resources"].values() if each["Type"] == "AWS::CodePipeline::Pipeline"]
    (made,) = pipeline["Properties"]["Stages"][1]["Actions"]
    return made, json.dumps([each for each in template["Resources"].values() if each["Type"] == "AWS::IAM::Policy"])


def by_lambda(scope: Stack, built: codepipeline.Artifact) -> codepipeline.IAction:
    """As the page says it for other languages."""
    return actions.LambdaInvokeAction(
        action_name="Hosts",
        lambda_=lambda_.Function.from_function_name(scope, "StepDeploy", NAME),
        inputs=[built],
        user_parameters=PARAMETERS,
    )


def test_the_cdk_makes_the_same_and_grants_the_call() -> None:
    names = dict[str, Any]()
    exec(compile(shown("python"), str(PAGE), "exec"), names)
    ours, policies = made_by(names["deploy"])
    other, _ = made_by(by_lambda)
    assert_deploys(ours["Configuration"])
    assert "lambda:InvokeFunction" in policies and NAME in policies
    assert NAME in json.dumps(other["Configuration"]["FunctionName"]), "the name's part of the function's ARN"
    assert_deploys({**other["Configuration"], "FunctionName": NAME})
    for one in (ours, other):
        del one["Configuration"], one["RoleArn"]
    assert ours == other

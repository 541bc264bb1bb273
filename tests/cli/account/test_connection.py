"""How the command line reaches the engine."""

import os
from datetime import UTC, datetime

import boto3
import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from botocore.stub import Stubber

from cli.__main__ import main
from cli.account.connection import Engine, Refusal, refused
from cli.exits import Exit
from tests.conftest import put_group
from tests.served import Served
from tests.unit.api.test_deployments import put


def test_the_api_is_called_signed_at_a_route_for_each_operation(served: Served) -> None:
    put_group("web")
    put(1)
    api = Engine().api
    assert api.get_deployment(deploymentId="d-000000001")["deploymentInfo"]["applicationName"] == "shop"
    assert api.list_deployments()["deployments"] == ["d-000000001"]
    assert served.asked == ["GetDeployment", "ListDeployments"]


def test_it_has_codedeploys_paginators_and_waiters_and_our_own_pages(served: Served) -> None:
    api = Engine().api
    assert api.can_paginate("list_deployments")
    assert api.can_paginate("list_hosts")
    assert api.waiter_names == ["deployment_successful"]


def test_what_the_api_refuses_has_its_name_and_text(served: Served) -> None:
    with pytest.raises(ClientError) as error:
        Engine().api.get_deployment(deploymentId="d-000000009")
    assert refused(error.value).message.startswith("DeploymentDoesNotExistException: The deployment d-000000009")


def test_without_credentials_the_remedy_is_told() -> None:
    assert "aws configure" in refused(NoCredentialsError()).message


def test_a_client_is_made_once_for_each_service_and_each_setting_has_its_own(environment: None) -> None:
    engine = Engine()
    assert engine.client("s3") is engine.client("s3")
    assert engine.client("s3", region_name="eu-west-1").meta.region_name == "eu-west-1"
    assert engine.client("s3").meta.region_name == "us-east-1"


def stack(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Stubber:
    """CloudFormation's answers about the stack, held against its model."""
    found = boto3.client("cloudformation", region_name="us-east-1")
    monkeypatch.setattr(engine, "client", lambda service: found)
    return Stubber(found)


def test_the_endpoint_is_an_output_of_the_stack(monkeypatch: pytest.MonkeyPatch, environment: None) -> None:
    engine = Engine()
    outputs = [{"OutputKey": "ApiEndpoint", "OutputValue": "https://api"}]
    now = datetime(2026, 11, 23, tzinfo=UTC)
    told = {"StackName": "sd", "CreationTime": now, "StackStatus": "UPDATE_COMPLETE", "Outputs": outputs}
    monkeypatch.setenv("STEPDEPLOY_STACK", "sd")
    with stack(engine, monkeypatch) as answers:
        answers.add_response("describe_stacks", {"Stacks": [told]}, {"StackName": "sd"})
        assert engine.endpoint == "https://api"
        with pytest.raises(Refusal, match="no output TopicArn: update it"):
            engine.output("TopicArn")


def test_the_environment_names_another_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPDEPLOY_ENDPOINT", "https://other")
    assert Engine().endpoint == "https://other"


def test_an_account_without_the_stack_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch, environment: None) -> None:
    engine = Engine()
    with stack(engine, monkeypatch) as answers:
        answers.add_client_error("describe_stacks", "ValidationError", "Stack with id stepdeploy does not exist")
        with pytest.raises(Refusal, match="there is no stack 'stepdeploy' in us-east-1: deploy it with `cdk deploy`"):
            assert engine.endpoint


def test_the_command_names_a_stack_whose_endpoint_counts_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPDEPLOY_STACK", "first")
    monkeypatch.setenv("STEPDEPLOY_ENDPOINT", "https://api.of.first")
    names: list[tuple[str, str | None]] = []

    def told(engine: Engine) -> dict[str, str]:
        names.append((engine.stack_name, os.environ.get("STEPDEPLOY_ENDPOINT")))
        return {}

    monkeypatch.setattr(Engine, "outputs", property(told))
    assert main(["--stack", "staging", "groups"]) == Exit.REFUSED
    assert names and set(names) == {("staging", None)}

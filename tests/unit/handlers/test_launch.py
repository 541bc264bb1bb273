"""launch: deployments that became Created are executions, each once."""

import json
from typing import Any

import boto3
import pytest

from functions.core.statuses import DeploymentStatus
from functions.handlers import launch
from functions.settings import settings
from tests.conftest import LambdaContext
from tests.unit.news import deployment, stream

ROLE = "arn:aws:iam::123456789012:role/any"
FLOW = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})


@pytest.fixture
def machine(aws: None, monkeypatch: pytest.MonkeyPatch) -> str:
    arn = boto3.client("stepfunctions").create_state_machine(name="stepdeploy", roleArn=ROLE, definition=FLOW)
    monkeypatch.setenv("STATE_MACHINE_ARN", arn["stateMachineArn"])
    settings.cache_clear()
    return str(arn["stateMachineArn"])


def created(*ids: str) -> dict[str, Any]:
    return stream(*(deployment(DeploymentStatus.CREATED, deployment_id=each) for each in ids))


def executions(machine: str) -> set[str]:
    found = boto3.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
    return {each["name"] for each in found}


def test_every_created_deployment_starts_an_execution_of_its_name(machine: str, context: LambdaContext) -> None:
    assert launch.handler(created("d-1", "d-2"), context) == {"batchItemFailures": []}
    assert executions(machine) == {"d-1", "d-2"}
    arn = machine.replace(":stateMachine:", ":execution:") + ":d-1"
    shown = boto3.client("stepfunctions").describe_execution(executionArn=arn)
    assert json.loads(shown["input"]) == {"deployment_id": "d-1"}


def test_a_repeat_starts_nothing_twice(machine: str, context: LambdaContext) -> None:
    launch.handler(created("d-1"), context)
    assert launch.handler(created("d-1", "d-2"), context) == {"batchItemFailures": []}
    assert executions(machine) == {"d-1", "d-2"}


def test_one_that_cannot_start_comes_again_with_all_after_it(machine: str, context: LambdaContext) -> None:
    answer = launch.handler(created("d-1", "no name for an execution", "d-3"), context)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert executions(machine) == {"d-1"}

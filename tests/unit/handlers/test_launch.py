"""launch: deployments that became Created are executions, each once."""

import json
from typing import Any

import pytest

from functions.aws import executions
from functions.aws.clients import client
from functions.core.statuses import DeploymentStatus
from functions.handlers import launch
from functions.settings import settings
from tests.conftest import ENVIRONMENT, LambdaContext
from tests.fakes.service import refusal
from tests.unit.inbox import Inbox
from tests.unit.news import deployment, stream


@pytest.fixture
def machine(services: None) -> str:
    return ENVIRONMENT["STATE_MACHINE_ARN"]


def created(*ids: str) -> dict[str, Any]:
    return stream(*(deployment(DeploymentStatus.CREATED, deployment_id=each) for each in ids))


def executing(machine: str) -> set[str]:
    found = client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
    return {each["name"] for each in found}


def test_every_created_deployment_starts_an_execution_of_its_name(machine: str, context: LambdaContext) -> None:
    assert launch.handler(created("d-1", "d-2"), context) == {"batchItemFailures": []}
    assert executing(machine) == {"d-1", "d-2"}
    arn = machine.replace(":stateMachine:", ":execution:") + ":d-1"
    shown = client("stepfunctions").describe_execution(executionArn=arn)
    assert json.loads(shown["input"]) == {"deployment_id": "d-1"}


def test_a_repeat_starts_nothing_twice(machine: str, context: LambdaContext) -> None:
    launch.handler(created("d-1"), context)
    assert launch.handler(created("d-1", "d-2"), context) == {"batchItemFailures": []}
    assert executing(machine) == {"d-1", "d-2"}


def test_one_that_cannot_start_now_comes_again_with_all_after_it(
    machine: str, context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def throttled(deployment_id: str, target_id: str | None) -> None:
        if deployment_id == "d-2":
            raise refusal("ThrottlingException", "StartExecution")
        start(deployment_id)

    start = executions.start
    monkeypatch.setattr(executions, "start", throttled)
    answer = launch.handler(created("d-1", "d-2", "d-3"), context)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert executing(machine) == {"d-1"}


def test_one_that_can_never_start_is_set_aside_and_the_others_start(
    machine: str, context: LambdaContext, undelivered: Inbox
) -> None:
    """Invariant 8."""
    event = created("d-1", "no name for an execution", "d-3", "d-4", "d-5")
    del event["Records"][2]["dynamodb"]["NewImage"]["deployment_id"]
    event["Records"][3]["dynamodb"]["NewImage"]["revision"] = {"of": "another world", "or": "two"}
    assert launch.handler(event, context) == {"batchItemFailures": []}
    assert executing(machine) == {"d-1", "d-5"}
    letters = undelivered.read()
    assert [each["sequence_number"] for each in letters] == ["2", "3", "4"]
    assert json.loads(letters[1]["keys"]) == {"pk": {"S": "DEPLOYMENT#d-3"}, "sk": {"S": "DEPLOYMENT"}}
    assert letters[1]["why"] == "KeyError: 'deployment_id'"


def test_a_record_that_cannot_even_be_set_aside_comes_again(
    machine: str, context: LambdaContext, undelivered: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNDELIVERED_QUEUE_URL", f"{undelivered.url}-gone")
    settings.cache_clear()
    answer = launch.handler(created("no name for an execution", "d-2"), context)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}]} and executing(machine) == set()


def test_a_deployment_of_a_newer_version_starts_all_the_same(machine: str, context: LambdaContext) -> None:
    event = created("d-1")
    event["Records"][0]["dynamodb"]["NewImage"]["creator"] = {"S": "somebodyNew"}
    assert launch.handler(event, context) == {"batchItemFailures": []} and executing(machine) == {"d-1"}

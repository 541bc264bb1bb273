"""Step Functions' stand-in: executions by their names. What waiting states are told is below tests/local."""

import json

import pytest

from functions.aws import executions
from functions.aws.clients import client
from tests.conftest import ENVIRONMENT
from tests.contract.conftest import code

pytestmark = pytest.mark.usefixtures("account")
MACHINE = ENVIRONMENT["STATE_MACHINE_ARN"]


def arn(deployment_id: str) -> str:
    return f"{MACHINE.replace(':stateMachine:', ':execution:')}:{deployment_id}"


def test_a_deployment_starts_once() -> None:
    executions.start("d-1")
    executions.start("d-1")
    shown = client("stepfunctions").describe_execution(executionArn=arn("d-1"))
    assert (shown["name"], shown["status"], json.loads(shown["input"])) == ("d-1", "RUNNING", {"deployment_id": "d-1"})
    assert executions.running() == {"d-1"}


def test_one_that_is_over_does_not_start_again() -> None:
    executions.start("d-1")
    executions.start("d-2")
    client("stepfunctions").stop_execution(executionArn=arn("d-1"))
    assert executions.find("d-1") == executions.Execution(status="ABORTED")
    assert executions.running() == {"d-2"}
    executions.start("d-1")
    assert executions.running() == {"d-2"}
    found = client("stepfunctions").list_executions(stateMachineArn=MACHINE)["executions"]
    assert {(each["name"], each["status"]) for each in found} == {("d-1", "ABORTED"), ("d-2", "RUNNING")}


def test_what_is_not_there_is_refused() -> None:
    start = client("stepfunctions").start_execution
    assert executions.find("d-1") is None
    assert code(client("stepfunctions").stop_execution, executionArn=arn("d-1")) == "ExecutionDoesNotExist"
    assert code(start, stateMachineArn=MACHINE, name="a name of words") == "InvalidName"
    assert code(start, stateMachineArn=f"{MACHINE}-gone", name="d-1") == "StateMachineDoesNotExist"

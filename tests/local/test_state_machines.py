"""Step Functions on the local cloud, beside what the emulator does without local/shims/state_machines.py."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from local.driver import wait_for
from tests.local.emulator import Account, Function, refusal

CALLBACK = "arn:aws:states:::lambda:invoke.waitForTaskToken"
INVOKE = "arn:aws:states:::lambda:invoke"
SOON, NEVER = 1, 600  # seconds until a task times out


def calls(function: Function, resource: str = INVOKE, **state: Any) -> dict[str, Any]:
    """A state that calls a function."""
    payload = {"token.$": "$$.Task.Token"} if resource == CALLBACK else {}
    parameters = {"FunctionName": function.arn, "Payload": payload}
    return {"Type": "Task", "Resource": resource, "Parameters": parameters, "End": True, **state}


def run(account: Account, state: Mapping[str, Any], given: Any = None) -> tuple[str, str]:
    """How an execution of one state ends, and with which error."""
    ended = account.ended(account.start(account.machine(Only=state), given))
    return ended["status"], ended.get("error", "")


def distributed(state: Mapping[str, Any], **how: Any) -> dict[str, Any]:
    """A Distributed Map of one state over the input's items."""
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Each",
        "States": {"Each": state},
    }
    return {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": processor, "End": True, **how}


def map_run(account: Account, execution: str) -> str:
    """The ARN of an execution's Map Run, once it has one."""
    client = account.client("stepfunctions")
    runs = wait_for(lambda: client.list_map_runs(executionArn=execution)["mapRuns"], "the Map Run")
    return str(runs[0]["mapRunArn"])


def concurrency_of_a_map(account: Account) -> int:
    """What becomes of a concurrency of 2 that the input names."""
    machine = account.machine(Each=distributed({"Type": "Pass", "End": True}, MaxConcurrencyPath="$.width"))
    execution = account.start(machine, {"items": [1, 2, 3], "width": 2})
    account.ended(execution)
    described = account.client("stepfunctions").describe_map_run(mapRunArn=map_run(account, execution))
    return int(described["maxConcurrency"])


def history_of_a_child(account: Account) -> list[str]:
    """The states that the history of a Map Run's child says were entered."""
    client, machine = account.client("stepfunctions"), account.machine(Map=distributed({"Type": "Pass", "End": True}))
    execution = account.start(machine, {"items": [1]})
    account.ended(execution)
    (child,) = client.list_executions(mapRunArn=map_run(account, execution))["executions"]
    events = client.get_execution_history(executionArn=child["executionArn"])["events"]
    return [each["stateEnteredEventDetails"]["name"] for each in events if each["type"] == "PassStateEntered"]


def outcome_of_a_task_that_outlasts_its_time(account: Account) -> tuple[str, str]:
    slow = account.function(seconds=2 * SOON)
    return run(account, calls(slow, TimeoutSecondsPath="$.seconds"), {"seconds": SOON})


def outcome_of_a_failure_under_a_token(account: Account, seconds: int) -> tuple[str, str]:
    return run(account, calls(account.function(fails="no"), CALLBACK, TimeoutSeconds=seconds))


def outcome_of_a_throttled_function(account: Account) -> tuple[str, str]:
    function = account.function()
    account.client("lambda").put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    return run(account, calls(function))


def tokens(function: Function, count: int = 1) -> list[str]:
    """The task tokens that a function was given, once there are that many."""
    given = wait_for(lambda: found if len(found := function.calls()) >= count else None, "task tokens")
    return [call["token"] for call in given]


def stop_while_a_token_is_awaited(account: Account) -> tuple[str, str]:
    """An execution that was stopped before its first of two states was done; its ARN and the state's token."""
    function = account.function()
    waits = {**calls(function, CALLBACK), "Next": "After"}
    del waits["End"]
    execution = account.start(account.machine(Waits=waits, After={"Type": "Pass", "End": True}))
    (token,) = tokens(function)
    account.client("stepfunctions").stop_execution(executionArn=execution)
    return execution, token


def stop_while_children_wait(account: Account) -> tuple[str, list[str]]:
    """A Map Run whose execution was stopped while two children waited; its ARN and the children's tokens."""
    function = account.function()
    execution = account.start(account.machine(Each=distributed(calls(function, CALLBACK))), {"items": [1, 2]})
    given = tokens(function, count=2)
    found = map_run(account, execution)
    account.client("stepfunctions").stop_execution(executionArn=execution)
    return found, given


def entered(account: Account, execution: str) -> list[str]:
    """The states that an execution has entered."""
    history = account.client("stepfunctions").get_execution_history(executionArn=execution)["events"]
    return [event["stateEnteredEventDetails"]["name"] for event in history if "stateEnteredEventDetails" in event]


def answer(account: Account, token: str) -> str:
    """Send a task's success; the code of the refusal, if it is refused."""
    return refusal(account.client("stepfunctions").send_task_success, taskToken=token, output=json.dumps({}))


def nobody_waits_for(account: Account, token: str) -> bool:
    # AWS says TaskTimedOut, too, of a task that no longer runs.
    refused = refusal(account.client("stepfunctions").send_task_heartbeat, taskToken=token)
    return refused in ("TaskDoesNotExist", "TaskTimedOut")


def answers_at_once(account: Account) -> int:
    """How many of many answers with one token are taken."""
    function = account.function()
    account.start(account.machine(Waits=calls(function, CALLBACK)))
    (token,) = tokens(function)
    with ThreadPoolExecutor(8) as people:
        return list(people.map(lambda _: answer(account, token), range(24))).count("")


def test_a_token_is_taken_once(cloud: Account) -> None:
    assert answers_at_once(cloud) == 1


def test_the_emulator_still_takes_a_token_until_its_task_has_noticed(bare: Account) -> None:
    assert any(answers_at_once(bare) > 1 for _ in range(20))


def test_a_map_reads_its_concurrency_from_the_input(cloud: Account) -> None:
    assert concurrency_of_a_map(cloud) == 2


def test_the_emulator_still_does_not_know_max_concurrency_path(bare: Account) -> None:
    assert concurrency_of_a_map(bare) == 0


def test_a_child_of_a_map_run_has_a_history(cloud: Account) -> None:
    assert history_of_a_child(cloud) == ["Each"]


def test_the_emulator_still_keeps_no_history_of_a_child(bare: Account) -> None:
    assert history_of_a_child(bare) == []


def test_a_task_reads_its_timeout_from_the_input(cloud: Account) -> None:
    assert outcome_of_a_task_that_outlasts_its_time(cloud) == ("FAILED", "States.Timeout")


def test_the_emulator_still_does_not_know_timeout_seconds_path(bare: Account) -> None:
    assert outcome_of_a_task_that_outlasts_its_time(bare) == ("SUCCEEDED", "")


def test_a_function_that_fails_under_a_task_token_fails_its_task(cloud: Account) -> None:
    status, error = outcome_of_a_failure_under_a_token(cloud, NEVER)
    assert status == "FAILED" and error != "States.Timeout"


def test_the_emulator_still_waits_for_the_token_of_a_function_that_has_failed(bare: Account) -> None:
    assert outcome_of_a_failure_under_a_token(bare, SOON) == ("FAILED", "States.Timeout")


def test_the_error_of_a_throttled_function_says_so(cloud: Account) -> None:
    assert outcome_of_a_throttled_function(cloud) == ("FAILED", "Lambda.TooManyRequestsException")


def test_the_emulator_still_calls_the_error_of_a_throttled_function_unknown(bare: Account) -> None:
    assert outcome_of_a_throttled_function(bare) == ("FAILED", "Lambda.Unknown")


def test_a_stopped_execution_waits_for_no_token_and_enters_no_state(cloud: Account) -> None:
    execution, token = stop_while_a_token_is_awaited(cloud)
    wait_for(lambda: nobody_waits_for(cloud, token), "the task to end")
    assert entered(cloud, execution) == ["Waits"]


def test_the_emulator_still_takes_the_token_of_a_stopped_execution(bare: Account) -> None:
    _, token = stop_while_a_token_is_awaited(bare)
    assert not nobody_waits_for(bare, token) and answer(bare, token) == ""


def test_the_children_of_a_stopped_execution_wait_for_no_token(cloud: Account) -> None:
    _, given = stop_while_children_wait(cloud)
    wait_for(lambda: all(nobody_waits_for(cloud, token) for token in given), "the children's tasks to end")


def test_the_emulator_still_lets_children_of_a_stopped_execution_go_on(bare: Account) -> None:
    found, given = stop_while_children_wait(bare)
    assert [answer(bare, token) for token in given] == ["", ""]
    client = bare.client("stepfunctions")

    def succeeded() -> bool:
        children = client.list_executions(mapRunArn=found)["executions"]
        return [child["status"] for child in children] == ["SUCCEEDED", "SUCCEEDED"]

    wait_for(succeeded, "the children to go on")

"""The interpreter, state by state. Source: the States Language specification and the Step Functions Developer Guide."""

from typing import Any

import pytest

from simulation.asl.errors import Unknown
from simulation.asl.reading import read_machine
from tests.simulation.scripted import Scripted, play
from tests.statemachines.scripts import SILENCE, Raises

INVOKE = "arn:aws:states:::lambda:invoke"


def machine(**states: Any) -> dict[str, Any]:
    """The first state is where it starts."""
    return {"StartAt": next(iter(states)), "States": states}


def task(function: str = "F", *, waits: bool = False, **fields: Any) -> dict[str, Any]:
    payload = {"task_token.$": "$$.Task.Token"} if waits else {"given.$": "$"}
    return {
        "Type": "Task",
        "Resource": INVOKE + (".waitForTaskToken" if waits else ""),
        "Parameters": {"FunctionName": function, "Payload": payload},
        "End": True,
        **fields,
    }


FAIL_LATER = {"Type": "Pass", "Parameters": {"error.$": "$.error.Error"}, "End": True}


def test_a_task_has_its_result_where_the_state_wants_it() -> None:
    fields: dict[str, Any] = {"ResultSelector": {"x.$": "$.Payload.value"}, "ResultPath": "$.found.here"}
    run = play(machine(A=task(**fields)), {"a": 1}, F=[{"value": 2}])
    assert run.status == "SUCCEEDED" and run.output == {"a": 1, "found": {"here": {"x": 2}}}


def test_a_task_with_a_token_ends_with_what_completes_it() -> None:
    assert play(machine(A=task(waits=True)), {}, F=[{"status": "Succeeded"}]).output == {"status": "Succeeded"}


def test_a_token_that_nobody_completes_times_out_and_is_tried_again() -> None:
    retry = [{"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1, "BackoffRate": 1, "MaxAttempts": 5}]
    world = Scripted({"F": [SILENCE, SILENCE, "done"]})
    run = world.play(machine(A=task(waits=True, TimeoutSeconds=120, Retry=retry)), {})
    assert run.output == "done" and world.clock.time == 2 * 121 and world.retries == 2
    assert len({payload["task_token"] for _, payload in run.calls}) == 3


def test_a_heartbeat_that_stays_away_fails_the_task() -> None:
    catch = [{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "B", "ResultPath": "$.error"}]
    definition = machine(A=task(waits=True, HeartbeatSeconds=30, TimeoutSeconds=600, Catch=catch), B=FAIL_LATER)
    world = Scripted({"F": [SILENCE]})
    for seconds in (20, 40):
        world.clock.later(seconds, lambda: assert_is(world.tokens.beat("token-1")))
    assert world.play(definition, {}).output == {"error": "States.HeartbeatTimeout"} and world.clock.time == 70


def assert_is(value: bool) -> None:
    assert value


def test_a_retrier_backs_off_up_to_its_longest_delay_and_gives_up() -> None:
    retry = [
        {"ErrorEquals": ["Bug"], "IntervalSeconds": 2, "BackoffRate": 3, "MaxAttempts": 3, "MaxDelaySeconds": 10},
        {"ErrorEquals": ["States.ALL"], "MaxAttempts": 1},
    ]
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "B", "ResultPath": "$.error"}]
    world = Scripted({"F": [Raises("Bug"), Raises("Other"), *[Raises("Bug")] * 3]})
    run = world.play(machine(A=task(Retry=retry, Catch=catch), B=FAIL_LATER), {})
    assert run.output == {"error": "Bug"} and len(run.calls) == 5
    assert world.clock.time == 2 + 1 + 6 + 10


def test_full_jitter_makes_the_delay_shorter() -> None:
    retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 60, "JitterStrategy": "FULL"}]
    world = Scripted({"F": [Raises(), "done"]})
    world.play(machine(A=task(Retry=retry)), {})
    assert world.retries == 1 and 0 < world.clock.time < 60


def test_an_error_that_nothing_catches_fails_the_execution() -> None:
    world = Scripted({"F": [Raises("Bug")]})
    assert world.play(machine(A=task()), {}).status == "FAILED"
    assert world.parent and world.parent.failure and world.parent.failure.error == "Bug"


@pytest.mark.parametrize(
    ("rule", "value", "holds"),
    [
        ({"StringEquals": "a"}, "a", True),
        ({"StringEquals": "1"}, 1, False),
        ({"NumericGreaterThan": 1}, 1, False),
        ({"NumericGreaterThanEqualsPath": "$.other"}, 2, True),
        ({"BooleanEquals": True}, 1, False),
        ({"TimestampLessThan": "2026-01-02T00:00:00Z"}, "2026-01-01T00:00:00Z", True),
        ({"IsNull": True}, None, True),
        ({"IsPresent": False}, "a", False),
        ({"IsNumeric": True}, True, False),
    ],
)
def test_a_choice_compares(rule: dict[str, Any], value: Any, holds: bool) -> None:
    choices = [{"Variable": "$.value", **rule, "Next": "Then"}]
    definition = machine(
        A={"Type": "Choice", "Choices": choices, "Default": "Else"},
        Then={"Type": "Pass", "Result": True, "End": True},
        Else={"Type": "Pass", "Result": False, "End": True},
    )
    assert play(definition, {"value": value, "other": 2}).output is holds


def test_rules_are_joined() -> None:
    present = {"Variable": "$.a", "IsPresent": True}
    rules = [{"And": [present, {"Not": {"Variable": "$.b", "IsPresent": True}}], "Next": "Then"}]
    definition = machine(A={"Type": "Choice", "Choices": rules, "Default": "Else"}, Then={"Type": "Succeed"})
    definition["States"]["Else"] = {"Type": "Fail", "Error": "Else"}
    assert play(definition, {"a": 1}).status == "SUCCEEDED"
    assert play(definition, {"a": 1, "b": 1}).status == "FAILED"


def test_a_choice_without_a_rule_that_holds_fails() -> None:
    choices = [{"Variable": "$.a", "NumericEquals": 1, "Next": "B"}]
    assert play(machine(A={"Type": "Choice", "Choices": choices}, B={"Type": "Succeed"}), {"a": 2}).status == "FAILED"


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"Seconds": 5}, 5),
        ({"SecondsPath": "$.seconds"}, 7),
        ({"Timestamp": "2026-01-01T00:01:00Z"}, 60),
        ({"TimestampPath": "$.until"}, 3600),
    ],
)
def test_a_wait_takes_its_time(fields: dict[str, Any], seconds: float) -> None:
    world = Scripted({})
    world.play(machine(A={"Type": "Wait", **fields, "End": True}), {"seconds": 7, "until": "2026-01-01T01:00:00+00:00"})
    assert world.clock.time == seconds


def test_a_map_keeps_the_order_of_its_items_and_its_concurrency() -> None:
    wait = {"Type": "Wait", "SecondsPath": "$.seconds", "End": True}
    state = {
        "Type": "Map",
        "ItemsPath": "$.items",
        "MaxConcurrency": 2,
        "ItemSelector": {"seconds.$": "$$.Map.Item.Value", "number.$": "$$.Map.Item.Index"},
        "ItemProcessor": machine(W=wait),
        "End": True,
    }
    world = Scripted({})
    run = world.play(machine(M=state), {"items": [5, 3, 4]})
    assert [each["number"] for each in run.output] == [0, 1, 2] and world.clock.time == 7


def test_parallel_branches_end_with_the_longest() -> None:
    branches = [machine(W={"Type": "Wait", "Seconds": seconds, "End": True}) for seconds in (3, 5)]
    world = Scripted({})
    run = world.play(machine(P={"Type": "Parallel", "Branches": branches, "End": True}), {"a": 1})
    assert run.output == [{"a": 1}, {"a": 1}] and world.clock.time == 5


def distributed(**fields: Any) -> dict[str, Any]:
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSON"},
        "Parameters": {"Bucket": "b", "Key.$": "$.key"},
    }
    processor = {**machine(T=task()), "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
    return {"Type": "Map", "ItemReader": reader, "ItemProcessor": processor, "End": True, **fields}


@pytest.mark.parametrize(("tolerated", "status"), [({}, "FAILED"), ({"ToleratedFailurePercentage": 50}, "SUCCEEDED")])
def test_a_distributed_map_bears_the_failures_that_it_tolerates(tolerated: dict[str, int], status: str) -> None:
    world = Scripted({"F": [Raises("Bug"), "done"]}, {"items": ["a", "b"]})
    run = world.play(machine(M=distributed(**tolerated)), {"key": "items"})
    assert run.status == status
    assert [payload["given"] for _, payload in run.calls] == ["a", "b"]


def test_items_that_cannot_be_read_fail_the_map() -> None:
    world = Scripted({})
    assert world.play(machine(M=distributed()), {"key": "gone"}).status == "FAILED"
    assert world.parent and world.parent.failure and world.parent.failure.error == "States.ItemReaderFailed"


def test_a_history_that_is_full_ends_the_execution() -> None:
    retry = [{"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1, "BackoffRate": 1, "MaxAttempts": 99_999}]
    world = Scripted({"F": [SILENCE] * 9000})
    run = world.play(machine(A=task(waits=True, TimeoutSeconds=1, Retry=retry)), {})
    assert run.status == "FAILED" and len(run.calls) < 25_000 / 4


@pytest.mark.parametrize(
    ("definition", "what"),
    [
        ({**machine(A=task()), "QueryLanguage": "JSONata"}, "QueryLanguage"),
        (machine(A=task(Credentials={})), "Credentials"),
        (machine(A={**task(), "Resource": "arn:aws:states:::sqs:sendMessage"}), "sqs:sendMessage"),
        (machine(A={"Type": "Wish", "End": True}), "'Wish'"),
        (machine(A=task(ResultSelector={"a.$": "States.Format('{}', $.x)"})), "intrinsic function"),
        (machine(A=task(InputPath="$.a[*]")), r"\[\*\]"),
        (machine(A=task(ResultSelector={"a.$": "$$.State.EnteredTime"})), "context object"),
        (machine(A=task(Retry=[{"ErrorEquals": ["A"], "Jitter": 1}])), "Jitter"),
        (machine(A={"Type": "Choice", "Choices": [{"Variable": "$.a", "StringMatches": "a*", "Next": "A"}]}), "String"),
        (machine(A={"Type": "Wait", "Seconds": "${Unset}", "End": True}), "no number"),
        (machine(A={"Type": "Pass"}), "either Next or End"),
        (machine(A={"Type": "Pass", "Next": "B"}), "no state 'B'"),
    ],
)
def test_what_the_interpreter_does_not_know_it_refuses(definition: dict[str, Any], what: str) -> None:
    with pytest.raises(Unknown, match=what):
        read_machine(definition)

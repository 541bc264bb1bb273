"""Lambda's event sources and task tokens on the local cloud, beside the emulator without local/shims/functions.py."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local.driver import wait_for
from tests.local.emulator import Account, Function, Queue, refusal

CALLBACK = "arn:aws:states:::lambda:invoke.waitForTaskToken"
REPORTED = "ReportBatchItemFailures"
LONG = 300  # seconds of a batching window that no test waits for
BURST, AT_ONCE = 12, 10  # AT_ONCE is what one receive can bring


def at_least(function: Function, count: int) -> list[Any]:
    """The calls of a function, once there are that many."""
    return wait_for(lambda: found if len(found := function.calls()) >= count else None, f"{count} calls")


def handed_out_when_each_is_reported(account: Account, *response_types: str) -> list[str]:
    """The keys that the first two calls of a function that reports every record begin with."""
    table = account.table(StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})
    # An empty identifier reports the whole batch, as AWS reads it.
    reporting = account.function(answer={"batchItemFailures": [{"itemIdentifier": ""}]})
    response = {"StartingPosition": "TRIM_HORIZON", "FunctionResponseTypes": list(response_types)}
    account.feed(reporting, table["LatestStreamArn"], BatchSize=1, **response)
    for key in ("first", "second"):
        account.client("dynamodb").put_item(TableName=table["TableName"], Item={"pk": {"S": key}})
    calls = at_least(reporting, 2)[:2]
    return [call["Records"][0]["dynamodb"]["Keys"]["pk"]["S"] for call in calls]


def batches(account: Account, queue: Queue, messages: int) -> list[int]:
    """The sizes of the batches that a function gets of so many messages, sent in one go, once it has got all."""
    function = account.function()
    account.feed(function, queue.arn, BatchSize=BURST, MaximumBatchingWindowInSeconds=LONG)
    entries = [{"Id": str(number), "MessageBody": "m"} for number in range(messages)]
    for first in range(0, messages, AT_ONCE):
        part = entries[first : first + AT_ONCE]
        account.client("sqs").send_message_batch(QueueUrl=queue.url, Entries=part)

    def sizes() -> list[int] | None:
        found = [len(call["Records"]) for call in function.calls()]
        return found if sum(found) == messages else None

    return wait_for(sizes, f"{messages} messages")


def waiting_token(account: Account) -> tuple[str, str]:
    """The ARN of a state machine that waits for a token, and the token."""
    function = account.function()
    parameters = {"FunctionName": function.arn, "Payload": {"token.$": "$$.Task.Token"}}
    machine = account.machine(
        Waits={"Type": "Task", "Resource": CALLBACK, "Parameters": parameters, "TimeoutSeconds": LONG, "End": True}
    )
    account.start(machine)
    return machine, at_least(function, 1)[0]["token"]


def answer_of_one_updated_meanwhile(account: Account) -> Any:
    """What a call answers whose function gets other settings while it runs."""
    function, client = account.function(answer="done", seconds=1), account.client("lambda")
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.invoke, FunctionName=function.name)
        at_least(function, 1)
        client.update_function_configuration(FunctionName=function.name, MemorySize=256)
        return json.load(call.result()["Payload"])


SENDS = {
    "SendTaskSuccess": ("send_task_success", {"output": "{}"}),
    "SendTaskFailure": ("send_task_failure", {}),
    "SendTaskHeartbeat": ("send_task_heartbeat", {}),
}
each_send = pytest.mark.parametrize("action", SENDS)


def answer_to_one_who_may(account: Account, action: str, *, on_its_machine: bool) -> str:
    """The refusal of a call about a token by a user who may make it on a state machine; "" when it is answered well."""
    machine, token = waiting_token(account)
    call, arguments = SENDS[action]
    on = machine if on_its_machine else f"{machine}-other"
    user = account.caller("stepfunctions", may=f"states:{action}", on=on)
    return refusal(getattr(user, call), taskToken=token, **arguments)


def test_a_stream_hands_a_reported_record_out_again_before_the_next(cloud: Account) -> None:
    assert handed_out_when_each_is_reported(cloud, REPORTED) == ["first", "first"]


def test_a_stream_that_does_not_ask_takes_the_batch_as_done(cloud: Account) -> None:
    assert handed_out_when_each_is_reported(cloud) == ["first", "second"]


def test_the_emulator_still_takes_a_batch_with_a_reported_record_as_done(bare: Account) -> None:
    assert handed_out_when_each_is_reported(bare, REPORTED) == ["first", "second"]


def test_a_queue_gathers_a_burst_into_one_batch_of_more_than_ten(cloud: Account) -> None:
    assert batches(cloud, cloud.queue(), BURST) == [BURST]


def test_a_queue_gathers_only_for_as_long_as_the_batching_window(cloud: Account) -> None:
    function, queue = cloud.function(), cloud.queue()
    cloud.feed(function, queue.arn, BatchSize=BURST, MaximumBatchingWindowInSeconds=1)
    cloud.client("sqs").send_message(QueueUrl=queue.url, MessageBody="alone")
    assert [record["body"] for record in at_least(function, 1)[0]["Records"]] == ["alone"]


def test_the_emulator_still_hands_out_ten_messages_at_most(bare: Account) -> None:
    assert max(batches(bare, bare.queue(), BURST)) <= AT_ONCE


def test_the_emulator_still_hands_out_at_once_what_is_there(bare: Account) -> None:
    assert batches(bare, bare.queue(), 1) == [1]


@each_send
def test_a_token_is_authorized_on_its_state_machine(cloud: Account, action: str) -> None:
    assert answer_to_one_who_may(cloud, action, on_its_machine=True) == ""


def test_a_token_is_not_authorized_on_another_state_machine(cloud: Account) -> None:
    assert answer_to_one_who_may(cloud, "SendTaskSuccess", on_its_machine=False) == "AccessDeniedException"


@each_send
def test_the_emulator_still_asks_about_every_state_machine(bare: Account, action: str) -> None:
    assert answer_to_one_who_may(bare, action, on_its_machine=True) == "AccessDeniedException"


def error_of(account: Account) -> str:
    """The type of the error of a function that raises one, as a state machine has it."""
    function = account.function(fails="nothing works")
    task = {"Type": "Task", "Resource": function.arn, "End": True}
    return str(account.ended(account.start(account.machine(Fails=task)))["error"])


def test_an_error_has_the_name_of_its_class(cloud: Account) -> None:
    assert error_of(cloud) == "ValueError"


def test_the_emulator_still_has_one_name_for_all_errors(bare: Account) -> None:
    assert error_of(bare) == "Runtime.HandlerError"


def test_a_call_ends_by_itself_when_its_function_is_updated(cloud: Account) -> None:
    assert answer_of_one_updated_meanwhile(cloud) == "done"


def test_the_emulator_still_ends_the_calls_of_a_function_that_is_updated(bare: Account) -> None:
    assert "died" in answer_of_one_updated_meanwhile(bare)["errorMessage"]

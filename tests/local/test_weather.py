"""The weather of the local cloud: stock boto3 sees AWS's errors, functions and events what AWS does to them."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.core.errors import InvalidInput
from local.__main__ import asked
from local.cloud import LocalCloud
from local.driver import wait_for
from local.weather import Outside, Weather, rate
from simulation.aws.limits import Rate
from tests.local.emulator import Account, Function

INVOKE = "arn:aws:states:::lambda:invoke"
NEVER = 0.001  # a second: once, and then not again while a test runs


@pytest.fixture
def turn(our_cloud: LocalCloud) -> Iterator[Callable[..., None]]:
    """Sets the weather until the end of the test."""
    yield lambda **what: our_cloud.turn(Weather(**what))
    our_cloud.turn(Weather())


def once(*names: str) -> dict[str, Rate]:
    """A bucket with one token that nobody fills."""
    return {name: Rate(NEVER, 1) for name in names}


def error(call: Callable[..., Any], **arguments: Any) -> Mapping[str, Any]:
    """The response of a call that AWS refuses, as a caller of boto3 has it; {} when it does not."""
    try:
        call(**arguments)
    except ClientError as refused:
        return refused.response
    return {}


def user(cloud: Account, service: str, may: str) -> Any:
    """A client with boto3's own settings, but without its tries: whether it tries again the error decides."""
    client = cloud.caller(service, may=may, on="*")
    name = client.meta.service_model.service_id.hyphenize()
    client.meta.events.unregister(f"needs-retry.{name}", unique_id=f"retry-config-{name}")
    return client


def items(table: Mapping[str, Any], *keys: str) -> list[dict[str, Any]]:
    return [{"Put": {"TableName": table["TableName"], "Item": {"pk": {"S": key}}}} for key in keys]


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("send_command", {"DocumentName": "AWS-RunShellScript", "InstanceIds": ["i-0123456789abcdef0"]}),
        ("list_command_invocations", {}),
        ("cancel_command", {"CommandId": "0" * 36}),
        ("describe_instance_information", {}),
        ("get_parameters", {"Names": ["a"]}),
    ],
)
def test_every_operation_of_ssm_has_a_bucket_of_its_own(
    cloud: Account, turn: Callable[..., None], operation: str, request_: dict[str, Any]
) -> None:
    """Its error is AWS's, which every client of AWS tries again."""
    client = user(cloud, "ssm", "ssm:*")
    turn(throttle=once("ssm"))
    assert error(getattr(client, operation), **request_).get("Error", {}).get("Code") != "ThrottlingException"
    refused = error(getattr(client, operation), **request_)
    assert refused["Error"] == {"Code": "ThrottlingException", "Message": "Rate exceeded"}
    assert refused["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert error(client.list_commands) == {}, "another operation's bucket is full"


def test_boto3_by_itself_waits_and_tries_again(cloud: Account, turn: Callable[..., None]) -> None:
    client = cloud.caller("ssm", may="ssm:*", on="*")
    turn(throttle={"ssm:ListCommands": Rate(2, 1)})
    began = time.monotonic()
    answers = [client.list_commands()["ResponseMetadata"] for _ in range(3)]
    assert sum(each["RetryAttempts"] for each in answers) >= 1 and time.monotonic() - began >= 1


def test_whoever_drives_the_cloud_is_spared(cloud: Account, turn: Callable[..., None]) -> None:
    turn(throttle=once("ssm", "dynamodb"), conflicts=1.0)
    for _ in range(3):
        assert error(cloud.client("ssm").list_commands) == {}
        assert cloud.table()["TableStatus"] == "ACTIVE"


def test_a_transaction_that_meets_another_is_canceled_with_its_reasons(
    cloud: Account, turn: Callable[..., None]
) -> None:
    client, table = user(cloud, "dynamodb", "dynamodb:*"), cloud.table()
    turn(conflicts=1.0)
    refused = error(client.transact_write_items, TransactItems=items(table, "a", "b"))
    assert refused["Error"]["Code"] == "TransactionCanceledException"
    assert refused["Error"]["Message"].endswith("specific reasons [TransactionConflict, None]")
    conflict = {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}
    assert refused["CancellationReasons"] == [conflict, {"Code": "None"}]
    turn()
    assert error(client.transact_write_items, TransactItems=items(table, "a", "b")) == {}


def test_a_write_that_meets_a_transaction_is_refused_and_a_read_is_not(
    cloud: Account, turn: Callable[..., None]
) -> None:
    client, table = user(cloud, "dynamodb", "dynamodb:*"), cloud.table()
    turn(conflicts=1.0)
    key = {"pk": {"S": "a"}}
    codes = [
        error(call, TableName=table["TableName"], **what)["Error"]["Code"]
        for call, what in (
            (client.put_item, {"Item": key}),
            (client.update_item, {"Key": key}),
            (client.delete_item, {"Key": key}),
        )
    ]
    assert codes == ["TransactionConflictException"] * 3
    assert error(client.get_item, TableName=table["TableName"], Key=key) == {}


@pytest.mark.parametrize(
    ("billing", "code", "reason"),
    [
        ({"BillingMode": "PAY_PER_REQUEST"}, "ThrottlingException", "ThrottlingError"),
        (
            {
                "BillingMode": "PROVISIONED",
                "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
            },
            "ProvisionedThroughputExceededException",
            "ProvisionedThroughputExceeded",
        ),
    ],
    ids=["on demand", "provisioned"],
)
def test_a_table_throttles_as_it_is_paid_for(
    cloud: Account, turn: Callable[..., None], billing: dict[str, Any], code: str, reason: str
) -> None:
    client, table = user(cloud, "dynamodb", "dynamodb:*"), cloud.table(**billing)
    turn(throttle=once("dynamodb"))
    puts = [error(client.put_item, TableName=table["TableName"], Item={"pk": {"S": "a"}}) for _ in range(2)]
    assert puts[0] == {} and puts[1]["Error"]["Code"] == code
    refused = [error(client.transact_write_items, TransactItems=items(table, "a", "b")) for _ in range(2)][1]
    assert refused["Error"]["Code"] == "TransactionCanceledException"
    assert [each["Code"] for each in refused["CancellationReasons"]] == [reason, "None"]


def test_a_throttled_function_is_lambdas_error_429(cloud: Account, turn: Callable[..., None]) -> None:
    function, client = cloud.function(), user(cloud, "lambda", "lambda:InvokeFunction")
    turn(throttle=once(f"lambda:{function.name}"))
    assert error(client.invoke, FunctionName=function.name) == {}
    refused = error(client.invoke, FunctionName=function.name)
    assert refused["Error"]["Code"] == "TooManyRequestsException"
    assert refused["ResponseMetadata"]["HTTPStatusCode"] == 429 and len(function.calls()) == 1


def test_step_functions_is_told_of_a_throttled_function_by_its_error(cloud: Account, turn: Callable[..., None]) -> None:
    function = cloud.function(answer={})
    retry = {"ErrorEquals": ["Lambda.TooManyRequestsException"], "IntervalSeconds": 1, "MaxAttempts": 9}
    task = {"Type": "Task", "Resource": INVOKE, "Parameters": {"FunctionName": function.arn}, "Retry": [retry]}
    machine = cloud.machine(First={**task, "Next": "Second"}, Second={**task, "End": True})
    turn(throttle={"lambda": Rate(0.5, 1)})
    assert cloud.ended(cloud.start(machine))["status"] == "SUCCEEDED" and len(function.calls()) == 2


def calls(function: Function, count: int) -> list[Any]:
    return wait_for(lambda: found if len(found := function.calls()) >= count else None, f"{count} calls")


def test_an_event_waits_for_a_function_that_is_throttled(cloud: Account, turn: Callable[..., None]) -> None:
    function = cloud.function()
    _tell(cloud, function)
    turn(throttle={"lambda": Rate(0.5, 1)})
    for number in (1, 2):
        put(cloud, number)
    assert sorted(each["detail"]["number"] for each in calls(function, 2)) == [1, 2]


def test_a_function_that_fails_on_an_event_is_called_three_times_and_its_event_kept(cloud: Account) -> None:
    function, queue = cloud.function(fails="no"), cloud.queue()
    failures = {"OnFailure": {"Destination": queue.arn}}
    cloud.client("lambda").put_function_event_invoke_config(
        FunctionName=function.name, MaximumRetryAttempts=2, DestinationConfig=failures
    )
    _tell(cloud, function)
    put(cloud, 1)
    kept = json.loads(cloud.message(queue))
    assert kept["requestPayload"]["detail"] == {"number": 1} and len(function.calls()) == 3


def test_the_emulator_still_calls_a_function_that_fails_on_an_event_once(bare: Account) -> None:
    function, well = bare.function(fails="no"), bare.function()
    _tell(bare, function)
    put(bare, 1)
    calls(function, 1)
    time.sleep(3)  # its own asynchronous calls come again after one second, and two
    assert len(function.calls()) == 1 and well.calls() == []


def _tell(account: Account, function: Function) -> None:
    """A rule that sends our events to a function."""
    events, rule = account.client("events"), account.name()
    events.put_rule(Name=rule, EventPattern=json.dumps({"source": ["weather.test"]}))
    account.at_end(events.delete_rule, Name=rule)
    events.put_targets(Rule=rule, Targets=[{"Id": "function", "Arn": function.arn}])
    account.at_end(events.remove_targets, Rule=rule, Ids=["function"])


def put(account: Account, number: int) -> None:
    entry = {"Source": "weather.test", "DetailType": "any", "Detail": json.dumps({"number": number})}
    account.client("events").put_events(Entries=[entry])


def test_a_stream_waits_for_a_function_that_is_throttled_and_is_as_late_as_the_weather(
    cloud: Account, turn: Callable[..., None]
) -> None:
    table = cloud.table(StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})
    function = cloud.function()
    cloud.feed(function, table["LatestStreamArn"], StartingPosition="TRIM_HORIZON", BatchSize=1)
    turn(throttle={"lambda": Rate(0.5, 1)}, late_stream=3.0)
    began = time.time()
    for key in ("first", "second"):
        cloud.client("dynamodb").put_item(TableName=table["TableName"], Item={"pk": {"S": key}})
    calls(function, 1)
    assert time.time() - began >= 3
    keys = [each["Records"][0]["dynamodb"]["Keys"]["pk"]["S"] for each in calls(function, 2)]
    assert keys == ["first", "second"]


def test_there_is_no_weather_unless_it_is_set() -> None:
    outside = Outside()
    assert not any(outside.throttles("ssm", "SendCommand") or outside.conflicts("PutItem") for _ in range(1000))
    assert {outside.copies() for _ in range(1000)} == {1}


def test_events_are_lost_and_doubled_by_their_shares() -> None:
    outside = Outside()
    outside.turn(Weather(lost_events=0.3, doubled_events=0.5))
    copies = [outside.copies() for _ in range(2000)]
    assert 0.25 < copies.count(0) / 2000 < 0.35 and 0.3 < copies.count(2) / 2000 < 0.4


def test_weather_goes_through_json_as_it_is() -> None:
    weather = Weather(throttle=dict([rate("ssm=2/s"), rate("lambda:stop=1,3")]), conflicts=0.5, late_stream=2.0)
    assert Weather.from_plain(json.loads(json.dumps(weather.plain()))) == weather


def test_the_command_line_sets_it() -> None:
    words = "--throttle ssm=2/s --throttle lambda:run_segment=1/s,1 --conflicts 10% --lost-events 0.2 --late-stream 3"
    limits = {"ssm": Rate(2, 4), "lambda:run_segment": Rate(1, 1)}
    assert asked(["--port", "4567", *words.split()]) == (
        4567,
        Weather(throttle=limits, conflicts=0.1, lost_events=0.2, late_stream=3.0),
    )
    assert asked([]) == (4566, Weather())


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--throttle", "s3=1/s"], "s3=1/s: must be one of ssm, dynamodb, lambda, autoscaling and requests a second"),
        (["--conflicts", "200%"], "200%: must be a share"),
        (["--help"], "--doubled-events 10%"),
    ],
)
def test_the_command_line_says_what_it_takes(capsys: pytest.CaptureFixture[str], words: list[str], says: str) -> None:
    with pytest.raises(SystemExit):
        asked(words)
    told = capsys.readouterr()
    assert says in told.out + told.err


@pytest.mark.parametrize("text", ["ssm", "ssm=0", "ssm=a/s", "s3=2/s", "ssm=2/s,0", "=2/s"])
def test_a_rate_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="requests a second"):
        rate(text)

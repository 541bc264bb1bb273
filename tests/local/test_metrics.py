"""The metrics that AWS writes by itself, beside the emulator without local/shims/metrics.py."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.driver import wait_for
from tests.local.emulator import Account, Function

EMBEDDED = {
    "_aws": {
        "Timestamp": 1700000000000,
        "CloudWatchMetrics": [
            {
                "Namespace": "shims",
                "Dimensions": [["service"], ["service", "group"]],
                "Metrics": [{"Name": "Targets", "Unit": "Count"}, {"Name": "Seconds"}],
            }
        ],
    },
    "service": "told",
    "group": "web",
    "Targets": [3, 4],
    "Seconds": 1.5,
}


def total(account: Account, namespace: str, name: str, **dimensions: str) -> float:
    """The sum of a metric."""
    now = datetime.now(UTC)
    points = account.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=86400,
        Statistics=["Sum"],
    )["Datapoints"]
    return sum(float(point["Sum"]) for point in points)


def invocations(account: Account, function: Function) -> float:
    return total(account, "AWS/Lambda", "Invocations", FunctionName=function.name)


def called_by_a_queue(account: Account) -> Function:
    """A function that a queue has called once, and whose mapping has taken the message away since."""
    function, queue = account.function(), account.queue()
    account.feed(function, queue.arn)
    sqs = account.client("sqs")
    sqs.send_message(QueueUrl=queue.url, MessageBody="m")
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def taken() -> bool:
        left = sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=names)["Attributes"]
        return bool(function.calls()) and not any(int(count) for count in left.values())

    wait_for(lambda: taken() or None, "the message to be taken")
    return function


def item_written_and_read(account: Account) -> str:
    """The name of the table."""
    client, name = account.client("dynamodb"), str(account.table()["TableName"])
    item: dict[str, Any] = {"pk": {"S": "one"}}
    client.put_item(TableName=name, Item=item)
    client.transact_write_items(TransactItems=[{"Put": {"TableName": name, "Item": item}}])
    client.get_item(TableName=name, Key=item)
    client.get_item(TableName=name, Key=item, ConsistentRead=True)
    return name


def capacity(account: Account, table: str) -> tuple[float, float]:
    """Read and write units."""
    read = total(account, "AWS/DynamoDB", "ConsumedReadCapacityUnits", TableName=table)
    return read, total(account, "AWS/DynamoDB", "ConsumedWriteCapacityUnits", TableName=table)


def execution_of(account: Account) -> str:
    """The ARN of a state machine that has run once."""
    machine = account.machine(Done={"Type": "Succeed"})
    account.ended(account.start(machine))
    return machine


def test_a_call_is_counted_once_whoever_calls(cloud: Account) -> None:
    function = called_by_a_queue(cloud)
    assert invocations(cloud, function) == 1
    cloud.client("lambda").invoke(FunctionName=function.name)
    assert invocations(cloud, function) == 2


def test_the_time_of_a_call_is_counted(cloud: Account) -> None:
    function = cloud.function(seconds=0.2)
    cloud.client("lambda").invoke(FunctionName=function.name)
    assert total(cloud, "AWS/Lambda", "Duration", FunctionName=function.name) >= 200


def test_the_emulator_still_does_not_count_the_calls_of_a_queue(bare: Account) -> None:
    assert invocations(bare, called_by_a_queue(bare)) == 0


def test_a_log_line_in_the_embedded_format_is_metrics(cloud: Account) -> None:
    cloud.client("lambda").invoke(FunctionName=cloud.function(says=json.dumps(EMBEDDED)).name)
    assert total(cloud, "shims", "Targets", service="told") == 7
    assert total(cloud, "shims", "Targets", service="told", group="web") == 7
    assert total(cloud, "shims", "Seconds", service="told") == 1.5


@pytest.mark.parametrize(
    "line",
    [
        '{"_aws": {"CloudWatchMetrics"',
        json.dumps({"_aws": {"CloudWatchMetrics": [{"Namespace": "shims"}]}}),
        json.dumps({**EMBEDDED, "service": "malformed", "Targets": "three"}),
        json.dumps({"_aws": {"CloudWatchMetrics": 3}}),
    ],
)
def test_a_malformed_line_is_only_a_line(cloud: Account, line: str) -> None:
    answer = cloud.client("lambda").invoke(FunctionName=cloud.function(says=line, answer="fine").name)
    assert json.loads(answer["Payload"].read()) == "fine"
    assert total(cloud, "shims", "Targets", service="malformed") == 0


def test_the_emulator_still_takes_no_metrics_from_a_log(bare: Account) -> None:
    bare.client("lambda").invoke(FunctionName=bare.function(says=json.dumps(EMBEDDED)).name)
    assert total(bare, "shims", "Targets", service="told") == 0


def test_an_execution_is_counted(cloud: Account) -> None:
    assert total(cloud, "AWS/States", "ExecutionsStarted", StateMachineArn=execution_of(cloud)) == 1


def test_the_emulator_still_does_not_count_executions(bare: Account) -> None:
    assert total(bare, "AWS/States", "ExecutionsStarted", StateMachineArn=execution_of(bare)) == 0


def test_a_table_s_capacity_units_are_counted(cloud: Account) -> None:
    """Half a unit for a read that need not be consistent, two for a write in a transaction."""
    assert capacity(cloud, item_written_and_read(cloud)) == (1.5, 3)


def test_the_emulator_still_does_not_count_capacity_units(bare: Account) -> None:
    assert capacity(bare, item_written_and_read(bare)) == (0, 0)


def test_the_emulator_still_evaluates_no_metric_math(bare: Account) -> None:
    """So the data of an alarm by metric math cannot be counted there (docs/local-cloud.md)."""
    now = datetime.now(UTC)
    queries = [{"Id": "x", "Expression": "TIME_SERIES(1)", "Period": 60}]
    answer = bare.client("cloudwatch").get_metric_data(
        MetricDataQueries=queries, StartTime=now - timedelta(hours=1), EndTime=now
    )
    assert [each["StatusCode"] for each in answer["MetricDataResults"]] == ["InternalError"]

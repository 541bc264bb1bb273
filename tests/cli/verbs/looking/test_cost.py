"""`stepdeploy cost`, by metrics that lie in moto's CloudWatch."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from cli.__main__ import main
from cli.account.connection import Engine
from functions.core.planning.prices import USD, Item

Captured = pytest.CaptureFixture[str]
Put = Callable[..., None]
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:sd"


@pytest.fixture
def put(aws: None, monkeypatch: pytest.MonkeyPatch) -> Put:
    """Puts one value of a metric, of some days ago."""
    outputs = {"StartFunctionName": "sd-start", "StateMachineArn": MACHINE, "TableName": "records"}
    monkeypatch.setattr(Engine, "outputs", outputs)

    def put(namespace: str, name: str, dimension: str, of: str, value: float, days: int = 1) -> None:
        datum = {
            "MetricName": name,
            "Dimensions": [{"Name": dimension, "Value": of}],
            "Timestamp": datetime.now(UTC) - timedelta(days=days),
            "Value": value,
        }
        boto3.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=[datum])  # type: ignore[list-item]

    return put


def counts(capsys: Captured, *arguments: str) -> tuple[dict[str, float], float]:
    assert main(["cost", "--json", *arguments]) == 0
    told = json.loads(capsys.readouterr().out)
    return {each["item"]: each["count"] for each in told["items"] if each["count"]}, told["usd"]


def test_calls_are_counted_and_take_the_memory_of_their_function(put: Put, capsys: Captured) -> None:
    for function, count, milliseconds in (("sd-start", 3, 4000), ("sd-watch", 2, 2000), ("other-start", 9, 9000)):
        put("AWS/Lambda", "Invocations", "FunctionName", function, count)
        put("AWS/Lambda", "Duration", "FunctionName", function, milliseconds)
    found, usd = counts(capsys)
    assert found == {Item.LAMBDA_REQUESTS: 5, Item.LAMBDA_GB_SECONDS: 4 * 0.25 + 2 * 0.5}
    assert usd == round(5 * USD[Item.LAMBDA_REQUESTS] + 2 * USD[Item.LAMBDA_GB_SECONDS], 6)


def test_transitions_are_those_of_deployments_and_their_targets(put: Put, capsys: Captured) -> None:
    put("AWS/States", "ExecutionsStarted", "StateMachineArn", MACHINE, 1)
    put("stepdeploy", "Targets", "service", "sd", 4)
    put("stepdeploy", "Targets", "service", "another", 9)
    assert counts(capsys)[0] == {Item.TRANSITIONS: 19}, "as README.md has it"


def test_units_of_the_table_are_counted(put: Put, capsys: Captured) -> None:
    put("AWS/DynamoDB", "ConsumedReadCapacityUnits", "TableName", "records", 10)
    put("AWS/DynamoDB", "ConsumedWriteCapacityUnits", "TableName", "records", 20)
    assert counts(capsys)[0] == {Item.READS: 10, Item.WRITES: 20}


def test_only_what_lies_in_the_time_is_counted(put: Put, capsys: Captured) -> None:
    put("AWS/Lambda", "Invocations", "FunctionName", "sd-start", 1, days=5)
    put("AWS/Lambda", "Invocations", "FunctionName", "sd-start", 2, days=40)
    assert counts(capsys)[0] == {Item.LAMBDA_REQUESTS: 1}
    assert counts(capsys, "--since", "60d")[0] == {Item.LAMBDA_REQUESTS: 3}
    assert counts(capsys, "--since", "2d") == ({}, 0)


def test_people_read_a_table_that_says_what_is_not_in_it(put: Put, capsys: Captured) -> None:
    put("AWS/Lambda", "Invocations", "FunctionName", "sd-start", 2_000_000)
    put("AWS/States", "ExecutionsStarted", "StateMachineArn", MACHINE, 1)
    assert main(["cost"]) == 0
    out = capsys.readouterr().out
    assert "Lambda requests" in out
    assert "2,000,000" in out
    assert "0.4000" in out
    assert "1 deployment to 0 hosts. List prices of us-east-1, 2025." in out
    assert "Not counted: the free tier and discounts; storage: S3" in out


@pytest.mark.parametrize("since", ["0", "456d", "a while"])
def test_a_time_that_cloudwatch_does_not_have_is_a_mistake(since: str, put: Put, capsys: Captured) -> None:
    assert main(["cost", "--since", since]) == 2
    assert "--since" in capsys.readouterr().err

"""Both of what a contract holds together: a stand-in and moto's service, the store's twin and moto's DynamoDB."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.aws import clock
from functions.store.table.dynamodb import DynamoDb
from functions.store.table.items import Items
from functions.store.table.memory import Memory
from functions.store.table.values import Key, Put
from tests.clients import client
from tests.conftest import create_table, made
from tests.fakes.service import refusal

A = Key("A", "1")
ROLE = "arn:aws:iam::123456789012:role/any"
FLOW = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})


@pytest.fixture(params=["stand-in", "moto"])
def account(request: pytest.FixtureRequest, environment: None) -> None:
    """The services that `clients.client` gives: a bucket that keeps versions, a state machine, and nothing else."""
    if request.param == "stand-in":
        request.getfixturevalue("services")
        return
    request.getfixturevalue("bucket")
    client("stepfunctions").create_state_machine(name="stepdeploy", roleArn=ROLE, definition=FLOW)


def put(items: Items, key: Key = A, **attributes: Any) -> None:
    assert items.write(Put(key, attributes))


def code(call: Callable[..., Any], **request: Any) -> str:
    """The code with which a service refuses."""
    with pytest.raises(ClientError) as error:
        call(**request)
    return str(error.value.response["Error"]["Code"])


@dataclass
class Both:
    """An implementation, and what a test does to it from outside."""

    items: Items
    refuse_next: Callable[..., None]  # writes meet others: a code for each try of one
    stream: Callable[[], list[dict[str, Any]]]


@pytest.fixture(params=["dynamodb", "memory"])
def both(request: pytest.FixtureRequest, environment: None, monkeypatch: pytest.MonkeyPatch) -> Both:
    monkeypatch.setattr(clock, "sleep", lambda seconds: None)
    if request.param == "memory":
        memory = Memory()
        return Both(memory, memory.refuse_next, memory.stream)
    request.getfixturevalue("aws")
    stream_arn = create_table()
    return Both(DynamoDb("stepdeploy"), _refuse_next, lambda: _records(stream_arn))


@pytest.fixture
def items(both: Both) -> Items:
    return both.items


def _refuse_next(*codes: str) -> None:
    events, left = made("dynamodb").meta.events, list(codes)

    def refuse(model: Any, **_: Any) -> None:
        if not left:
            events.unregister("before-call.dynamodb", refuse)
        elif model.name not in ("GetItem", "Query"):
            raise refusal(left.pop(0), model.name)

    events.register("before-call.dynamodb", refuse)


def _records(stream_arn: str) -> list[dict[str, Any]]:
    streams = client("dynamodbstreams")
    (shard,) = streams.describe_stream(StreamArn=stream_arn)["StreamDescription"]["Shards"]
    start = streams.get_shard_iterator(StreamArn=stream_arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
    found: list[dict[str, Any]] = streams.get_records(ShardIterator=start["ShardIterator"])["Records"]
    return found

"""What a request needs, as IAM authorizes it, and whose request it is."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from functions.aws.clients import client
from functions.core.errors import InvalidInput
from functions.handlers import stop
from functions.store.table.values import Key, Update
from tests.calls import recording
from tests.calls.recording import Call, needs
from tests.conftest import BUCKET, LambdaContext
from tests.store import Store

TABLE = {"TableName": "stepdeploy"}
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("service", "operation", "request_", "needed"),
    [
        ("dynamodb", "GetItem", TABLE, [("dynamodb:GetItem", "dynamodb table/${TABLE_NAME}")]),
        (
            "dynamodb",
            "Query",
            {**TABLE, "IndexName": "by_time"},
            [("dynamodb:Query", "dynamodb table/${TABLE_NAME}/index/by_time")],
        ),
        (
            "dynamodb",
            "TransactWriteItems",
            {"TransactItems": [{"Put": TABLE}, {"ConditionCheck": TABLE}]},
            [
                ("dynamodb:PutItem", "dynamodb table/${TABLE_NAME}"),
                ("dynamodb:ConditionCheckItem", "dynamodb table/${TABLE_NAME}"),
            ],
        ),
        (
            "dynamodb",
            "BatchGetItem",
            {"RequestItems": {"stepdeploy": {}}},
            [("dynamodb:BatchGetItem", "dynamodb table/${TABLE_NAME}")],
        ),
        ("s3", "HeadObject", {"Bucket": "revisions", "Key": "a"}, [("s3:GetObject", "s3 ${BUCKET_NAME}/a")]),
        (
            "s3",
            "GetObject",
            {"Bucket": "revisions", "Key": "shop/1.zip", "VersionId": "v"},
            [("s3:GetObjectVersion", "s3 ${BUCKET_NAME}/shop/1.zip")],
        ),
        ("s3", "GetObject", {"Bucket": "elsewhere", "Key": "a"}, [("s3:GetObject", "")]),
        ("sns", "PublishBatch", {}, [("sns:Publish", "")]),
        ("monitoring", "DescribeAlarms", {}, [("cloudwatch:DescribeAlarms", "")]),
        (
            "ssm",
            "SendCommand",
            {"DocumentName": "stepdeploy-segment", "InstanceIds": ["i-1", "mi-1"]},
            [
                ("ssm:SendCommand", "ssm document/${DOCUMENT_NAME}"),
                ("ssm:SendCommand", "ec2 instance/i-1"),
                ("ssm:SendCommand", "ssm managed-instance/mi-1"),
            ],
        ),
    ],
)
def test_a_request_needs(
    environment: None, service: str, operation: str, request_: dict[str, Any], needed: list[tuple[str, str]]
) -> None:
    assert list(needs(service, operation, request_)) == needed


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr(recording, "FOLDER", tmp_path)
    monkeypatch.setattr(recording, "_seen", set())
    yield


def test_calls_count_for_the_handler_that_runs_and_for_none_outside(
    written: None, store: Store, context: LambdaContext
) -> None:
    store.get(Key("a", "b"))
    assert recording.read() == set()
    with pytest.raises(InvalidInput):
        stop.handler({"deployment_id": "d-000000001"}, context)
    assert recording.read() == {Call("Stop", "dynamodb:GetItem", "dynamodb table/${TABLE_NAME}")}


def test_threads_of_a_pool_count_for_the_handler_that_started_them(written: None, store: Store) -> None:
    mark = recording.running.set("Finish")
    try:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(store.get, Key("a", "b")).result()
            recording.outside(lambda: store.write(Update(Key("a", "b"), sets={"x": 1})))
    finally:
        recording.running.reset(mark)
    assert {(call.function, call.action) for call in recording.read()} == {("Finish", "dynamodb:GetItem")}


def test_presigned_access_is_the_signers(written: None, services: None) -> None:
    mark = recording.running.set("RunSegment")
    try:
        client("s3").generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "a", "VersionId": "v"})
        client("s3").generate_presigned_post(BUCKET, ".stepdeploy/logs/${filename}")
    finally:
        recording.running.reset(mark)
    assert recording.read() == {
        Call("RunSegment", "s3:GetObjectVersion", "s3 ${BUCKET_NAME}/a"),
        Call("RunSegment", "s3:PutObject", "s3 ${BUCKET_NAME}/.stepdeploy/logs/${filename}"),
    }


def test_one_file_makes_clients() -> None:
    """Their retries and time-outs are one decision."""
    makers = [file for file in (ROOT / "functions").rglob("*.py") if "boto3" in file.read_text().split()]
    assert [file.name for file in makers] == ["clients.py"]

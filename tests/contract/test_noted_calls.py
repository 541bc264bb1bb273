"""What counts for a function's grants: its calls of a stand-in as those of a client."""

from pathlib import Path

import pytest

from functions.aws import events, executions, secrets
from functions.aws.clients import client
from functions.core.messages.announcements import BusEvent
from tests.calls import recording
from tests.calls.recording import Call
from tests.conftest import BUCKET
from tests.contract.conftest import code
from tests.contract.test_bus_and_topics import MOMENT


def test_every_call_is_noted_as_iam_authorizes_it(
    account: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    client("events").create_event_bus(Name="engine")
    monkeypatch.setenv("BUS_NAME", "engine")
    token = client("secretsmanager").create_secret(Name="token", SecretString="s")["ARN"]
    monkeypatch.setenv("GITHUB_SECRET_ARN", token)
    monkeypatch.setattr(recording, "FOLDER", tmp_path)
    monkeypatch.setattr(recording, "_seen", set())
    mark = recording.running.set("Any")
    try:
        client("s3").put_object(Bucket=BUCKET, Key="k", Body=b"")
        assert code(client("s3").head_object, Bucket=BUCKET, Key="gone") == "404"
        executions.start("d-1")
        executions.find("d-1")
        executions.running()
        events.put("engine", [(BusEvent(detail_type="t", resources=(), detail={}), MOMENT)])
        secrets.text(token)
        client("ec2").describe_instances()
        client("cloudwatch").describe_alarms(AlarmNames=["errors"])
    finally:
        recording.running.reset(mark)
    assert recording.read() == {
        Call("Any", "s3:PutObject", "s3 ${BUCKET_NAME}/k"),
        Call("Any", "s3:GetObject", "s3 ${BUCKET_NAME}/gone"),
        Call("Any", "s3:ListBucket", "s3 ${BUCKET_NAME}"),
        Call("Any", "states:StartExecution", "${STATE_MACHINE_ARN}"),
        Call("Any", "states:DescribeExecution", ""),
        Call("Any", "states:ListExecutions", "${STATE_MACHINE_ARN}"),
        Call("Any", "events:PutEvents", "events event-bus/${BUS_NAME}"),
        Call("Any", "secretsmanager:GetSecretValue", "${GITHUB_SECRET_ARN}"),
        Call("Any", "ec2:DescribeInstances", ""),
        Call("Any", "cloudwatch:DescribeAlarms", ""),
    }

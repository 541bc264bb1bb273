"""The cloud with our shims beside the emulator without them, and what the tests of the shims make in either.

A test of what AWS does takes `cloud`. A test named test_the_emulator_still_... takes `bare`: once it fails, the
emulator does that as AWS does, and the shim can go.
"""

import ctypes
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from local.cloud import ROOT, LocalCloud
from local.counters import CREDENTIALS
from local.driver import wait_for
from local.server import ACCOUNT, REGION, environment

T = TypeVar("T")
_STOP_SECONDS = 10.0
_PR_SET_PDEATHSIG = 1
_MARKS = "shims.mark"
_RUNTIME = f"python3.{sys.version_info[1]}"

# It writes down each event. What it does then is in its environment.
_FUNCTION = """
import json, os, time

def handler(event, context):
    with open(os.environ["CALLS"], "a") as calls:
        calls.write(json.dumps(event) + "\\n")
    print(os.environ["SAYS"])
    time.sleep(float(os.environ["SECONDS"]))
    if os.environ["FAILS"]:
        raise ValueError(os.environ["FAILS"])
    return json.loads(os.environ["ANSWER"])
"""


@dataclass(frozen=True)
class Queue:
    url: str
    arn: str


@dataclass(frozen=True)
class Function:
    name: str
    arn: str
    _calls: Path

    def calls(self) -> list[Any]:
        """The events that it was called with, in order."""
        return [json.loads(line) for line in self._calls.read_text().splitlines()] if self._calls.exists() else []


class Account:
    """What one test makes in the cloud or in the bare emulator; all of it ends with the test."""

    def __init__(self, aws: LocalCloud, directory: Path, ends: ExitStack) -> None:
        self._aws = aws
        self._directory = directory
        self._ends = ends

    def client(self, service: str) -> Any:
        """An administrator's client."""
        return self._aws.client(service)

    def name(self) -> str:
        return f"shim-{uuid.uuid4().hex[:12]}"

    def at_end(self, call: Callable[..., Any], **arguments: Any) -> None:
        """Call this when the test has ended, whatever else the test has ended by itself."""

        def end() -> None:
            with suppress(ClientError):
                call(**arguments)

        self._ends.callback(end)

    # -- queues and events

    def queue(self, **attributes: str) -> Queue:
        """A queue that EventBridge may send to."""
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName=self.name(), Attributes=attributes)["QueueUrl"]
        self.at_end(sqs.delete_queue, QueueUrl=url)
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        events = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}}
        policy = {"Statement": [{**events, "Action": "sqs:SendMessage", "Resource": arn}]}
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
        return Queue(url, arn)

    def message(self, queue: Queue) -> str:
        """The next message's body; it is gone from the queue then."""
        sqs = self.client("sqs")

        def received() -> dict[str, Any] | None:
            found = sqs.receive_message(QueueUrl=queue.url, WaitTimeSeconds=1).get("Messages")
            return found[0] if found else None

        message = wait_for(received, "a message")
        sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"])
        return str(message["Body"])

    def subscribe(self, pattern: Mapping[str, Any]) -> Queue:
        """A queue that receives the events of the default bus that match."""
        events, rule, queue = self.client("events"), self.name(), self.queue()
        events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
        self.at_end(events.delete_rule, Name=rule)
        events.put_targets(Rule=rule, Targets=[{"Id": "queue", "Arn": queue.arn}])
        self.at_end(events.remove_targets, Rule=rule, Ids=["queue"])
        return queue

    def delivered(self, queue: Queue, mark: str) -> list[dict[str, Any]]:
        """What has come into a queue that is subscribed to `marked(mark)` too, up to an event that is put now."""
        events = self.client("events")
        events.put_events(Entries=[{"Source": _MARKS, "DetailType": mark, "Detail": "{}"}])
        found: list[dict[str, Any]] = []
        while not found or found[-1]["source"] != _MARKS:
            found.append(json.loads(self.message(queue)))
        return found[:-1]

    # -- tables

    def table(self, **more: Any) -> dict[str, Any]:
        """The description of a new table, whose key is `pk`."""
        client, name = self.client("dynamodb"), self.name()
        made: dict[str, Any] = client.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            **{"BillingMode": "PAY_PER_REQUEST", **more},
        )["TableDescription"]
        self.at_end(client.delete_table, TableName=name)
        return made

    # -- functions

    def function(self, *, answer: Any = None, fails: str = "", seconds: float = 0, says: str = "") -> Function:
        """A function that writes down its calls, says something in its log, and then answers, or fails with a
        ValueError, after some seconds."""
        name, calls = self.name(), self._directory / self.name()
        variables = {"CALLS": str(calls), "ANSWER": json.dumps(answer), "FAILS": fails, "SECONDS": str(seconds)}
        variables["SAYS"] = says
        client = self.client("lambda")
        made = client.create_function(
            FunctionName=name,
            Runtime=_RUNTIME,
            Role=f"arn:aws:iam::{ACCOUNT}:role/{self.role()}",
            Handler="function.handler",
            Timeout=30,
            Code={"ZipFile": _zipped("function.py", _FUNCTION)},
            Environment={"Variables": variables},
        )
        self.at_end(client.delete_function, FunctionName=name)
        client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
        return Function(name, made["FunctionArn"], calls)

    def feed(self, function: Function, source: str, **how: Any) -> str:
        """Connect an event source to a function; the mapping's id."""
        client = self.client("lambda")
        made = client.create_event_source_mapping(FunctionName=function.name, EventSourceArn=source, **how)
        self.at_end(client.delete_event_source_mapping, UUID=made["UUID"])
        return str(made["UUID"])

    # -- state machines

    def machine(self, **states: Mapping[str, Any]) -> str:
        """A state machine that starts at the first state; its ARN."""
        client = self.client("stepfunctions")
        definition = {"StartAt": next(iter(states)), "States": states}
        made = client.create_state_machine(
            name=self.name(),
            definition=json.dumps(definition),
            roleArn=f"arn:aws:iam::{ACCOUNT}:role/{self.role()}",
        )
        self.at_end(client.delete_state_machine, stateMachineArn=made["stateMachineArn"])
        return str(made["stateMachineArn"])

    def start(self, machine: str, given: Any = None) -> str:
        """The ARN of a new execution."""
        client = self.client("stepfunctions")
        execution = client.start_execution(stateMachineArn=machine, input=json.dumps(given or {}))["executionArn"]
        self.at_end(client.stop_execution, executionArn=execution)
        return str(execution)

    def ended(self, execution: str) -> dict[str, Any]:
        """The execution once it has ended."""

        def description() -> dict[str, Any] | None:
            found: dict[str, Any] = self.client("stepfunctions").describe_execution(executionArn=execution)
            return None if found["status"] == "RUNNING" else found

        return wait_for(description, f"{execution} to end")

    # -- IAM

    def role(self) -> str:
        """A role that may do nothing; its name."""
        iam, name = self.client("iam"), self.name()
        services = ["lambda.amazonaws.com", "states.amazonaws.com"]
        trust = {"Effect": "Allow", "Principal": {"Service": services}, "Action": "sts:AssumeRole"}
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
        self.at_end(iam.delete_role, RoleName=name)
        return name

    def caller(self, service: str, *, may: str, on: str, when: Mapping[str, Any] | None = None, **how: Any) -> Any:
        """The client of a user who may do one thing, maybe under a condition; `how` is boto3's."""
        iam, name = self.client("iam"), self.name()
        iam.create_user(UserName=name)
        self.at_end(iam.delete_user, UserName=name)
        statement = {"Effect": "Allow", "Action": may, "Resource": on, **({"Condition": when} if when else {})}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        iam.put_user_policy(UserName=name, PolicyName="may", PolicyDocument=json.dumps(policy))
        self.at_end(iam.delete_user_policy, UserName=name, PolicyName="may")
        key = iam.create_access_key(UserName=name)["AccessKey"]
        self.at_end(iam.delete_access_key, UserName=name, AccessKeyId=key["AccessKeyId"])
        client = boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self._aws.endpoint,
            region_name=REGION,
            aws_access_key_id=key["AccessKeyId"],
            aws_secret_access_key=key["SecretAccessKey"],
            **how,
        )
        self._ends.callback(client.close)
        return client


def marked(mark: str) -> dict[str, Any]:
    """The pattern of the event that tells a test that whatever was to come has come."""
    return {"source": [_MARKS], "detail-type": [mark]}


def refusal(call: Callable[..., Any], **arguments: Any) -> str:
    """The code of the error that a call gets; "" when it gets none."""
    try:
        call(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


@pytest.fixture(scope="session")
def our_cloud() -> Iterator[LocalCloud]:
    with LocalCloud() as found:
        yield found


@pytest.fixture(scope="session")
def bare_emulator() -> Iterator[LocalCloud]:
    """The emulator in a process of its own, told to be what our cloud's is; only its clients are our cloud's."""
    aws = LocalCloud()  # not entered: no process of ours
    directory = Path(tempfile.mkdtemp(prefix="bare-emulator-"))
    command = [sys.executable, "-m", "hypercorn", "ministack.app:app", "--workers", "0", "--keep-alive", "75"]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--bind", f"127.0.0.1:{aws.port}"],
            env={**os.environ, **CREDENTIALS, "AWS_REGION": REGION, **environment(aws.port, directory)},
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=partial(ctypes.CDLL(None).prctl, _PR_SET_PDEATHSIG, signal.SIGTERM),
        )
    try:
        with suppress(TimeoutError):
            wait_for(lambda: process.poll() is not None or _answers(aws), "the emulator to answer")
        assert _answers(aws), (directory / "log").read_text()
        yield aws
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def cloud(our_cloud: LocalCloud, tmp_path: Path) -> Iterator[Account]:
    """AWS as our shims make it."""
    with _account(our_cloud, tmp_path / "cloud") as account:
        yield account


@pytest.fixture
def bare(bare_emulator: LocalCloud, tmp_path: Path) -> Iterator[Account]:
    """AWS as the emulator makes it."""
    with _account(bare_emulator, tmp_path / "bare") as account:
        yield account


@contextmanager
def _account(aws: LocalCloud, directory: Path) -> Iterator[Account]:
    directory.mkdir()
    with ExitStack() as ends:
        yield Account(aws, directory, ends)


def _answers(aws: LocalCloud) -> bool:
    try:
        aws.client("sts").get_caller_identity()
    except (BotoCoreError, ClientError):
        return False
    return True


def _zipped(name: str, text: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(name, text)
    return archive.getvalue()

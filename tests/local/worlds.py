"""Two worlds to compare: AWS as the local cloud has it, and the emulator alone, without any of our shims."""

import io
import json
import os
import socket
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from local.cloud import ROOT, LocalCloud
from local.engine import wait_for
from local.records import CREDENTIALS
from local.server import REGION, environment

EMULATOR = """
import asyncio, sys
from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack.app import app
config = Config()
config.bind = [f"127.0.0.1:{sys.argv[1]}"]
config.accesslog = config.errorlog = None
asyncio.run(serve(app, config))
"""
EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@dataclass
class World:
    """An AWS at some endpoint, with short ways to make what a test needs."""

    endpoint: str
    _clients: list[Any] = field(default_factory=list)

    def client(self, service: str, key: str = CREDENTIALS["AWS_ACCESS_KEY_ID"], secret: str = "test") -> Any:
        made = boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=Config(retries={"total_max_attempts": 1}),
        )
        self._clients.append(made)
        return made

    def client_of_user(self, service: str, *statements: dict[str, Any]) -> Any:
        """A client of a new user who may do this and nothing else."""
        iam, name = self.client("iam"), unique("user")
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy(*statements))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return self.client(service, key["AccessKeyId"], key["SecretAccessKey"])

    def role(self) -> str:
        """A role that may do everything, for whoever takes it."""
        iam, name = self.client("iam"), unique("role")
        trust = policy({"Effect": "Allow", "Principal": {"Service": "*"}, "Action": "sts:AssumeRole"})
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=policy(EVERYTHING))
        return str(arn)

    def function(self, *lines: str, name: str | None = None) -> str:
        """A function whose handler has these lines, which know `event`; its ARN."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("code.py", "\n    ".join(("import json\ndef handler(event, context):", *lines)))
        made = self.client("lambda").create_function(
            FunctionName=name or unique("function"),
            Runtime="python3.13",
            Role=self.role(),
            Handler="code.handler",
            Code={"ZipFile": packed.getvalue()},
            Timeout=10,
        )
        return str(made["FunctionArn"])

    def start(self, states: dict[str, Any], given: Any) -> str:
        """An execution of a new machine of these states, beginning with the first; its ARN."""
        stepfunctions = self.client("stepfunctions")
        definition = json.dumps({"StartAt": next(iter(states)), "States": states})
        machine = stepfunctions.create_state_machine(name=unique("m"), roleArn=self.role(), definition=definition)
        arn = machine["stateMachineArn"]
        return str(stepfunctions.start_execution(stateMachineArn=arn, input=json.dumps(given))["executionArn"])

    def ended(self, execution: str, seconds: float) -> tuple[str, str]:
        """Status and error of an execution, once it has ended or after some seconds."""
        stepfunctions = self.client("stepfunctions")

        def end() -> dict[str, Any] | None:
            found: dict[str, Any] = stepfunctions.describe_execution(executionArn=execution)
            return found if found["status"] != "RUNNING" else None

        found = eventually(end, seconds) or {"status": "RUNNING"}
        return found["status"], found.get("error", "")

    def queue(self, *, anybody: bool = False) -> "Queue":
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName=unique("queue"))["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        if anybody:
            sends = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy(sends)})
        return Queue(sqs, url, arn)

    def events(self, pattern: dict[str, Any]) -> "Queue":
        """A queue of the default bus's events that match."""
        queue, events, name = self.queue(anybody=True), self.client("events"), unique("rule")
        events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": queue.arn}])
        return queue

    def close(self) -> None:
        for each in self._clients:
            each.close()


@dataclass
class Queue:
    sqs: Any
    url: str
    arn: str

    def first(self, seconds: float = 5) -> Any:
        """The first message, parsed; None when none comes in time."""

        def message() -> dict[str, Any] | None:
            return next(iter(self.sqs.receive_message(QueueUrl=self.url).get("Messages", ())), None)

        found = eventually(message, seconds)
        return json.loads(found["Body"]) if found else None


def unique(what: str) -> str:
    return f"{what}-{uuid.uuid4().hex[:8]}"


def eventually(check: Callable[[], Any], seconds: float) -> Any:
    """What `check` finds in time, else None."""
    try:
        return wait_for(check, "it", seconds)
    except TimeoutError:
        return None


@contextmanager
def local_cloud() -> Iterator[World]:
    with LocalCloud() as cloud:
        world = World(cloud.endpoint)
        yield world
        world.close()


@contextmanager
def bare_emulator(directory: Path) -> Iterator[World]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    settings = {**os.environ, **CREDENTIALS, "AWS_REGION": REGION, **environment(port, directory)}
    with (directory / "emulator.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", EMULATOR, str(port)], cwd=ROOT, env=settings, stdout=log, stderr=subprocess.STDOUT
        )
    world = World(f"http://127.0.0.1:{port}")
    try:
        wait_for(lambda: answers(port), "the emulator to answer", 60)
        yield world
    finally:
        world.close()
        process.kill()
        process.wait()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0

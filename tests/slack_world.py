"""Slack's queue and function in virtual time, before the local cloud's Slack: a test says what happens in between."""

import io
import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from urllib3.exceptions import ProtocolError
from urllib3.response import HTTPResponse

from functions.aws import clock, sqs
from functions.aws import slack as aws_slack
from functions.aws.clients import client
from functions.core.records import Deployment, Target
from functions.handlers import slack as handler_module
from functions.settings import settings
from local.faults import Faults
from local.shims.slack import TOKEN, Message, Slack
from tests.conftest import LambdaContext, put_item
from tests.unit.news import item_of

BEGAN = datetime(2026, 11, 23, 10, tzinfo=UTC)
CALL_SECONDS = 0.2  # of Slack's Web API
VISIBILITY_SECONDS = 360  # of a call that dies
STATES = {"Created": "START", "Succeeded": "SUCCESS", "Failed": "FAILURE", "Stopped": "STOP", "Ready": "READY"}


class Time:
    """The clock of such a world; a sleep lets it go on."""

    def __init__(self, seed: int = 0) -> None:
        self.seconds = 0.0
        self.chance = random.Random(seed)

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self.seconds)

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class Queued:
    """A message of the queue."""

    number: int
    body: str
    at: float  # when it can be received
    receives: int = 0


class Killed(BaseException):
    """The function's process ends."""


@dataclass
class SlackWorld:
    """`run` lets time pass until the queue is empty, or some seconds are over."""

    time: Time
    faults: Faults = field(default_factory=Faults)
    queue: list[Queued] = field(default_factory=list)
    calls: int = 0  # of the function
    sent: int = 0
    before_request: Callable[[str], None] = lambda method: None  # a test may let it fail, or the function die

    def __post_init__(self) -> None:
        self.slack = Slack(self.faults, now=lambda: self.time.now().timestamp())

    # -- what is told

    def put(self, *records: Deployment | Target) -> None:
        """The records become that."""
        for record in records:
            put_item(item_of(record))

    def news(self, deployment: Deployment, *, times: int = 1) -> None:
        """A deployment becomes that, and its state is announced."""
        self.put(deployment)
        event = {
            "detail-type": "CodeDeploy Deployment State-change Notification",
            "time": clock.timestamp(self.time.now()),
            "resources": ["arn:aws:codedeploy:us-east-1:123456789012:deploymentgroup:shop/web"],
            "detail": {"deploymentId": deployment.deployment_id, "state": STATES[deployment.status]},
        }
        for _ in range(times):
            self.send(json.dumps(event), 0)

    def send(self, body: str, delay: float) -> None:
        self.sent += 1
        self.queue.append(Queued(self.sent, body, self.time.seconds + delay))

    def send_all(self, url: str, bodies: list[str], *, delay_seconds: int) -> None:
        for body in bodies:
            self.send(body, delay_seconds)

    # -- time

    def run(self, seconds: float = 1e9, most: int = 400) -> None:
        """Until nothing is left, or the time is over."""
        end = self.time.seconds + seconds
        for _ in range(most):
            due = min((each.at for each in self.queue), default=end)
            if due >= end:
                self.time.seconds = max(self.time.seconds, min(end, 1e8))
                return
            self.time.seconds = max(self.time.seconds, due)
            self.call([each for each in self.queue if each.at <= self.time.seconds])
        raise AssertionError("the queue does not get empty")

    def call(self, received: list[Queued]) -> None:
        """One call of the function, with these messages."""
        self.calls += 1
        for each in received:
            each.receives += 1
            each.at = self.time.seconds + VISIBILITY_SECONDS
        records = [
            {
                "messageId": f"m-{each.number}",
                "receiptHandle": f"m-{each.number}",
                "attributes": {"ApproximateReceiveCount": str(each.receives)},
                "body": each.body,
            }
            for each in received
        ]
        try:
            answer = handler_module.handler({"Records": records}, LambdaContext())
        except Killed:
            return
        back = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
        gone = {each.number for each in received if f"m-{each.number}" not in back}
        self.queue = [each for each in self.queue if each.number not in gone]

    def rest(self, url: str, messages: Any, seconds: Callable[[sqs.Received], int]) -> None:
        """What the function asks of SQS for messages that come back."""
        for message in messages:
            for each in self.queue:
                if f"m-{each.number}" == message.message_id:
                    each.at = self.time.seconds + seconds(message)

    # -- Slack

    def request(self, verb: str, url: str, *, body: bytes | None, headers: dict[str, str], **more: Any) -> Any:
        """As a pool of urllib3's."""
        parts = urlsplit(url)
        method = parts.path.rpartition("/")[2]
        self.time.seconds += CALL_SECONDS
        self.before_request(method)
        lower = {name.lower(): value for name, value in headers.items()}
        if parts.path.startswith("/api/"):
            answer = self.slack.api(method, lower, parts.query, body or b"")
        else:
            answer = self.slack.post(method, body or b"")
        if answer is None:
            raise ProtocolError("Connection aborted.")
        status, told, data = answer
        return HTTPResponse(body=io.BytesIO(data), headers=told, status=status, preload_content=True)

    def top(self) -> list[Message]:
        """The bot's messages outside of threads."""
        return [each for each in self.slack.bots if not each.thread_ts]

    def thread(self, message: Message) -> list[str]:
        """The texts of a message's thread."""
        return [each.text for each in self.slack.bots if each.thread_ts == message.ts]

    def looks(self) -> list[Queued]:
        """The messages of chains that wait."""
        return [each for each in self.queue if "look" in each.body]


def shown(message: Message) -> str:
    """All that a message says."""
    return json.dumps(message.blocks, ensure_ascii=False)


@contextmanager
def slack_world(patch: pytest.MonkeyPatch, secret: dict[str, Any] | None = None, seed: int = 0) -> Iterator[SlackWorld]:
    """A world whose secret has a bot; `secret`: what it holds besides. Needs `services` and a store."""
    time = Time(seed)
    world = SlackWorld(time)
    held = {"token": TOKEN, "api": "http://slack/api", "channels": {"default": "#ops"}, **(secret or {})}
    name = f"slack-{seed}"
    arn = client("secretsmanager").create_secret(Name=name, SecretString=json.dumps(held))["ARN"]
    patch.setenv("SLACK_SECRET_ARN", arn)
    patch.setenv("SLACK_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/123456789012/slack")
    settings.cache_clear()
    aws_slack.webhook.cache_clear()
    patch.setattr(clock, "stand_in", time)
    patch.setattr(clock, "sleep", time.sleep)
    patch.setattr(aws_slack, "_pool", lambda: world)
    patch.setattr(sqs, "_rest", world.rest)
    patch.setattr(sqs, "send", world.send_all)
    try:
        yield world
    finally:
        aws_slack.webhook.cache_clear()
        settings.cache_clear()

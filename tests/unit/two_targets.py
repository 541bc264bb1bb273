"""A deployment of two targets, for the tests of a target's way."""

import json
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest

from functions.aws import clock
from functions.aws.clients import client
from functions.core.new_deployment import new_deployment
from functions.core.records import Counts, Deployment, Target
from functions.core.rollout.command_result import pending_events
from functions.core.rollout.places import with_homes
from functions.core.text.shapes import to_plain
from functions.handlers import command_status, run_segment, target_done, watch
from functions.store.keys import target_key
from functions.store.records import deployments, lock, places, targets, watching
from host.lifecycle import IN_PLACE
from tests.conftest import THREE_SEGMENTS, LambdaContext, pending, put_group, put_item, revision
from tests.fakes.run_command import FakeRunCommand
from tests.fakes.step_functions import FakeStepFunctions
from tests.rollout import begin
from tests.store import Store

NOW = "2026-11-23T10:00:00.000Z"


EVENTS = tuple(event.value for event in IN_PLACE)


class World:
    """A deployment of two targets, of which one may be out of service, with hosts and waiting states to play with."""

    def __init__(self, store: Store, ssm: FakeRunCommand, tokens: FakeStepFunctions, context: LambdaContext) -> None:
        self.store, self.ssm, self.tokens, self.context = store, ssm, tokens, context
        pinned = revision(version="v", sha256="0" * 64, size=9)
        one = new_deployment(put_group(), pinned, deployment_id="d-000000001", now=NOW, requested_by="me")
        lock.create(one, None, queue=True)
        one = replace(one, counts=Counts(total=2, max_out_of_service=1))
        begin(one, pending(one, "i-0", "i-1"), NOW)

    def run(self, token: str, target: str = "i-0", *, minutes: float = 0) -> None:
        """RunSegment, called now or some time later."""
        event = {"deployment_id": "d-000000001", "target_id": target, "task_token": token}
        with later(minutes=minutes):
            run_segment.handler(event, self.context)

    def report(self, command: str = "c-0", target: str = "i-0") -> None:
        detail = {"command-id": command, "instance-id": target, "status": "Success"}
        command_status.handler({"detail": detail}, self.context)

    def watch(self, *, hours: float = 1, turn: int | None = None) -> None:
        """A turn of the chain, some time later; of this number, or the one whose turn it is."""
        number = watching.turn("d-000000001").number if turn is None else turn
        body = json.dumps({"deployment_id": "d-000000001", "turn": number})
        with later(hours=hours):
            watch.handler({"Records": [message(body)]}, self.context)

    def send_parked(self, handed: str, *, minutes: float = 0) -> None:
        """Targets whose moment has come, as the queue brings them; again, where a call died over them."""
        with later(minutes=minutes):
            run_segment.handler({"Records": [message(handed)]}, self.context)

    def queued(self, queue: str) -> list[str]:
        """The bodies of the messages that wait in `turns` or in `moments`; they are taken out."""
        sqs, url = client("sqs"), f"https://sqs.us-east-1.amazonaws.com/123456789012/{queue}"
        bodies = list[str]()
        while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for each in found:
                bodies.append(each["Body"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
        return bodies

    def done(self, target: str = "i-0", **fields: Any) -> None:
        event = {"deployment_id": "d-000000001", "target_id": target, "segment_result": {"status": "Succeeded"}}
        target_done.handler({**event, **fields}, self.context)

    def target(self, target: str = "i-0") -> Target:
        found = targets.get("d-000000001", target)
        assert found
        return found

    @property
    def deployment(self) -> Deployment:
        """With the counts of this moment."""
        found = deployments.get("d-000000001")
        assert found
        return places.counted(found)


def later(*, hours: float = 0, minutes: float = 0) -> AbstractContextManager[Any]:
    """So long after now."""
    moment = clock.now() + timedelta(hours=hours, minutes=minutes)
    return patch.object(clock, "now", lambda: moment) if hours or minutes else nullcontext()


def message(body: str) -> dict[str, Any]:
    """As Lambda gets it of SQS."""
    return {
        "messageId": "m",
        "receiptHandle": "r",
        "attributes": {"ApproximateReceiveCount": "1"},
        "body": body,
    }


@pytest.fixture
def world(store: Store, services: None, context: LambdaContext, executing: None) -> World:
    return World(store, client("ssm"), client("stepfunctions"), context)


def three_segments(world: World) -> list[tuple[str, ...]]:
    """The first target goes through three segments; the events of each."""
    steps = THREE_SEGMENTS
    begun = pending(world.deployment, "i-0", steps=steps, events=pending_events(steps))
    (target,) = with_homes(begun, world.deployment.places)
    put_item({**target_key("d-000000001", "i-0").item, **to_plain(target), "segments": {}})
    return [tuple(event.value for event in step.events) for step in steps]


def statuses(world: World) -> list[str]:
    return [event.status for event in world.target().events]

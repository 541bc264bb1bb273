"""A deployment of two targets, for the tests of a target's way."""

from dataclasses import replace
from typing import Any

import pytest

from functions.aws.clients import client
from functions.core.new_deployment import new_deployment
from functions.core.records import Counts, Deployment, Target
from functions.core.rollout.command_result import pending_events
from functions.core.rollout.places import with_homes
from functions.core.text.shapes import to_plain
from functions.handlers import command_status, run_segment, target_done
from functions.store import deployments, lock, places, targets
from functions.store.keys import target_key
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

    def run(self, token: str, target: str = "i-0") -> None:
        event = {"deployment_id": "d-000000001", "target_id": target, "task_token": token}
        run_segment.handler(event, self.context)

    def report(self, command: str = "c-0", target: str = "i-0") -> None:
        detail = {"command-id": command, "instance-id": target, "status": "Success"}
        command_status.handler({"detail": detail}, self.context)

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

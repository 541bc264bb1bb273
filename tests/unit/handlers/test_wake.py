"""wake: what waits for the calendar gets one schedule, and its turn when that has come."""

import json
from dataclasses import replace
from typing import Any

import pytest

from functions.core.new_deployment import new_deployment
from functions.core.records import Closed, Deployment
from functions.core.statuses import DeploymentStatus
from functions.handlers import wake
from functions.store.records import deployments, lock
from tests.conftest import LambdaContext, put_group, revision, stand_in
from tests.fakes.service import Service, refusal
from tests.store import Store
from tests.unit.news import deployment, stream
from tests.unit.news import queued as messages

NOW = "2026-11-23T10:00:00.000Z"
UNTIL = Closed(until="2026-11-23T18:00:30.000Z", why="nobody is there")


class FakeScheduler(Service):
    """Keeps schedules by name; it refuses a second one of a name."""

    name = "scheduler"

    def __init__(self) -> None:
        super().__init__()
        self.schedules: dict[str, dict[str, Any]] = {}

    def on_create_schedule(self, **given: Any) -> dict[str, Any]:
        if given["Name"] in self.schedules:
            raise self.exceptions.ConflictException(
                {"Error": {"Code": "ConflictException", "Message": "it is there"}}, "CreateSchedule"
            )
        return self.on_update_schedule(**given)

    def on_update_schedule(self, **given: Any) -> dict[str, Any]:
        self.schedules[given["Name"]] = given
        return {"ScheduleArn": f"arn:aws:scheduler:us-east-1:123456789012:schedule/stepdeploy/{given['Name']}"}


@pytest.fixture
def scheduler(services: None, monkeypatch: pytest.MonkeyPatch) -> FakeScheduler:
    monkeypatch.setenv("SCHEDULE_GROUP", "stepdeploy")
    monkeypatch.setenv("SCHEDULE_ROLE_ARN", "arn:aws:iam::123456789012:role/schedules")
    monkeypatch.setenv("WAKE_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/123456789012/wake")
    monkeypatch.setenv("WAKE_QUEUE_ARN", "arn:aws:sqs:us-east-1:123456789012:wake")
    return stand_in("scheduler", FakeScheduler())


def queued(closed: Closed | None) -> Deployment:
    return deployment(DeploymentStatus.QUEUED, deployment_id="d-1", closed=closed)


def test_one_that_waits_for_a_time_gets_a_schedule_in_the_minute_that_follows(
    scheduler: FakeScheduler, context: LambdaContext
) -> None:
    assert wake.handler(stream(queued(UNTIL)), context) == {"batchItemFailures": []}
    assert scheduler.schedules["d-1"]["ScheduleExpression"] == "at(2026-11-23T18:01:00)"
    assert json.loads(scheduler.schedules["d-1"]["Target"]["Input"]) == {"deployment_id": "d-1"}
    later = Closed(until="2026-11-24T08:00:00.000Z", why="a freeze")
    wake.handler(stream(queued(later)), context)
    assert scheduler.schedules["d-1"]["ScheduleExpression"] == "at(2026-11-24T08:00:00)", "one, with the new time"


@pytest.mark.parametrize("closed", [None, Closed(until=None, why="until it is lifted")])
def test_one_that_waits_for_no_time_gets_none(
    scheduler: FakeScheduler, context: LambdaContext, closed: Closed | None
) -> None:
    wake.handler(stream(queued(closed)), context)
    assert scheduler.schedules == {}


def test_when_its_time_has_come_it_has_its_turn(store: Store, scheduler: FakeScheduler, context: LambdaContext) -> None:
    one = new_deployment(put_group(), revision(), deployment_id="d-000000001", now=NOW, requested_by="me")
    over = Closed(until="2020-01-01T00:00:00.000Z", why="its window had not begun")
    lock.create(replace(one, closed=over), None, queue=True)
    assert lock.waiting("shop/web") == one.deployment_id
    wake.handler(messages({"deployment_id": one.deployment_id}), context)
    found = deployments.get(one.deployment_id)
    assert found and found.status is DeploymentStatus.CREATED and lock.holder("shop/web") == one.deployment_id
    wake.handler(messages({"deployment_id": one.deployment_id}), context)


def test_one_that_cannot_be_looked_at_now_comes_again(
    scheduler: FakeScheduler, context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def throttled(deployment_id: str) -> None:
        raise refusal("ThrottlingException", "GetItem")

    monkeypatch.setattr(deployments, "get", throttled)
    assert wake.handler(messages({"deployment_id": "d-000000001"}), context)["batchItemFailures"]

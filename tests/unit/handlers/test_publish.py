"""publish: stream records in, events, messages and metrics out."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.aws import events as aws_events
from functions.aws.clients import client
from functions.core.records import Deployment
from functions.core.statuses import Creator, DeploymentStatus, TargetStatus, TriggerEvent
from functions.handlers import publish
from functions.settings import settings
from functions.store.records import deployments
from functions.store.table.wire import to_wire
from tests.conftest import LambdaContext, put_item
from tests.fakes.service import refusal
from tests.store import Store
from tests.unit.inbox import Inbox
from tests.unit.news import DONE, deployment, item_of, stream, target, triggers

GONE = "arn:aws:sns:us-east-1:123456789012:gone"
NONE_AGAIN: dict[str, Any] = {"batchItemFailures": []}


class Engine:
    """What left the engine: events on its bus, messages of its topic, and what waits for SNS."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        client("events").create_event_bus(Name="engine")
        self.topic = client("sns").create_topic(Name="ops")["TopicArn"]
        self.events, self.messages, self.waiting = Inbox("events"), Inbox("messages"), Inbox("waiting")
        self.events.listen_to_bus("engine")
        self.messages.listen_to_topic(self.topic)
        monkeypatch.setenv("BUS_NAME", "engine")
        monkeypatch.setenv("TRIGGER_QUEUE_URL", self.waiting.url)
        settings.cache_clear()
        monkeypatch.setattr(publish, "_FIRST_RETRY_SECONDS", 0)
        monkeypatch.setattr("time.sleep", lambda seconds: None)

    def told(self) -> list[tuple[str, str]]:
        return [
            (each["detail"].get("instanceId", "deployment"), each["detail"]["state"]) for each in self.events.read()
        ]


@pytest.fixture
def engine(store: Store, services: None, monkeypatch: pytest.MonkeyPatch) -> Engine:
    return Engine(monkeypatch)


def remember(found: Deployment) -> None:
    put_item(item_of(found))


def again(number: int) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": str(number)}]}


def test_a_change_of_status_goes_to_the_bus_and_to_the_triggers_that_want_it(
    engine: Engine, context: LambdaContext
) -> None:
    asked = triggers(engine.topic, TriggerEvent.DEPLOYMENT_FAILURE)
    event = stream(deployment(DeploymentStatus.FAILED, settings=asked), before=DeploymentStatus.IN_PROGRESS)
    assert publish.handler(event, context) == NONE_AGAIN
    assert engine.told() == [("deployment", "FAILURE")]
    (message,) = engine.messages.read()
    assert message["Subject"].startswith("FAILED: AWS CodeDeploy d-A1B2C3111")
    assert json.loads(message["Message"])["status"] == "FAILED"
    assert engine.waiting.read() == []


def test_a_change_of_something_else_is_told_to_nobody(engine: Engine, context: LambdaContext) -> None:
    """Invariant 5."""
    same = stream(deployment(DeploymentStatus.CREATED), before=DeploymentStatus.CREATED)
    queued = stream(deployment(DeploymentStatus.QUEUED))
    image = to_wire({"pk": "LOCK#shop/web", "sk": "LOCK"})
    lock = {**same["Records"][0], "dynamodb": {"SequenceNumber": "1", "NewImage": image}}
    removed = {**same["Records"][0], "dynamodb": {"SequenceNumber": "2", "OldImage": to_wire(item_of(deployment()))}}
    for event in (same, queued, {"Records": [lock, removed]}):
        assert publish.handler(event, context) == NONE_AGAIN
    assert engine.told() == []


def test_targets_are_told_with_their_deployment_read_once(
    engine: Engine, context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(deployment(settings=triggers(engine.topic, TriggerEvent.INSTANCE_SUCCESS)))
    reads = []
    real = deployments.get

    def counted(deployment_id: str) -> Deployment | None:
        reads.append(deployment_id)
        return real(deployment_id)

    monkeypatch.setattr(deployments, "get", counted)
    found = [target(TargetStatus.SUCCEEDED, f"i-{number}") for number in range(30)]
    assert publish.handler(stream(*found, before=TargetStatus.IN_PROGRESS), context) == NONE_AGAIN
    assert engine.told() == [(f"i-{number}", "SUCCESS") for number in range(30)]
    assert len(engine.messages.read()) == 30
    assert reads == ["d-A1B2C3111"]


def test_an_sns_that_is_down_delays_its_messages_only(engine: Engine, context: LambdaContext) -> None:
    events = TriggerEvent.DEPLOYMENT_START
    lost = deployment(settings=triggers(GONE, events))
    good = deployment(deployment_id="d-2", settings=triggers(engine.topic, events))
    assert publish.handler(stream(lost, good), context) == NONE_AGAIN
    assert engine.told() == [("deployment", "START"), ("deployment", "START")]
    assert len(engine.messages.read()) == 1
    (waiting,) = engine.waiting.read()
    assert waiting["topic_arn"] == GONE and json.loads(waiting["message"])["deploymentId"] == "d-A1B2C3111"


def test_a_bus_that_refuses_gets_everything_from_there_on_again(
    engine: Engine, context: LambdaContext, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Invariant 5: the messages and metrics of what the bus did not take wait with it."""
    monkeypatch.setattr(aws_events, "put", lambda name, events: 1)
    started = [
        deployment(deployment_id=f"d-{number}", settings=triggers(engine.topic, TriggerEvent.DEPLOYMENT_START))
        for number in range(3)
    ]
    assert publish.handler(stream(*started), context) == again(2)
    assert [json.loads(each["Message"])["deploymentId"] for each in engine.messages.read()] == ["d-0"]
    assert len(metrics(capsys)) == 1


def test_a_queue_that_takes_nothing_either_fails_the_batch(
    engine: Engine, context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIGGER_QUEUE_URL", engine.waiting.url + "-gone")
    settings.cache_clear()
    lost = deployment(settings=triggers(GONE, TriggerEvent.DEPLOYMENT_START))
    with pytest.raises(ClientError):
        publish.handler(stream(lost), context)


def test_records_that_cannot_be_read_are_set_aside_and_the_others_are_told_in_order(
    engine: Engine, context: LambdaContext, undelivered: Inbox
) -> None:
    """Invariant 8."""
    event = stream(*(deployment(deployment_id=f"d-{number}", bake_token="secret") for number in range(1, 5)))
    event["Records"][1]["dynamodb"]["NewImage"]["revision"] = {"S": "of another version"}
    event["Records"][2]["dynamodb"]["NewImage"]["creator"] = {"S": "somebodyNew"}
    assert publish.handler(event, context) == NONE_AGAIN
    assert [each["detail"]["deploymentId"] for each in engine.events.read()] == ["d-1", "d-4"]
    letters = undelivered.read()
    assert [json.loads(each["keys"])["pk"]["S"] for each in letters] == ["DEPLOYMENT#d-2", "DEPLOYMENT#d-3"]
    assert "somebodyNew" in letters[1]["why"] and "secret" not in json.dumps(letters)


def test_a_target_whose_deployment_is_gone_or_of_a_newer_version_is_set_aside(
    engine: Engine, context: LambdaContext, undelivered: Inbox
) -> None:
    assert publish.handler(stream(target(TargetStatus.FAILED)), context) == NONE_AGAIN
    put_item({**item_of(deployment()), "creator": "somebodyNew"})
    assert publish.handler(stream(target(TargetStatus.FAILED)), context) == NONE_AGAIN
    assert len(undelivered.read()) == 2


def test_a_table_that_throttles_is_asked_again_from_there_on(
    engine: Engine, context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def throttled(deployment_id: str) -> None:
        raise refusal("ThrottlingException", "GetItem")

    monkeypatch.setattr(deployments, "get", throttled)
    event = stream(deployment(deployment_id="d-2"), target(TargetStatus.FAILED), deployment(deployment_id="d-3"))
    assert publish.handler(event, context) == again(2)
    assert [each["detail"]["deploymentId"] for each in engine.events.read()] == ["d-2"]


def metrics(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    return [line for line in lines if "_aws" in line]


def test_an_end_is_measured_for_the_engine_and_for_its_group(
    engine: Engine, context: LambdaContext, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = deployment(
        DeploymentStatus.SUCCEEDED,
        counts=DONE,
        start_time="2022-10-13T16:00:00.000Z",
        complete_time="2022-10-13T16:01:30.000Z",
    )
    publish.handler(stream(ended, before=DeploymentStatus.IN_PROGRESS), context)
    line, left = metrics(capsys)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "stepdeploy"
    assert sorted(map(sorted, directive["Dimensions"])) == [["application", "group", "service"], ["service"]]
    assert {each["Name"]: each["Unit"] for each in directive["Metrics"]} == {
        "DeploymentsSucceeded": "Count",
        "DeploymentSeconds": "Seconds",
        "Targets": "Count",
        "TargetsFailed": "Count",
    }
    assert (line["application"], line["group"], line["DeploymentSeconds"]) == ("shop", "web", [90.0])
    (of_the_group,) = left["_aws"]["CloudWatchMetrics"]
    assert list(map(sorted, of_the_group["Dimensions"])) == [["application", "group", "service"]]
    assert {each["Name"] for each in of_the_group["Metrics"]} == {"HealthyHosts", "PromisedHosts"}
    assert (left["application"], left["group"], left["HealthyHosts"]) == ("shop", "web", [3.0])


def test_each_deployment_has_its_own_line_of_metrics(
    engine: Engine, context: LambdaContext, capsys: pytest.CaptureFixture[str]
) -> None:
    publish.handler(stream(deployment(), deployment(group="job", creator=Creator.ROLLBACK)), context)
    assert [(line["group"], "DeploymentsRolledBack" in line) for line in metrics(capsys)] == [
        ("web", False),
        ("job", True),
    ]


def test_a_group_that_nobody_declared_makes_no_metric_of_its_own(
    engine: Engine, context: LambdaContext, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = deployment(DeploymentStatus.FAILED, group_id="", group="random-1234", counts=DONE)
    publish.handler(stream(failed), context)
    (line,) = metrics(capsys)
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]]
    assert "random-1234" not in json.dumps(line)

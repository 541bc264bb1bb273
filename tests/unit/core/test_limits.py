"""The largest texts that any input allows: every sink takes every announcement, and the table every record.

Measured in bytes of the form in which it goes out. A message that is too large is not told late: it is never told.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest

from functions.api.requests.fields import MAX_CHARACTERS
from functions.aws import events as aws_events
from functions.aws import sns
from functions.core import limits
from functions.core.causes import Cause
from functions.core.chat import slack
from functions.core.chat.outcomes import MAX_CAUSES, Outcome
from functions.core.failures import shared
from functions.core.messages import announcements, texts, verdict
from functions.core.messages.announcements import Announcement, State
from functions.core.order import MAX_UPLOADS, Accepted
from functions.core.quotas import MAX_ALARMS, MAX_TRIGGERS
from functions.core.records import (
    Alarms,
    Counts,
    Deployment,
    Diagnostics,
    Failure,
    GroupSettings,
    LifecycleEventRecord,
    Revision,
    RollbackInfo,
    SharedFailure,
    TagFilter,
    TagGroup,
    Target,
    TargetFailure,
    Trigger,
)
from functions.core.rollout import stop_mark
from functions.core.rollout.command_result import read_invocation
from functions.core.statuses import (
    BundleType,
    Creator,
    DeploymentErrorCode,
    DeploymentStatus,
    LifecycleEventStatus,
    TargetStatus,
    TriggerEvent,
)
from functions.core.text.shapes import to_plain
from functions.store.keys import deployment_indexes, deployment_key, target_key
from functions.store.table.wire import to_wire
from host.lifecycle import IN_PLACE
from tests.conftest import stand_in
from tests.unit.news import PLACE

NAME = "n" * 100
ON_PREMISES = "p" * 100
# What each makes of one character: 12 bytes of JSON; 2, which double with each quoting; 6, of a line's end 2; 11
# where it is visible; and one that Slack escapes.
LETTERS = {"emoji": "\U0001f600", "quote": '"', "backslash": "\\", "cjk": "日", "control": "\x9b", "tag": "\U000e0041"}
LETTERS |= {"amp": "&", "fence": "`", "line": "\n"}
REPORT = {
    "stepdeploy": 1,
    "event": IN_PLACE[0],
    "status": "Failed",
    "error_code": "ScriptFailed",
    "cause": "SCRIPT",
}


@pytest.fixture(params=LETTERS.values(), ids=list(LETTERS))
def letter(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def of(letter: str, characters: int) -> str:
    return letter * characters


def revision(letter: str) -> Revision:
    key = of(letter, 1024 // len(letter.encode()))
    warnings = tuple(of(letter, 512 // 12) for _ in range(10))
    return Revision(bucket="b" * 63, key=key, version="v" * 1024, bundle_type=BundleType.ZIP, warnings=warnings)


def settings(letter: str) -> GroupSettings:
    tags = tuple(TagGroup(filters=(TagFilter(key=of(letter, 128), value=of(letter, 256)),) * 10) for _ in range(3))
    events = tuple(TriggerEvent)
    arn = f"arn:aws:sns:us-east-1:123456789012:{'t' * 256}"
    return GroupSettings(
        tag_groups=tags,
        on_premises_tag_groups=tags,
        alarms=Alarms(names=tuple(f"{number}{of(letter, 254)}" for number in range(MAX_ALARMS))),
        triggers=tuple(Trigger(name=f"{number:0>100}", topic_arn=arn, events=events) for number in range(MAX_TRIGGERS)),
        allowed_principals=tuple(f"arn:aws:iam::123456789012:role/{'r' * 2010}" for _ in range(50)),
    )


@cache
def targets(letter: str, count: int = 300) -> list[Target]:
    """Failed ones, as what their hosts reported tells."""
    text = of(letter, 100_000)
    output = json.dumps({**REPORT, "script_name": text, "message": text, "log_tail": text})
    step = {"Name": IN_PLACE[0].value, "Status": "Failed", "StatusDetails": "Failed", "Output": output}
    result = read_invocation({"Status": "Failed", "CommandPlugins": [step]}, IN_PLACE)
    assert result and result.failure
    left = result.events[0].diagnostics
    assert left and left.log_tail
    all_failed = tuple(
        LifecycleEventRecord(name=each.value, status=LifecycleEventStatus.FAILED, diagnostics=left) for each in IN_PLACE
    )
    first = Target(
        deployment_id="d-A1B2C3111",
        target_id=ON_PREMISES,
        status=TargetStatus.FAILED,
        name=of(letter, 256),
        events=all_failed,
        failure=result.failure,
        last_updated_at="2026-11-23T10:00:00.000Z",
    )
    return [replace(first, target_id=f"{number:0>100}") for number in range(count)]


@cache
def causes(letter: str) -> tuple[SharedFailure, ...]:
    """As many, each as large, as there can be."""
    many = [
        replace(target, failure=replace(target.failure, exit_code=number % (2 * limits.CAUSES)))
        for number, target in enumerate(targets(letter))
        if target.failure
    ]
    return shared(many)


Ending = Callable[[Deployment, str], Failure | None]
ENDINGS: dict[str, Ending] = {
    "the hosts": lambda one, letter: verdict.decide(one, shared(targets(letter))).failure,
    "the engine": lambda one, letter: verdict.decide(one, [], of(letter, 40_000)).failure,
    "alarms": lambda one, letter: verdict.stopped(stop_mark.by_alarms(one.settings.alarms.names, one.create_time)),
    "a person": lambda one, letter: verdict.stopped(
        stop_mark.by_person(of(letter, MAX_CHARACTERS), one.create_time, reason=of(letter, MAX_CHARACTERS))
    ),
    "AWS": lambda one, letter: Failure(code=DeploymentErrorCode.INTERNAL_ERROR, message=of(letter, 300_000)),
    "planning": lambda one, letter: Failure(
        code=DeploymentErrorCode.NO_INSTANCES,
        message=texts.no_such_instances(one.group_key, [of(letter, 100) for _ in range(10_000)]),
    ),
}


@cache
def largest(letter: str, ending: Ending) -> Deployment:
    one = Deployment(
        deployment_id="d-A1B2C3111",
        application=NAME,
        group=NAME,
        group_id="0" * 36,
        status=DeploymentStatus.FAILED,
        creator=Creator.ROLLBACK,
        revision=revision(letter),
        previous_revision=revision(letter),
        create_time="2026-11-23T10:00:00.000Z",
        start_time="2026-11-23T10:00:00.000Z",
        complete_time="2026-11-23T11:00:00.000Z",
        settings=settings(letter),
        requested_by=of(letter, MAX_CHARACTERS),
        description=of(letter, MAX_CHARACTERS),
        metadata={
            f"{number}{of(letter, limits.METADATA_KEY - 1)}": of(letter, limits.METADATA_VALUE)
            for number in range(limits.METADATA_ENTRIES)
        },
        instance_ids=tuple("i" * 100 for _ in range(100)),
        counts=Counts(total=2000, max_out_of_service=1, failed=2000, started=2000),
        rollback=RollbackInfo(rollback_message=of(letter, 100_000)),
    )
    mark = stop_mark.by_person(of(letter, MAX_CHARACTERS), one.create_time, reason=of(letter, MAX_CHARACTERS))
    return replace(one, failure=ending(one, letter), stop=mark, causes=causes(letter))


@pytest.fixture(params=ENDINGS.values(), ids=list(ENDINGS))
def deployment(request: pytest.FixtureRequest, letter: str) -> Deployment:
    return largest(letter, request.param)


def check_announcement(announcement: Announcement | None) -> None:
    assert announcement
    moment = datetime(2026, 11, 23, tzinfo=UTC)
    entry = aws_events._entry("b" * 100, announcement.event, moment)
    assert aws_events.size(entry) <= limits.BUS_BYTES
    assert [len(each) for each in announcement.event.resources if len(each) > 2048] == []
    # As EventBridge puts it into Slack's queue: the detail is an object there.
    told = {
        **entry,
        "Detail": json.loads(entry["Detail"]),
        "Time": moment.isoformat(),
        "id": "0" * 36,
        "account": "0" * 12,
    }
    assert len(json.dumps(told).encode()) <= limits.SQS_BYTES
    for message in announcement.messages:
        assert len(message.message.encode()) + len(message.subject.encode()) <= limits.SNS_BYTES
        assert len(json.dumps(to_plain(message)).encode()) <= limits.SQS_BYTES  # while SNS is down
        for batch in sns._batches([message] * 10):
            assert sum(len(each.message.encode()) + len(each.subject.encode()) for each in batch) <= limits.SNS_BYTES
    assert announcement.messages


def test_a_deployments_announcement_fits_every_sink(deployment: Deployment) -> None:
    for status in (DeploymentStatus.CREATED, DeploymentStatus.FAILED, DeploymentStatus.STOPPED):
        check_announcement(announcements.of_deployment(replace(deployment, status=status), PLACE))


def test_a_targets_announcement_fits_every_sink(letter: str) -> None:
    one = largest(letter, ENDINGS["the hosts"])
    check_announcement(announcements.of_target(targets(letter, 1)[0], one, PLACE))


def test_slack_takes_every_message(deployment: Deployment, letter: str) -> None:
    outcomes = [
        Outcome(
            message_id=f"m-{number}",
            state=State.FAILURE,
            moment="2026-11-23T11:00:00Z",
            place=PLACE,
            deployment=deployment,
            failed=tuple(targets(letter, MAX_CAUSES)),
        )
        for number in range(120)
    ]
    for payload in (slack.message(outcomes[0]), slack.digest(outcomes)):
        blocks = payload["blocks"]
        assert len(blocks) <= limits.SLACK_BLOCKS and len(payload["text"]) <= 40_000
        for block in blocks:
            parts = [block["text"]] if "text" in block else [*block.get("fields", ()), *block.get("elements", ())]
            most = {"header": limits.SLACK_HEADER}.get(block["type"], limits.SLACK_TEXT)
            most = limits.SLACK_FIELD if "fields" in block else most
            assert len(parts) <= 10
            for part in parts:
                assert 0 < len(part["text"]) <= most
                assert part["text"].count("```") in (0, 2), "a fence is open"


def item_bytes(item: dict[str, Any]) -> int:
    """At least what DynamoDB counts: its wire form says the type of each value besides."""
    return len(json.dumps(to_wire(item), ensure_ascii=False).encode())


def test_the_table_takes_every_deployment(deployment: Deployment) -> None:
    item = {**deployment_key(deployment.deployment_id).item, **deployment_indexes(deployment), **to_plain(deployment)}
    assert item_bytes(item) <= limits.ITEM_BYTES
    assert len(deployment.group_key.encode()) <= 2048


def test_the_table_takes_every_target(letter: str) -> None:
    one = targets(letter, 1)[0]
    assert item_bytes({**target_key(one.deployment_id, one.target_id).item, **to_plain(one)}) <= limits.ITEM_BYTES


def test_the_table_takes_what_a_group_accepted(letter: str) -> None:
    places = {f"{number}{of(letter, 1020 // len(letter.encode()))}": "0" * 64 for number in range(MAX_UPLOADS)}
    accepted = Accepted(deployment_id="d-A1B2C3111", time="2026-11-23T10:00:00.000Z", uploads=places)
    assert item_bytes(to_plain(accepted)) <= limits.ITEM_BYTES


def test_what_a_host_reports_is_bounded_and_keeps_the_end_of_its_log(letter: str) -> None:
    one = targets(letter, 1)[0]
    assert one.failure and one.failure.cause is Cause.SCRIPT
    output = json.dumps({**REPORT, "script_name": "s", "message": "m", "log_tail": of(letter, 100_000) + "the end"})
    step = {"Name": IN_PLACE[0].value, "Status": "Failed", "Output": output}
    result = read_invocation({"Status": "Failed", "CommandPlugins": [step]}, IN_PLACE)
    assert result and isinstance(result.failure, TargetFailure)
    left = result.events[0].diagnostics
    assert isinstance(left, Diagnostics) and left.log_tail.endswith("the end")


def test_many_large_events_go_to_the_bus_in_more_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    class Bus:
        def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:
            calls.append(sum(aws_events.size(each) for each in Entries))
            return {"Entries": [{} for _ in Entries]}

    stand_in("events", Bus())
    one = announcements.of_deployment(largest("\U0001f600", ENDINGS["a person"]), PLACE)
    assert one
    assert aws_events.put("engine", [(one.event, datetime(2026, 11, 23, tzinfo=UTC))] * 12) == 12
    assert len(calls) > 2 and max(calls) <= limits.BUS_BYTES

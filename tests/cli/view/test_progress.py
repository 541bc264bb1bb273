"""What to look at of a deployment that goes on, and what has changed since."""

from datetime import timedelta
from typing import Any

from cli.view.progress import (
    FOLLOWED,
    SMALL,
    Alarm,
    Change,
    Snapshot,
    at_work,
    changes,
    statuses_to_list,
    targets_to_read,
)
from functions.core.statuses import TargetStatus
from tests.cli.view.test_screen import BEGIN, snapshot, target

AT_WORK, FAILED, SUCCEEDED = TargetStatus.IN_PROGRESS, TargetStatus.FAILED, TargetStatus.SUCCEEDED


def test_the_statuses_that_count_others_than_are_known_are_listed() -> None:
    one = target("i-1", "InProgress")
    assert statuses_to_list(snapshot(one, deploymentOverview={"InProgress": 1, "Pending": 0})) == []
    assert statuses_to_list(snapshot(one, deploymentOverview={"InProgress": 1, "Pending": 2})) == ["Pending"]
    assert statuses_to_list(snapshot(one, deploymentOverview={"Succeeded": 1})) == ["InProgress", "Succeeded"]
    assert statuses_to_list(snapshot()) == []


def test_of_many_targets_only_those_at_work_and_the_failed_are_listed() -> None:
    overview = {"Pending": SMALL, "InProgress": 1, "Succeeded": 1, "Failed": 1, "Skipped": 1}
    assert statuses_to_list(snapshot(deploymentOverview=overview)) == ["InProgress", "Failed"]


def test_targets_that_are_as_they_are_known_are_not_read_again() -> None:
    known = {"i-1": target("i-1", "Failed"), "i-2": target("i-2", "InProgress")}
    listed = {"i-1": FAILED, "i-2": FAILED, "i-3": FAILED}
    assert at_work(known) == ["i-2"]
    assert targets_to_read(known, listed) == ["i-2", "i-3"]


def test_of_many_that_begin_at_once_some_are_followed() -> None:
    known = {"i-1": target("i-1", "InProgress")}
    listed = {**{f"i-{number}": AT_WORK for number in range(2, 2 * FOLLOWED)}, "i-0": SUCCEEDED}
    read = targets_to_read(known, listed)
    assert len(read) == FOLLOWED
    assert read[-1] == "i-0"


def test_nothing_has_changed_between_two_equal_looks() -> None:
    seen = snapshot(target("i-1", "InProgress", "InProgress"), alarms={"errors": "OK"})
    assert changes(seen, seen) == []


def test_a_target_that_reached_no_host_is_told_after_it_began() -> None:
    lost: dict[str, Any] = target("i-1", "Failed", "Failed", "Skipped", message="lost")
    lost["lastUpdatedAt"] = BEGIN
    found = changes(snapshot(), snapshot(lost))
    assert found == [
        Change(status="Failed", time=BEGIN, target="i-1", event="Event0", message="lost"),
        Change(status="Failed", time=BEGIN, target="i-1"),
    ]


def test_targets_without_any_time_or_event_can_be_told() -> None:
    found = changes(None, snapshot({"targetId": "i-1", "status": "Skipped"}))
    assert [(each.target, each.status) for each in found] == [(None, "InProgress"), ("i-1", "Skipped")]


def test_an_alarm_is_told_when_its_state_is_another_at_the_time_of_that() -> None:
    made, later, long_ago = BEGIN, BEGIN + timedelta(seconds=40), BEGIN - timedelta(days=300)
    info = snapshot(createTime=made).info
    before = Snapshot(info=info, alarms={"a": Alarm("OK", long_ago), "b": Alarm("OK", long_ago)})
    after = Snapshot(info=info, alarms={"a": Alarm("OK", long_ago), "b": Alarm("ALARM", later)})
    assert changes(before, after) == [Change(status="ALARM", alarm="b", time=later)]
    assert [each.time for each in changes(None, after) if each.alarm] == [made, later]


def test_the_end_of_a_deployment_is_its_last_change() -> None:
    done = snapshot(target("i-1", "Succeeded"), status="Succeeded", completeTime=BEGIN)
    assert [each.target for each in changes(snapshot(), done)] == ["i-1", None]

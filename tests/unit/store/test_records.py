"""The records of the store: locks, hand-overs, targets and their segments."""

import inspect
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from functions.core.errors import Conflict, InvalidInput
from functions.core.messages.verdict import stopped
from functions.core.new_deployment import new_deployment, requested_rollback, rollback_deployment
from functions.core.order import Upload
from functions.core.records import Counts, Deployment, SegmentResult, SegmentRun
from functions.core.rollout import stop_mark
from functions.core.statuses import DeploymentErrorCode, DeploymentStatus, OverriddenSetting, TargetStatus
from functions.store import keys
from functions.store.keys import lock_key, shard_key
from functions.store.records import deployments, groups, lock, preparing, targets
from functions.store.records.watching import WaitKind
from functions.store.table.values import Key
from tests.conftest import all_items, pending, put_group, put_item, revision
from tests.rollout import begin, begin_target
from tests.store import Store

ROOT = Path(__file__).parents[3]
NOW = "2026-11-23T10:00:00.000Z"


def deployment(number: int, at: str = NOW) -> Deployment:
    group = groups.get("shop", "web") or put_group()
    return new_deployment(
        group,
        revision(f"v{number}", version=f"{number}"),
        deployment_id=f"d-00000000{number}",
        now=at,
        requested_by="me",
    )


def upload(number: int, version: str = "v1", sequencer: str = "") -> Upload:
    return Upload(
        bucket="revisions", key=f"shop/web/{number}.zip", version=version, sequencer=sequencer or f"{number}A"
    )


def begun(number: int = 1, hosts: int = 2, allowed: int = 1, at: str = NOW, by: Upload | None = None) -> Deployment:
    one = deployment(number, at)
    assert lock.create(one, by, queue=True).deployment_id
    one = replace(one, counts=Counts(total=hosts, max_out_of_service=allowed))
    assert begin(one, pending(one, *(f"i-{n}" for n in range(hosts))), NOW)
    return deployments.get(one.deployment_id) or one


def test_many_targets_are_written_before_the_deployment_begins(store: Store) -> None:
    one = begun(hosts=250, allowed=9)
    assert one.status is DeploymentStatus.IN_PROGRESS and one.counts.total == 250
    assert len(list(targets.of(one.deployment_id))) == 250


def dies_over_its_targets(store: Store, monkeypatch: pytest.MonkeyPatch, one: Deployment, hosts: int) -> None:
    """A call of Prepare, behind its first 25 targets."""
    add_all, calls = store.add_all, list[Any]()

    def dies(puts: Any) -> None:
        calls.append(puts)
        if len(calls) == 2:
            raise TimeoutError
        add_all(puts)

    with monkeypatch.context() as patch, pytest.raises(TimeoutError):
        patch.setattr(store, "add_all", dies)
        begin(one, pending(one, *(f"i-{n}" for n in range(hosts))), NOW)
    assert len(list(targets.of(one.deployment_id))) == 25


def test_a_call_begins_what_another_one_has_planned(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it finds of the fleet itself."""
    one = replace(deployment(1), counts=Counts(total=2600, max_out_of_service=60))
    lock.create(one, None, queue=True)
    dies_over_its_targets(store, monkeypatch, one, hosts=2600)
    other = replace(one, counts=Counts(total=2, max_out_of_service=1))
    assert not begin(other, pending(one, "i-1", "i-new"), NOW), "not as it is planned here"
    begun = deployments.get(one.deployment_id)
    assert begun and begun.status is DeploymentStatus.IN_PROGRESS
    assert begun.counts == one.counts and begun.places[0].places == 60
    assert {each.target_id for each in targets.of(one.deployment_id)} == {f"i-{n}" for n in range(2600)}
    shards = [store.get(shard_key(one.deployment_id, number)) for number in range(3)]
    assert [shard and shard["places"] for shard in shards] == [30, 30, None]


def test_no_target_is_written_behind_the_end_of_a_deployment_that_has_not_begun(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = deployment(1)
    lock.create(one, None, queue=True)
    dies_over_its_targets(store, monkeypatch, one, hosts=150)
    for _ in range(2):
        preparing.end_preparing(one.deployment_id)
        assert len(list(targets.of(one.deployment_id))) == 150, "its end has to see them"
    assert not begin(one, pending(one, "i-new"), NOW)
    assert len(list(targets.of(one.deployment_id))) == 150


def test_nobody_writes_targets_of_a_deployment_that_has_begun_or_ends(store: Store) -> None:
    one = begun()
    assert not begin(one, pending(one, "i-0", "i-9"), NOW)
    assert [each.target_id for each in targets.of(one.deployment_id)] == ["i-0", "i-1"]
    succeed(one)
    two = deployment(2)
    lock.create(two, None, queue=True)
    preparing.end_preparing(two.deployment_id)
    assert not begin(two, pending(two, "i-0"), NOW) and not list(targets.of(two.deployment_id))


def test_a_group_has_one_deployment_and_the_second_waits(store: Store) -> None:
    """Invariant 2."""
    lock.create(deployment(1), None, queue=True)
    lock.create(deployment(2), None, queue=True)
    first, second = deployments.get("d-000000001"), deployments.get("d-000000002")
    assert first and first.status is DeploymentStatus.CREATED
    assert second and second.status is DeploymentStatus.QUEUED
    assert lock.holder("shop/web") == "d-000000001"


def test_a_busy_group_that_rejects_names_the_deployment_in_the_way(store: Store) -> None:
    lock.create(deployment(1), None, queue=False)
    created = lock.create(deployment(2), None, queue=False)
    assert created.busy_with == "d-000000001" and created.deployment_id is None
    assert deployments.get("d-000000002") is None


def test_the_newest_upload_waits_and_the_older_one_is_superseded(store: Store) -> None:
    lock.create(deployment(1), None, queue=True)
    lock.create(deployment(2, "2026-11-23T10:00:01.000Z"), None, queue=True)
    lock.create(deployment(3, "2026-11-23T10:00:02.000Z"), None, queue=True)
    second, third = deployments.get("d-000000002"), deployments.get("d-000000003")
    assert second and second.status is DeploymentStatus.STOPPED
    assert second.failure and second.failure.message == "Superseded by the newer deployment d-000000003."
    assert third and third.status is DeploymentStatus.QUEUED


def test_an_upload_whose_event_came_late_does_not_supersede_a_newer_one(store: Store) -> None:
    lock.create(deployment(1), upload(1), queue=True)
    lock.create(deployment(3, "2026-11-23T10:00:02.000Z"), upload(3), queue=True)
    lock.create(deployment(2, "2026-11-23T10:00:01.000Z"), upload(2), queue=True)
    second, third = deployments.get("d-000000002"), deployments.get("d-000000003")
    assert second and second.status is DeploymentStatus.STOPPED
    assert second.failure and second.failure.message.startswith(
        "Superseded by the newer deployment d-000000003. It was"
    )
    assert third and third.status is DeploymentStatus.QUEUED


def test_a_late_upload_does_not_replace_a_newer_one_that_has_ended(store: Store) -> None:
    succeed(begun(2, at="2026-11-23T10:00:02.000Z", by=upload(2)))
    created = lock.create(deployment(1, "2026-11-23T10:00:01.000Z"), upload(1), queue=True)
    again = lock.create(deployment(3, "2026-11-23T10:00:01.000Z"), upload(1), queue=True)
    assert created == again and created.superseded and created.deployment_id == "d-000000001"
    late = deployments.get("d-000000001")
    assert late and late.status is DeploymentStatus.STOPPED and late.complete_time
    assert late.failure and "newer deployment d-000000002" in late.failure.message
    assert lock.holder("shop/web") is None and deployments.get("d-000000003") is None


def test_an_older_version_of_the_same_second_is_superseded_by_its_sequencer(store: Store) -> None:
    newer, older = upload(1, "v2", "0A2"), upload(1, "v1", "0A1FF")
    succeed(begun(1, by=newer))
    succeed(begun(2, by=upload(9)))  # another key of the same second
    assert lock.create(deployment(3), older, queue=True).superseded
    late = deployments.get("d-000000003")
    assert late and late.failure and "earlier than the other of the same key" in late.failure.message


def test_a_person_counts_as_newest_and_a_deployment_to_own_instances_does_not(store: Store) -> None:
    succeed(begun(1, at="2026-11-23T10:00:05.000Z"))  # a person
    assert lock.create(deployment(2, "2026-11-23T10:00:04.000Z"), upload(2), queue=True).superseded
    some = replace(deployment(3, "2026-11-23T10:00:09.000Z"), own=frozenset({OverriddenSetting.INSTANCE_IDS}))
    lock.create(some, None, queue=True)
    assert not lock.create(deployment(4, "2026-11-23T10:00:07.000Z"), upload(4), queue=True).superseded
    assert not lock.create(deployment(5, "2026-11-23T09:00:00.000Z"), None, queue=True).superseded


def test_an_automatic_rollback_lets_no_older_upload_in(store: Store) -> None:
    succeed(begun(1, by=upload(1)))
    second = begun(3, at="2026-11-23T10:00:03.000Z", by=upload(3))
    group = groups.get("shop", "web")
    assert group
    rollback = rollback_deployment(group, second, deployment_id="d-ROLLBACK1", now="2026-11-23T10:05:00.000Z")
    lock.close(replace(second, status=DeploymentStatus.FAILED, complete_time=NOW), group, rollback)
    assert lock.create(deployment(2, "2026-11-23T10:00:02.000Z"), upload(2), queue=True).superseded
    assert not lock.create(deployment(4, "2026-11-23T10:00:04.000Z"), upload(4), queue=True).superseded


def test_an_upload_that_a_busy_group_rejects_is_not_accepted(store: Store) -> None:
    one = begun(1)
    assert lock.create(deployment(3, "2026-11-23T10:00:03.000Z"), upload(3), queue=False).busy_with
    succeed(one)
    assert not lock.create(deployment(2, "2026-11-23T10:00:02.000Z"), upload(2), queue=False).superseded


def test_without_a_record_of_what_was_accepted_only_who_waits_counts(store: Store) -> None:
    """The lock of an engine that kept none."""
    group = put_group()
    put_item({**lock_key("shop/web").item, "holder": "d-000000008"})
    assert not lock.create(deployment(2, "2026-11-23T10:00:02.000Z"), upload(2), queue=True).superseded
    put_item({**lock_key(group.key).item, "holder": "d-000000008", "waiting": "d-000000002"})
    assert lock.create(deployment(1, "2026-11-23T10:00:01.000Z"), upload(1), queue=True).superseded
    assert not lock.create(deployment(3, "2026-11-23T10:00:03.000Z"), upload(3), queue=True).superseded
    replaced = deployments.get("d-000000002")
    assert replaced and replaced.status is DeploymentStatus.STOPPED


def test_a_repeated_upload_creates_nothing_and_names_the_first(store: Store) -> None:
    assert lock.create(deployment(1), upload(1), queue=True).deployment_id == "d-000000001"
    assert lock.create(deployment(2), upload(1), queue=True).deployment_id == "d-000000001"
    assert deployments.get("d-000000002") is None


def test_closing_frees_the_lock_and_remembers_the_success(store: Store) -> None:
    """Invariant 3."""
    running = begun()
    group = groups.get("shop", "web")
    assert lock.close(replace(running, status=DeploymentStatus.SUCCEEDED, complete_time=NOW), group, None)
    assert lock.holder("shop/web") is None
    group = groups.get("shop", "web")
    assert group and group.last_successful and group.last_successful.deployment_id == "d-000000001"


def succeed(one: Deployment) -> None:
    lock.close(replace(one, status=DeploymentStatus.SUCCEEDED, complete_time=NOW), groups.get("shop", "web"), None)


def test_a_person_goes_back_to_another_revision_also_after_the_last_good_one_came_again(store: Store) -> None:
    """An automatic rollback, a retry or the same upload again: none of them is the way back."""
    for number in (1, 2):
        succeed(begun(number))
    third = begun(3)
    group = groups.get("shop", "web")
    assert group
    rollback = rollback_deployment(group, third, deployment_id="d-ROLLBACK1", now=NOW)
    assert rollback
    lock.close(replace(third, status=DeploymentStatus.FAILED, complete_time=NOW), group, rollback)
    succeed(rollback)
    group = groups.get("shop", "web")
    assert group and group.last_successful and group.last_successful.deployment_id == "d-ROLLBACK1"
    back = requested_rollback(group, deployment_id="d-000000009", now=NOW, requested_by="me")
    assert back.revision.key == "shop/web/v1.zip"


def test_there_is_no_way_back_from_the_only_revision_that_was_ever_good(store: Store) -> None:
    succeed(begun(1))
    again = replace(deployment(2), revision=deployment(1).revision)
    lock.create(again, None, queue=True)
    succeed(again)
    group = groups.get("shop", "web")
    assert group and group.last_successful
    with pytest.raises(InvalidInput, match="no earlier successful revision"):
        requested_rollback(group, deployment_id="d-000000009", now=NOW, requested_by="me")


def test_closing_hands_the_lock_to_the_waiting_deployment(store: Store) -> None:
    running = begun()
    lock.create(deployment(2), None, queue=True)
    lock.close(replace(running, status=DeploymentStatus.FAILED, complete_time=NOW), groups.get("shop", "web"), None)
    second = deployments.get("d-000000002")
    assert lock.holder("shop/web") == "d-000000002"
    assert second and second.status is DeploymentStatus.CREATED


def test_a_rollback_goes_before_the_waiting_deployment(store: Store) -> None:
    first = begun(1)
    lock.close(replace(first, status=DeploymentStatus.SUCCEEDED, complete_time=NOW), groups.get("shop", "web"), None)
    second = begun(2)
    lock.create(deployment(3), None, queue=True)
    group = groups.get("shop", "web")
    assert group
    rollback = rollback_deployment(group, second, deployment_id="d-ROLLBACK1", now=NOW)
    assert rollback
    lock.close(replace(second, status=DeploymentStatus.FAILED, complete_time=NOW), group, rollback)
    assert lock.holder("shop/web") == "d-ROLLBACK1"
    third = deployments.get("d-000000003")
    assert third and third.status is DeploymentStatus.QUEUED


def test_a_deployment_is_closed_once(store: Store) -> None:
    running = begun()
    group = groups.get("shop", "web")
    assert lock.close(replace(running, status=DeploymentStatus.FAILED, complete_time=NOW), group, None)
    assert not lock.close(replace(running, status=DeploymentStatus.SUCCEEDED, complete_time=NOW), group, None)
    ended = deployments.get(running.deployment_id)
    assert ended and ended.status is DeploymentStatus.FAILED


def test_a_stop_that_comes_while_the_end_is_decided_is_not_lost(store: Store) -> None:
    running = begun()
    deployments.mark_stop(running.deployment_id, stop_mark.by_person("me", NOW))
    with pytest.raises(Conflict, match="decide again"):
        lock.close(replace(running, status=DeploymentStatus.SUCCEEDED, complete_time=NOW), None, None)


def test_a_stop_is_marked_once_and_keeps_prepare_from_beginning(store: Store) -> None:
    one = deployment(1)
    lock.create(one, None, queue=True)
    assert deployments.mark_stop(one.deployment_id, stop_mark.by_alarms(["cpu"], NOW))
    assert deployments.mark_stop(one.deployment_id, stop_mark.by_person("me", NOW))
    assert not begin(one, [], NOW)
    marked = deployments.get(one.deployment_id)
    assert marked and marked.stop and marked.stop.code is DeploymentErrorCode.ALARM_ACTIVE


def test_a_waiting_deployment_stops_at_once_and_gives_up_its_place(store: Store) -> None:
    begun(1)
    lock.create(deployment(2), None, queue=True)
    waiting = deployments.get("d-000000002")
    assert waiting and lock.stop_queued(waiting, stopped(stop_mark.by_person("me", NOW)), NOW)
    assert [item.get("waiting") for item in all_items() if item["sk"] == "LOCK"] == [None]
    assert not lock.stop_queued(waiting, stopped(stop_mark.by_person("me", NOW)), NOW)


def test_a_segment_is_recorded_once_and_a_repeat_finds_the_same_token(store: Store) -> None:
    running = begun()
    target = next(targets.of(running.deployment_id))
    run = SegmentRun(command_id="c-1", sent_at=NOW, task_token="token")
    targets.store_command(target, 0, "c-1", run, expires_at=1)
    assert targets.command("c-1", target.target_id) == (running.deployment_id, 0)
    first = targets.record_segment(target, 0, SegmentResult(status=TargetStatus.FAILED), NOW)
    fresh = targets.get(running.deployment_id, target.target_id)
    assert fresh
    second = targets.record_segment(fresh, 0, SegmentResult(status=TargetStatus.SUCCEEDED), NOW)
    assert first.segments["0"] == second.segments["0"] == replace(run, status=TargetStatus.FAILED)


def test_a_second_command_for_a_segment_is_refused(store: Store) -> None:
    running = begun()
    target = next(targets.of(running.deployment_id))
    targets.store_command(target, 0, "c-1", SegmentRun(command_id="c-1"), expires_at=1)
    with pytest.raises(Conflict):
        targets.store_command(target, 0, "c-2", SegmentRun(command_id="c-2"), expires_at=1)


def test_a_segment_that_was_never_sent_is_recorded_too(store: Store) -> None:
    running = begun()
    target = next(targets.of(running.deployment_id))
    stored = targets.record_segment(target, 0, SegmentResult(status=TargetStatus.FAILED), NOW)
    assert stored.segments["0"].status is TargetStatus.FAILED and stored.segments["0"].task_token is None


def test_all_targets_are_found_by_status(store: Store) -> None:
    running = begun(hosts=40, allowed=40)
    begin_target(next(targets.of(running.deployment_id)), NOW)
    assert len(list(targets.of(running.deployment_id))) == 40
    assert [t.target_id for t in targets.of(running.deployment_id, (TargetStatus.IN_PROGRESS,))] == ["i-0"]


def test_the_page_of_the_records_has_every_key() -> None:
    """By what of partition and sort key is the same in every record of its kind."""
    rows = [row.split("|")[2:4] for row in (ROOT / "docs/records.md").read_text().splitlines() if row.count("|") == 4]
    for name, key in inspect.getmembers(keys, inspect.isfunction):
        if key.__module__ != keys.__name__ or key.__annotations__["return"] is not Key:
            continue
        kinds = list(WaitKind) if name == "wait_key" else ["..."]
        for kind in kinds:
            words = {each: 0 if of is int else "..." for each, of in key.__annotations__.items() if each != "return"}
            made = key(**{**words, **({"kind": kind} if name == "wait_key" else {})})
            pk, sk = (re.split(r"\.\.\.|0", each)[0] for each in (made.pk, made.sk))
            assert any(f"`{pk}" in row[0] and f"`{sk}" in row[1] for row in rows), f"{name}: {made}"

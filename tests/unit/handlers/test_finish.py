"""finish: every deployment ends once, every target too, and the group is free or goes back."""

import io
import json
from dataclasses import replace
from typing import Any

import pytest

from functions.core.causes import Cause
from functions.core.errors import InvalidInput
from functions.core.new_deployment import new_deployment
from functions.core.records import Counts, Deployment, SegmentResult, TargetFailure
from functions.core.statuses import (
    Creator,
    DeploymentErrorCode,
    DeploymentStatus,
    TargetStatus,
)
from functions.handlers import execution_status, finish, rollback
from functions.store.records import lock, targets
from functions.store.table.values import Update
from tests.conftest import LambdaContext, pending, put_group, revision
from tests.rollout import begin, begin_target, end_target
from tests.store import Store
from tests.unit.ending import NOW, done, read, running

pytestmark = pytest.mark.usefixtures("executing", "alarms")


def test_finish_ends_a_good_deployment_and_frees_the_group(store: Store, context: LambdaContext) -> None:
    one = done(1, context)
    assert one.status is DeploymentStatus.SUCCEEDED and one.complete_time and one.failure is None
    assert lock.holder("shop/web") is None


def test_finish_twice_ends_it_once(store: Store, context: LambdaContext) -> None:
    one = done(1, context)
    assert finish.handler({"deployment_id": one.deployment_id}, context)["status"] == "Succeeded"
    assert read(one.deployment_id) == one


def test_a_failed_deployment_rolls_back_to_the_last_good_revision(store: Store, context: LambdaContext) -> None:
    good = done(1, context)
    bad = running(2)
    finish.handler({"deployment_id": bad.deployment_id}, context)
    bad = read(bad.deployment_id)
    assert bad.status is DeploymentStatus.FAILED and bad.rollback and bad.rollback.rollback_deployment_id
    back = read(bad.rollback.rollback_deployment_id)
    assert back.creator is Creator.ROLLBACK and back.revision == good.revision
    assert back.status is DeploymentStatus.CREATED and lock.holder("shop/web") == back.deployment_id
    assert back.rollback and back.rollback.rollback_triggering_deployment_id == bad.deployment_id
    assert back.settings.alarms.watched == ()


def test_a_deployment_whose_prepare_died_over_its_targets_counts_those_on_record(
    store: Store, context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the targets and the begin. Nothing of the deployment's counts was on record."""
    one = new_deployment(put_group(), revision(), deployment_id="d-000000001", now=NOW, requested_by="me")
    lock.create(one, None, queue=True)
    fleet = pending(one, "i-0", "i-1", "i-2")
    lost = replace(fleet[0], status=TargetStatus.FAILED, failure=TargetFailure(cause=Cause.UNREACHABLE, message="lost"))
    transact = store.transact

    def dies(writes: Any) -> bool:
        if any(isinstance(each, Update) for each in writes):
            raise TimeoutError
        return transact(writes)

    with monkeypatch.context() as patch, pytest.raises(TimeoutError):
        patch.setattr(store, "transact", dies)
        begin(replace(one, counts=Counts(total=3, max_out_of_service=1)), [lost, *fleet[1:]], NOW)
    execution_status.handler(
        {"detail": {"name": one.deployment_id, "status": "FAILED", "executionArn": "arn"}}, context
    )
    ended = read(one.deployment_id)
    assert ended.counts.overview == {"Failed": 1, "InProgress": 0, "Pending": 0, "Skipped": 2, "Succeeded": 0}
    assert ended.failure and ended.failure.code is DeploymentErrorCode.INTERNAL_ERROR


def test_without_an_earlier_success_there_is_no_rollback_and_the_record_says_so(
    store: Store, context: LambdaContext
) -> None:
    bad = running()
    finish.handler({"deployment_id": bad.deployment_id}, context)
    bad = read(bad.deployment_id)
    assert bad.rollback and bad.rollback.rollback_deployment_id is None
    assert bad.rollback.rollback_message and "has no earlier successful revision" in bad.rollback.rollback_message


def test_finish_gives_every_target_an_end(store: Store, context: LambdaContext) -> None:
    """Invariant 3."""
    one = running(hosts=3, started=1)
    finish.handler({"deployment_id": one.deployment_id, "error": {"Error": "Boom", "Cause": "because"}}, context)
    first, *others = targets.of(one.deployment_id)
    assert first.status is TargetStatus.FAILED and first.failure and "(Boom)" in first.failure.message
    assert {target.status for target in others} == {TargetStatus.SKIPPED}
    ends = [[(event.status, bool(event.end_time)) for event in each.events] for each in (first, *others)]
    assert ends == [[("Unknown", True)] * 7, [("Skipped", True)] * 7, [("Skipped", True)] * 7]
    assert read(one.deployment_id).counts == Counts(total=3, max_out_of_service=3, failed=1, skipped=2, started=1)


@pytest.mark.parametrize("status", [TargetStatus.SUCCEEDED, TargetStatus.FAILED])
def test_what_a_host_has_done_counts_although_its_workflow_never_said_so(
    store: Store, context: LambdaContext, status: TargetStatus
) -> None:
    one = running(hosts=1, started=1)
    (target,) = targets.of(one.deployment_id)
    why = TargetFailure(cause=Cause.SCRIPT, message="exit code 1") if status is TargetStatus.FAILED else None
    targets.record_segment(target, 0, SegmentResult(status=status, failure=why), NOW)
    finish.handler({"deployment_id": one.deployment_id, "error": {"Error": "Boom", "Cause": "because"}}, context)
    (ended,) = targets.of(one.deployment_id)
    assert ended.status is status and ended.failure == why


def test_a_target_that_changes_while_its_deployment_ends_is_ended_too(
    store: Store, context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant 3."""
    one, finish_targets = running(hosts=3), targets.finish_all

    def raced(endings: Any, now: str) -> bool:
        monkeypatch.setattr(targets, "finish_all", finish_targets)
        begin_target(endings[-1][0], NOW)  # between the sweep's read and its write
        return finish_targets(endings, now)

    monkeypatch.setattr(targets, "finish_all", raced)
    finish.handler({"deployment_id": one.deployment_id}, context)
    assert read(one.deployment_id).status.is_final
    assert all(target.status.is_final for target in targets.of(one.deployment_id))


def test_a_rollback_that_fails_is_not_repeated_to_the_same_revision(store: Store, context: LambdaContext) -> None:
    """The revision left a host failed and counts as Succeeded; what is deployed after it fails, and so does it."""

    def end(one: Deployment, *failed_hosts: int) -> Deployment:
        """Its hosts have ended, these of them because a script of the revision failed."""
        failure = TargetFailure(cause=Cause.SCRIPT, message="exit code 1", event="ValidateService")
        for number, target in enumerate(list(targets.of(one.deployment_id))):
            begin_target(target, NOW)
            begun = targets.get(one.deployment_id, target.target_id)
            assert begun
            bad = number in failed_hosts
            end_target(begun, TargetStatus.FAILED if bad else TargetStatus.SUCCEEDED, NOW, failure if bad else None)
        finish.handler({"deployment_id": one.deployment_id}, context)
        return read(one.deployment_id)

    def back_from(one: Deployment) -> Deployment:
        assert one.rollback and one.rollback.rollback_deployment_id
        back = read(one.rollback.rollback_deployment_id)
        back = replace(back, counts=Counts(total=4, max_out_of_service=2))
        begin(back, pending(back, *(f"i-{n}" for n in range(4))), NOW)
        return back

    good = end(running(1, hosts=4, started=0))
    assert end(running(2, hosts=4, started=0), 3).status is DeploymentStatus.SUCCEEDED
    back = back_from(end(running(3, hosts=4, started=0), 0, 1, 2, 3))
    assert back.revision == good.revision, "the second one left a host failed"
    assert back.rollback and back.rollback.reason and "it left 1 host failed" in back.rollback.reason
    assert end(back, 0, 1, 2, 3).status is DeploymentStatus.FAILED
    answer = rollback.handler({"application": "shop", "group": "web"}, context)
    third = read(answer["deployment_id"])
    assert third.revision == revision("v2"), "the first one failed as a rollback"
    third = replace(third, counts=Counts(total=4, max_out_of_service=2))
    begin(third, pending(third, *(f"i-{n}" for n in range(4))), NOW)
    assert end(third, 0, 1, 2, 3).status is DeploymentStatus.FAILED
    with pytest.raises(InvalidInput, match=r"Ruled out: d-000000002 .*rolled back; d-000000001 .*failed since, in"):
        rollback.handler({"application": "shop", "group": "web"}, context)


DENIED = (
    "An error occurred (AccessDeniedException): arn:aws:sts::123456789012:assumed-role/r is not authorized to SECRET"
)


TRACE = json.dumps({"errorMessage": DENIED, "errorType": "ClientError", "stackTrace": ["  File SECRET, line 1"] * 900})


@pytest.mark.parametrize("cause", [DENIED, TRACE])
def test_what_aws_said_is_in_the_log_and_not_in_the_record(
    store: Store, context: LambdaContext, cancelled: list[str], logged: io.StringIO, cause: str
) -> None:
    finished, aborted = running(1), running(2)
    finish.handler(
        {"deployment_id": finished.deployment_id, "error": {"Error": "ClientError", "Cause": cause}}, context
    )
    # The second has waited for the first one's end.
    detail = {"name": aborted.deployment_id, "status": "FAILED", "error": "ClientError", "cause": cause}
    execution_status.handler({"detail": detail}, context)
    for one in (finished, aborted):
        failure = read(one.deployment_id).failure
        assert failure and "SECRET" not in failure.message and "AWS denied one of its calls" in failure.message
        assert one.deployment_id in failure.message
        assert failure.message.count("The engine failed") == 1
        assert not any("SECRET" in str(target.failure) for target in targets.of(one.deployment_id))
    assert logged.getvalue().count("SECRET") >= 2

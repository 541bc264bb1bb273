"""How deployments end: status, sentence, rollback."""

from dataclasses import replace

import pytest

from functions.core.causes import Cause
from functions.core.failures import shared
from functions.core.messages.verdict import Verdict, decide, rolls_back, root_cause
from functions.core.records import (
    Counts,
    Deployment,
    Failure,
    GroupSettings,
    Revision,
    StopMark,
    Target,
    TargetFailure,
)
from functions.core.rollout import stop_mark
from functions.core.rollout.health import PREDEFINED_CONFIGS
from functions.core.statuses import (
    AutoRollbackEvent,
    BundleType,
    Creator,
    DeploymentErrorCode,
    DeploymentStatus,
    TargetStatus,
)

NOW = "2026-11-23T10:00:00.000Z"
ONE_AT_A_TIME = PREDEFINED_CONFIGS["CodeDeployDefault.OneAtATime"]


def deployment(counters: Counts = Counts(), **fields: object) -> Deployment:
    one = Deployment(
        deployment_id="d-000000001",
        application="shop",
        group="web",
        group_id="uuid",
        status=DeploymentStatus.IN_PROGRESS,
        creator=Creator.USER,
        revision=Revision(bucket="b", key="k", bundle_type=BundleType.ZIP),
        create_time=NOW,
        settings=GroupSettings(config=ONE_AT_A_TIME, auto_rollback=tuple(AutoRollbackEvent)),
        counts=counters,
    )
    return replace(one, **fields)  # type: ignore[arg-type]


def failed(number: int, cause: Cause = Cause.SCRIPT, message: str = "exit code 1", script: str = "v.sh") -> Target:
    return Target(
        deployment_id="d-000000001",
        target_id=f"i-{number}",
        status=TargetStatus.FAILED,
        last_updated_at=f"2026-11-23T10:00:{number:02}.000Z",
        failure=TargetFailure(cause=cause, message=message, event="ValidateService", script_name=script),
    )


@pytest.mark.parametrize(
    ("total", "allowed", "succeeded", "status"),
    [
        (3, 1, 3, DeploymentStatus.SUCCEEDED),
        (3, 1, 2, DeploymentStatus.SUCCEEDED),  # OneAtATime: the last may fail
        (1, 1, 0, DeploymentStatus.FAILED),  # but not the only one
        (4, 4, 1, DeploymentStatus.SUCCEEDED),  # AllAtOnce: one success is enough
        (4, 4, 0, DeploymentStatus.FAILED),
        (9, 4, 5, DeploymentStatus.SUCCEEDED),  # HalfAtATime
        (9, 4, 4, DeploymentStatus.FAILED),
    ],
)
def test_the_minimum_healthy_rule_decides(total: int, allowed: int, succeeded: int, status: DeploymentStatus) -> None:
    ended = deployment(Counts(total=total, max_out_of_service=allowed, succeeded=succeeded, failed=total - succeeded))
    assert decide(ended, []).status is status


def test_the_message_leads_with_the_first_root_cause_and_three_names() -> None:
    targets = [failed(5), failed(2), failed(3), failed(4), failed(9, Cause.UNREACHABLE, "gone", "")]
    counters = Counts(total=9, max_out_of_service=5, succeeded=1, failed=5, skipped=3)
    verdict = decide(deployment(counters), shared(targets))
    assert verdict.failure == Failure(
        code=DeploymentErrorCode.HEALTH_CONSTRAINTS,
        message="ValidateService: exit code 1 on 4 targets: i-2, i-3, i-4 and 1 more. Other causes:"
        " UNREACHABLE on 1. 1 of 9 targets succeeded, 5 failed, 3 skipped; at least 4 must succeed under"
        " CodeDeployDefault.OneAtATime.",
    )


def test_a_single_failed_target_is_named() -> None:
    assert root_cause(shared([failed(1)])) == "ValidateService: exit code 1 on i-1."
    lost = failed(9, Cause.UNREACHABLE, "SSM does not reach it", "")
    assert root_cause(shared([lost])) == "ValidateService: SSM does not reach it [UNREACHABLE] on i-9."


def test_hosts_have_their_names_and_scripts_no_phrase_before_them() -> None:
    one = replace(failed(1, message="Script at specified location: v.sh failed with exit code 3"), name="web-7")
    assert root_cause(shared([one])) == "ValidateService: v.sh failed with exit code 3 on web-7."


def test_a_deployment_stopped_by_an_alarm_is_stopped_although_all_targets_succeeded() -> None:
    counters = Counts(total=2, max_out_of_service=1, succeeded=2, started=2)
    verdict = decide(deployment(counters, stop=stop_mark.by_alarms(["cpu"], NOW)), [])
    assert verdict.status is DeploymentStatus.STOPPED
    assert verdict.failure and verdict.failure.code is DeploymentErrorCode.ALARM_ACTIVE
    assert verdict.failure.message.endswith("Activated alarms: cpu")


def test_a_persons_stop_after_the_last_target_stops_nothing() -> None:
    counters = Counts(total=2, max_out_of_service=1, succeeded=2, started=2)
    assert decide(deployment(counters, stop=stop_mark.by_person("me", NOW)), []).status is DeploymentStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("stop", "settings"),
    [
        (stop_mark.by_person("me", NOW), GroupSettings(bake_seconds=60)),
        (stop_mark.by_person("me", NOW, auto_rollback=True), GroupSettings()),
    ],
)
def test_a_persons_stop_in_the_bake_or_to_go_back_counts_all_the_same(stop: StopMark, settings: GroupSettings) -> None:
    counters = Counts(total=2, max_out_of_service=1, succeeded=2, started=2)
    assert decide(deployment(counters, stop=stop, settings=settings), []).status is DeploymentStatus.STOPPED


def test_what_prepare_refused_is_the_verdict() -> None:
    refusal = Failure(code=DeploymentErrorCode.NO_INSTANCES, message="none")
    assert decide(deployment(failure=refusal), []) == Verdict(status=DeploymentStatus.FAILED, failure=refusal)


def test_an_engine_that_failed_before_it_began_says_so() -> None:
    verdict = decide(deployment(), [], "Lambda.Unknown: boom")
    assert verdict.failure == Failure(code=DeploymentErrorCode.INTERNAL_ERROR, message="Lambda.Unknown: boom")


def test_an_engine_that_failed_is_no_success_though_all_targets_succeeded() -> None:
    """Its bake may not have ended: who aborts an execution in the bake wants no success."""
    counters = Counts(total=2, max_out_of_service=1, succeeded=2, started=2)
    verdict = decide(deployment(counters), [], "The execution of the deployment ended ABORTED.")
    assert verdict.status is DeploymentStatus.FAILED and verdict.failure
    assert verdict.failure.code is DeploymentErrorCode.INTERNAL_ERROR
    assert verdict.failure.message.endswith("2 of 2 targets succeeded. The execution of the deployment ended ABORTED.")


FAILED = Verdict(status=DeploymentStatus.FAILED)
STOPPED = Verdict(status=DeploymentStatus.STOPPED)
TOUCHED = Counts(total=2, max_out_of_service=1, started=1)


def test_a_failure_rolls_back_where_the_group_wants_it() -> None:
    assert rolls_back(deployment(TOUCHED), FAILED)
    assert not rolls_back(deployment(TOUCHED, settings=GroupSettings()), FAILED)


def test_a_rollback_never_rolls_back() -> None:
    """Invariant 6."""
    assert not rolls_back(deployment(TOUCHED, creator=Creator.ROLLBACK), FAILED)


def test_hosts_that_were_not_touched_need_no_rollback() -> None:
    assert not rolls_back(deployment(Counts(total=2, max_out_of_service=1)), FAILED)


def test_a_stop_rolls_back_by_its_kind() -> None:
    only_alarm = GroupSettings(auto_rollback=(AutoRollbackEvent.DEPLOYMENT_STOP_ON_ALARM,))
    by_alarm = deployment(TOUCHED, settings=only_alarm, stop=stop_mark.by_alarms(["cpu"], NOW))
    by_person = deployment(TOUCHED, settings=only_alarm, stop=stop_mark.by_person("me", NOW))
    assert rolls_back(by_alarm, STOPPED) and not rolls_back(by_person, STOPPED)


@pytest.mark.parametrize("answer", [True, False])
def test_a_persons_own_answer_beats_the_group(answer: bool) -> None:
    stopped = deployment(TOUCHED, stop=stop_mark.by_person("me", NOW, auto_rollback=answer))
    assert rolls_back(stopped, STOPPED) is answer


def test_a_success_does_not_roll_back() -> None:
    assert not rolls_back(deployment(TOUCHED), Verdict(status=DeploymentStatus.SUCCEEDED))

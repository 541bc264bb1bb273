"""Which segments are sent again because their URLs had expired."""

import pytest

from functions.core.causes import Cause
from functions.core.records import SegmentResult, SegmentRun, Target, TargetFailure
from functions.core.rollout.renewals import MOST, is_renewed
from functions.core.statuses import TargetStatus


def renewed(cause: Cause, event: str, run: SegmentRun | None = None) -> bool:
    target = Target(deployment_id="d-000000001", target_id="i-0", segments={"0": run} if run else {})
    failure = TargetFailure(cause=cause, message="HTTP 400 ExpiredToken", event=event)
    return is_renewed(target, 0, SegmentResult(status=TargetStatus.FAILED, failure=failure))


def test_a_segment_of_which_nothing_ran_is_sent_again_a_few_times() -> None:
    assert renewed(Cause.EXPIRED, "ApplicationStop")
    assert [renewed(Cause.EXPIRED, "ApplicationStop", SegmentRun(renewals=each)) for each in (MOST - 1, MOST)] == [
        True,
        False,
    ]


@pytest.mark.parametrize("event", ["DownloadBundle", "Install", "ValidateService"])
def test_a_segment_that_has_begun_is_not(event: str) -> None:
    assert not renewed(Cause.EXPIRED, event)


@pytest.mark.parametrize("cause", sorted(set(Cause) - {Cause.EXPIRED}))
def test_nothing_else_is_cured_by_another_url(cause: Cause) -> None:
    assert not renewed(cause, "ApplicationStop")


def test_a_segment_that_succeeded_is_over() -> None:
    target = Target(deployment_id="d-000000001", target_id="i-0")
    assert not is_renewed(target, 0, SegmentResult(status=TargetStatus.SUCCEEDED))

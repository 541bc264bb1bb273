"""What is counted."""

from functions.core.causes import Cause
from functions.core.messages import measures
from functions.core.records import Failure, SharedFailure, TargetFailure
from functions.core.statuses import Creator, DeploymentErrorCode, DeploymentStatus
from tests.unit.news import DONE, deployment


def test_a_start_is_counted_and_a_rollbacks_start_twice() -> None:
    assert measures.of_deployment(deployment()) == {"DeploymentsStarted": 1}
    rollback = deployment(creator=Creator.ROLLBACK)
    assert measures.of_deployment(rollback) == {"DeploymentsStarted": 1, "DeploymentsRolledBack": 1}


def test_an_end_is_counted_with_its_targets_and_the_seconds_since_its_start() -> None:
    ended = deployment(
        DeploymentStatus.FAILED,
        counts=DONE,
        start_time="2022-10-13T16:00:00.000Z",
        complete_time="2022-10-13T16:01:30.500Z",
    )
    expected = {"DeploymentsFailed": 1, "Targets": 4, "TargetsFailed": 1, "DeploymentSeconds": 90.5}
    assert measures.of_deployment(ended) == expected


def test_what_the_engine_failed_is_counted_for_its_alarm() -> None:
    """And no more than that: a script that fails is its owner's."""
    causes = tuple(
        SharedFailure(failure=TargetFailure(cause=cause, message="m"), count=2, target_ids=("i-1",))
        for cause in (Cause.ENGINE, Cause.SCRIPT)
    )
    broken = Failure(code=DeploymentErrorCode.INTERNAL_ERROR, message="m")
    unhealthy = Failure(code=DeploymentErrorCode.HEALTH_CONSTRAINTS, message="m")
    counts = {
        "targets": deployment(DeploymentStatus.FAILED, causes=causes, failure=unhealthy),
        "all of it": deployment(DeploymentStatus.FAILED, failure=broken),
        "nothing": deployment(DeploymentStatus.FAILED, causes=causes[1:], failure=unhealthy),
    }
    counted = {name: measures.of_deployment(each).get("EngineFailures") for name, each in counts.items()}
    assert counted == {"targets": 2, "all of it": 1, "nothing": None}


def test_a_deployment_that_touched_nothing_counts_no_targets() -> None:
    stopped = deployment(DeploymentStatus.STOPPED, complete_time="2022-10-13T15:50:46.123Z")
    assert measures.of_deployment(stopped) == {"DeploymentsStopped": 1, "DeploymentSeconds": 1}


def test_a_status_between_is_not_counted() -> None:
    assert measures.of_deployment(deployment(DeploymentStatus.IN_PROGRESS)) == {}

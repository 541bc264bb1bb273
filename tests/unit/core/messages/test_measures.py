"""What is counted."""

from functions.core.causes import Cause
from functions.core.messages import measures
from functions.core.records import Counts, Failure, Launch, LifecycleAction, SharedFailure, TargetFailure
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
    cases = {
        "targets": deployment(DeploymentStatus.FAILED, causes=causes, failure=unhealthy),
        "all of it": deployment(DeploymentStatus.FAILED, failure=broken),
        "nothing": deployment(DeploymentStatus.FAILED, causes=causes[1:], failure=unhealthy),
    }
    counted = {name: measures.of_deployment(each).get("EngineFailures") for name, each in cases.items()}
    assert counted == {"targets": 2, "all of it": 1, "nothing": None}


def test_failed_targets_are_counted_by_their_causes() -> None:
    causes = tuple(
        SharedFailure(failure=TargetFailure(cause=cause, message="m", event=event), count=count, target_ids=("i-1",))
        for cause, event, count in (
            (Cause.SCRIPT, "Install", 2),
            (Cause.SCRIPT, "AfterInstall", 3),
            (Cause.DISK, None, 1),
        )
    )
    counted = measures.of_deployment(deployment(DeploymentStatus.FAILED, causes=causes))
    assert (counted["TargetsFailed.SCRIPT"], counted["TargetsFailed.DISK"]) == (5, 1)


LAUNCH = Launch(action=LifecycleAction(scaling_group="web", instance_id="i-1", hook="h"), brought_by="d-1")
RUNNING = Counts(total=10, max_out_of_service=4, in_progress=2, failed=1, succeeded=3)


def test_a_group_is_measured_by_its_deployments_that_have_not_ended() -> None:
    runs, waits = deployment(DeploymentStatus.IN_PROGRESS, counts=RUNNING), deployment(DeploymentStatus.QUEUED)
    healthy = {"HealthyHosts": 7, "PromisedHosts": 6}
    assert measures.of_group([runs, waits, waits]) == {**healthy, "DeploymentsQueued": 2}
    assert measures.of_group([deployment()]) == {"DeploymentsQueued": 0}


def test_an_instance_that_is_launched_says_nothing_of_its_group() -> None:
    launch = deployment(DeploymentStatus.IN_PROGRESS, counts=Counts(total=1, max_out_of_service=1), launch=LAUNCH)
    runs = deployment(DeploymentStatus.IN_PROGRESS, counts=RUNNING)
    assert measures.of_group([runs, launch])["HealthyHosts"] == 7


def test_a_deployment_leaves_its_group_as_it_ends() -> None:
    assert measures.at_end(deployment(DeploymentStatus.FAILED, counts=DONE)) == {"HealthyHosts": 3, "PromisedHosts": 3}
    assert measures.at_end(deployment(DeploymentStatus.IN_PROGRESS, counts=RUNNING)) == {}


def test_every_measure_is_written_by_something() -> None:
    """The dashboard shows what there is, and this is all of it (tests/infra/test_dashboard.py)."""
    causes = tuple(
        SharedFailure(failure=TargetFailure(cause=cause, message="m"), count=1, target_ids=("i-1",)) for cause in Cause
    )
    told = [deployment(status, counts=DONE) for status in DeploymentStatus]
    told.append(deployment(creator=Creator.ROLLBACK))
    told.append(deployment(DeploymentStatus.FAILED, causes=causes, complete_time="2022-10-13T16:01:30.500Z"))
    written = {name for each in told for name in measures.of_deployment(each)}
    assert written | measures.of_group(told).keys() == measures.NAMES


def test_a_deployment_that_touched_nothing_counts_no_targets() -> None:
    stopped = deployment(DeploymentStatus.STOPPED, complete_time="2022-10-13T15:50:46.123Z")
    assert measures.of_deployment(stopped) == {"DeploymentsStopped": 1, "DeploymentSeconds": 1}


def test_a_status_between_is_not_counted() -> None:
    assert measures.of_deployment(deployment(DeploymentStatus.IN_PROGRESS)) == {}

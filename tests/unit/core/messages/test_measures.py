"""What is counted."""

from functions.core.messages import measures
from functions.core.statuses import Creator, DeploymentStatus
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


def test_a_deployment_that_touched_nothing_counts_no_targets() -> None:
    stopped = deployment(DeploymentStatus.STOPPED, complete_time="2022-10-13T15:50:46.123Z")
    assert measures.of_deployment(stopped) == {"DeploymentsStopped": 1, "DeploymentSeconds": 1}


def test_a_status_between_is_not_counted() -> None:
    assert measures.of_deployment(deployment(DeploymentStatus.IN_PROGRESS)) == {}

"""What a pipeline is told of a deployment that waits."""

import pytest

from functions.core.messages.pipeline_result import Refusal, progress, result
from functions.core.records import Closed, Counts, Deployment, Failure, Hold, HoldKind, Pause, RollbackInfo, Stage
from functions.core.rollout.health import Approval
from functions.core.statuses import DeploymentErrorCode, DeploymentStatus
from tests.unit.news import deployment

NOW = "2026-11-23T10:00:00.000Z"
HELD = Hold(stage=0, kinds=(HoldKind.APPROVAL,), since=NOW)


@pytest.mark.parametrize(("one", "says"), [
    (deployment(), "d-A1B2C3111 begins"),
    (deployment(DeploymentStatus.QUEUED), "d-A1B2C3111 waits for its turn"),
    (deployment(DeploymentStatus.QUEUED, closed=Closed(until=None, why="freeze: Christmas")),
     "d-A1B2C3111 waits: freeze: Christmas"),
    (deployment(DeploymentStatus.IN_PROGRESS, counts=Counts(total=12, succeeded=7)), "7 of 12 targets"),
    (deployment(DeploymentStatus.READY, counts=Counts(total=4, succeeded=1), hold=HELD,
                stages=(Stage(name="canary", approval=Approval()), Stage())),
     "1 of 4 targets, waits for an approval after the stage canary"),
    (deployment(DeploymentStatus.IN_PROGRESS, counts=Counts(total=4), pause=Pause(by="ann", at=NOW)),
     "0 of 4 targets, paused by ann"),
])  # fmt: skip
def test_progress_says_what_it_waits_for(one: Deployment, says: str) -> None:
    assert progress(one).summary == says


def test_a_rollback_is_named_and_nothing_is_longer_than_codepipeline_takes() -> None:
    failure = Failure(code=DeploymentErrorCode.HEALTH_CONSTRAINTS, message="x" * 8000)
    back = RollbackInfo(rollback_deployment_id="d-BACK00000")
    long = result(deployment(DeploymentStatus.FAILED, failure=failure, rollback=back))
    assert isinstance(long, Refusal) and len(long.message) == 5000
    short = result(deployment(DeploymentStatus.FAILED, rollback=back))
    assert isinstance(short, Refusal) and short.message == "d-A1B2C3111 Failed: d-BACK00000 rolls back."

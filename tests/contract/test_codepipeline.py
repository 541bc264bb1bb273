"""CodePipeline's stand-in, and the local cloud's: what a function is told of its job, and how often it may answer."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.aws import clients
from functions.aws.code import codepipeline
from functions.core.messages.pipeline_result import FailureType, Progress, Refusal, Success
from local.json_model import JsonError
from tests.fakes.codepipeline import FakeCodePipeline
from tests.local.pipeline.played import Played

NewJob = Callable[[], str]
UNKNOWN = "00000000-0000-0000-0000-000000000000"
SUCCESS = Success(progress=Progress(deployment_id="d-1", summary="2 of 2 targets", percent=100), variables={"a": "b"})
REFUSAL = Refusal(type=FailureType.JOB_FAILED, message="no", deployment_id="d-1")


class _LocalCodePipeline:
    """The local cloud's service by boto3's names."""

    def __init__(self, played: Played) -> None:
        self._played = played

    def __getattr__(self, method: str) -> Callable[..., dict[str, Any]]:
        operation = "".join(part.capitalize() for part in method.split("_"))

        def call(**asked: Any) -> dict[str, Any]:
            try:
                return self._played(operation, **asked)
            except JsonError as error:
                raise ClientError({"Error": {"Code": error.code, "Message": error.message}}, operation) from error

        return call


@pytest.fixture(params=["stand-in", "local cloud"])
def new_job(request: pytest.FixtureRequest, environment: None) -> NewJob:
    """A function was called with a job; its id."""
    if request.param == "stand-in":
        service = clients.stand_ins["codepipeline"] = FakeCodePipeline()
        return service.new_job
    played = Played()
    played.create()
    clients.stand_ins["codepipeline"] = _LocalCodePipeline(played)

    def start() -> str:
        before = len(played.world.calls)
        played.start()
        played.wait(lambda: len(played.world.calls) > before)
        return str(played.world.calls[-1]["id"])

    return start


def test_a_job_tells_its_pipeline_its_execution_and_the_revision(new_job: NewJob) -> None:
    found = codepipeline.origin(new_job())
    assert (found.run.pipeline, found.run.stage, found.run.action) == ("release", "Deploy", "Hosts")
    assert len(found.run.execution) == 36 and list(found.commits) == ["Source"] and found.started_by
    assert not codepipeline.is_stopped(found.run)


@pytest.mark.parametrize("first", [
    lambda job: codepipeline.succeed(job, SUCCESS),
    lambda job: codepipeline.go_on(job, SUCCESS.progress),
    lambda job: codepipeline.fail(job, REFUSAL),
])  # fmt: skip
def test_a_job_takes_one_answer(new_job: NewJob, first: Callable[[str], bool]) -> None:
    job = new_job()
    assert first(job)
    assert not codepipeline.succeed(job, SUCCESS) and not codepipeline.fail(job, REFUSAL)


def test_nobody_waits_for_a_job_that_there_is_not(new_job: NewJob) -> None:
    assert not codepipeline.succeed(UNKNOWN, SUCCESS) and codepipeline.origin(UNKNOWN).run.pipeline == ""

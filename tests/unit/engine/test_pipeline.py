"""A pipeline that waits is told how its deployment has ended, and in time that it goes on."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from functions.core.records import Deployment
from functions.core.statuses import DeploymentStatus
from functions.handlers import pipeline_job, publish, stop
from functions.store import pipeline_jobs
from functions.store.records import deployments, lock
from tests.conftest import all_items
from tests.fakes.codepipeline import EXECUTION, PIPELINE
from tests.unit.news import stream
from tests.unit.pipelines import PARAMETERS, START, Pipeline, pipeline, refuse

__all__ = ["pipeline"]  # a fixture


def test_the_end_is_told_by_who_ends_it_with_what_others_can_use(pipeline: Pipeline) -> None:
    job, one = pipeline.begin(hosts=2)
    pipeline.succeed(one, 2)
    assert pipeline.service.answer(job) is None
    assert pipeline.finish(one).status is DeploymentStatus.SUCCEEDED
    kind, told = pipeline.service.answer(job) or ("", {})
    assert kind == "success"
    assert told["executionDetails"] == {
        "summary": "2 of 2 targets",
        "percentComplete": 100,
        "externalExecutionId": one.deployment_id,
    }
    assert told["outputVariables"] == {
        "deploymentId": one.deployment_id,
        "revisionKey": one.revision.key,
        "sha256": "",
        "succeeded": "2",
        "failed": "0",
    }


def test_a_job_is_answered_once_however_often_its_end_is_told(pipeline: Pipeline) -> None:
    job, one = pipeline.begin(hosts=1)
    pipeline.succeed(one, 1)
    done = pipeline.finish(one)
    pipeline.announce(done)
    pipeline.announce(done)
    pipeline.pass_by(minutes=3)
    assert [kind for kind, _ in pipeline.service.jobs[job].answers] == ["success"]
    assert list(pipeline_jobs.all()) == []


def test_a_failure_tells_the_first_cause_and_what_rolls_back(pipeline: Pipeline) -> None:
    job, one = pipeline.begin(hosts=2)
    pipeline.succeed(one, 2, but=2)
    done = pipeline.finish(one)
    assert done.status is DeploymentStatus.FAILED and done.failure
    kind, told = pipeline.service.answer(job) or ("", {})
    assert (kind, told["type"], told["externalExecutionId"]) == ("failure", "JobFailed", one.deployment_id)
    assert told["message"].startswith(f"{one.deployment_id} Failed: {done.failure.message}")
    assert "0 of 2 targets, 2 failed." in told["message"]


def test_a_call_that_died_before_it_knew_who_waits_is_repeated(pipeline: Pipeline) -> None:
    job, one = pipeline.begin(hosts=1)
    (waits,) = pipeline_jobs.all()
    pipeline_jobs.delete(waits)
    pipeline.succeed(one, 1)
    pipeline.announce(pipeline.finish(one))
    assert pipeline.service.answer(job) is None
    pipeline_job.handler(pipeline.event(job), pipeline.context)
    assert (pipeline.service.answer(job) or ("",))[0] == "success"


def test_a_deployment_that_a_newer_one_supersedes_fails_its_pipeline(pipeline: Pipeline) -> None:
    pipeline.call()
    second = pipeline.call()
    waiting = deployments.get(lock.waiting("shop/web") or "")
    pipeline.call()
    assert waiting
    ended = deployments.get(waiting.deployment_id)
    assert ended and ended.status is DeploymentStatus.STOPPED
    publish.handler(stream(ended, before=DeploymentStatus.QUEUED), pipeline.context)
    kind, told = pipeline.service.answer(second) or ("", {})
    assert kind == "failure" and "Superseded by the newer deployment" in told["message"]


def test_a_job_is_renewed_in_time_and_its_successor_takes_its_place(pipeline: Pipeline) -> None:
    job, one = pipeline.begin()
    pipeline.succeed(one, 8, but=1)
    pipeline.pass_by(minutes=13)
    assert pipeline.service.answer(job) is None
    pipeline.pass_by(minutes=3)
    kind, told = pipeline.service.answer(job) or ("", {})
    assert (kind, told["continuationToken"]) == ("later", one.deployment_id)
    assert told["executionDetails"]["summary"] == "7 of 12 targets, 1 failed"
    assert told["executionDetails"]["percentComplete"] == 66
    second = pipeline.call(token=one.deployment_id)
    pipeline.succeed(one, 4)
    pipeline.finish(one)
    assert (pipeline.service.answer(second) or ("",))[0] == "success"
    assert len([item for item in all_items() if item["sk"] == "DEPLOYMENT"]) == 1


def test_a_deployment_that_ends_between_two_jobs_is_told_to_the_second(pipeline: Pipeline) -> None:
    job, one = pipeline.begin(hosts=1)
    pipeline.pass_by(minutes=16)
    pipeline.succeed(one, 1)
    pipeline.finish(one)
    assert (pipeline.service.answer(job) or ("",))[0] == "later"
    pipeline.pass_by(minutes=3)
    second = pipeline.call(token=one.deployment_id)
    assert (pipeline.service.answer(second) or ("",))[0] == "success"


def announce(pipeline: Pipeline, ended: Deployment) -> None:
    pipeline.announce(ended)


def pass_by(pipeline: Pipeline, ended: Deployment) -> None:
    pipeline.pass_by(minutes=3)


@pytest.mark.parametrize("again", [announce, pass_by])
@pytest.mark.parametrize(("fails", "operation", "kind"), [
    (0, "PutJobSuccessResult", "success"), (1, "PutJobFailureResult", "failure"),
])  # fmt: skip
def test_an_end_that_codepipeline_did_not_take_is_told_again(
    pipeline: Pipeline, again: Callable[[Pipeline, Deployment], None], fails: int, operation: str, kind: str
) -> None:
    """By who announces it, or else by who comes by; and the deployment has ended all the same."""
    job, one = pipeline.begin(hosts=1)
    pipeline.succeed(one, 1, but=fails)
    pipeline.service.before = lambda asked: refuse(asked, operation, "ThrottlingException")
    done = pipeline.finish(one)
    assert done.status.is_final and pipeline.service.answer(job) is None
    pipeline.service.before = lambda asked: None
    again(pipeline, done)
    assert (pipeline.service.answer(job) or ("",))[0] == kind


def test_a_job_that_codepipeline_has_given_up_is_forgotten_and_the_deployment_goes_on(pipeline: Pipeline) -> None:
    """Its function answered too late, or its action was stopped: CodePipeline takes no answer any more."""
    _, one = pipeline.begin(hosts=1)
    pipeline.service.jobs.clear()
    pipeline.pass_by(minutes=16)
    assert list(pipeline_jobs.all()) == []
    pipeline.succeed(one, 1)
    assert pipeline.finish(one).status is DeploymentStatus.SUCCEEDED


def test_a_deployment_of_a_day_calls_the_function_once_in_a_quarter_of_an_hour(pipeline: Pipeline) -> None:
    job, one = pipeline.begin()
    calls = 1
    while (answered := pipeline.service.answer(job)) is None or answered[0] == "later":
        if answered:
            job, calls = pipeline.call(token=one.deployment_id), calls + 1
        pipeline.pass_by(minutes=3)
    hours = (pipeline.now - START) / timedelta(hours=1)
    assert 23.7 < hours < 24 and calls <= 3 + hours * 4
    assert answered[0] == "failure"
    assert f"{one.deployment_id} is still InProgress (0 of 12 targets)" in answered[1]["message"]
    assert f"stepdeploy show {one.deployment_id}" in answered[1]["message"]
    running = deployments.get(one.deployment_id)
    assert running and running.status is DeploymentStatus.IN_PROGRESS, "it goes on"


def abandoned(action: str = "Hosts") -> dict[str, Any]:
    """From the CodePipeline User Guide, "Monitoring CodePipeline events"."""
    return {
        "source": "aws.codepipeline",
        "detail-type": "CodePipeline Action Execution State Change",
        "detail": {
            "pipeline": PIPELINE,
            "execution-id": EXECUTION,
            "stage": "Deploy",
            "action": action,
            "state": "ABANDONED",
        },
    }


@pytest.mark.parametrize(("wants", "status", "stops"), [
    (True, "Stopping", True), (False, "Stopped", False), (True, "InProgress", False),
])  # fmt: skip
def test_a_stopped_pipeline_stops_the_deployment_that_asked_for_it(
    pipeline: Pipeline, wants: bool, status: str, stops: bool
) -> None:
    """Only if CodePipeline says so, too: whoever may call the function can write the event."""
    _, one = pipeline.begin(parameters={**PARAMETERS, "stopWithPipeline": wants})
    pipeline.service.status = status
    stop.handler(abandoned("Other"), pipeline.context)
    stop.handler(abandoned(), pipeline.context)
    found = deployments.get(one.deployment_id)
    assert found and bool(found.stop) is stops
    if found.stop:
        assert found.stop.message == f"Stopped by CodePipeline: pipeline {PIPELINE}, execution {EXECUTION} was stopped"


def test_a_repeated_call_does_not_put_off_the_renewal(pipeline: Pipeline) -> None:
    """CodePipeline counts its 20 minutes from the first call."""
    job, one = pipeline.begin()
    pipeline.pass_by(minutes=4)
    pipeline_job.handler(pipeline.event(job), pipeline.context)
    pipeline.pass_by(minutes=11)
    kind, told = pipeline.service.answer(job) or ("", {})
    assert (kind, told["continuationToken"]) == ("later", one.deployment_id)

"""pipeline_job: a pipeline's artifact is deployed once, and its mistakes are its answer."""

import io
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.aws import clock
from functions.aws.clients import LENT, client
from functions.core.messages import pipeline_result
from functions.core.records import GroupSettings, Pause
from functions.core.statuses import (
    BundleType,
    DeploymentStatus,
    OnBusy,
)
from functions.handlers import pipeline_job
from functions.store import pipeline_jobs
from functions.store.records import deployments, lock
from tests.calls import recording
from tests.conftest import BUCKET, all_items, put_group
from tests.fakes import s3
from tests.fakes.codepipeline import EXECUTION, PIPELINE
from tests.rollout import hold
from tests.store import Store
from tests.unit.handlers.test_prepare import archive
from tests.unit.pipelines import ARTIFACTS, KEY, PARAMETERS, Pipeline, pipeline, refuse, the_deployment

__all__ = ["pipeline"]  # a fixture


def test_an_artifact_is_pinned_and_deployed_and_the_job_waits(pipeline: Pipeline) -> None:
    job = pipeline.call()
    one = the_deployment()
    assert one.status is DeploymentStatus.CREATED and pipeline.service.answer(job) is None
    key = f".stepdeploy/pipeline/{PIPELINE}/{EXECUTION}/Built.zip"
    assert (one.revision.bucket, one.revision.key, one.revision.bundle_type) == (BUCKET, key, BundleType.ZIP)
    assert one.revision.version and one.requested_by == f"CodePipeline: pipeline {PIPELINE}, execution {EXECUTION}"
    assert one.metadata == {
        "pipeline": PIPELINE,
        "execution": EXECUTION,
        "commit": "c0ffee",
        "startedBy": "arn:aws:iam::1:user/ann",
    }


def test_a_pipeline_that_codepipeline_does_not_tell_of_deploys_all_the_same(pipeline: Pipeline) -> None:
    pipeline.service.before = lambda operation: refuse(operation, "GetJobDetails", "AccessDeniedException")
    job = pipeline.call()
    assert the_deployment().revision.key == f".stepdeploy/pipeline/{job}/Built.zip"
    assert the_deployment().requested_by == "CodePipeline: a pipeline"


def test_a_second_call_for_the_same_job_starts_nothing_and_reads_no_artifact(pipeline: Pipeline) -> None:
    job = pipeline.call()
    client("s3").delete_object(Bucket=ARTIFACTS, Key=KEY)
    pipeline_job.handler(pipeline.event(job), pipeline.context)
    assert the_deployment().pipeline and pipeline.service.answer(job) is None


def test_two_calls_for_one_job_at_the_same_time_make_one_deployment(pipeline: Pipeline) -> None:
    job = pipeline.service.new_job()
    pipeline_job_event = pipeline.event(job)
    store = _store()
    store.before_next_write(lambda: pipeline_job.handler(pipeline_job_event, pipeline.context))
    pipeline_job.handler(pipeline_job_event, pipeline.context)
    assert [each.deployment_id for each in pipeline_jobs.all()] == [the_deployment().deployment_id]


def _store() -> Store:
    from functions.store.table import items

    assert isinstance(items.stand_in, Store)
    return items.stand_in


def test_an_artifact_that_is_overwritten_changes_nothing(pipeline: Pipeline) -> None:
    pipeline.call()
    client("s3").put_object(Bucket=ARTIFACTS, Key=KEY, Body=b"other")
    revision = the_deployment().revision
    kept = client("s3").get_object(Bucket=BUCKET, Key=revision.key, VersionId=revision.version)
    assert kept["Body"].read()[:2] == b"PK"


@pytest.mark.parametrize(("key_id", "kind", "says"), [
    ("ExpiredToken", "PermissionError", "the credentials of the job have expired: retry the stage"),
    ("AccessDenied", "PermissionError", "the pipeline's role may not read it"),
    ("KMS.DisabledException", "PermissionError", "its KMS key does not decrypt it (KMS.DisabledException): enable"),
])  # fmt: skip
def test_credentials_that_read_nothing_fail_the_job(pipeline: Pipeline, key_id: str, kind: str, says: str) -> None:
    kind_, told = pipeline.service.answer(pipeline.call(key_id=key_id)) or ("", {})
    assert (kind_, told["type"]) == ("failure", kind) and says in told["message"]


def test_an_artifact_under_the_pipelines_key_is_read_by_what_the_job_lends(pipeline: Pipeline) -> None:
    """The engine has no right on the bucket or the key: it does not read there as itself."""
    assert pipeline.event("j")["CodePipeline.job"]["data"]["encryptionKey"]["type"] == "KMS"
    with pytest.raises(ClientError, match="AccessDenied"):
        client("s3").get_object(Bucket=ARTIFACTS, Key=KEY)
    assert pipeline.service.answer(pipeline.call()) is None
    kept = the_deployment().revision
    assert client("s3").get_object(Bucket=BUCKET, Key=kept.key, VersionId=kept.version)["Body"].read() == archive()


def test_an_artifact_that_is_gone_fails_the_job(pipeline: Pipeline) -> None:
    client("s3").delete_object(Bucket=ARTIFACTS, Key=KEY)
    kind, told = pipeline.service.answer(pipeline.call()) or ("", {})
    assert (kind, told["type"]) == ("failure", "RevisionUnavailable")
    assert told["message"].startswith(f"artifact Built (s3://{ARTIFACTS}/{KEY}) does not exist (any more): start")


@pytest.mark.parametrize(("parameters", "says"), [
    ("shop/web", "UserParameters 'shop/web': not JSON"),
    ("", "UserParameters '': not JSON"),
    ("[]", "must be an object; give {\"application\""),
    ({"application": "shop"}, "group: missing; give application and group"),
    ({**PARAMETERS, "onbusy": "queue"}, "unknown field 'onbusy': did you mean 'onBusy'?"),
    ({**PARAMETERS, "wait": True}, "unknown field 'wait': the fields are application, group, config,"),
    ({**PARAMETERS, "onBusy": "wait"}, "onBusy 'wait': give one of reject, queue"),
    ({**PARAMETERS, "config": "Half"}, "config 'Half': does not exist"),
    ({**PARAMETERS, "stopWithPipeline": "yes"}, "stopWithPipeline 'yes': must be true or false"),
    ({**PARAMETERS, "artifact": "Source"}, "artifact 'Source': not an input artifact of the action; it has Built"),
    ({**PARAMETERS, "group": "db"}, "There is no deployment group 'db' of 'shop'"),
])  # fmt: skip
def test_a_mistake_in_the_parameters_is_the_answer(pipeline: Pipeline, parameters: Any, says: str) -> None:
    kind, told = pipeline.service.answer(pipeline.call(parameters=parameters)) or ("", {})
    assert (kind, told["type"]) == ("failure", "ConfigurationError") and says in told["message"]
    assert not [item for item in all_items() if item["sk"] == "DEPLOYMENT"]


def test_an_action_with_several_artifacts_has_to_name_one(pipeline: Pipeline) -> None:
    for artifacts, says in (([], "the action has no input artifact"), (["A", "B"], "artifact: missing; the action")):
        job = pipeline.service.new_job()
        event = pipeline.event(job)
        data = event["CodePipeline.job"]["data"]
        (one,) = data["inputArtifacts"]
        data["inputArtifacts"] = [{**one, "name": name} for name in artifacts]
        pipeline_job.handler(event, pipeline.context)
        assert says in (pipeline.service.answer(job) or ("", {}))[1]["message"]


def test_a_busy_group_queues_the_second_and_tells_the_first_that_nothing_changed(pipeline: Pipeline) -> None:
    pipeline.call()
    second = pipeline.call()
    assert pipeline.service.answer(second) is None
    third = pipeline.call(parameters={**PARAMETERS, "onBusy": "reject"})
    kind, told = pipeline.service.answer(third) or ("", {})
    assert (kind, told["type"]) == ("failure", "JobFailed") and "already has an active Deployment" in told["message"]


def test_an_older_artifact_does_not_replace_a_newer_one_of_a_sequence(pipeline: Pipeline) -> None:
    """An execution that was overtaken, as PARALLEL pipelines allow: what counts is when the artifact was stored."""
    put_group(settings=GroupSettings(is_sequence=True, on_busy=OnBusy.QUEUE))
    pipeline.call()
    (held,) = [item for item in all_items() if item["pk"].startswith("LOCK#")]
    assert held["accepted"]["stored_at"] == "2026-11-23T09:00:00.000Z", "not when it was copied"
    pipeline.monkeypatch.setattr(s3, "_STORED", s3._STORED - timedelta(minutes=1))
    kind, told = pipeline.service.answer(pipeline.call()) or ("", {})
    assert (kind, told["type"]) == ("failure", "JobFailed") and "is older than" in told["message"]


def test_nobody_else_can_be_made_to_wait_for_a_deployment(pipeline: Pipeline) -> None:
    kind, told = pipeline.service.answer(pipeline.call(token="d-NOBODY000")) or ("", {})
    assert kind == "failure" and "no pipeline has asked for such a deployment" in told["message"]


def test_what_aws_prevents_lambda_tries_again_and_what_is_our_mistake_ends_the_job(pipeline: Pipeline) -> None:
    job = pipeline.service.new_job()
    client("s3").before = lambda operation: refuse(operation, "PutObject", "SlowDown")
    with pytest.raises(Exception, match="SlowDown"):
        pipeline_job.handler(pipeline.event(job), pipeline.context)
    assert pipeline.service.answer(job) is None
    pipeline.monkeypatch.setattr(pipeline_result, "refused", None)
    client("s3").before = lambda operation: _raise(KeyError("oops"))
    pipeline_job.handler(pipeline.event(job), pipeline.context)
    kind, told = pipeline.service.answer(job) or ("", {})
    assert (kind, told["type"]) == ("failure", "SystemUnavailable") and "KeyError" in told["message"]


def _raise(error: Exception) -> None:
    raise error


def test_credentials_are_in_no_log(pipeline: Pipeline, logged: io.StringIO) -> None:
    pipeline.call()
    pipeline.call(key_id="ExpiredToken")
    client("s3").before = lambda operation: _raise(KeyError("oops"))
    pipeline.call()
    assert logged.getvalue() and "very" not in logged.getvalue() and '"secret"' not in logged.getvalue()


def test_calls_by_lent_credentials_need_no_grant() -> None:
    assert recording.LENT == LENT


def test_a_deployment_that_is_held_gives_way_to_a_newer_pipeline(pipeline: Pipeline) -> None:
    first, one = pipeline.begin(hosts=1)
    deployments.pause(one.deployment_id, Pause(by="ann", at=clock.timestamp()))
    hold(one.deployment_id, "t-1")
    second = pipeline.call(parameters={**PARAMETERS, "onBusy": "supersede"})
    held = deployments.get(one.deployment_id)
    assert held and held.stop and held.stop.superseded_by == lock.waiting("shop/web")
    assert client("stepfunctions").told == {"t-1": {"status": "Over"}}
    assert pipeline.service.answer(first) is pipeline.service.answer(second) is None, "both wait for an end"

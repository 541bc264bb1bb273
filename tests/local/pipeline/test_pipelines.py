"""The local cloud's CodePipeline: sources, jobs of functions, and what a person sees of them."""

from typing import Any

import pytest

from tests.local.pipeline.played import Played, action


@pytest.fixture
def played() -> Played:
    return Played()


def test_a_function_gets_the_artifact_and_its_answer_ends_the_pipeline(played: Played) -> None:
    details = {"summary": "done", "percentComplete": 100, "externalExecutionId": "d-1"}
    played.world.function = lambda job: played.service.operations["PutJobSuccessResult"](
        {"jobId": job["id"], "executionDetails": details}
    )
    played.create('{"version": "#{SourceVariables.VersionId}", "run": "#{codepipeline.PipelineExecutionId}"}')
    execution = played.start()
    assert played.ended(execution) == "Succeeded"
    (job,) = played.world.calls
    configuration = job["data"]["actionConfiguration"]["configuration"]
    assert configuration["UserParameters"] == f'{{"version": "v1", "run": "{execution}"}}'
    (given,) = job["data"]["inputArtifacts"]
    place = given["location"]["s3Location"]
    assert played.world.objects[place["bucketName"], place["objectKey"]] == b"archive"
    assert (given["revision"], job["data"]["artifactCredentials"]["sessionToken"]) == ("v1", "t")
    told = played.action()
    assert (told["status"], told["summary"], told["externalExecutionId"]) == ("Succeeded", "done", "d-1")
    assert [each["state"] for each in played.world.events] == ["STARTED", "SUCCEEDED"] * 2


def test_a_job_that_goes_on_is_followed_by_another_with_its_token(played: Played) -> None:
    def answer(job: dict[str, Any]) -> None:
        token = job["data"].get("continuationToken")
        more = {} if token == "d-1" else {"continuationToken": "d-1"}
        played("PutJobSuccessResult", jobId=job["id"], **more)

    played.world.function = answer
    played.create()
    assert played.ended(played.start()) == "Succeeded"
    assert len({job["id"] for job in played.world.calls}) == 2
    assert played.refusal("PutJobSuccessResult", jobId=played.world.calls[0]["id"]) == "InvalidJobStateException"


def test_a_job_knows_its_action_and_takes_one_answer(played: Played) -> None:
    played.create()
    execution = played.start()
    played.wait(lambda: played.world.calls)
    job = played.world.calls[0]["id"]
    context = played("GetJobDetails", jobId=job)["jobDetails"]["data"]["pipelineContext"]
    assert (context["pipelineName"], context["pipelineExecutionId"]) == ("release", execution)
    assert (context["stage"]["name"], context["action"]["name"]) == ("Deploy", "Hosts")
    failure = {"type": "JobFailed", "message": "scripts/start.sh ended with exit code 7", "externalExecutionId": "d-1"}
    played("PutJobFailureResult", jobId=job, failureDetails=failure)
    assert played.ended(execution) == "Failed"
    assert played.action()["errorDetails"] == {"code": "JobFailed", "message": failure["message"]}
    assert played.refusal("PutJobFailureResult", jobId=job, failureDetails=failure) == "InvalidJobStateException"
    other = "00000000-0000-0000-0000-000000000000"
    assert played.refusal("PutJobSuccessResult", jobId=other) == "JobNotFoundException"


def test_a_function_that_does_not_answer_fails_its_action(played: Played) -> None:
    played.service.settings.no_answer_seconds = 0
    played.create()
    assert played.ended(played.start()) == "Failed"
    assert played.action()["errorDetails"]["code"] == "JobTimedOut"
    assert played.refusal("PutJobSuccessResult", jobId=played.world.calls[0]["id"]) == "InvalidJobStateException"


def test_of_those_that_wait_for_a_stage_the_newest_goes_on(played: Played) -> None:
    played.create()
    first = played.start()
    played.wait(lambda: len(played.world.calls) == 1)
    second = played.start()
    played.wait(lambda: any(place[1] == "Deploy" for place in played.service._waiting))
    third = played.start()
    assert played.ended(second) == "Superseded"
    played("PutJobSuccessResult", jobId=played.world.calls[0]["id"])
    assert played.ended(first) == "Succeeded"
    played.wait(lambda: len(played.world.calls) == 2)
    played("PutJobSuccessResult", jobId=played.world.calls[1]["id"])
    assert played.ended(third) == "Succeeded"


@pytest.mark.parametrize("abandon", [True, False])
def test_a_stopped_pipeline_abandons_its_action_or_waits_for_it(played: Played, abandon: bool) -> None:
    played.create()
    execution = played.start()
    played.wait(lambda: played.world.calls)
    asked = {"pipelineName": "release", "pipelineExecutionId": execution}
    played("StopPipelineExecution", **asked, abandon=abandon)
    if not abandon:
        assert played.status(execution) == "Stopping"
        played("PutJobSuccessResult", jobId=played.world.calls[0]["id"])
    assert played.ended(execution) == "Stopped"
    played.wait(lambda: played.world.events[-1]["state"] == ("ABANDONED" if abandon else "SUCCEEDED"))
    assert played.refusal("StopPipelineExecution", **asked) == "PipelineExecutionNotStoppableException"


@pytest.mark.parametrize(("parameters", "source", "stage", "code"), [
    ("{}", {"S3ObjectKey": "gone.zip"}, 0, "JobFailed"),
    ('"#{SourceVariables.Nothing}"', {}, 1, "InvalidVariable"),
])  # fmt: skip
def test_what_cannot_be_played_fails(
    played: Played, parameters: str, source: dict[str, str], stage: int, code: str
) -> None:
    played.create(parameters, **source)
    assert played.ended(played.start()) == "Failed"
    assert played.action(stage)["errorDetails"]["code"] == code


def test_a_role_that_may_not_call_the_function_is_told(played: Played) -> None:
    played.world.is_denied = True
    played.create()
    assert played.ended(played.start()) == "Failed"
    assert played.action()["errorDetails"]["code"] == "PermissionError"


def test_pipelines_are_made_changed_listed_and_deleted(played: Played) -> None:
    played.create()
    declared = played("GetPipeline", name="release")["pipeline"]
    assert played.refusal("CreatePipeline", pipeline=declared) == "PipelineNameInUseException"
    build = action("Build", "CodeBuild", "Build", {}, inputArtifacts=[{"name": "Source"}])
    declared["stages"][1]["actions"] = [build]
    assert played("UpdatePipeline", pipeline=declared)["pipeline"]["version"] == 2
    execution = played.start()
    assert played.ended(execution) == "Failed"
    assert "plays no Build action of CodeBuild" in played.action()["errorDetails"]["message"]
    listed = played("ListPipelineExecutions", pipelineName="release")["pipelineExecutionSummaries"]
    assert [each["pipelineExecutionId"] for each in listed] == [execution]
    assert [each["name"] for each in played("ListPipelines")["pipelines"]] == ["release"]
    played("DeletePipeline", name="release")
    assert played.refusal("GetPipelineState", name="release") == "PipelineNotFoundException"


def test_iam_is_asked_for_the_pipeline_and_for_its_role(played: Played) -> None:
    checks = played.service.checks
    (one,) = checks("StartPipelineExecution", {"name": "release"})
    assert (one.action, one.resource) == (
        "codepipeline:StartPipelineExecution",
        "arn:aws:codepipeline:us-east-1:000000000000:release",
    )
    assert [each.resource for each in checks("PutJobSuccessResult", {"jobId": "j"})] == ["*"]
    asked = {"pipeline": {"name": "release", "roleArn": "arn:aws:iam::000000000000:role/pipeline"}}
    assert [each.action for each in checks("CreatePipeline", asked)] == ["codepipeline:CreatePipeline", "iam:PassRole"]


def test_a_commit_of_codecommit_is_a_source_and_known_by_its_id(played: Played) -> None:
    played.create('"#{SourceVariables.CommitId}"')
    declared = played("GetPipeline", name="release")["pipeline"]
    branch = {"RepositoryName": "site", "BranchName": "main"}
    source = action("Source", "CodeCommit", "Commit", branch, outputArtifacts=[{"name": "Source"}])
    declared["stages"][0]["actions"] = [source]
    played("UpdatePipeline", pipeline=declared)
    played.start()
    (job,) = played.wait(lambda: played.world.calls)
    (given,) = job["data"]["inputArtifacts"]
    place = given["location"]["s3Location"]
    assert played.world.objects[place["bucketName"], place["objectKey"]] == b"site at c0ffee"
    assert given["revision"] == "c0ffee"
    assert job["data"]["actionConfiguration"]["configuration"]["UserParameters"] == '"c0ffee"'

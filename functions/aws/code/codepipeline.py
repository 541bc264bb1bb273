"""CodePipeline: which action a job belongs to, and the answers to jobs.

Sources: CodePipeline API model 2015-07-09; CodePipeline User Guide, "Invoke an AWS Lambda function in a pipeline".
"""

from dataclasses import dataclass, field
from typing import Any

from functions.aws.clients import client
from functions.core.messages.pipeline_result import Progress, Refusal, Success
from functions.core.records import PipelineRun
from functions.telemetry import logger

_OVER = ("InvalidJobStateException", "JobNotFoundException")
_STOPPED = frozenset({"Stopping", "Stopped"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a job comes from, as far as CodePipeline says it."""

    run: PipelineRun = field(default_factory=PipelineRun)
    commits: dict[str, str] = field(default_factory=dict)  # the revision of each source artifact, by its name
    started_by: str = ""


def origin(job_id: str) -> Origin:
    """A deployment does not depend on it: what CodePipeline does not say now stays unknown."""
    from botocore.exceptions import BotoCoreError, ClientError

    run = PipelineRun()
    try:
        told = client("codepipeline").get_job_details(jobId=job_id)["jobDetails"]["data"].get("pipelineContext", {})
        run = PipelineRun(
            pipeline=told.get("pipelineName", ""),
            execution=told.get("pipelineExecutionId", ""),
            stage=told.get("stage", {}).get("name", ""),
            action=told.get("action", {}).get("name", ""),
        )
        if not (run.pipeline and run.execution):
            return Origin(run=run)
        found = _execution(run)
    except (BotoCoreError, ClientError) as error:
        logger.warning("it is not known which pipeline asks", error=str(error))
        return Origin(run=run)
    revisions = found.get("artifactRevisions", [])
    return Origin(
        run=run,
        commits={each["name"]: each["revisionId"] for each in revisions if "name" in each and "revisionId" in each},
        started_by=found.get("trigger", {}).get("triggerDetail", ""),
    )


def is_stopped(run: PipelineRun) -> bool:
    """Whether somebody has stopped the execution."""
    return _execution(run).get("status") in _STOPPED


def _execution(run: PipelineRun) -> dict[str, Any]:
    codepipeline = client("codepipeline")
    asked = {"pipelineName": run.pipeline, "pipelineExecutionId": run.execution}
    found: dict[str, Any] = codepipeline.get_pipeline_execution(**asked)["pipelineExecution"]
    return found


def succeed(job_id: str, success: Success) -> bool:
    """False when the job is over already: it was answered, or nobody waits for it any more."""
    return _put(
        "put_job_success_result",
        jobId=job_id,
        executionDetails=_details(success.progress),
        outputVariables=success.variables,
    )


def go_on(job_id: str, progress: Progress) -> bool:
    """It takes longer: CodePipeline calls the function again, with a new job. False when the job is over."""
    return _put(
        "put_job_success_result",
        jobId=job_id,
        continuationToken=progress.deployment_id,
        executionDetails=_details(progress),
    )


def fail(job_id: str, refusal: Refusal) -> bool:
    """False when the job is over already."""
    details = {"type": refusal.type.value, "message": refusal.message}
    if refusal.deployment_id:
        details["externalExecutionId"] = refusal.deployment_id
    return _put("put_job_failure_result", jobId=job_id, failureDetails=details)


def _details(progress: Progress) -> dict[str, Any]:
    return {
        "summary": progress.summary,
        "percentComplete": progress.percent,
        "externalExecutionId": progress.deployment_id,
    }


def _put(method: str, **result: Any) -> bool:
    from botocore.exceptions import ClientError

    try:
        getattr(client("codepipeline"), method)(**result)
    except ClientError as error:
        if error.response["Error"]["Code"] in _OVER:
            logger.info("the job is over", job_id=result["jobId"])
            return False
        raise
    return True

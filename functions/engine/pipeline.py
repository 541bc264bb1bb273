"""Pipelines: a job of CodePipeline becomes a deployment, and is answered when the deployment ends.

Nobody polls. The job stays unanswered while the deployment runs. Who ends the deployment answers it (`finish`), else
who announces the end (`publish`), which learns of it a second later; what neither could tell `find_lost` does.
CodePipeline gives up an action that says nothing for 20 minutes, so `renew` answers in time that it takes longer, and
CodePipeline calls again with another job, which takes the place of the first. What comes in between is harmless in
whatever order: the job is stored before the deployment is looked at, and CodePipeline takes one answer to a job.

Sources: CodePipeline User Guide, "Quotas" (20 minutes, 24 hours), "Lambda invoke action reference".
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from functions.aws import clock
from functions.aws.code import artifacts, codepipeline
from functions.aws.code.artifacts import Artifact, Credentials
from functions.core.errors import InvalidInput
from functions.core.limits import METADATA_ENTRIES, METADATA_VALUE
from functions.core.messages import pipeline_result
from functions.core.messages.pipeline_result import Refusal, Success
from functions.core.new_deployment import Overrides
from functions.core.records import Deployment, PipelineRun
from functions.core.revision import PIPELINE_PREFIX
from functions.core.rollout import stop_mark
from functions.core.statuses import OnBusy
from functions.engine.ending import stop
from functions.engine.starting.create import Request, create
from functions.store import pipeline_jobs
from functions.store.pipeline_jobs import PipelineJob
from functions.store.records import deployments, lock, places
from functions.telemetry import logger

_RENEWED_AFTER = timedelta(minutes=14)  # and what `find_lost` takes to come by: a missed turn of it still is in time
_LONGEST = timedelta(hours=pipeline_result.LONGEST_HOURS) - timedelta(minutes=15)  # until the action is given up


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The deployment that a pipeline asks for."""

    application: str
    group: str
    artifact: Artifact
    credentials: Credentials
    metadata: Mapping[str, str]
    on_busy: OnBusy | None = None
    description: str | None = None
    own: Overrides
    stop_with_pipeline: bool = False


def begin(job_id: str, wanted: Wanted) -> str:
    """Deploy the artifact; the id of the deployment, which a second call for the same job finds again.

    Raises InvalidInput for what can be deployed in no case.
    """
    token, now = f"CodePipeline/{job_id}", clock.timestamp()
    known = lock.made_with(token)
    first = deployments.get(known) if known else None
    deployment_id = known or create(_request(job_id, wanted, token, now))
    _follow(deployment_id, job_id, first.create_time if first else now)
    return deployment_id


def go_on(job_id: str, deployment_id: str) -> None:
    """CodePipeline waits for the same deployment with another job."""
    found = deployments.get(deployment_id)
    if found is None or found.pipeline is None:
        what = f"continuationToken {deployment_id!r}: no pipeline has asked for such a deployment"
        codepipeline.fail(job_id, pipeline_result.refused(InvalidInput(what)))
        return
    _follow(deployment_id, job_id, clock.timestamp())


def tell(deployment: Deployment) -> None:
    """Tell the pipeline that waits for a deployment how it has ended. A second call tells nothing new.

    What CodePipeline does not take now is told later: nothing else fails by it.
    """
    try:
        _answer(deployment)
    except Exception:
        logger.exception("a pipeline is not told", deployment_id=deployment.deployment_id)


def _answer(deployment: Deployment) -> None:
    if deployment.pipeline is None or not deployment.status.is_final:
        return
    if job := pipeline_jobs.get(deployment.deployment_id):
        _end(job, pipeline_result.result(deployment))


def renew() -> None:
    """Look at all jobs: renew what CodePipeline would soon give up, end what nobody has ended. Raises the first error
    there was, after all are looked at."""
    errors = list[Exception]()
    for job in pipeline_jobs.all():
        try:
            _renew(job)
        except Exception as error:  # of one job, for which the others must not wait
            logger.exception("a pipeline is not told", deployment_id=job.deployment_id)
            errors.append(error)
    if errors:
        raise errors[0]


def abandoned(run: PipelineRun) -> None:
    """Somebody has stopped a pipeline and abandoned its action: the deployment stops, if the action has asked for it.

    Only if CodePipeline says so, too: an event asks for no principal.
    """
    for job in pipeline_jobs.all():
        found = deployments.get(job.deployment_id)
        if found is None or found.pipeline is None or replace(found.pipeline, stop_with_pipeline=False) != run:
            continue
        if not codepipeline.is_stopped(run):
            logger.warning("CodePipeline does not say that the execution was stopped", execution=run.execution)
            continue
        if found.pipeline.stop_with_pipeline:
            stop.stop(found, stop_mark.by_person("CodePipeline", clock.timestamp(), reason=f"{run.name} was stopped"))
        pipeline_jobs.delete(job)


def _request(job_id: str, wanted: Wanted, token: str, now: str) -> Request:
    origin = codepipeline.origin(job_id)
    folder = "/".join(filter(None, (origin.run.pipeline, origin.run.execution))) or job_id
    revision, stored_at = artifacts.copy(wanted.artifact, wanted.credentials, f"{PIPELINE_PREFIX}{folder}")
    commits = origin.commits
    only = next(iter(commits.values())) if len(commits) == 1 else ""
    known = {
        "pipeline": origin.run.pipeline,
        "execution": origin.run.execution,
        "commit": wanted.artifact.revision or commits.get(wanted.artifact.name) or only,
        "startedBy": origin.started_by,
    }
    told = {name: value[:METADATA_VALUE] for name, value in known.items() if value and name not in wanted.metadata}
    return Request(
        application=wanted.application,
        group=wanted.group,
        requested_by=f"CodePipeline: {origin.run.name}",
        requested_at=now,
        revision=revision,
        stored_at=stored_at,
        token=token,
        on_busy=wanted.on_busy,
        description=wanted.description,
        metadata=dict([*wanted.metadata.items(), *told.items()][:METADATA_ENTRIES]),
        own=wanted.own,
        pipeline=replace(origin.run, stop_with_pipeline=wanted.stop_with_pipeline),
    )


def _follow(deployment_id: str, job_id: str, now: str) -> None:
    """Remember who waits; then look whether the deployment has ended before anybody could know."""
    pipeline_jobs.put(PipelineJob(deployment_id=deployment_id, job_id=job_id, given_at=now))
    if found := deployments.get(deployment_id):
        _answer(found)


def _renew(job: PipelineJob) -> None:
    found = deployments.get(job.deployment_id)
    if found is None:
        pipeline_jobs.delete(job)
    elif found.status.is_final:
        _end(job, pipeline_result.result(found))
        pipeline_jobs.delete(job)
    elif _age(found.create_time) >= _LONGEST:
        _end(job, pipeline_result.too_long(places.counted(found)))
        pipeline_jobs.delete(job)
    elif _age(job.given_at) >= _RENEWED_AFTER and not codepipeline.go_on(
        job.job_id, pipeline_result.progress(places.counted(found))
    ):
        pipeline_jobs.delete(job)  # nobody waits: it was renewed, or the action is over


def _end(job: PipelineJob, result: Success | Refusal) -> None:
    if isinstance(result, Success):
        codepipeline.succeed(job.job_id, result)
    else:
        codepipeline.fail(job.job_id, result)


def _age(moment: str) -> timedelta:
    return clock.now() - datetime.fromisoformat(moment)

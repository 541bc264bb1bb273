"""Jobs of CodePipeline that wait for a deployment. There are few at any time: one partition."""

from collections.abc import Iterator
from dataclasses import dataclass

from functions.core.text.shapes import from_plain, to_plain
from functions.store.keys import pipeline_job_key
from functions.store.table.items import items
from functions.store.table.values import Delete, Equals, Put, Query


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineJob:
    """The job that CodePipeline waits for now: each renewal ends one, and the next one takes its place."""

    deployment_id: str
    job_id: str
    given_at: str  # ISO 8601: when CodePipeline called the function with it


def put(job: PipelineJob) -> None:
    items().write(Put(pipeline_job_key(job.deployment_id), to_plain(job)))


def get(deployment_id: str) -> PipelineJob | None:
    item = items().get(pipeline_job_key(deployment_id))
    return from_plain(PipelineJob, item) if item else None


def all() -> Iterator[PipelineJob]:  # noqa: A001 - read as pipeline_jobs.all
    for item in items().query(Query(pipeline_job_key("").pk)):
        yield from_plain(PipelineJob, item)


def delete(job: PipelineJob) -> None:
    """Nobody waits any more, unless another job has taken its place."""
    items().write(Delete(pipeline_job_key(job.deployment_id), Equals("job_id", job.job_id)))

"""CodePipeline, as the function of an action meets it: jobs that take one answer, and one execution of one pipeline."""

from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.fakes.service import Service

PIPELINE, EXECUTION = "release", "11111111-1111-1111-1111-111111111111"


@dataclass
class _Job:
    answers: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


class FakeCodePipeline(Service):
    name = "codepipeline"

    def __init__(self) -> None:
        super().__init__()
        self._numbers = count(1)
        self.jobs: dict[str, _Job] = {}
        self.status = "InProgress"

    def new_job(self) -> str:
        job_id = f"00000000-0000-0000-0000-{next(self._numbers):012}"
        self.jobs[job_id] = _Job()
        return job_id

    def answer(self, job_id: str) -> tuple[str, dict[str, Any]] | None:
        """How a job was answered: `success`, `later` or `failure`, and with what."""
        return next(iter(self.jobs[job_id].answers), None)

    def on_get_job_details(self, *, jobId: str) -> dict[str, Any]:
        self._job(jobId, "GetJobDetails")
        context = {
            "pipelineName": PIPELINE,
            "pipelineExecutionId": EXECUTION,
            "stage": {"name": "Deploy"},
            "action": {"name": "Hosts"},
        }
        return {"jobDetails": {"id": jobId, "data": {"pipelineContext": context}}}

    def on_get_pipeline_execution(self, *, pipelineName: str, pipelineExecutionId: str) -> dict[str, Any]:
        if (pipelineName, pipelineExecutionId) != (PIPELINE, EXECUTION):
            raise self.refuse("PipelineExecutionNotFoundException", "GetPipelineExecution")
        return {
            "pipelineExecution": {
                "pipelineName": pipelineName,
                "pipelineExecutionId": pipelineExecutionId,
                "status": self.status,
                "artifactRevisions": [{"name": "Source", "revisionId": "c0ffee"}],
                "trigger": {"triggerType": "StartPipelineExecution", "triggerDetail": "arn:aws:iam::1:user/ann"},
            }
        }

    def on_put_job_success_result(self, *, jobId: str, **result: Any) -> None:
        self._put(jobId, "PutJobSuccessResult", "later" if "continuationToken" in result else "success", result)

    def on_put_job_failure_result(self, *, jobId: str, failureDetails: dict[str, Any]) -> None:
        self._put(jobId, "PutJobFailureResult", "failure", failureDetails)

    def _put(self, job_id: str, operation: str, kind: str, result: dict[str, Any]) -> None:
        answers = self._job(job_id, operation).answers
        if answers:
            raise self.refuse("InvalidJobStateException", operation)
        answers.append((kind, result))

    def _job(self, job_id: str, operation: str) -> _Job:
        if job_id not in self.jobs:
            raise self.refuse("JobNotFoundException", operation)
        return self.jobs[job_id]

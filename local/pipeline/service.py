"""CodePipeline's API: pipelines, their executions and state, and the answers to jobs.

One execution is in a stage at a time; of those that wait for it the newest goes on (execution mode SUPERSEDED).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from local.authorization import Check
from local.json_model import JsonError
from local.pipeline.player import Player, Settings, World
from local.pipeline.records import Execution, Job

SERVICE = "codepipeline"
_JOBS = ("GetJobDetails", "PutJobSuccessResult", "PutJobFailureResult")
_OVER = ("Succeeded", "Failed", "Stopped", "Superseded")


class CodePipeline:
    """The service; every method may be called from any thread."""

    def __init__(self, world: World, settings: Settings) -> None:
        self.settings = settings
        self._world = world
        self._jobs: dict[str, Job] = {}
        self._player = Player(world, settings, self._jobs)
        self._pipelines: dict[str, tuple[dict[str, Any], float]] = {}
        self._executions: list[Execution] = []
        self._changed = threading.Condition()
        self._in_stage: dict[tuple[str, str], Execution] = {}
        self._waiting: dict[tuple[str, str], Execution] = {}
        self.operations: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "CreatePipeline": self._create,
            "UpdatePipeline": self._update,
            "DeletePipeline": self._delete,
            "GetPipeline": self._get,
            "ListPipelines": self._list,
            "StartPipelineExecution": self._start,
            "StopPipelineExecution": self._stop,
            "GetPipelineExecution": self._get_execution,
            "ListPipelineExecutions": self._list_executions,
            "GetPipelineState": self._state,
            "GetJobDetails": self._job_details,
            "PutJobSuccessResult": lambda asked: self._put("PutJobSuccessResult", asked),
            "PutJobFailureResult": lambda asked: self._put("PutJobFailureResult", asked),
        }

    def checks(self, operation: str, asked: Mapping[str, Any]) -> list[Check]:
        """What IAM is asked before an operation."""
        declared = asked.get("pipeline") if isinstance(asked.get("pipeline"), dict) else {}
        name = asked.get("pipelineName") or asked.get("name") or (declared or {}).get("name")
        is_one = operation not in (*_JOBS, "ListPipelines") and name
        found = [Check(f"{SERVICE}:{operation}", self._arn(str(name)) if is_one else "*", {})]
        if declared and "roleArn" in declared:
            passed = {"iam:PassedToService": "codepipeline.amazonaws.com"}
            found.append(Check("iam:PassRole", str(declared["roleArn"]), passed))
        return found

    def _arn(self, name: str) -> str:
        return f"arn:aws:codepipeline:{self._world.region}:{self._world.account}:{name}"

    # -- pipelines

    def _create(self, asked: dict[str, Any]) -> dict[str, Any]:
        declared = asked["pipeline"]
        if declared["name"] in self._pipelines:
            raise JsonError("PipelineNameInUseException", f"A pipeline with the name '{declared['name']}' exists")
        return self._keep({**declared, "version": 1})

    def _update(self, asked: dict[str, Any]) -> dict[str, Any]:
        before, _ = self._known(asked["pipeline"]["name"])
        return self._keep({**asked["pipeline"], "version": before["version"] + 1})

    def _keep(self, declared: dict[str, Any]) -> dict[str, Any]:
        self._pipelines[declared["name"]] = declared, time.time()
        return {"pipeline": declared}

    def _delete(self, asked: dict[str, Any]) -> dict[str, Any]:
        self._pipelines.pop(asked["name"], None)
        return {}

    def _get(self, asked: dict[str, Any]) -> dict[str, Any]:
        declared, created = self._known(asked["name"])
        return {
            "pipeline": declared,
            "metadata": {"pipelineArn": self._arn(declared["name"]), "created": created, "updated": created},
        }

    def _list(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {
            "pipelines": [
                {"name": name, "version": declared["version"], "created": created, "updated": created}
                for name, (declared, created) in self._pipelines.items()
            ]
        }

    def _known(self, name: str) -> tuple[dict[str, Any], float]:
        if name not in self._pipelines:
            raise JsonError("PipelineNotFoundException", f"Account has no pipeline with the name '{name}'")
        return self._pipelines[name]

    # -- executions

    def _start(self, asked: dict[str, Any]) -> dict[str, Any]:
        declared, _ = self._known(asked["name"])
        run = Execution(declared)
        with self._changed:
            self._executions.append(run)
        threading.Thread(target=self._play, args=(run,), name=f"pipeline {run.name}", daemon=True).start()
        return {"pipelineExecutionId": run.execution_id}

    def _play(self, run: Execution) -> None:
        try:
            for stage in run.pipeline["stages"]:
                if not self._enter(run, stage["name"]):
                    return
                for action in sorted(stage["actions"], key=lambda each: int(each.get("runOrder", 1))):
                    if run.stop or not self._player.play(run, stage, action):
                        break
                if run.stop or run.status_of(stage) != "Succeeded":
                    self._end(run, "Stopped" if run.stop else "Failed")
                    return
            self._end(run, "Succeeded")
        except Exception:
            self._end(run, "Failed")
            raise

    def _enter(self, run: Execution, stage: str) -> bool:
        """Wait for a stage. False when a newer execution goes on instead, or somebody has stopped this one."""
        place = run.name, stage
        with self._changed:
            self._leave(run)
            if place in self._in_stage:
                if older := self._waiting.get(place):
                    older.status = "Superseded"
                self._waiting[place] = run
                self._changed.notify_all()
                self._changed.wait_for(lambda: run.status in _OVER or run.stop or place not in self._in_stage)
                if self._waiting.get(place) is run:
                    del self._waiting[place]
            if run.stop:
                run.status = "Stopped"
            if run.status in _OVER:
                return False
            self._in_stage[place] = run
        return True

    def _leave(self, run: Execution) -> None:
        for place in [place for place, inside in self._in_stage.items() if inside is run]:
            del self._in_stage[place]
        self._changed.notify_all()

    def _end(self, run: Execution, status: str) -> None:
        with self._changed:
            run.status = status
            self._leave(run)

    def _stop(self, asked: dict[str, Any]) -> dict[str, Any]:
        run = self._execution(asked["pipelineName"], asked["pipelineExecutionId"])
        with self._changed:
            if run.status in _OVER:
                what = f"The pipeline execution with execution id '{run.execution_id}' is not running"
                raise JsonError("PipelineExecutionNotStoppableException", what)
            run.status, run.stop = "Stopping", asked.get("reason") or "stopped by a person"
            self._changed.notify_all()
        if asked.get("abandon"):
            for action in run.actions.values():
                if action.status == "InProgress":
                    action.end("Abandoned")
            for job in [job for job in self._jobs.values() if job.run is run]:
                job.is_over.set()
        return {"pipelineExecutionId": run.execution_id}

    def _get_execution(self, asked: dict[str, Any]) -> dict[str, Any]:
        run = self._execution(asked["pipelineName"], asked["pipelineExecutionId"])
        return {
            "pipelineExecution": {
                "pipelineName": run.name,
                "pipelineVersion": run.pipeline["version"],
                "pipelineExecutionId": run.execution_id,
                "status": run.status,
                "artifactRevisions": [
                    {"name": name, "revisionId": revision} for name, revision in run.revisions.items() if revision
                ],
                "trigger": {"triggerType": "StartPipelineExecution", "triggerDetail": "a person"},
            }
        }

    def _list_executions(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {
            "pipelineExecutionSummaries": [
                {"pipelineExecutionId": run.execution_id, "status": run.status, "startTime": run.started}
                for run in reversed(self._executions)
                if run.name == asked["pipelineName"]
            ]
        }

    def _execution(self, pipeline: str, execution_id: str) -> Execution:
        for run in self._executions:
            if (run.name, run.execution_id) == (pipeline, execution_id):
                return run
        raise JsonError("PipelineExecutionNotFoundException", f"There is no execution {execution_id} of {pipeline}")

    def _state(self, asked: dict[str, Any]) -> dict[str, Any]:
        declared, created = self._known(asked["name"])
        runs = [run for run in self._executions if run.name == declared["name"]]
        return {
            "pipelineName": declared["name"],
            "pipelineVersion": declared["version"],
            "stageStates": [_stage_state(stage, runs) for stage in declared["stages"]],
            "created": created,
            "updated": created,
        }

    # -- jobs

    def _job_details(self, asked: dict[str, Any]) -> dict[str, Any]:
        job = self._job(asked)
        context = {
            "pipelineName": job.run.name,
            "pipelineArn": self._arn(job.run.name),
            "pipelineExecutionId": job.run.execution_id,
            "stage": {"name": job.stage},
            "action": {"name": job.action},
        }
        data = {"pipelineContext": context, **job.data}
        return {"jobDetails": {"id": job.job_id, "accountId": self._world.account, "data": data}}

    def _put(self, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
        job = self._job(asked)
        with self._changed:
            if job.is_over.is_set():
                what = f"Cannot post to job {job.job_id}: its result has been set, or its action is over"
                raise JsonError("InvalidJobStateException", what)
            job.result = operation, asked
            job.is_over.set()
        return {}

    def _job(self, asked: dict[str, Any]) -> Job:
        if asked["jobId"] not in self._jobs:
            raise JsonError("JobNotFoundException", f"There is no job {asked['jobId']}")
        return self._jobs[asked["jobId"]]


def _stage_state(stage: dict[str, Any], runs: list[Execution]) -> dict[str, Any]:
    """What the newest execution that was there has left."""
    there = [run for run in runs if run.status_of(stage)]
    found: dict[str, Any] = {"stageName": stage["name"], "inboundTransitionState": {"enabled": True}}
    states = []
    for action in stage["actions"]:
        run = there[-1].actions.get((stage["name"], action["name"])) if there else None
        states.append({"actionName": action["name"], **({"latestExecution": run.shown()} if run else {})})
    if there:
        status = there[-1].status_of(stage)
        found["latestExecution"] = {"pipelineExecutionId": there[-1].execution_id, "status": status}
    return {**found, "actionStates": states}

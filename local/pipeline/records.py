"""Pipelines, their executions, and the jobs that functions answer."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any


@dataclass
class ActionRun:
    """An action in an execution."""

    action_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "InProgress"
    summary: str = ""
    external_id: str = ""
    percent: int | None = None
    error: tuple[str, str] | None = None  # code and message
    changed: float = field(default_factory=time.time)

    def end(self, status: str, **more: Any) -> None:
        self.status, self.changed = status, time.time()
        for name, value in more.items():
            setattr(self, name, value)

    def shown(self) -> dict[str, Any]:
        """As GetPipelineState shows it."""
        told: dict[str, Any] = {
            "actionExecutionId": self.action_id,
            "status": self.status,
            "lastStatusChange": self.changed,
        }
        if self.summary:
            told["summary"] = self.summary
        if self.external_id:
            told["externalExecutionId"] = self.external_id
        if self.percent is not None:
            told["percentComplete"] = self.percent
        if self.error:
            told["errorDetails"] = {"code": self.error[0], "message": self.error[1]}
        return told


@dataclass
class Execution:
    """One run of a pipeline."""

    pipeline: dict[str, Any]  # the declaration as it was when the run began
    execution_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "InProgress"
    actions: dict[tuple[str, str], ActionRun] = field(default_factory=dict)  # by stage and action
    artifacts: dict[str, str] = field(default_factory=dict)  # keys in the artifact bucket, by name
    revisions: dict[str, str] = field(default_factory=dict)  # of source artifacts, by name
    variables: dict[str, dict[str, str]] = field(default_factory=dict)  # by namespace
    stop: str = ""  # why somebody wants it to stop
    started: float = field(default_factory=time.time)

    @property
    def name(self) -> str:
        return str(self.pipeline["name"])

    def status_of(self, stage: dict[str, Any]) -> str | None:
        """Of a stage; None before it begins."""
        runs = [run for (name, _), run in self.actions.items() if name == stage["name"]]
        if not runs:
            return None
        if any(run.status == "Failed" for run in runs):
            return "Failed"
        if any(run.status == "Abandoned" for run in runs):
            return "Stopped"
        is_done = len(runs) == len(stage["actions"]) and all(run.status == "Succeeded" for run in runs)
        return "Succeeded" if is_done else "InProgress"


@dataclass
class Job:
    """What a function is called with, and has to answer once."""

    run: Execution
    stage: str
    action: str
    data: dict[str, Any]
    job_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    result: tuple[str, dict[str, Any]] | None = None  # the operation that answered, and its request
    is_over: threading.Event = field(default_factory=threading.Event)

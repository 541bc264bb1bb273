"""A command on its way through an instance: its steps, and what became of each."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

EXIT_REBOOT, EXIT_WITH_SUCCESS, EXIT_WITH_FAILURE, EXIT_STOPPED = 194, 168, 169, 137


@dataclass(frozen=True, slots=True)
class Step:
    """One aws:runShellScript step with every parameter put in."""

    name: str
    script: str  # the lines of runCommand
    timeout_seconds: float
    working_directory: str
    on_failure: Literal["", "exit", "successAndExit"] = ""
    on_success: Literal["", "exit"] = ""
    finally_step: bool = False

    def lasting_at_most(self, seconds: float) -> Step:
        return replace(self, timeout_seconds=seconds)


@dataclass(slots=True)
class Result:
    """One step so far; statuses are the agent's, Skipped and SuccessAndReboot included."""

    status: str = "NotStarted"
    code: int = 0
    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    output: bytes = b""
    started: float = 0.0  # seconds since the epoch
    finished: float = 0.0


@dataclass(slots=True)
class Job:
    """One command on this instance: the document's steps with every parameter already put in."""

    command_id: str
    steps: list[Step]
    environment: dict[str, str]
    directory: Path  # the orchestration directory
    results: list[Result]
    index: int = 0
    process: subprocess.Popen[bytes] | None = None
    open_pipes: set[int] = field(default_factory=set)
    exit_status: int | None = None  # of the shell, once it has ended
    deadline: float = 0.0  # monotonic
    cancelled: bool = False

    @property
    def result(self) -> Result:
        return self.results[self.index]

    @property
    def step(self) -> Step:
        return self.steps[self.index]

    def skips_current_step(self) -> bool:
        if self.step.finally_step and self.index == len(self.steps) - 1:
            return False
        return any(
            result.code in (EXIT_WITH_SUCCESS, EXIT_WITH_FAILURE)
            or (result.status == "Failed" and step.on_failure == "exit")
            or (result.status == "Success" and step.on_success == "exit")
            for step, result in zip(self.steps[: self.index], self.results[: self.index], strict=True)
        )

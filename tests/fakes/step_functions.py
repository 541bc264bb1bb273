"""Step Functions: executions that run until a test ends them, and what each waiting state was told."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.fakes.service import Service

_NOW = datetime(2026, 11, 23, tzinfo=UTC)


@dataclass
class _Execution:
    arn: str
    name: str
    machine: str
    given: str
    status: str = "RUNNING"

    def told(self) -> dict[str, Any]:
        return {
            "executionArn": self.arn,
            "stateMachineArn": self.machine,
            "name": self.name,
            "status": self.status,
            "startDate": _NOW,
        }


class FakeStepFunctions(Service):
    name = "stepfunctions"

    def __init__(self, *machines: str) -> None:
        super().__init__()
        self.machines = set(machines)
        self.told: dict[str, Any] = {}  # by task token
        self._executions: dict[str, _Execution] = {}

    def on_start_execution(self, *, stateMachineArn: str, name: str, input: str = "{}") -> dict[str, Any]:
        if stateMachineArn not in self.machines:
            raise self.refuse("StateMachineDoesNotExist", "StartExecution")
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,80}", name):
            raise self.refuse("InvalidName", "StartExecution")
        arn = f"{stateMachineArn.replace(':stateMachine:', ':execution:')}:{name}"
        known = self._executions.setdefault(arn, _Execution(arn, name, stateMachineArn, input))
        if (known.given, known.status) != (input, "RUNNING"):
            raise self.refuse("ExecutionAlreadyExists", "StartExecution")
        return {"executionArn": arn, "startDate": _NOW}

    def on_stop_execution(self, *, executionArn: str) -> dict[str, Any]:
        self._found(executionArn, "StopExecution").status = "ABORTED"
        return {"stopDate": _NOW}

    def on_describe_execution(self, *, executionArn: str) -> dict[str, Any]:
        found = self._found(executionArn, "DescribeExecution")
        return {**found.told(), "input": found.given}

    def on_list_executions(self, *, stateMachineArn: str, statusFilter: str | None = None, **_: Any) -> dict[str, Any]:
        found = [
            each.told()
            for each in self._executions.values()
            if each.machine == stateMachineArn and statusFilter in (None, each.status)
        ]
        return {"executions": found}

    def on_send_task_success(self, *, taskToken: str, output: str) -> None:
        if taskToken in self.told:
            raise self.refuse("TaskTimedOut", "SendTaskSuccess")
        self.told[taskToken] = json.loads(output)

    def forget(self) -> None:
        """As if the histories of all executions were gone."""
        self._executions.clear()

    def _found(self, arn: str, operation: str) -> _Execution:
        if arn not in self._executions:
            raise self.refuse("ExecutionDoesNotExist", operation)
        return self._executions[arn]

"""What SSM remembers of a command: the command, its invocations (one per instance) and their plugins (one per step).

Statuses and details are SSM's, "Understanding command statuses" in its user guide; shapes are those of its API.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """Of a command, of an invocation, and, but for CANCELLING, of a plugin."""

    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    SUCCESS = "Success"
    CANCELLED = "Cancelled"
    CANCELLING = "Cancelling"
    FAILED = "Failed"
    TIMED_OUT = "TimedOut"

    @property
    def is_final(self) -> bool:
        return self not in (Status.PENDING, Status.IN_PROGRESS, Status.CANCELLING)


class Details(StrEnum):
    """StatusDetails where they say more than the status."""

    DELIVERY_TIMED_OUT = "DeliveryTimedOut"
    EXECUTION_TIMED_OUT = "ExecutionTimedOut"
    UNDELIVERABLE = "Undeliverable"
    TERMINATED = "Terminated"
    NO_INSTANCES_IN_TAG = "NoInstancesInTag"


# How an agent's word for a step looks in the API. A skipped step is shown as a success, its output says why.
PLUGIN_STATUSES = {
    "InProgress": Status.IN_PROGRESS,
    "SuccessAndReboot": Status.IN_PROGRESS,
    "Success": Status.SUCCESS,
    "Skipped": Status.SUCCESS,
    "Failed": Status.FAILED,
    "TimedOut": Status.TIMED_OUT,
    "Cancelled": Status.CANCELLED,
}
# The first of these among a command's parts is the whole's, as the agent and the service put parts together.
WORST_FIRST = (Status.FAILED, Status.TIMED_OUT, Status.CANCELLED)


def put_together(statuses: Sequence[Status]) -> Status:
    """The status of a whole whose parts have all ended."""
    return next((status for status in WORST_FIRST if status in statuses), Status.SUCCESS)


def moment(seconds: float | None) -> str:
    """A time as text, as EventBridge and GetCommandInvocation have it.

    >>> moment(1468187490.049)
    '2016-07-10T21:51:30.049Z'
    """
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(slots=True)
class Plugin:
    name: str
    status: Status = Status.PENDING
    details: str = ""
    code: int = -1
    output: str = ""
    stdout: str = ""
    stderr: str = ""
    started: float | None = None  # seconds since the epoch
    finished: float | None = None

    @property
    def status_details(self) -> str:
        return self.details or str(self.status)

    def end_with(self, status: Status, details: str) -> None:
        """Share the invocation's end, unless the step had its own."""
        if not self.status.is_final:
            self.status, self.details = status, details

    def record(self, report: dict[str, Any]) -> None:
        """Take over what the agent reports of the step."""
        self.status = PLUGIN_STATUSES[report["status"]]
        self.details = Details.EXECUTION_TIMED_OUT if self.status is Status.TIMED_OUT else ""
        self.started = report["started"]
        self.output, self.stdout, self.stderr = report["output"], report["stdout"], report["stderr"]
        if self.status.is_final:
            self.code, self.finished = report["code"], report["finished"]

    def shown(self) -> dict[str, Any]:
        """A CommandPlugin."""
        times = {"ResponseStartDateTime": self.started, "ResponseFinishDateTime": self.finished}
        return {
            "Name": self.name,
            "Status": self.status,
            "StatusDetails": self.status_details,
            "ResponseCode": self.code,
            "Output": self.output,
            "StandardOutputUrl": "",
            "StandardErrorUrl": "",
        } | {name: at for name, at in times.items() if at is not None}


@dataclass(slots=True)
class Command:
    command_id: str
    document_name: str
    document_version: str  # as it was asked for
    parameters: dict[str, list[str]]
    comment: str
    timeout_seconds: int  # for delivery
    requested: float  # seconds since the epoch
    instance_ids: list[str]  # empty when chosen by targets
    targets: list[dict[str, Any]]
    max_concurrency: str
    max_errors: str
    execution_seconds: float  # what all steps may take together
    invocations: dict[str, Invocation] = field(default_factory=dict)
    status: Status = Status.PENDING
    cancel_asked: bool = False

    @property
    def expires_after(self) -> float:
        return self.requested + self.timeout_seconds + self.execution_seconds

    @property
    def status_details(self) -> str:
        if not self.invocations:
            return Details.NO_INSTANCES_IN_TAG
        details = {i.status_details for i in self.invocations.values() if i.status is self.status}
        return details.pop() if self.status.is_final and len(details) == 1 else str(self.status)

    @property
    def error_count(self) -> int:
        """Failed or timed out while running; what was never delivered does not count."""
        uncounted = (Details.DELIVERY_TIMED_OUT, Details.UNDELIVERABLE)
        return sum(
            i.status in (Status.FAILED, Status.TIMED_OUT) and i.status_details not in uncounted
            for i in self.invocations.values()
        )

    def status_by_invocations(self) -> Status:
        statuses = [invocation.status for invocation in self.invocations.values()]
        if all(status.is_final for status in statuses):
            return put_together(statuses)
        if self.cancel_asked:
            return Status.CANCELLING
        return Status.PENDING if set(statuses) == {Status.PENDING} else Status.IN_PROGRESS

    def shown(self) -> dict[str, Any]:
        """A Command."""
        invocations = self.invocations.values()
        timed_out = sum(i.status_details == Details.DELIVERY_TIMED_OUT for i in invocations)
        return {
            "CommandId": self.command_id,
            "DocumentName": self.document_name,
            "DocumentVersion": self.document_version,
            "Comment": self.comment,
            "ExpiresAfter": self.expires_after,
            "Parameters": self.parameters,
            "InstanceIds": self.instance_ids,
            "Targets": self.targets,
            "RequestedDateTime": self.requested,
            "Status": self.status,
            "StatusDetails": self.status_details,
            "MaxConcurrency": self.max_concurrency,
            "MaxErrors": self.max_errors,
            "TargetCount": len(invocations),
            "CompletedCount": sum(i.status.is_final for i in invocations),
            "ErrorCount": self.error_count,
            "DeliveryTimedOutCount": timed_out,
            "ServiceRole": "",
            "TimeoutSeconds": self.timeout_seconds,
        }


@dataclass(slots=True)
class Invocation:
    command: Command
    instance_id: str
    instance_name: str
    plugins: list[Plugin]
    status: Status = Status.PENDING
    details: str = ""
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def status_details(self) -> str:
        return self.details or str(self.status)

    @property
    def identity(self) -> str:
        return f"{self.command.command_id}/{self.instance_id}"

    def shown(self, *, details: bool) -> dict[str, Any]:
        """A CommandInvocation; the plugins only with `details`, and only once the agent has the command."""
        visible = self.plugins if details and self.status is not Status.PENDING else []
        return {
            "CommandId": self.command.command_id,
            "InstanceId": self.instance_id,
            "InstanceName": self.instance_name,
            "Comment": self.command.comment,
            "DocumentName": self.command.document_name,
            "DocumentVersion": self.command.document_version,
            "RequestedDateTime": self.command.requested,
            "Status": self.status,
            "StatusDetails": self.status_details,
            "StandardOutputUrl": "",
            "StandardErrorUrl": "",
            "CommandPlugins": [plugin.shown() for plugin in visible],
            "ServiceRole": "",
        }

    def shown_plugin(self, plugin: Plugin) -> dict[str, Any]:
        """GetCommandInvocation's answer for one step."""
        waiting = self.status is Status.PENDING or self.details in (Details.DELIVERY_TIMED_OUT, Details.UNDELIVERABLE)
        elapsed = ""
        if plugin.started is not None and plugin.finished is not None:
            elapsed = f"PT{plugin.finished - plugin.started:.3f}S"
        return {
            "CommandId": self.command.command_id,
            "InstanceId": self.instance_id,
            "Comment": self.command.comment,
            "DocumentName": self.command.document_name,
            "DocumentVersion": self.command.document_version,
            "PluginName": plugin.name,
            "ResponseCode": plugin.code,
            "ExecutionStartDateTime": moment(plugin.started),
            "ExecutionElapsedTime": elapsed,
            "ExecutionEndDateTime": moment(plugin.finished),
            "Status": self.status if waiting else plugin.status,
            "StatusDetails": self.status_details if waiting else plugin.status_details,
            "StandardOutputContent": plugin.stdout,
            "StandardOutputUrl": "",
            "StandardErrorContent": plugin.stderr,
            "StandardErrorUrl": "",
        }

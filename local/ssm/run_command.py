"""Run Command: SSM's command operations, executed on local instances, with the events AWS sends about them.

Requests and answers are held against SSM's published model. Where SSM's documentation is silent, the agent's source
decides (local/hosts/agent.py). Times are epoch seconds, as in SSM's JSON.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Any

from local.hosts.instance import Instance, InstanceState, Report
from local.hosts.instances import Instances
from local.hosts.job import Step
from local.ssm.commands import Command, Details, Invocation, Plugin, Status, moment, put_together
from local.ssm.document_operations import OPERATIONS as DOCUMENT_OPERATIONS
from local.ssm.documents import Documents, check_parameters, filled_in
from local.ssm.instance_information import describe_instance_information
from local.ssm.model import SsmError, check_answer, check_request
from local.ssm.pages import page
from local.ssm.targets import targeted

INVOCATION_EVENT = "EC2 Command Invocation Status-change Notification"
COMMAND_EVENT = "EC2 Command Status-change Notification"
DEFAULT_DELIVERY_SECONDS = 3_600
DEFAULT_MAX_CONCURRENCY, DEFAULT_MAX_ERRORS = "50", "0"

Operation = Callable[[dict[str, Any]], dict[str, Any]]


async def _let_pass(operation: str, body: dict[str, Any]) -> None:
    """The seam's default: no fault."""


class RunCommand:
    """The part of SSM that the emulator lacks.

    Seams for faults, awaited for every operation that is ours: `before_answer(operation, body)` may raise SsmError,
    for example ThrottlingException, and then nothing happens; `after_answer(operation, body)` comes when the
    operation has taken effect and its answer is not yet given.
    """

    def __init__(
        self,
        instances: Instances,
        emit: Callable[[dict[str, Any]], None],
        documents: Documents,
        *,
        second: float = 1.0,
    ) -> None:
        """`emit` takes one PutEvents entry. `second` is how long a second of any timeout lasts, for impatient tests."""
        self.before_answer: Callable[[str, dict[str, Any]], Awaitable[None]] = _let_pass
        self.after_answer: Callable[[str, dict[str, Any]], Awaitable[None]] = _let_pass
        self._instances = instances
        self._emit = emit
        self._documents = documents
        self._second = second
        self._commands: dict[str, Command] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._operations: dict[str, Operation] = {
            "SendCommand": self._send_command,
            "CancelCommand": self._cancel_command,
            "ListCommands": self._list_commands,
            "ListCommandInvocations": self._list_command_invocations,
            "GetCommandInvocation": self._get_command_invocation,
            "DescribeInstanceInformation": partial(describe_instance_information, instances),
        }
        self._operations |= {name: partial(operation, documents) for name, operation in DOCUMENT_OPERATIONS.items()}
        instances.on_report = self._record_report

    async def answer(self, operation: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        """The status and body of an `AmazonSSM.<operation>` request's answer; None when it is not ours."""
        if operation not in self._operations:
            return None
        try:
            check_request(operation, body)
            await self.before_answer(operation, body)
            answer = self._operations[operation](body)
            check_answer(operation, answer)
            await self.after_answer(operation, body)
        except SsmError as error:
            return error.status, error.body()
        return 200, answer

    async def close(self) -> None:
        """Stop waiting for commands; what runs on instances ends with them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _send_command(self, body: dict[str, Any]) -> dict[str, Any]:
        document = self._documents.get(body["DocumentName"])
        version = document.version(body.get("DocumentVersion"))
        if body.get("DocumentHash") not in (None, version.digest):
            raise SsmError("InvalidDocument", "The hash of the document is not the one that was given.")
        values = check_parameters(version, body.get("Parameters", {}))
        steps = filled_in(version, values)
        chosen = self._chosen_instances(body)
        command = Command(
            command_id=str(uuid.uuid4()),
            document_name=document.name,
            document_version=body.get("DocumentVersion", "$DEFAULT"),
            parameters=values,
            comment=body.get("Comment", ""),
            timeout_seconds=body.get("TimeoutSeconds", DEFAULT_DELIVERY_SECONDS),
            requested=round(time.time(), 3),
            instance_ids=body.get("InstanceIds", []),
            targets=body.get("Targets", []),
            max_concurrency=body.get("MaxConcurrency", DEFAULT_MAX_CONCURRENCY),
            max_errors=body.get("MaxErrors", DEFAULT_MAX_ERRORS),
            execution_seconds=sum(step.timeout_seconds for step in steps),
        )
        self._commands[command.command_id] = command
        for instance in chosen:
            plugins = [Plugin(step.name) for step in steps]
            command.invocations[instance.instance_id] = Invocation(
                command, instance.instance_id, instance.name, plugins
            )
        if not chosen:
            command.status = Status.SUCCESS
        at_once = asyncio.Semaphore(_share(command.max_concurrency, len(chosen), at_least=1))
        scaled = [step.lasting_at_most(step.timeout_seconds * self._second) for step in steps]
        for instance in chosen:
            self._spawn(self._carry(command.invocations[instance.instance_id], instance, scaled, at_once))
        return {"Command": command.shown()}

    def _chosen_instances(self, body: dict[str, Any]) -> list[Instance]:
        instance_ids = body.get("InstanceIds", [])
        if instance_ids and body.get("Targets"):
            raise SsmError("ValidationException", "Instance ids and targets cannot be specified at the same time")
        if body.get("Targets"):
            return targeted(self._instances, body["Targets"])
        if not instance_ids:
            raise SsmError("InvalidInstanceId", "At least one instance id or target is needed")
        if len(set(instance_ids)) < len(instance_ids):
            raise SsmError("DuplicateInstanceId", "You can't specify an instance ID in more than one association.")
        chosen = [self._instances.get(instance_id) for instance_id in instance_ids]
        ready = [i for i in chosen if i and i.managed and i.state in (InstanceState.RUNNING, InstanceState.PENDING)]
        if len(ready) < len(instance_ids):
            refused = ", ".join(sorted(set(instance_ids) - {instance.instance_id for instance in ready}))
            text = f"Instances [[{refused}]] not in a valid state for account {self._instances.account}"
            raise SsmError("InvalidInstanceId", text)
        return ready

    async def _carry(
        self, invocation: Invocation, instance: Instance, steps: list[Step], at_once: asyncio.Semaphore
    ) -> None:
        """One invocation from Pending to its end."""
        command = invocation.command
        async with at_once:
            if invocation.status.is_final:
                return
            if command.error_count > _share(command.max_errors, len(command.invocations), at_least=0):
                self._change(invocation, Status.CANCELLED, Details.TERMINATED)
                return
            if instance.state in (InstanceState.STOPPED, InstanceState.TERMINATED):
                self._change(invocation, Status.FAILED, Details.UNDELIVERABLE)
                return
            delivered = await self._deliver(invocation, instance, steps)
            if not delivered:
                return
            if invocation.status.is_final:  # cancelled while it was on its way
                await instance.cancel(command.command_id)
                return
            self._change(invocation, Status.IN_PROGRESS)
            try:
                async with asyncio.timeout((command.timeout_seconds + command.execution_seconds) * self._second):
                    await invocation.ended.wait()
            except TimeoutError:
                self._change(invocation, Status.TIMED_OUT, Details.EXECUTION_TIMED_OUT)

    async def _deliver(self, invocation: Invocation, instance: Instance, steps: list[Step]) -> bool:
        """Whether the agent has it; not when it could not be reached in time or it was cancelled before."""
        cancelled = asyncio.ensure_future(invocation.ended.wait())
        delivery = asyncio.ensure_future(instance.deliver(invocation.command.command_id, steps))
        try:
            timeout = invocation.command.timeout_seconds * self._second
            await asyncio.wait({cancelled, delivery}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            cancelled.cancel()
            was_delivered = delivery.done()
            delivery.cancel()
        if was_delivered:
            delivery.result()
            return True
        if not invocation.status.is_final:
            self._change(invocation, Status.TIMED_OUT, Details.DELIVERY_TIMED_OUT)
        return False

    def _record_report(self, instance: Instance, report: Report) -> None:
        command = self._commands.get(report["command_id"])
        invocation = command.invocations.get(instance.instance_id) if command else None
        if invocation is None or invocation.status.is_final:
            return
        if "lost" in report:
            # The agent says so of the first plugin, whatever that had done; the others keep what was last known.
            first = invocation.plugins[0]
            first.status, first.code, first.output = Status.FAILED, 1, report["lost"]
            self._change(invocation, Status.FAILED)
        elif "finished" in report and "step" not in report:
            self._change(invocation, put_together([plugin.status for plugin in invocation.plugins]))
        else:
            invocation.plugins[report["step"]].record(report)

    def _cancel_command(self, body: dict[str, Any]) -> dict[str, Any]:
        command = self._commands.get(body["CommandId"])
        if command is None:
            raise SsmError("InvalidCommandId", f"There is no command {body['CommandId']}")
        instance_ids = body.get("InstanceIds") or list(command.invocations)
        if unknown := set(instance_ids) - set(command.invocations):
            raise SsmError("InvalidInstanceId", f"The command was not sent to {', '.join(sorted(unknown))}")
        command.cancel_asked = True
        for instance_id in instance_ids:
            invocation = command.invocations[instance_id]
            if invocation.status is Status.PENDING:
                self._change(invocation, Status.CANCELLED)
            elif invocation.status is Status.IN_PROGRESS:
                self._change(invocation, Status.CANCELLING)
                instance = self._instances.get(instance_id)
                assert instance
                self._spawn(instance.cancel(command.command_id))
        return {}

    def _change(self, invocation: Invocation, status: Status, details: str = "") -> None:
        """Move an invocation to a status, its command with it, and tell."""
        invocation.status, invocation.details = status, details
        if status.is_final:
            invocation.ended.set()
            if details or status is Status.CANCELLED:
                for plugin in invocation.plugins:
                    plugin.end_with(status, details)
        command = invocation.command
        self._tell(
            INVOCATION_EVENT,
            [invocation.instance_id],
            {
                "command-id": command.command_id,
                "document-name": command.document_name,
                "instance-id": invocation.instance_id,
                "requested-date-time": moment(command.requested),
                "status": status,
            },
        )
        status_before, command.status = command.status, command.status_by_invocations()
        if command.status is not status_before:
            self._tell(
                COMMAND_EVENT,
                list(command.invocations),
                {
                    "command-id": command.command_id,
                    "document-name": command.document_name,
                    "expire-after": moment(command.expires_after),
                    "parameters": command.parameters,
                    "requested-date-time": moment(command.requested),
                    "status": command.status,
                },
            )

    def _tell(self, detail_type: str, instance_ids: Iterable[str], detail: dict[str, Any]) -> None:
        self._emit(
            {
                "Source": "aws.ssm",
                "DetailType": detail_type,
                "Time": time.time(),
                "Resources": [self._instances.arn_of(instance_id) for instance_id in instance_ids],
                "Detail": json.dumps(detail),
            }
        )

    def _list_commands(self, body: dict[str, Any]) -> dict[str, Any]:
        found = [
            command
            for command in self._newest_first(body)
            if body.get("InstanceId") in (None, *command.invocations) and _passes(body, command, command.status)
        ]
        identity: Callable[[Command], str] = lambda command: command.command_id  # noqa: E731
        return page(found, body, member="Commands", identity=identity, shown=Command.shown)

    def _list_command_invocations(self, body: dict[str, Any]) -> dict[str, Any]:
        found = [
            invocation
            for command in self._newest_first(body)
            for invocation in command.invocations.values()
            if body.get("InstanceId") in (None, invocation.instance_id) and _passes(body, command, invocation.status)
        ]
        details = body.get("Details", False)
        return page(
            found,
            body,
            member="CommandInvocations",
            identity=lambda invocation: invocation.identity,
            shown=lambda invocation: invocation.shown(details=details),
        )

    def _newest_first(self, body: dict[str, Any]) -> list[Command]:
        commands = reversed(self._commands.values())
        return [command for command in commands if body.get("CommandId") in (None, command.command_id)]

    def _get_command_invocation(self, body: dict[str, Any]) -> dict[str, Any]:
        command = self._commands.get(body["CommandId"])
        invocation = command.invocations.get(body["InstanceId"]) if command else None
        if invocation is None:
            raise SsmError("InvocationDoesNotExist", "")
        name = body.get("PluginName")
        if name is None and len(invocation.plugins) > 1:
            raise SsmError("InvalidPluginName", "The document has more than one step: name the one that is meant")
        plugin = next((plugin for plugin in invocation.plugins if name in (None, plugin.name)), None)
        if plugin is None:
            raise SsmError("InvalidPluginName", f"The plugin name {name} is not valid")
        return invocation.shown_plugin(plugin)

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _passes(body: dict[str, Any], command: Command, status: Status) -> bool:
    """Whether every filter of the request lets this status of the command through."""
    facts: dict[str, Callable[[str], bool]] = {
        "InvokedAfter": lambda value: command.requested > _epoch(value),
        "InvokedBefore": lambda value: command.requested < _epoch(value),
        "Status": lambda value: status == value,
        "ExecutionStage": lambda value: status.is_final == (value == "Complete"),
        "DocumentName": lambda value: command.document_name == value,
    }
    return all(facts[entry["key"]](entry["value"]) for entry in body.get("Filters", []))


def _epoch(value: str) -> float:
    try:
        return datetime.fromisoformat(value).timestamp()
    except ValueError as error:
        raise SsmError("InvalidFilterValue", f"{value} is not a time, for example 2021-07-07T00:00:00Z") from error


def _share(wanted: str, total: int, *, at_least: int) -> int:
    """A number, or a percentage of the targets.

    >>> _share("50", 3, at_least=1), _share("10%", 25, at_least=1), _share("0", 3, at_least=0)
    (50, 2, 0)
    """
    number = total * int(wanted[:-1]) // 100 if wanted.endswith("%") else int(wanted)
    return max(number, at_least)

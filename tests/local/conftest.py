"""Local instances and Run Command for tests: real namespaces, one event loop that runs while a test waits."""

import asyncio
import json
import os
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest

from local.driver import PATIENCE
from local.hosts.instance import Instance
from local.hosts.instances import Instances
from local.ssm.documents import Documents
from local.ssm.run_command import RunCommand
from tests.local.autoscaling.scaled import scaled
from tests.local.elb.balanced import balanced
from tests.local.emulator import bare, bare_emulator, cloud, our_cloud

__all__ = ["balanced", "bare", "bare_emulator", "cloud", "our_cloud", "scaled"]  # fixtures

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, T]], T]
SECOND = 0.05  # how long Run Command's second lasts in tests, in seconds


class Ssm:
    """SSM as a test sees it: operations by name, hosts by name, the events that went out."""

    def __init__(self, run: Run[Any], instances: Instances) -> None:
        self.events: list[dict[str, Any]] = []
        self.instances = instances
        self.documents = Documents()
        self.run_command = RunCommand(instances, self.events.append, self.documents, second=SECOND)
        self.run = run

    def call(self, operation: str, **body: Any) -> dict[str, Any]:
        """The answer, which has to be a good one."""
        answer: tuple[int, dict[str, Any]] | None = self.run(self.run_command.answer(operation, body))
        assert answer is not None and answer[0] == 200, answer
        return answer[1]

    def refusal(self, operation: str, **body: Any) -> str:
        """`code: message` of an answer that has to be an error."""
        answer: tuple[int, dict[str, Any]] | None = self.run(self.run_command.answer(operation, body))
        assert answer is not None and answer[0] == 400, answer
        return f"{answer[1]['__type']}: {answer[1]['message']}"

    def host(self, name: str = "web-1", **options: Any) -> Instance:
        instance: Instance = self.run(self.instances.launch(name, **options))
        return instance

    def shell(self, host: Instance, *lines: str, **options: Any) -> str:
        """Start a script on a host; the command's id."""
        return self.send(
            "AWS-RunShellScript", InstanceIds=[host.instance_id], Parameters={"commands": lines}, **options
        )

    def send(self, document: str, **options: Any) -> str:
        parameters = {name: list(values) for name, values in options.pop("Parameters", {}).items()}
        command = self.call("SendCommand", DocumentName=document, Parameters=parameters, **options)["Command"]
        return str(command["CommandId"])

    def document(self, *steps: Mapping[str, Any], parameters: Mapping[str, Any] | None = None) -> str:
        """A new document of the steps' inputs, the steps named StepA, StepB...; its name."""
        name = f"steps-{len(self.documents.all())}"
        main_steps = [
            {"action": "aws:runShellScript", "name": f"Step{chr(ord('A') + number)}", "inputs": inputs}
            for number, inputs in enumerate(steps)
        ]
        self.documents.create(name, {"schemaVersion": "2.2", "parameters": parameters or {}, "mainSteps": main_steps})
        return name

    def until(self, condition: Callable[[], T | None], what: str = "the condition") -> T:
        """Let the loop run until the condition is true."""
        give_up = time.monotonic() + PATIENCE
        while not (found := condition()):
            assert time.monotonic() < give_up, f"{what} never came"
            self.run(asyncio.sleep(0.005))
        return found

    def invocation(self, command_id: str, host: Instance) -> dict[str, Any]:
        answer = self.call("ListCommandInvocations", CommandId=command_id, InstanceId=host.instance_id, Details=True)
        found: dict[str, Any] = answer["CommandInvocations"][0]
        return found

    def reaches(self, command_id: str, host: Instance, *statuses: str) -> dict[str, Any]:
        """The invocation, once it has one of the statuses."""

        def reached() -> dict[str, Any] | None:
            found = self.invocation(command_id, host)
            return found if found["Status"] in statuses else None

        return self.until(reached, f"{' or '.join(statuses)}")

    def ended(self, command_id: str, host: Instance) -> dict[str, Any]:
        """The invocation, once it is over."""
        return self.reaches(command_id, host, "Success", "Failed", "TimedOut", "Cancelled")

    def output(self, host: Instance, *lines: str) -> str:
        """What a script prints on a host; it has to succeed."""
        invocation = self.ended(self.shell(host, *lines), host)
        assert invocation["Status"] == "Success", invocation
        return str(invocation["CommandPlugins"][0]["Output"])

    def told(self, detail_type: str) -> list[tuple[str, str]]:
        """(command id, status) of each event of a kind, in order."""
        details = [json.loads(event["Detail"]) for event in self.events if event["DetailType"] == detail_type]
        return [(detail["command-id"], detail["status"]) for detail in details]


@pytest.fixture
def run() -> Iterator[Run[Any]]:
    with asyncio.Runner() as runner:
        yield runner.run


@pytest.fixture
def instances(run: Run[Any], tmp_path: Path) -> Iterator[Instances]:
    # The network is the machine's: another test run at the same time needs addresses of its own.
    network = f"127.{100 + os.getpid() % 100}.{os.getpid() // 100 % 250}"

    async def make() -> Instances:
        return Instances(tmp_path / "fleet", network=network, ping_lost_after=0.1)

    fleet: Instances = run(make())
    yield fleet
    run(fleet.close())
    assert not fleet.directory.exists()


@pytest.fixture
def ssm(run: Run[Any], instances: Instances) -> Iterator[Ssm]:
    service = Ssm(run, instances)
    yield service
    run(service.run_command.close())

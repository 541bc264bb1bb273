"""Step Functions: executions of the project's machine, and the task tokens that functions complete."""

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

from simulation.asl.errors import ITEM_READER, Failure, StateFailed
from simulation.asl.execution import Execution
from simulation.asl.model import Machine
from simulation.asl.tokens import Timer, Tokens
from simulation.aws.functions import Functions, Reply
from simulation.aws.limits import Bucket
from simulation.aws.network import Network, Service, page, refusal
from simulation.aws.s3 import S3


class ExecutionAlreadyExists(ClientError):
    pass


class ExecutionDoesNotExist(ClientError):
    pass


class StepFunctions(Service):
    """`tell` gets the event of an execution that did not end by itself."""

    name = "stepfunctions"
    exceptions = SimpleNamespace(
        ExecutionAlreadyExists=ExecutionAlreadyExists, ExecutionDoesNotExist=ExecutionDoesNotExist
    )

    def __init__(
        self,
        network: Network,
        machine: Machine,
        functions: Functions,
        s3: S3,
        tell: Callable[[dict[str, Any]], None],
    ) -> None:
        super().__init__(network)
        self._machine, self._functions, self._s3, self._tell = machine, functions, s3, tell
        self._clock = network.clock
        self._chance = random.Random(network.chance.random())
        self._transitions = Bucket(network.limits.state_transitions)
        self._children = Bucket(network.limits.map_children)
        self.tokens = Tokens(self.later)
        self.executions = dict[str, Execution]()
        self.states: Counter[str] = Counter()  # entered, retries included: what AWS bills
        self.most_history_events = 0
        self._token_count = 0

    @property
    def running(self) -> list[str]:
        return [name for name, each in self.executions.items() if each.status == "RUNNING"]

    # -- what an execution asks

    def now(self) -> datetime:
        return self._clock.now()

    def later(self, seconds: float, act: Callable[[], None]) -> Timer:
        return self._clock.later(seconds, act)

    def uniform(self, low: float, high: float) -> float:
        return self._chance.uniform(low, high)

    def new_token(self) -> str:
        self._token_count += 1
        return f"token-{self._token_count}"

    def invoke(self, function: str, payload: Any, reply: Reply) -> None:
        self._functions.invoke(function, payload, reply)

    def read_items(self, parameters: Mapping[str, Any]) -> list[Any]:
        body = self._s3.read(parameters["Bucket"], parameters["Key"])
        if body is None:
            raise StateFailed(ITEM_READER, "NoSuchKey: The specified key does not exist.")
        found: list[Any] = json.loads(body)
        return found

    def entered(self, execution: Execution, state: str, *, is_retry: bool) -> float:
        self.states[state] += 1
        self.most_history_events = max(self.most_history_events, execution.history_events)
        return self._transitions.delay(self._clock.time)

    def child_delay(self) -> float:
        return self._children.delay(self._clock.time)

    # -- the client's operations

    def start_execution(self, **request: Any) -> dict[str, Any]:
        return self.request("StartExecution", lambda: self._start(request["name"], json.loads(request["input"])))

    def _start(self, name: str, given: Any) -> dict[str, Any]:
        if name in self.executions:
            raise ExecutionAlreadyExists({"Error": {"Code": "ExecutionAlreadyExists"}}, "StartExecution")
        execution = Execution(self, self._machine, name, given, ended=self._ended)
        self.executions[name] = execution
        self._clock.later(0, execution.begin)
        return {"executionArn": name}

    def _ended(self, execution: Execution) -> None:
        if execution.status != "SUCCEEDED":
            self._tell({"name": execution.name, "status": execution.status, **_why(execution)})

    def describe_execution(self, executionArn: str) -> dict[str, Any]:
        def describe() -> dict[str, Any]:
            found = self.executions.get(executionArn.rpartition(":")[2])
            if found is None:
                raise ExecutionDoesNotExist({"Error": {"Code": "ExecutionDoesNotExist"}}, "DescribeExecution")
            return {"status": found.status, **_why(found)}

        return self.request("DescribeExecution", describe)

    def list_executions(self, **request: Any) -> dict[str, Any]:
        def listed() -> dict[str, Any]:
            status = request["statusFilter"]
            found = [{"name": name} for name, each in self.executions.items() if each.status == status]
            return page(found, "executions", request, most=1000)

        return self.request("ListExecutions", listed)

    def stop_execution(self, executionArn: str, error: str = "", cause: str = "") -> dict[str, Any]:
        def stop() -> dict[str, Any]:
            self.executions[executionArn.rpartition(":")[2]].stop(Failure(error, cause) if error else None)
            return {}

        return self.request("StopExecution", stop)

    def send_task_success(self, taskToken: str, output: str) -> dict[str, Any]:
        return self._complete("SendTaskSuccess", lambda: self.tokens.complete(taskToken, json.loads(output)))

    def send_task_failure(self, taskToken: str, error: str = "", cause: str = "") -> dict[str, Any]:
        failure = Failure(error, cause)
        return self._complete("SendTaskFailure", lambda: self.tokens.complete(taskToken, None, failure))

    def send_task_heartbeat(self, taskToken: str) -> dict[str, Any]:
        return self._complete("SendTaskHeartbeat", lambda: self.tokens.beat(taskToken))

    def _complete(self, operation: str, act: Callable[[], bool]) -> dict[str, Any]:
        def complete() -> dict[str, Any]:
            if not act():
                raise refusal("TaskTimedOut", operation)
            return {}

        return self.request(operation, complete)


def _why(execution: Execution) -> dict[str, str]:
    failure = execution.failure
    return {"error": failure.error, "cause": failure.cause} if failure else {}

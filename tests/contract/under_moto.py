"""A world whose state machine moto's interpreter runs: the real engine, simulated hosts and services, virtual time.

Moto's threads wait only at a few places: for a function, for a token, in a Wait state, before a retry, for the children
of a Map. At each of them the world takes over; its time goes on when all of them wait. So moto decides what happens
next, and the world when.
"""

import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_reader.eval.resource_eval_s3 import (
    ResourceEvalS3,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.inline_iteration_component import (
    InlineIterationComponent,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.job import JobPool
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (
    StateTaskServiceCallback,
)
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.eval.callback.callback import CallbackOutcomeFailure, CallbackOutcomeSuccess
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication

from infra.flow import definition
from simulation.asl.errors import Failure
from simulation.aws.functions import THROTTLED
from simulation.aws.stepfunctions import ExecutionAlreadyExists
from simulation.result import Result
from simulation.world import STATEMACHINES
from tests.simulation.outward import Recorded, Shown, Watched

_PATIENCE = 60  # real seconds in which moto must come to one of its waits
_ROLE = "arn:aws:iam::123456789012:role/any"

Reply = Callable[[Any, Failure | None], None]
Ask = Callable[[Reply], None]


class Bridge:
    """Between moto's threads and the one thread of the world that runs."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._at_work = 0  # of moto's threads, those that compute
        self._asked: list[tuple[str, Ask, Reply]] = []

    def begin(self) -> None:
        """One more of moto's threads goes on."""
        with self._changed:
            self._at_work += 1

    def end(self) -> None:
        """One of them has ended, or waits for another."""
        with self._changed:
            self._at_work -= 1
            self._changed.notify_all()

    def ask(self, ask: Ask, order: str = "") -> tuple[Any, Failure | None]:
        """A thread of moto's waits for an answer of the world; `order` says who is first of those that ask at once."""
        answered, answer = threading.Event(), list[tuple[Any, Failure | None]]()

        def reply(result: Any, failure: Failure | None) -> None:
            answer.append((result, failure))
            self.begin()
            answered.set()

        with self._changed:
            self._asked.append((order, ask, reply))
            self._at_work -= 1
            self._changed.notify_all()
        answered.wait()
        return answer[0]

    def leave(self, act: Callable[[], None]) -> None:
        """A thread of moto's ends with this for the world to do."""
        with self._changed:
            self._asked.append(("", lambda reply: act(), lambda result, failure: None))
            self._at_work -= 1
            self._changed.notify_all()

    def settle(self) -> bool:
        """Wait until all of moto's threads wait, and take what they ask. Whether they do."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._at_work == 0, _PATIENCE):
                return False
            asked, self._asked = sorted(self._asked, key=lambda each: each[0]), []
        for _, ask, reply in asked:
            ask(reply)
        return True


@dataclass(slots=True)
class Execution:
    """One that moto runs, as the world's Step Functions knows it."""

    name: str
    status: str = "RUNNING"
    failure: Failure | None = None


@dataclass(slots=True)
class Token:
    """What a state waits for, and when it began to."""

    since: float
    outcome: list[tuple[Any, Failure | None]] = field(default_factory=list)
    waiter: Reply | None = None


class OfMoto(Recorded):
    """Step Functions: the service is the world's, the interpreter moto's."""

    bridge: Bridge
    machine_arn: str
    client: Any

    def connect(self, bridge: Bridge, client: Any, machine_arn: str) -> None:
        self.bridge, self.client, self.machine_arn = bridge, client, machine_arn
        self._tokens = dict[str, Token]()

    def _start(self, name: str, given: Any) -> dict[str, Any]:
        if name in self.executions:
            raise ExecutionAlreadyExists({"Error": {"Code": "ExecutionAlreadyExists"}}, "StartExecution")
        self.executions[name] = Execution(name)  # type: ignore[assignment]
        self.bridge.begin()
        self.client.start_execution(stateMachineArn=self.machine_arn, name=name, input=json.dumps(given))
        return {"executionArn": name}

    def over(self, moto: Any) -> None:
        found = self.executions[moto.name]
        found.status = str(getattr(moto.exec_status, "value", moto.exec_status))
        if found.status != "SUCCEEDED":
            found.failure = Failure(moto.error or "", moto.cause or "")
        self._ended(found)

    # -- what moto's threads ask

    def sleep(self, seconds: float) -> None:
        self.bridge.ask(lambda reply: void(self.later(seconds, lambda: reply(None, None))))

    def call(self, parameters: dict[str, Any], region: str, state_credentials: Any) -> dict[str, Any]:
        name, payload = parameters["FunctionName"], json.loads(parameters["Payload"])
        key = payload.get("task_token")

        def invoke(reply: Reply) -> None:
            if key:
                token = self._tokens[key] = Token(self._clock.time)
                self.tokens.wait(key, None, lambda output, failure: self._complete_token(token, output, failure))
            self.invoke(name, payload, reply)

        result, failure = self.bridge.ask(invoke, f"{name} {payload.get('target_id')}")
        if failure is THROTTLED:
            error = {"Code": "TooManyRequestsException", "Message": "Rate Exceeded."}
            metadata = {"HTTPStatusCode": 429, "RequestId": "r"}
            raise ClientError({"Error": error, "ResponseMetadata": metadata}, "Invoke")  # type: ignore[typeddict-item]
        if failure:
            body = json.dumps({"errorType": failure.error, "errorMessage": failure.cause})
            raise lambda_eval_utils.LambdaFunctionErrorException("Unhandled", body)
        return {"Payload": result, "StatusCode": 200}

    def _complete_token(self, token: Token, output: Any, failure: Failure | None) -> None:
        token.outcome.append((output, failure))
        if token.waiter:
            waiter, token.waiter = token.waiter, None
            self.later(0, lambda: waiter(*token.outcome[0]))

    def wait(self, timeout: float | None, key: str) -> Any:
        """What completes a token; None when nothing does in time, which runs from the beginning of the state."""
        token = self._tokens[key]

        def wait(reply: Reply) -> None:
            if token.outcome:
                self.later(0, lambda: reply(*token.outcome[0]))
                return
            token.waiter = reply
            if timeout is not None:
                self.later(token.since + timeout - self._clock.time, lambda: self._give_up(key, token))

        output, failure = self.bridge.ask(wait, key)
        if failure is LATE:
            return None
        if failure:
            return CallbackOutcomeFailure(key, failure.error, failure.cause)
        return CallbackOutcomeSuccess(key, json.dumps(output))

    def _give_up(self, key: str, token: Token) -> None:
        if token.waiter:
            waiter, token.waiter = token.waiter, None
            self.tokens.forget(key)
            waiter(None, LATE)

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        """The manifest that a Map reads."""
        return {"Body": io.BytesIO(self._s3.read(Bucket, Key) or b"")}


LATE = Failure("States.Timeout", "")


class WorldOfMoto(Watched):
    """Time goes on when moto waits."""

    step_functions = OfMoto
    stepfunctions: OfMoto
    is_stuck = False  # moto has not come to any of its waits

    def _is_over(self) -> bool:
        self.is_stuck = self.is_stuck or not self.stepfunctions.bridge.settle()
        return self.is_stuck or super()._is_over()

    def _result(self) -> Result:
        assert not self.is_stuck, "moto's interpreter waits for something that the world does not know"
        return super()._result()

    def play(self) -> list[Shown]:
        with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}), pytest.MonkeyPatch.context() as patch:
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
                patch.setenv(name, "testing")
            client = boto3.client("stepfunctions", region_name="us-east-1")
            flow = definition(STATEMACHINES)
            flow["States"]["Targets"]["ToleratedFailurePercentage"] = 100.0  # moto's grammar knows only broken numbers
            made = client.create_state_machine(name="stepdeploy", roleArn=_ROLE, definition=json.dumps(flow))
            self.stepfunctions.connect(Bridge(), client, made["stateMachineArn"])
            with _in_place(self.stepfunctions, patch):
                return super().play()


@contextmanager
def _in_place(services: OfMoto, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Wherever moto waits or begins something, the bridge knows."""
    bridge = services.bridge
    add, notify = EventManager.add_event, JobPool._notify_on_termination
    end = BaseExecutionWorkerCommunication.terminated

    def add_event(manager: Any, **about: Any) -> Any:
        if entered := (about.get("event_details") or {}).get("stateEnteredEventDetails"):
            services.note(json.loads(entered["input"]), entered["name"])
        return add(manager, **about)

    def launch_worker(component: Any, **about: Any) -> None:
        worker = component._create_worker(**about)

        def work() -> None:
            try:
                worker.eval()
            finally:
                bridge.end()

        bridge.begin()
        threading.Thread(target=work, daemon=True).start()

    def notify_on_termination(pool: Any) -> None:
        if pool._is_terminated():
            bridge.begin()  # whose turn it is that awaits the jobs
        notify(pool)

    def await_jobs(pool: Any) -> None:
        if pool._jobs_number:
            bridge.end()
            pool._termination_event.wait()

    def terminated(told: Any) -> None:
        end(told)
        bridge.leave(lambda: services.over(told.execution))

    patch.setattr(EventManager, "add_event", add_event)
    patch.setattr(InlineIterationComponent, "_launch_worker", launch_worker)
    patch.setattr(JobPool, "_notify_on_termination", notify_on_termination)
    patch.setattr(JobPool, "await_jobs", await_jobs)
    patch.setattr(BaseExecutionWorkerCommunication, "terminated", terminated)
    patch.setattr(lambda_eval_utils, "_invoke_lambda_function", services.call)
    patch.setattr(WaitFunction, "_wait_interval", lambda wait, env, wait_seconds: services.sleep(wait_seconds))
    patch.setattr(retrier_decl, "time", SimpleNamespace(sleep=services.sleep))
    patch.setattr(
        StateTaskServiceCallback,
        "_wait_for_task_token_timeout",
        lambda task, timeout_seconds, callback_endpoint: services.wait(timeout_seconds, callback_endpoint.callback_id),
    )
    patch.setattr(ResourceEvalS3, "_get_s3_client", staticmethod(lambda **about: services))
    yield


def void(value: object) -> None:
    """Drops a value where nothing is wanted."""

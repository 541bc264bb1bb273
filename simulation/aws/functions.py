"""Lambda: the engine's real handlers, each call a process of its own, with Lambda's concurrency and retries.

Sources: Lambda Developer Guide, "Lambda function scaling", "Asynchronous invocation" and "Error handling".
"""

import importlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from simulation.asl.errors import Failure
from simulation.aws.network import Network
from simulation.clock import Ended

Reply = Callable[[Any, Failure | None], None]

TIMEOUTS = {  # seconds, as infra sets them; a test holds them to the template
    "prepare": 300,
    "finish": 300,
    "execution_status": 300,
    "find_lost": 300,
    "stop": 300,
    "rollback": 300,
    "pipeline_job": 300,
    "declare": 300,
    "next_stage": 80,
    "start": 60,
    "register": 60,
    "publish": 60,
    "trigger": 60,
    "slack": 60,
    "watch": 60,
}
USUAL_TIMEOUT = 30
THROTTLED = Failure("Lambda.TooManyRequestsException", "Rate Exceeded.")
_REQUESTS_LEFT = ContextVar[int | None]("requests left", default=None)  # to a call that is to crash
_WARM_SECONDS = 0.01  # from the call to the handler, a guess
_ASYNCHRONOUS_RETRIES = (60, 120)  # seconds after an error
_LONGEST_REPEAT = 5  # seconds until a call is made for the second time
_LONGEST_ASYNCHRONOUS_WAIT = 300  # seconds between tries of a call that Lambda has no room for


@dataclass(frozen=True, slots=True)
class Crash:
    """A call of a function ends after one of its requests to AWS, both counted from 1: so between any two writes."""

    function: str
    call: int
    request: int


@dataclass
class Context:
    """What Powertools reads of Lambda's context."""

    function_name: str
    aws_request_id: str
    memory_limit_in_mb: int = 256

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:us-east-1:123456789012:function:{self.function_name}"


class Functions:
    """The functions of the engine. `undelivered` gets the calls that failed for good."""

    def __init__(
        self,
        network: Network,
        undelivered: Callable[[str, Any, Failure], None],
        crashes: Sequence[Crash] = (),
        repeats: float = 0,
    ) -> None:
        """`repeats`: the share of calls that are made twice; what the second answers, nobody hears."""
        self._network, self._clock, self._undelivered = network, network.clock, undelivered
        self._crashes = {(each.function, each.call): each.request for each in crashes}
        self._repeats = repeats
        if crashes:
            network.answered = self._answered
        self.calls: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.throttled: Counter[str] = Counter()
        self.seconds = defaultdict[str, float](float)  # of virtual time, by function
        self.most_at_once = 0
        self._running = 0
        self._warm: Counter[str] = Counter()  # sandboxes that wait
        self._handlers = dict[str, Callable[[Any, Any], Any]]()

    def invoke(self, function: str, payload: Any, reply: Reply) -> None:
        """A synchronous call of a handler, named as its construct or as its file."""
        self._call(handler_name(function), payload, reply)

    def send(self, function: str, event: Any) -> None:
        """An asynchronous call: Lambda queues it, and tries it again after an error."""
        self._send(handler_name(function), event, errors=0, refusals=0)

    def run_by_schedule(self, function: str) -> None:
        """A call that is not tried again: the next one does its work."""
        self._invoke(handler_name(function), {}, lambda result, failure: None)

    def renew(self) -> None:
        """Another version: no call finds a sandbox of the one before."""
        self._warm.clear()

    def _send(self, function: str, event: Any, *, errors: int, refusals: int) -> None:
        def reply(result: Any, failure: Failure | None) -> None:
            if failure is None:
                return
            again: Callable[[], None] | None = None
            if failure is THROTTLED:
                wait = min(2.0**refusals, _LONGEST_ASYNCHRONOUS_WAIT)
                again = lambda: self._send(function, event, errors=errors, refusals=refusals + 1)  # noqa: E731
            elif errors < len(_ASYNCHRONOUS_RETRIES):
                wait = _ASYNCHRONOUS_RETRIES[errors]
                again = lambda: self._send(function, event, errors=errors + 1, refusals=0)  # noqa: E731
            if again:
                self._clock.later(wait, again)
            else:
                self._undelivered(function, event, failure)

        self._call(function, event, reply)

    def _call(self, function: str, payload: Any, reply: Reply) -> None:
        self._invoke(function, payload, reply)
        if self._repeats and self._network.chance.random() < self._repeats:
            again = lambda: self._invoke(function, payload, lambda result, failure: None)  # noqa: E731
            self._clock.later(self._network.chance.uniform(0, _LONGEST_REPEAT), again)

    def _invoke(self, function: str, payload: Any, reply: Reply) -> None:
        if self._running >= self._network.limits.lambda_concurrency:
            self.throttled[function] += 1
            self._clock.later(_WARM_SECONDS, lambda: reply(None, THROTTLED))
            return
        self._running += 1
        self.most_at_once = max(self.most_at_once, self._running)
        self.calls[function] += 1
        number, left = self.calls.total(), self._crashes.get((function, self.calls[function]))
        delay = _WARM_SECONDS
        if self._warm[function]:
            self._warm[function] -= 1
        else:
            delay += self._network.limits.cold_start_seconds
        limit = TIMEOUTS.get(function, USUAL_TIMEOUT)
        run = lambda: self._run(function, payload, f"request-{number}", reply, left)  # noqa: E731
        self._clock.later(delay, lambda: self._clock.begin(run, limit=limit))

    def _answered(self) -> None:
        """AWS has carried a request of the function out that runs now."""
        left = _REQUESTS_LEFT.get()
        if left is not None:
            _REQUESTS_LEFT.set(left - 1)
            if left == 1:
                raise Ended("killed")

    def _run(self, function: str, payload: Any, request_id: str, reply: Reply, left: int | None) -> None:
        began, result, failure = self._clock.time, None, None
        _REQUESTS_LEFT.set(left)
        try:
            result = self._handler(function)(payload, Context(function, request_id))
        except Ended as ended:
            if ended.is_of_the_world:
                raise
            failure = Failure("Sandbox.Timedout" if ended.is_late else "Lambda.Unknown", ended.reason)
        except AssertionError:  # of the simulation itself
            raise
        except Exception as error:
            failure = Failure(type(error).__name__, _cause(error))
        self._running -= 1
        if failure:
            self.errors[function] += 1
        else:
            self._warm[function] += 1
        self.seconds[function] += self._clock.time - began
        reply(_plain(result), failure)

    def _handler(self, function: str) -> Callable[[Any, Any], Any]:
        if function not in self._handlers:
            module = importlib.import_module(f"functions.handlers.{function}")
            self._handlers[function] = module.handler
        return self._handlers[function]


def handler_name(function: str) -> str:
    """
    >>> handler_name("${RunSegment}"), handler_name("find_lost")
    ('run_segment', 'find_lost')
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", function.strip("${}")).lower()


def _cause(error: Exception) -> str:
    """What Step Functions has of an error of a function."""
    return json.dumps({"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": []})


def _plain(result: Any) -> Any:
    """The answer as it comes over the wire."""
    return json.loads(json.dumps(result)) if isinstance(result, Mapping | list) else result

"""EventBridge Scheduler: schedules that send one message to a queue at one time, some seconds into its minute.

Source: EventBridge Scheduler User Guide, "One-time schedules" (minute precision) and API reference, CreateSchedule.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from simulation.aws.network import Network, Service

_LATE_SECONDS = (0, 59)  # into the minute


class _Conflict(ClientError):
    """A schedule of that name is there."""


class _Exceptions:
    ConflictException = _Conflict


class Scheduler(Service):
    """`put` takes the queue and the message of a schedule that is due."""

    name = "scheduler"
    exceptions = _Exceptions

    def __init__(self, network: Network, put: Callable[[str, str], None]) -> None:
        super().__init__(network)
        self._put, self._due = put, dict[str, str]()  # the expressions of schedules that are to come, by name
        self.made = 0

    def create_schedule(self, **request: Any) -> dict[str, Any]:
        def create() -> dict[str, Any]:
            if request["Name"] in self._due:
                raise _Conflict({"Error": {"Code": "ConflictException", "Message": "exists"}}, "CreateSchedule")
            return self._set(request)

        return self.request("CreateSchedule", create)

    def update_schedule(self, **request: Any) -> dict[str, Any]:
        return self.request("UpdateSchedule", lambda: self._set(request))

    def _set(self, request: Mapping[str, Any]) -> dict[str, Any]:
        name, expression = str(request["Name"]), str(request["ScheduleExpression"])
        self._due[name] = expression
        self.made += 1
        clock = self.network.clock
        due = datetime.fromisoformat(expression.removeprefix("at(").removesuffix(")")).replace(tzinfo=UTC)
        delay = max(0.0, (due - clock.now()).total_seconds()) + self.network.chance.uniform(*_LATE_SECONDS)
        queue, message = str(request["Target"]["Arn"]).rpartition(":")[2], str(request["Target"]["Input"])

        def fire() -> None:
            if self._due.get(name) == expression:
                del self._due[name]
                self._put(queue, message)

        clock.later(delay, fire)
        return {"ScheduleArn": f"arn:aws:scheduler:us-east-1:123456789012:schedule/stepdeploy/{name}"}

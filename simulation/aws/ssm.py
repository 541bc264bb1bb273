"""SSM: Run Command and what it knows of hosts.

Sources: Systems Manager User Guide, "Understanding command statuses"; its API reference. How long SSM takes to deliver
and to show a command are guesses.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from host.instructions import Instructions
from host.lifecycle import STEP_SECONDS
from simulation.aws.network import Network, NotSimulated, Service, page, refusal
from simulation.clock import START, Event
from simulation.hosts import Fleet, Host, Run, plugins
from simulation.trace import Seen

_FINAL = frozenset({"Success", "Failed", "TimedOut", "Cancelled"})
_PAGE = 50
_VISIBLE_SECONDS = 0.3  # until a new command is listed
_DELIVERY_SECONDS = (0.2, 1.0)


@dataclass(slots=True)
class Invocation:
    """A command on the one host that it was sent to."""

    command_id: str
    host: Host
    comment: str
    document: str
    requested: float
    status: str = "Pending"
    details: str = ""
    deployment_id: str = ""
    run: Run | None = None
    timers: tuple[Event, ...] = ()

    @property
    def is_over(self) -> bool:
        return self.status in _FINAL

    def shown(self, now: float, *, details: bool) -> dict[str, Any]:
        steps = self.run.steps if self.run and details else []
        return {
            "CommandId": self.command_id,
            "InstanceId": self.host.host_id,
            "Comment": self.comment,
            "DocumentName": self.document,
            "RequestedDateTime": moment(self.requested),
            "Status": self.status,
            "StatusDetails": self.details or self.status,
            "CommandPlugins": plugins(steps, now, moment),
        }


def moment(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


class Ssm(Service):
    """`tell` gets the event of an invocation that has ended."""

    name = "ssm"

    def __init__(
        self,
        network: Network,
        fleet: Fleet,
        tell: Callable[[dict[str, Any]], None],
        seen: Callable[[Seen, str, str, object], None] = lambda what, deployment_id, host_id, detail: None,
    ) -> None:
        super().__init__(network)
        self._clock, self._fleet, self._tell, self._seen = network.clock, fleet, tell, seen
        self.invocations: list[Invocation] = []  # the oldest first
        self._by_command = dict[str, Invocation]()
        self._by_host = dict[str, list[Invocation]]()

    # -- sending

    def send_command(self, **request: Any) -> dict[str, Any]:
        return self.request("SendCommand", lambda: self._send(request))

    def _send(self, request: Mapping[str, Any]) -> dict[str, Any]:
        (host_id,) = request["InstanceIds"]
        host = self._fleet.hosts.get(host_id)
        if host is None or host.ping(self._clock.time) is None:
            raise refusal("InvalidInstanceId", "SendCommand")
        number = len(self.invocations)
        found = Invocation(
            f"{number:08x}-0000-4000-8000-000000000000",
            host,
            request.get("Comment", ""),
            request["DocumentName"],
            self._clock.time,
        )
        self.invocations.append(found)
        self._by_command[found.command_id] = found
        self._by_host.setdefault(host_id, []).append(found)
        (text,) = request["Parameters"]["Instructions"]
        instructions = Instructions.decode(text.partition(".")[0])
        found.deployment_id = instructions.deployment_id
        self._seen(Seen.SENT, found.deployment_id, host_id, instructions)
        undelivered = self._clock.later(request["TimeoutSeconds"], lambda: self._undelivered(found))
        longest = request["TimeoutSeconds"] + STEP_SECONDS * len(instructions.events)
        self._clock.later(self.network.chance.uniform(*_DELIVERY_SECONDS), lambda: self._deliver(found, instructions))
        late = self._clock.later(longest, lambda: self._end(found, "TimedOut", "ExecutionTimedOut"))
        found.timers = (undelivered, late)
        return {"Command": {"CommandId": found.command_id}}

    def _deliver(self, found: Invocation, instructions: Instructions) -> None:
        if found.is_over:
            return
        if not found.host.is_reachable(self._clock.time):
            self._clock.later(5, lambda: self._deliver(found, instructions))  # the agent asks when it is back
            return
        found.status = "InProgress"
        found.run = self._fleet.begin(found.host, instructions, lambda run: self._end(found, run.status))

    def _undelivered(self, found: Invocation) -> None:
        if found.status == "Pending":
            self._end(found, "TimedOut", "DeliveryTimedOut")

    def _end(self, found: Invocation, status: str, details: str = "") -> None:
        if found.is_over:
            return
        found.status, found.details = status, details
        for timer in found.timers:
            timer.cancel()
        self._tell(
            {
                "command-id": found.command_id,
                "document-name": found.document,
                "instance-id": found.host.host_id,
                "requested-date-time": moment(found.requested).isoformat(),
                "status": status,
            }
        )

    def cancel_command(self, **request: Any) -> dict[str, Any]:
        return self.request("CancelCommand", lambda: self._cancel(request["CommandId"]))

    def _cancel(self, command_id: str) -> dict[str, Any]:
        found = self._by_command.get(command_id)
        if found is None:
            raise refusal("InvalidCommandId", "CancelCommand")
        if not found.is_over:
            self._seen(Seen.CANCELLED, found.deployment_id, found.host.host_id, None)
        if found.status == "Pending":
            self._end(found, "Cancelled")
        elif found.status == "InProgress" and found.run:
            found.status = "Cancelling"
            self._fleet.cancel(found.run)
        return {}

    # -- reading

    def list_command_invocations(self, **request: Any) -> dict[str, Any]:
        return self.request("ListCommandInvocations", lambda: self._list(request))

    def _list(self, request: Mapping[str, Any]) -> dict[str, Any]:
        now = self._clock.time
        if "CommandId" in request:
            one = self._by_command.get(request["CommandId"])
            found = [one] if one and request.get("InstanceId") in (None, one.host.host_id) else []
        elif "InstanceId" in request:
            found = self._by_host.get(request["InstanceId"], [])[::-1]
        else:
            found = self.invocations[::-1]
        fits = [_filter(each["key"], each["value"]) for each in request.get("Filters", ())]
        found = [each for each in found if each.requested + _VISIBLE_SECONDS <= now and all(fit(each) for fit in fits)]
        answer = page(found, "CommandInvocations", request, most=_PAGE)
        details = request.get("Details", False)
        shown = [each.shown(now, details=details) for each in answer["CommandInvocations"]]
        return {**answer, "CommandInvocations": shown}

    def describe_instance_information(self, **request: Any) -> dict[str, Any]:
        return self.request("DescribeInstanceInformation", lambda: self._describe(request))

    def _describe(self, request: Mapping[str, Any]) -> dict[str, Any]:
        now = self._clock.time
        (wanted,) = request["Filters"]
        if wanted["Key"] == "ResourceType":
            return {"InstanceInformationList": []}  # every host is one of EC2
        if wanted["Key"] != "InstanceIds":
            raise NotSimulated(f"DescribeInstanceInformation by {wanted['Key']}")
        hosts = [self._fleet.hosts[each] for each in wanted["Values"] if each in self._fleet.hosts]
        found = [
            {
                "InstanceId": host.host_id,
                "PingStatus": ping,
                "LastPingDateTime": moment(min(now, host.gone_at)),
                "PlatformType": "Linux",
            }
            for host in hosts
            if (ping := host.ping(now))
        ]
        return page(found, "InstanceInformationList", request, most=_PAGE)


def _filter(key: str, value: str) -> Callable[[Invocation], bool]:
    match key:
        case "InvokedAfter":
            after = (datetime.fromisoformat(value) - START).total_seconds()
            return lambda each: each.requested >= after
        case "InvokedBefore":
            before = (datetime.fromisoformat(value) - START).total_seconds()
            return lambda each: each.requested <= before
        case "DocumentName":
            return lambda each: each.document == value
        case "Status":
            return lambda each: each.status == value
    raise NotSimulated(f"ListCommandInvocations with the filter {key}")

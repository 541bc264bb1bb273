"""Auto Scaling: one group, whose instances wait in the engine's launch hooks until all are answered.

Sources: Auto Scaling API model 2011-01-01; Auto Scaling guide, "Lifecycle hooks" (a time-out ends an instance, which is
replaced) and "Instance lifecycle". How long instances take to start and to end are guesses.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from functions.core.auto_scaling import HEARTBEAT_SECONDS, hook_name
from functions.core.records import HookKind
from simulation.aws.network import Network, Service, refusal
from simulation.hosts import Fate, Fleet

NAME = "fleet"
_PROCEED_SECONDS = 1.0  # from an answer to the next state
_REPLACE_SECONDS = 5.0
LAUNCH, TERMINATED = "EC2 Instance-launch Lifecycle Action", "EC2 Instance Terminate Successful"


@dataclass(frozen=True, slots=True)
class Refused:
    """What Auto Scaling does not do for a while, by the seconds after the start."""

    operation: str
    code: str
    since: float = 0.0
    until: float = math.inf


@dataclass(slots=True)
class Instance:
    """An instance of the group."""

    instance_id: str
    state: str = "InService"
    hooks: set[str] = field(default_factory=set)  # in which it waits
    beats: int = 0  # a time-out that was set before the last one does nothing


class AutoScaling(Service):
    """`tell` gets the events."""

    name = "autoscaling"

    def __init__(
        self,
        network: Network,
        fleet: Fleet,
        group_keys: Sequence[str],
        role: str,
        tell: Callable[[dict[str, Any]], None],
        *,
        start_seconds: tuple[float, float],
        fail: bool = False,
        refused: Sequence[Refused] = (),
        enters: Callable[[str], None] = lambda host_id: None,
    ) -> None:
        """`fail`: every new instance does; `enters` hears of each that enters service."""
        super().__init__(network)
        self._clock, self._fleet, self._tell = network.clock, fleet, tell
        self._role, self._start_seconds, self._fail = role, start_seconds, fail
        self._hooks = {hook_name(HookKind.LAUNCH, key): key for key in group_keys}
        self._refused, self._enters = refused, enters
        self.instances = {host.host_id: Instance(host.host_id) for host in fleet.hosts.values() if host.role == role}
        for host in fleet.hosts.values():
            host.scaling_group = NAME if host.role == role else None
        self.suspended = set[str]()
        self.entered = dict[str, float]()  # when instances entered service
        self.ended = set[str]()
        self.calls_at: list[float] = []
        self.is_deleted = False
        self._count = 0

    # -- what a person or an alarm does

    def launch(self, count: int = 1) -> None:
        for _ in range(count):
            self._count += 1
            chance = self.network.chance
            host = self._fleet.add(self._role, NAME, self._clock.time + chance.uniform(*self._start_seconds))
            host.fate = Fate.FAIL if self._fail else Fate.WELL
            host.fate_event = "ApplicationStart"
            found = self.instances[host.host_id] = Instance(host.host_id, "Pending:Wait", set(self._hooks))
            self._await(found)
            for hook, group_key in self._hooks.items():
                self._event(
                    LAUNCH,
                    found,
                    LifecycleActionToken=f"token-{self._count}-{hook}",
                    LifecycleHookName=hook,
                    LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING",
                    NotificationMetadata=group_key,
                )

    def terminate(self, count: int = 1) -> None:
        """Scale-in: those that have served for longest, or else that wait."""
        alive = sorted(self.instances.values(), key=lambda each: (each.state != "InService", each.instance_id))
        for found in alive[:count]:
            self._end(found)

    def refresh(self) -> None:
        """Replace all members, one by one."""
        old = list(self.instances)

        def go_on() -> None:
            all_serve = all(each.state == "InService" for each in self.instances.values())
            found = self.instances.get(old.pop()) if old and all_serve else None
            if found:
                self._end(found)
                self.launch()
            if old:
                self._clock.later(_REPLACE_SECONDS, go_on)

        go_on()

    def delete(self) -> None:
        """The group, by force: its instances end."""
        self.is_deleted, self.suspended = True, set()
        for found in list(self.instances.values()):
            self._end(found)

    def _end(self, found: Instance) -> None:
        self.instances.pop(found.instance_id, None)
        self.ended.add(found.instance_id)
        host = self._fleet.hosts[found.instance_id]
        host.is_terminated, host.gone_at = True, self._clock.time
        self._event(TERMINATED, found)

    def _await(self, found: Instance) -> None:
        found.beats += 1
        beats = found.beats

        def run_out() -> None:
            if found.beats == beats and found.state.endswith(":Wait") and found.instance_id in self.instances:
                self._replace(found)

        self._clock.later(HEARTBEAT_SECONDS, run_out)

    def _replace(self, found: Instance) -> None:
        self._end(found)
        self._clock.later(_REPLACE_SECONDS, self.launch)

    def _event(self, kind: str, found: Instance, **more: str) -> None:
        detail = {"AutoScalingGroupName": NAME, "EC2InstanceId": found.instance_id}
        self._tell({"source": "aws.autoscaling", "detail-type": kind, "detail": {**detail, **more}})

    # -- the operations

    def describe_auto_scaling_groups(self, **request: Any) -> dict[str, Any]:
        def describe() -> dict[str, Any]:
            shown = {
                "AutoScalingGroupName": NAME,
                "HealthCheckType": "EC2",
                "HealthCheckGracePeriod": 0,
                "SuspendedProcesses": [{"ProcessName": each} for each in sorted(self.suspended)],
                "Instances": [_shown(each) for each in self.instances.values()],
            }
            is_there = NAME in request["AutoScalingGroupNames"] and not self.is_deleted
            return {"AutoScalingGroups": [shown] if is_there else []}

        return self._call("DescribeAutoScalingGroups", describe)

    def describe_auto_scaling_instances(self, **request: Any) -> dict[str, Any]:
        def describe() -> dict[str, Any]:
            found = [self.instances[each] for each in request["InstanceIds"] if each in self.instances]
            return {"AutoScalingInstances": [_shown(each) for each in found]}

        return self._call("DescribeAutoScalingInstances", describe)

    def complete_lifecycle_action(self, **request: Any) -> dict[str, Any]:
        def complete() -> dict[str, Any]:
            found = self._waiting("CompleteLifecycleAction", request)
            found.hooks.discard(request["LifecycleHookName"])
            if request["LifecycleActionResult"] != "CONTINUE":
                self._replace(found)
            elif not found.hooks:
                found.state = "Pending:Proceed"
                self._clock.later(_PROCEED_SECONDS, lambda: self._enter(found))
            return {}

        return self._call("CompleteLifecycleAction", complete)

    def record_lifecycle_action_heartbeat(self, **request: Any) -> dict[str, Any]:
        def beat() -> dict[str, Any]:
            self._await(self._waiting("RecordLifecycleActionHeartbeat", request))
            return {}

        return self._call("RecordLifecycleActionHeartbeat", beat)

    def suspend_processes(self, **request: Any) -> dict[str, Any]:
        wanted = set(request["ScalingProcesses"])
        return self._call("SuspendProcesses", lambda: self._suspend("SuspendProcesses", self.suspended | wanted))

    def resume_processes(self, **request: Any) -> dict[str, Any]:
        free = set(request["ScalingProcesses"])
        return self._call("ResumeProcesses", lambda: self._suspend("ResumeProcesses", self.suspended - free))

    def _suspend(self, operation: str, processes: set[str]) -> dict[str, Any]:
        if self.is_deleted:
            raise refusal("ValidationError", operation, f"AutoScalingGroup name not found - {NAME}")
        self.suspended = processes
        return {}

    def _call(self, operation: str, act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        def judged() -> dict[str, Any]:
            for each in self._refused:
                if each.operation == operation and each.since <= self._clock.time < each.until:
                    raise refusal(each.code, operation)
            return act()

        self.calls_at.append(self._clock.time)
        return self.request(operation, judged)

    def _enter(self, found: Instance) -> None:
        if found.instance_id in self.instances:
            found.state = "InService"
            self.entered[found.instance_id] = self._clock.time
            self._enters(found.instance_id)

    def _waiting(self, operation: str, request: Mapping[str, Any]) -> Instance:
        found = self.instances.get(request["InstanceId"])
        if found is None or request["LifecycleHookName"] not in found.hooks:
            raise refusal("ValidationError", operation, "No active Lifecycle Action found")
        return found


def _shown(each: Instance) -> dict[str, Any]:
    return {"InstanceId": each.instance_id, "LifecycleState": each.state, "AutoScalingGroupName": NAME}

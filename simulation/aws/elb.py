"""Elastic Load Balancing: target groups behind one Application Load Balancer, in which the hosts of one group are.

A host that is registered is healthy some seconds later, unless a command works on it just then. Everything else is as
in the User Guides.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from simulation.aws.network import Network, Service, refusal
from simulation.clock import Clock
from simulation.hosts import Fleet, Host
from simulation.seams import ACCOUNT, REGION
from simulation.trace import Seen, Trace

PORT = 8080
DELAY_SECONDS = 60
_INTERVAL = 5  # seconds between health checks
_ARN = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}"
_FRONT = f"{_ARN}:loadbalancer/app/front/0000000000000000"


class ElbV2(Service):
    """`registered`: since when hosts are in a target group, by its name. `refused`: hosts that it does not take, all of
    them once a target group was deleted."""

    name = "elbv2"

    def __init__(
        self,
        network: Network,
        fleet: Fleet,
        trace: Trace,
        names: Sequence[str],
        roles: Sequence[str],
        check_seconds: float,
    ) -> None:
        """`roles`: of the hosts; `check_seconds`: until the first check of a new target has passed."""
        super().__init__(network)
        self._check_seconds = check_seconds
        self._clock: Clock = network.clock
        self._fleet, self._trace, self.roles = fleet, trace, roles
        hosts = [each.host_id for each in fleet.hosts.values() if each.role in roles]
        self.registered: dict[str, dict[str, float]] = {name: dict.fromkeys(hosts, -1e6) for name in names}
        self.refused = set[str]()
        self._left: dict[str, dict[str, float]] = {name: {} for name in names}

    def describe_target_groups(self, *, Names: Sequence[str]) -> dict[str, Any]:
        def describe() -> dict[str, Any]:
            return {
                "TargetGroups": [
                    {
                        "TargetGroupArn": f"{_ARN}:targetgroup/{name}/0000000000000000",
                        "TargetGroupName": name,
                        "Port": PORT,
                        "TargetType": "instance",
                        "HealthCheckEnabled": True,
                        "HealthCheckIntervalSeconds": _INTERVAL,
                        "HealthyThresholdCount": 2,
                        "UnhealthyThresholdCount": 2,
                        "LoadBalancerArns": [_FRONT],
                    }
                    for name in Names
                    if name in self.registered
                ]
            }

        return self.request("DescribeTargetGroups", describe)

    def describe_load_balancers(self, **request: Any) -> dict[str, Any]:
        front = {"LoadBalancerArn": _FRONT, "Type": "application", "AvailabilityZones": []}
        return self.request("DescribeLoadBalancers", lambda: {"LoadBalancers": [front]})

    def describe_target_group_attributes(self, **request: Any) -> dict[str, Any]:
        delay = {"Key": "deregistration_delay.timeout_seconds", "Value": str(DELAY_SECONDS)}
        return self.request("DescribeTargetGroupAttributes", lambda: {"Attributes": [delay]})

    def describe_target_health(self, *, TargetGroupArn: str) -> dict[str, Any]:
        def describe() -> dict[str, Any]:
            name = self._name(TargetGroupArn, "DescribeTargetHealth")
            now = self._clock.time
            shown = [_shown(each, self._health(each, since)) for each, since in self.registered[name].items()]
            draining = {"State": "draining", "Reason": "Target.DeregistrationInProgress"}
            leaving = [each for each, since in self._left[name].items() if now < since + DELAY_SECONDS]
            return {"TargetHealthDescriptions": [*shown, *(_shown(each, draining) for each in leaving)]}

        return self.request("DescribeTargetHealth", describe)

    def _health(self, host_id: str, since: float) -> Mapping[str, str]:
        if self._clock.time < since + self._check_seconds:
            return {"State": "initial", "Reason": "Elb.InitialHealthChecking"}
        if _is_changed(self._fleet.hosts[host_id]):
            return {"State": "unhealthy", "Reason": "Target.FailedHealthChecks"}
        return {"State": "healthy"}

    def register_targets(self, *, TargetGroupArn: str, Targets: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        def register() -> dict[str, Any]:
            name = self._name(TargetGroupArn, "RegisterTargets")
            hosts = [self._fleet.hosts[each["Id"]] for each in Targets]
            if any(each.is_terminated or each.host_id in self.refused for each in hosts):
                raise refusal("InvalidTarget", "RegisterTargets", "not in a running state")
            for host in hosts:
                self._join(name, host)
            return {}

        return self.request("RegisterTargets", register)

    def join(self, host_id: str) -> None:
        """Auto Scaling registers an instance in all target groups."""
        for name in self.registered:
            self._join(name, self._fleet.hosts[host_id])

    def _join(self, name: str, host: Host) -> None:
        self._left[name].pop(host.host_id, None)
        if host.host_id not in self.registered[name]:
            self.registered[name][host.host_id] = self._clock.time
            self._trace.note(Seen.JOINED, "", host.host_id, _is_changed(host))

    def deregister_targets(self, *, TargetGroupArn: str, Targets: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        def deregister() -> dict[str, Any]:
            name = self._name(TargetGroupArn, "DeregisterTargets")
            for host_id in [each["Id"] for each in Targets if each["Port"] == PORT]:
                if self.registered[name].pop(host_id, None) is not None:
                    self._left[name][host_id] = self._clock.time
                    self._trace.note(Seen.LEFT, "", host_id, name)
            return {}

        return self.request("DeregisterTargets", deregister)

    def delete_last(self) -> None:
        """Somebody deletes a target group, if there is one; no request comes by it any more."""
        if not self.registered:
            return
        _, hosts = self.registered.popitem()
        self.refused |= self._fleet.hosts.keys()
        for host_id in hosts:
            self._trace.note(Seen.LEFT, "", host_id)

    def _name(self, arn: str, operation: str) -> str:
        name = arn.split("/")[1]
        if name not in self.registered:
            raise refusal("TargetGroupNotFound", operation, "One or more target groups not found")
        return name


def _is_changed(host: Host) -> bool:
    return host.holder is not None and "Install" in host.holder.instructions.events


def _shown(host_id: str, health: Mapping[str, str]) -> dict[str, Any]:
    return {"Target": {"Id": host_id, "Port": PORT}, "TargetHealth": dict(health)}

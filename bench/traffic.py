"""Clients call through a load balancer while the hosts behind it are deployed to: what fails, and what a host waits.

On the local cloud. Requests come to a host for three seconds after it has been deregistered, and to one that has been
registered only after three seconds. The web server ends as a killed process does. At last a large fleet is simulated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path

from rich.table import Table

from bench.limits import Limits
from functions.core.records import Target
from functions.core.statuses import DeploymentStatus
from host.lifecycle import LifecycleEvent
from local.bundles import webapp
from local.cloud import LocalCloud
from local.driver import Engine, wait_for
from local.shop import balanced
from local.traffic import Tally, Traffic
from simulation.scenario import Scenario, config
from simulation.world import World

HERE = Path(__file__).resolve().parent
HOSTS, CLIENTS, LONG_CLIENTS = 4, 32, 8
REQUESTS, QUICK_REQUESTS = 100_000, 10_000
SIMULATED, QUICK_SIMULATED = 1000, 100  # hosts
LAG_SECONDS = 3  # as propagationTime in deployments.yaml
CONFIGS = ("OneAtATime", "HalfAtATime", "OneAtATime")
_SECOND = 0.2  # so long a second of health checks lasts
_CHECK_SECONDS = 5 * _SECOND
_BESIDES = 2  # seconds of a host above its hooks, the drain, the registration and one check
_OF_TARGETS = ("run_segment", "command_status", "target_done", "publish", "watch")


@dataclass(frozen=True)
class Fleet:
    """Hosts behind a load balancer."""

    cloud: LocalCloud
    engine: Engine
    group: str
    address: str
    versions: "count[int]"

    def roll_out(self, how: str) -> Sequence[Target]:
        """Deploy the next version. Raises RuntimeError when that does not go well."""
        version = f"v{next(self.versions)}"
        key = f"revisions/{self.group}/{version}.zip"  # of no group: an upload there starts nothing by itself
        archive = webapp(version, {"app/server.py": (HERE / "web_server.py").read_text()})
        self.cloud.client("s3").put_object(Bucket=self.engine.bucket, Key=key, Body=archive)
        request = {"application": "shop", "group": self.group, "key": key}
        named = {"deployment_config": f"CodeDeployDefault.{how}"}
        ended = self.engine.wait(self.engine.invoke("Start", {**request, **named})["deployment_id"])
        if ended.status is not DeploymentStatus.SUCCEEDED:
            raise RuntimeError(f"{self.group} {version} ended {ended.status}: {ended.failure}\n{self.cloud.log_tail()}")
        return self.engine.targets(ended.deployment_id)

    def under_load(self, requests: int) -> Tally:
        """What clients see of three roll-outs, and of what follows until they have made so many requests."""
        traffic = Traffic(self.address, clients=CLIENTS, long_clients=LONG_CLIENTS, long_path="/long")
        with traffic:
            for how in CONFIGS:
                self.roll_out(how)
            wait_for(lambda: traffic.tally.requests >= requests, f"{requests} requests", timeout=3600)
        return traffic.tally


def measure(*, quick: bool = False) -> Table:
    """`quick`: fewer requests, and fewer simulated hosts."""
    requests = QUICK_REQUESTS if quick else REQUESTS
    limits = Limits(f"Behind a load balancer: three roll-outs of {HOSTS} hosts (OneAtATime, Half, OneAtATime)")
    with LocalCloud() as cloud:
        cloud.load_balancers.set(second=_SECOND, propagation_seconds=LAG_SECONDS)
        names = ("balanced", "undrained")
        fronts = {name: balanced(cloud, name) for name in names}
        no_delay = [{"Key": "deregistration_delay.timeout_seconds", "Value": "0"}]
        cloud.client("elbv2").modify_target_group_attributes(TargetGroupArn=fronts["undrained"][0], Attributes=no_delay)
        engine = Engine(cloud, cloud.deploy(HERE / "deployments.yaml"))
        drained, undrained = (Fleet(cloud, engine, name, fronts[name][1], count(1)) for name in names)
        for fleet in (drained, undrained):
            for number in range(HOSTS):
                cloud.add_instance(f"{fleet.group}-{number}", {"role": fleet.group, "stepdeploy": "enabled"})
            fleet.roll_out("AllAtOnce")
        cloud.reset_records()
        _add_cost(limits, cloud, drained.roll_out("OneAtATime"))
        for fleet, least in ((drained, 0), (undrained, 1)):
            _add_tally(limits, fleet, least, fleet.under_load(requests))
    _add_simulated(limits, QUICK_SIMULATED if quick else SIMULATED)
    return limits.table


def _add_cost(limits: Limits, cloud: LocalCloud, targets: Sequence[Target]) -> None:
    """What one host takes without clients: then nothing but the load balancer makes it wait."""
    records = cloud.records()
    states = records.states["RunSegment"] + records.states["NextStep"] + records.states["TargetDone"]
    limits.add("state transitions, each target", states / HOSTS, 8)
    own = sum(records.functions[f"stepdeploy-{name}"] for name in _OF_TARGETS)
    limits.add("function calls, each target, but the watch's", (own - records.functions["stepdeploy-watch"]) / HOSTS, 8)
    limits.add("calls of the watch, one host at a time, each target", records.functions["stepdeploy-watch"] / HOSTS)
    limits.add("SendCommand, each target", records.ssm["SendCommand"] / HOSTS, 1)
    limits.add("calls of Elastic Load Balancing, each target", records.elb.total() / HOSTS)
    limits.table.add_section()
    seen = [Seconds.of(target) for target in targets]
    limits.add("a host, from BlockTraffic to AllowTraffic", max(each.whole for each in seen), unit="s")
    limits.add("  its hooks", max(each.hooks for each in seen), unit="s")
    limits.add("  propagation and drain, on the host", max(each.drain for each in seen), LAG_SECONDS + 1, "s")
    limits.add("  registered until healthy", LAG_SECONDS + _CHECK_SECONDS, unit="s")
    limits.add("  besides", max(each.besides for each in seen), _BESIDES, "s")


def _add_simulated(limits: Limits, hosts: int) -> None:
    """How often a large deployment asks Elastic Load Balancing, which takes ten reads a second of a whole account."""
    played = World(Scenario(hosts=hosts, config=config("HalfAtATime"), target_groups=3, has_announcements=False))
    result = played.run()
    calls = {name: count for name, count in result.calls.items() if name.startswith("elbv2:")}
    reads = sum(count for name, count in calls.items() if name.startswith("elbv2:Describe"))
    limits.table.add_section()
    what = f"{hosts:,} simulated hosts in 3 target groups, half at a time"
    limits.add(f"{what}: failed", sum(result.first.causes.values()), 0)
    limits.add("  reads of Elastic Load Balancing, a second", reads / result.seconds, 1)
    limits.add("  its other calls", sum(calls.values()) - reads)
    limits.add("  throttled calls of it", sum(result.throttled.get(name, 0) for name in calls), 0)


def _add_tally(limits: Limits, fleet: Fleet, least: int, tally: Tally) -> None:
    limits.table.add_section()
    limits.add(f"{fleet.group}: requests of {CLIENTS} clients that keep their connections", tally.answers.total())
    limits.add(f"{fleet.group}: answers of 5 s to {LONG_CLIENTS} more", tally.long_answers)
    limits.add(f"{fleet.group}: requests a second", tally.requests / tally.seconds)
    if least:
        limits.add(f"{fleet.group}: failed", tally.failed, at_least=least)
    else:
        limits.add(f"{fleet.group}: failed", tally.failed, 0)
    for why, number in tally.failures.items():
        limits.add(f"{fleet.group}: {why}", number)


@dataclass(frozen=True)
class Seconds:
    """Of one host."""

    whole: float
    hooks: float
    drain: float

    @property
    def besides(self) -> float:
        return self.whole - self.hooks - self.drain - LAG_SECONDS - _CHECK_SECONDS

    @classmethod
    def of(cls, target: Target) -> "Seconds":
        times = {event.name: (_time(event.start_time), _time(event.end_time)) for event in target.events}

        def between(first: LifecycleEvent, last: LifecycleEvent) -> float:
            return times[last.value][1] - times[first.value][0]

        block, allow = LifecycleEvent.BLOCK_TRAFFIC, LifecycleEvent.ALLOW_TRAFFIC
        after = LifecycleEvent.AFTER_BLOCK_TRAFFIC
        hooks = between(LifecycleEvent.APPLICATION_STOP, LifecycleEvent.BEFORE_ALLOW_TRAFFIC)
        return cls(between(block, allow), hooks, between(after, after))


def _time(text: str | None) -> float:
    assert text, "the event has a time"
    return datetime.fromisoformat(text).timestamp()

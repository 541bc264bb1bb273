"""A world: the real engine deploys to a simulated fleet, in virtual time."""

import json
import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

from functions.core.declaration import Declaration, load
from functions.core.declaration.written import config_written
from functions.core.records import Deployment, DeploymentSummary, Revision, Target
from functions.core.revision import bundle_type
from functions.core.rollout.health import RESERVED_PREFIXES
from functions.core.rollout.looks import FIND_LOST_SECONDS
from functions.core.statuses import DeploymentStatus
from functions.core.text.shapes import to_plain
from functions.engine import declare
from functions.store.keys import group_item_key
from functions.store.records import deployments, lock, targets
from functions.store.table import items as table
from functions.store.table.items import items
from functions.store.table.memory import Change, Memory
from functions.store.table.values import Update
from infra.flow import ask_again_seconds, definition
from simulation import budgets, seams
from simulation.asl.errors import Failure
from simulation.asl.model import Machine
from simulation.asl.reading import read_machine
from simulation.aws.autoscaling import NAME, AutoScaling
from simulation.aws.cloudwatch import CloudWatch
from simulation.aws.dynamodb import Table
from simulation.aws.elb import ElbV2
from simulation.aws.events import Reader, Rules, Stream, every, is_announced, is_created, is_queued
from simulation.aws.functions import Functions
from simulation.aws.network import Network
from simulation.aws.others import Bus, Ec2, Kms, Sns
from simulation.aws.s3 import S3, revision
from simulation.aws.scheduler import Scheduler
from simulation.aws.sqs import URL, Sqs
from simulation.aws.ssm import Ssm
from simulation.aws.stepfunctions import StepFunctions
from simulation.clock import START, Clock
from simulation.hosts import Fleet, host_name
from simulation.people import People
from simulation.result import Result, Started
from simulation.scenario import APPLICATION, GROUP, OTHER_GROUP, Scaling, Scenario
from simulation.trace import Seen, Trace

STATEMACHINES = Path(__file__).resolve().parent.parent / "statemachines"
ALARM = "errors"
_ASK_AGAIN_SECONDS = 5
_UPDATE_SECONDS = 300  # that the function which applies it may take
_LIFECYCLE = f"{URL}lifecycle"
_SETTLED_SECONDS = 2 * FIND_LOST_SECONDS + 60  # by then what was lost has been found
_QUEUES = {
    "lifecycle": "lifecycle_action",
    "upload": "start",
    "trigger": "trigger",
    "slack": "slack",
    "watch": "watch",
    "send": "run_segment",
    "wake": "wake",
}


class World:
    """One run of a scenario."""

    def __init__(self, scenario: Scenario, *, log_level: int = seams.QUIET) -> None:
        self.scenario = scenario
        self.clock = Clock()
        self.chance = random.Random(scenario.seed)
        self.network = Network(self.clock, self._stream_of_chance(), scenario.limits)
        self.memory = Memory()
        self.table = Table(self.network, self.memory)
        self.started = Started(scenario.hosts)
        self.trace = Trace(self.clock)
        self.people = People(self)
        self.fleet = Fleet(
            self.clock,
            scenario.host_ids or [host_name(number) for number in range(scenario.hosts)],
            seed=scenario.seed,
            shares=scenario.fates,
            durations=scenario.durations,
            others=[OTHER_GROUP] * scenario.hosts_of_others,
            seen=self._seen,
        )
        self.functions = Functions(self.network, self._undelivered, scenario.crashes, scenario.repeats)
        self.rules = Rules(self.clock, self._stream_of_chance(), self.functions, scenario.events)
        self.s3 = S3(self.network)
        tell = lambda detail: self.rules.send("command_status", {"detail": detail})  # noqa: E731
        self.ssm = Ssm(self.network, self.fleet, tell, self._seen)
        self.stepfunctions = StepFunctions(
            self.network,
            _machine(),
            self.functions,
            self.s3,
            lambda detail: self.rules.send("execution_status", {"detail": detail}),
        )
        groups, roles, checks = _target_groups(scenario), _balanced(scenario), scenario.check_seconds
        self.elb = ElbV2(self.network, self.fleet, self.trace, groups, roles, checks)
        self.cloudwatch = CloudWatch(
            self.network, ALARM, self.fleet, scenario.metrics, has_alarm_data=scenario.has_alarm_data
        )
        self.bus = Bus(self.network, self.trace.note_event)
        readers = {f"{URL}{name}": reader for name, reader in _QUEUES.items()}
        self.sqs = Sqs(self.network, self.functions, readers, {_LIFECYCLE: 2})
        self.autoscaling = self._auto_scaling(scenario.scaling) if scenario.scaling else None
        self.scheduler = Scheduler(self.network, lambda queue, body: self.sqs.put(f"{URL}{queue}", body))
        self.stream = Stream([self._reader("launch", 10, 0, is_created), *self._waking(), *self._announcing()])
        self.undelivered: list[tuple[str, Any, Failure]] = []
        self._log_level = log_level

    # -- time and chance, as the engine asks for them (`functions.aws.clock.Time`)

    def now(self) -> datetime:
        return self.clock.now()

    def sleep(self, seconds: float) -> None:
        self.clock.sleep(seconds)

    # -- what happens

    def run(self) -> Result:
        """The deployment from its creation to the end of everything that followed."""
        services = {
            "ssm": self.ssm,
            "stepfunctions": self.stepfunctions,
            "s3": self.s3,
            "sqs": self.sqs,
            "scheduler": self.scheduler,
            "cloudwatch": self.cloudwatch,
            "ec2": Ec2(self.network, self.fleet),
            "kms": Kms(self.network),
            "events": self.bus,
            "sns": Sns(self.network),
            "elbv2": self.elb,
            "autoscaling": self.autoscaling,
        }
        queues = {f"{name.upper()}_QUEUE_URL": f"{URL}{name}" for name in (*_QUEUES, "undelivered")}
        reconcile_seconds = self.scenario.reconcile_seconds
        environment = {
            **queues,
            "ASK_AGAIN_SECONDS": str(ask_again_seconds(reconcile_seconds)),
            "RECONCILE_SECONDS": str(reconcile_seconds),
            "SSM_SEND_RATE": str(self.scenario.send_rate),
        }
        with seams.in_place(services, self.table, self, environment, self._log_level, self.scenario.places_of_a_shard):
            try:
                self._set_up()
                self.clock.run(self._is_over)
                return self._result()
            finally:
                self.clock.close()

    def redeploy(self) -> None:
        """An update of the engine's stack: its functions begin anew, and deployments.yaml is applied once more."""
        self.functions.renew()
        self.clock.begin(lambda: declare.apply(_declared(_declaration(self.scenario))), limit=_UPDATE_SECONDS)

    def is_of_group(self, deployment_id: str, group: str) -> bool:
        """Whether it counts for the promise of this group: where two have the same hosts, each makes its own."""
        return not self.scenario.shares_hosts or self.started.groups[deployment_id] == group

    def broken_before(self, found: Sequence[Target]) -> set[str]:
        """Hosts that have failed in their group, and that another group which has them may have brought back: for their
        own group they are out of service all the same."""
        return {each.target_id for each in found if each.was_out_of_service} if self.scenario.shares_hosts else set()

    def _set_up(self) -> None:
        """The account as it is when somebody asks for the deployment."""
        scenario = self.scenario
        declare.apply(_declared(_declaration(scenario)))
        for group in _groups(scenario):
            self._remember_a_good_revision(group)
            for name in ("v1", "v2"):
                self.s3.put(seams.BUCKET, f"{APPLICATION}/{group}/{name}.zip", revision(name, scenario.traffic_hooks))
        self.memory.on_change = self._changed
        self.network.kill_rate = scenario.kill_rate
        self.started.begin(self.clock.time)
        self._ask()
        self.people.begin()
        every(self.clock, FIND_LOST_SECONDS, lambda: self.functions.run_by_schedule("find_lost"))
        if scenario.scaling and self.autoscaling:
            for at, count in scenario.scaling.launches:
                self.clock.later(at, lambda count=count: self.autoscaling.launch(count))  # type: ignore[misc]
            for at, count in scenario.scaling.terminations:
                self.clock.later(at, lambda count=count: self.autoscaling.terminate(count))  # type: ignore[misc]
            if scenario.scaling.refresh_at is not None:
                self.clock.later(scenario.scaling.refresh_at, self.autoscaling.refresh)
            if scenario.scaling.deleted_at is not None:
                self.clock.later(scenario.scaling.deleted_at, self.autoscaling.delete)
        if scenario.alarm_at is not None:
            self.clock.later(scenario.alarm_at, self._ring)

    def _auto_scaling(self, scaling: Scaling) -> AutoScaling:
        def tell(event: dict[str, Any]) -> None:
            self.rules.deliver(lambda: self.sqs.put(_LIFECYCLE, json.dumps(event)))

        return AutoScaling(
            self.network,
            self.fleet,
            [f"{APPLICATION}/{group}" for group in (GROUP, OTHER_GROUP)[: 1 + scaling.has_second_group]],
            GROUP,
            tell,
            start_seconds=scaling.start_seconds,
            fail=scaling.fails,
            refused=scaling.refused,
            enters=self.elb.join if scaling.is_attached else lambda host_id: None,
        )

    def _remember_a_good_revision(self, group: str) -> None:
        """What a rollback goes back to."""
        key = f"{APPLICATION}/{group}/v1.zip"
        good = Revision(bucket=seams.BUCKET, key=key, bundle_type=bundle_type(key), version="version-1", etag="etag")
        summary = to_plain(
            DeploymentSummary(
                deployment_id="d-000000000",
                status=DeploymentStatus.SUCCEEDED,
                create_time="2025-12-31T00:00:00.000Z",
                revision=good,
            )
        )
        sets = {"last_successful": summary, "last_attempted": summary, "good_deployments": [summary]}
        items().write(Update(group_item_key(APPLICATION, group), sets=sets))

    def _ask(self) -> None:
        """A person wants the deployment, and asks again where nothing came of it."""
        request = {"application": APPLICATION, "group": GROUP, "key": f"{APPLICATION}/{GROUP}/v2.zip"}

        def reply(result: Any, failure: Failure | None) -> None:
            if failure and not self.started.statuses:
                self.clock.later(_ASK_AGAIN_SECONDS, self._ask)

        self.functions.invoke("start", request, reply)

    def _ring(self) -> None:
        self.cloudwatch.rang_at = self.clock.time
        self.rules.send("stop", {"detail": {"alarmName": ALARM}})

    def _seen(self, what: Seen, deployment_id: str, host_id: str, detail: object) -> None:
        self.trace.note(what, deployment_id, host_id, detail)
        is_launch = host_id in self.fleet.hosts and self.fleet.hosts[host_id].up_at > 0
        if not is_launch and what in (Seen.OUT, Seen.BACK) and self.fleet.hosts[host_id].role == GROUP:
            move = self.started.take_out if what is Seen.OUT else self.started.put_back
            move(self.clock.time, host_id, deployment_id)

    def _changed(self, change: Change) -> None:
        self.stream.put(change)
        self.trace.note_change(change)
        if change.key.sk == "DEPLOYMENT" and change.after:
            self.started.note(self.clock.time, change.after)
            was = (change.before or {}).get("status")
            if change.after["status"] == DeploymentStatus.READY != was:
                approve = partial(self.people.approve, change.after["deployment_id"])
                self.clock.later(self.scenario.approve_seconds, approve)

    def _undelivered(self, function: str, event: Any, failure: Failure) -> None:
        self.undelivered.append((function, event, failure))

    def _is_over(self) -> bool:
        now, entries = self.clock.time, self.trace.entries
        quiet = now - (entries[-1].time if entries else 0.0)
        if now > self.scenario.longest_seconds or quiet > self.scenario.quiet_seconds:
            return True
        if not self.started.is_over or self.people.open or self.sqs.waiting:
            return False
        is_over = not self.stepfunctions.running and self.stream.is_idle
        return is_over and (not self.autoscaling or self._has_settled(quiet))

    def _has_settled(self, quiet: float) -> bool:
        """Whether nothing of Auto Scaling waits, and what was lost would have been found."""
        scaling = self.scenario.scaling
        states = {each.state for each in self.autoscaling.instances.values()} if self.autoscaling else set()
        is_done = scaling is None or self.clock.time > scaling.over_at + _SETTLED_SECONDS
        return is_done and states <= {"InService"} and quiet > _SETTLED_SECONDS

    def _reader(self, function: str, batch: int, window: float, wants: Callable[[Change], bool]) -> Reader:
        chance = self._stream_of_chance()
        return Reader(self.clock, chance, self.functions, function, batch=batch, window=window, wants=wants)

    def _waking(self) -> list[Reader]:
        return [self._reader("wake", 10, 0, is_queued)] if self.scenario.frozen else []

    def _announcing(self) -> list[Reader]:
        return [self._reader("publish", 100, 1, is_announced)] if self.scenario.has_announcements else []

    def _stream_of_chance(self) -> random.Random:
        """A part of the world has chance of its own, so that one draw more there changes nothing elsewhere."""
        return random.Random(self.chance.random())

    # -- what has become of it

    def _result(self) -> Result:
        table.stand_in = self.memory
        found: list[tuple[Deployment, list[Target]]] = []
        for deployment_id in self.started.statuses:
            deployment = deployments.get(deployment_id)
            assert deployment
            found.append((deployment, list(targets.of(deployment_id))))
        holders = {group: lock.holder(f"{APPLICATION}/{group}") for group in _groups(self.scenario)}
        return Result.of(self, found, holders)


def _groups(scenario: Scenario) -> tuple[str, ...]:
    return (GROUP, OTHER_GROUP) if scenario.other_hosts or scenario.has_shared_hosts else (GROUP,)


def _balanced(scenario: Scenario) -> tuple[str, ...]:
    """The groups with load balancers."""
    return _groups(scenario) if scenario.shares_target_groups else (GROUP,)


def _target_groups(scenario: Scenario) -> list[str]:
    return [f"web-{number}" for number in range(scenario.target_groups)]


@cache
def _machine() -> Machine:
    return read_machine(definition(STATEMACHINES))


@cache
def _declared(text: str) -> Declaration:
    return load(text)


def _declaration(scenario: Scenario) -> str:
    """deployments.yaml for the scenario: JSON is YAML, too."""
    name, custom = scenario.config.name, dict[str, Any]()
    if not name.startswith(RESERVED_PREFIXES):
        custom[name] = config_written(scenario.config)
    events = ["DEPLOYMENT_FAILURE"]
    more: dict[str, Any] = {"deploymentConfigName": name}
    if scenario.alarm_at is not None or any(stage.analysis for stage in scenario.config.stages):
        events.append("DEPLOYMENT_STOP_ON_ALARM")
    if scenario.alarm_at is not None:
        more["alarmConfiguration"] = {"alarms": [{"name": ALARM}]}
    if scenario.bake_seconds:
        more["bakeTime"] = f"{scenario.bake_seconds}s"
    more["autoRollbackConfiguration"] = {"enabled": True, "events": events}
    groups: dict[str, Any] = {
        group: {"ec2TagFilters": [{"Key": "role", "Value": group}], "onBusy": "queue"} for group in _groups(scenario)
    }
    if scaling := scenario.scaling:
        more |= {"autoScalingGroups": [NAME], "outdatedInstancesStrategy": scaling.outdated}
        if scaling.takes_places:
            more["launchesTakePlaces"] = True
        if scaling.suspended:
            more["ec2DeploymentOptions"] = {"processesToSuspend": list(scaling.suspended)}
        del groups[GROUP]["ec2TagFilters"]
        if scaling.has_second_group:
            more["launchOrder"] = 1
            del groups[OTHER_GROUP]["ec2TagFilters"]
            groups[OTHER_GROUP] |= {"autoScalingGroups": [NAME], "launchOrder": 2}
    groups[GROUP] |= more
    if scenario.shares_hosts:
        groups[OTHER_GROUP]["ec2TagFilters"] = [{"Key": "role", "Value": GROUP}]
    if scenario.budget:
        for group in groups.values():
            group |= {"budgets": [budgets.NAME], "deploymentConfigName": name}
    if named := [{"name": each} for each in _target_groups(scenario)]:
        for group in _balanced(scenario):
            groups[group]["loadBalancerInfo"] = {"targetGroupInfoList": named}
    applications = {APPLICATION: {"groups": groups}}
    others = {"deploymentConfigs": custom, "budgets": budgets.declared(scenario), "windows": _frozen(scenario)}
    return json.dumps({"applications": applications, **{key: each for key, each in others.items() if each}})


def _frozen(scenario: Scenario) -> list[dict[str, str]]:
    """A freeze of all, if the scenario has one."""
    if not scenario.frozen:
        return []
    start, end = ((START + timedelta(seconds=each)).isoformat() for each in scenario.frozen)
    return [{"scope": "*", "from": start, "to": end, "reason": "nobody is there"}]

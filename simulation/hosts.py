"""The hosts: what an agent and the runner do with a command, how long it takes, and what goes wrong on the way.

A host keeps the runner's promises: no event of a deployment runs twice, and one deployment at a time has the host.
"""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from zlib import crc32

from host.instructions import Instructions
from host.lifecycle import IN_PLACE, START, WITHOUT_HOOKS
from host.report import Report
from simulation.clock import Clock, Event
from simulation.trace import Seen

HOOK_TIMEOUT = 3600  # seconds of a script, as the AppSpec has it by default
REBOOT_SECONDS = 90
CONNECTION_LOST_SECONDS = 300  # without a ping, after which SSM calls a host lost: a guess
CANCEL_SECONDS = 1.0  # until the agent has ended what runs
AGENT_GONE = "document process failed unexpectedly"  # the agent's words when it comes back
START_SECONDS = 0.5
_REPORT_SECONDS = 0.05
_MAY_FAIL = tuple(event.value for event in IN_PLACE if event not in WITHOUT_HOOKS)


class Fate(StrEnum):
    """What happens to a host while it is deployed to."""

    WELL = "well"
    FAIL = "fail"  # a script fails
    HANG = "hang"  # a script never ends: its timeout ends it
    REBOOT = "reboot"  # in the middle of a script
    SCALE_IN = "scale-in"  # the instance is terminated in the middle of a script


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """Seconds of the lifecycle events on one host: of those that were seen before, one of their times; of the others'
    scripts together, a lognormal around their median."""

    median: float = 40
    spread: float = 0.2  # sigma; 0: always the median
    without_hooks: float = 1  # of DownloadBundle and Install, each
    seen: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # by event
    hooked: frozenset[str] | None = None  # the events that have a script; None: all that can have one

    def has_script(self, event: str) -> bool:
        return event in _MAY_FAIL and (self.hooked is None or event in self.hooked)

    def of(self, event: str, scripts: int, chance: random.Random) -> float:
        """`scripts`: events of the command that have one."""
        if event in _MAY_FAIL and not self.has_script(event):
            return _REPORT_SECONDS
        if times := self.seen.get(event):
            return chance.choice(times)
        if event not in _MAY_FAIL:
            return self.without_hooks
        return self.median / scripts * math.exp(chance.gauss(0, self.spread))


@dataclass(slots=True)
class Step:
    """A step of a command, as it goes or went: SSM's plugin."""

    name: str
    begins: float
    ends: float
    status: str = "Success"
    report: Report | None = None
    output: str = ""


@dataclass(slots=True)
class Host:
    """One host."""

    host_id: str
    chance: random.Random
    role: str = "web"  # its tag, by which a group selects it
    fate: Fate = Fate.WELL
    fate_event: str = ""
    gone_at: float = math.inf  # without a ping from then on
    back_at: float = math.inf
    is_terminated: bool = False
    up_at: float = 0.0  # when its SSM Agent has first been heard
    scaling_group: str | None = None
    holder: "Run | None" = None
    journal: dict[str, dict[str, Report]] = field(default_factory=dict)  # events by deployment

    @property
    def zone(self) -> str:
        """Its Availability Zone, one of three."""
        return f"us-east-1{'abc'[crc32(self.host_id.encode()) % 3]}"

    def is_reachable(self, now: float) -> bool:
        return now >= self.up_at and not self.gone_at <= now < self.back_at

    def ping(self, now: float) -> str | None:
        """SSM's ping status; None when it does not know the host any more."""
        if now < self.up_at:
            return None
        if self.is_reachable(now) or now < self.gone_at + CONNECTION_LOST_SECONDS:
            return "Online"
        return None if self.is_terminated else "ConnectionLost"


class Run:
    """A command on a host, from its arrival to its end."""

    def __init__(self, host: Host, instructions: Instructions, ended: Callable[["Run"], None]) -> None:
        self.host, self.instructions = host, instructions
        self.steps: list[Step] = []
        self.status = "InProgress"
        self.is_lost = False  # the agent came back and knows nothing
        self.ended = ended
        self.timer: Event | None = None

    @property
    def deployment_id(self) -> str:
        return self.instructions.deployment_id

    @property
    def name(self) -> str:
        """As the host's lock names who has it."""
        told = self.instructions
        return f"deployment {self.deployment_id} of {told.application_name}/{told.deployment_group_name}"


def host_name(number: int) -> str:
    """
    >>> host_name(10)
    'i-0000000000000000a'
    """
    return f"i-{number:017x}"


class Fleet:
    """All hosts, and how many of them serve."""

    def __init__(
        self,
        clock: Clock,
        host_ids: Sequence[str],
        *,
        seed: int,
        shares: Mapping[Fate, float],
        durations: Durations,
        others: Sequence[str] = (),
        seen: Callable[[Seen, str, str, object], None] = lambda what, deployment_id, host_id, detail: None,
    ) -> None:
        """`shares`: of the hosts that have a fate, rounded, and at least one host each. `others`: the roles of hosts
        besides, which all fare well."""
        self._clock, self._durations, self._seen, self._seed = clock, durations, seen, seed
        self.hosts = {host_id: Host(host_id, random.Random(f"{seed}:{host_id}")) for host_id in host_ids}
        self._strike(random.Random(f"{seed}:fates"), shares)
        for number, role in enumerate(others, len(self.hosts)):
            host_id = host_name(number)
            self.hosts[host_id] = Host(host_id, random.Random(f"{seed}:{host_id}"), role)

    def add(self, role: str, scaling_group: str, up_at: float) -> Host:
        """A new host, which fares well."""
        host_id = host_name(len(self.hosts))
        host = Host(host_id, random.Random(f"{self._seed}:{host_id}"), role, up_at=up_at, scaling_group=scaling_group)
        self.hosts[host_id] = host
        return host

    def _strike(self, chance: random.Random, shares: Mapping[Fate, float]) -> None:
        left = chance.sample(list(self.hosts.values()), len(self.hosts))
        events = [event for event in _MAY_FAIL if self._durations.has_script(event)] or _MAY_FAIL
        for fate, share in shares.items():
            for _ in range(min(max(round(share * len(self.hosts)), 1), len(left)) if share else 0):
                host = left.pop()
                host.fate, host.fate_event = fate, chance.choice(events)

    def begin(self, host: Host, instructions: Instructions, ended: Callable[[Run], None]) -> Run:
        """A command arrives. It waits for a while where another one has the host."""
        run = Run(host, instructions, ended)
        self._start(run, until=self._clock.time + instructions.host_wait_seconds)
        return run

    def _start(self, run: Run, until: float) -> None:
        holder = run.host.holder
        if run.status != "InProgress":  # cancelled while it waited
            return
        if holder is None:
            self._work(run)
        elif self._clock.time < until:
            self._clock.later(1, lambda: self._start(run, until))
        else:
            report = Report(START, "Failed", "UnknownError", "BUSY", "", holder.name + " has the host")
            now = self._clock.time
            run.steps = [Step(START, now, now, "Failed", report, report.line())]
            self._end(run, "Failed")

    def _work(self, run: Run) -> None:
        host, now = run.host, self._clock.time
        host.holder = run
        self._seen(Seen.BEGAN, run.deployment_id, host.host_id, run.instructions.events)
        if any(event not in host.journal.get(run.deployment_id, {}) for event in run.instructions.events):
            self._seen(Seen.OUT, run.deployment_id, host.host_id, None)
        run.steps, status = self._plan(run, now)
        last = run.steps[-1].ends
        if math.isfinite(last):
            run.timer = self._clock.later(last - now, lambda: self._end(run, status))

    def _plan(self, run: Run, now: float) -> tuple[list[Step], str]:
        """The steps that the host will do if nothing ends them, and how the command ends then."""
        host, events = run.host, run.instructions.events
        done = host.journal.get(run.deployment_id, {})
        steps = [Step(START, now, now + START_SECONDS)]
        scripts = max(1, sum(map(self._durations.has_script, events)))
        for event in events:
            begins = steps[-1].ends
            if event in done:
                report, ends = done[event], begins + _REPORT_SECONDS
            else:
                ends = begins + self._durations.of(event, scripts, host.chance)
                if run.instructions.drain and event == events[0]:  # of which times that were seen have the drain
                    ends = max(ends, begins + run.instructions.drain.at_least)
                if host.fate is not Fate.WELL and event == host.fate_event:
                    return self._struck(host, steps, event, begins, ends)
                report = Report(event)
            steps.append(_step(event, begins, ends, report))
            if report.status == "Failed":
                return steps, "Failed"
        return steps, "Success"

    def _struck(self, host: Host, steps: list[Step], event: str, begins: float, ends: float) -> tuple[list[Step], str]:
        """The host meets its fate in this event."""
        script, half = f"scripts/{event}.sh", (begins + ends) / 2
        match host.fate:
            case Fate.FAIL:
                message = f"Script at specified location: {script} failed with exit code 1"
                report = Report(event, "Failed", "ScriptFailed", "SCRIPT", script, message, "", False, 1)
                return [*steps, _step(event, begins, ends, report)], "Failed"
            case Fate.HANG:
                message = f"Script at specified location: {script} failed to complete in {HOOK_TIMEOUT} seconds"
                report = Report(event, "Failed", "ScriptTimedOut", "TIMEOUT", script, message, "", False)
                return [*steps, _step(event, begins, begins + HOOK_TIMEOUT, report)], "Failed"
            case Fate.REBOOT:
                host.gone_at, host.back_at = half, half + REBOOT_SECONDS
                return [*steps, Step(event, begins, host.back_at, "Failed", _interrupted(event), AGENT_GONE)], "Failed"
            case _:
                host.gone_at, host.is_terminated = half, True
                return [*steps, Step(event, begins, math.inf)], "InProgress"

    def cancel(self, run: Run) -> None:
        """The agent ends what runs, a moment later."""
        self._clock.later(CANCEL_SECONDS, lambda: self._cancel(run))

    def _cancel(self, run: Run) -> None:
        now = self._clock.time
        if run.status != "InProgress" or not run.host.is_reachable(now):
            return
        for step in run.steps:
            if step.ends > now:
                step.status, step.report, step.output, step.ends = "Cancelled", None, "", now
                step.begins = min(step.begins, now)
        self._end(run, "Cancelled")

    def _end(self, run: Run, status: str) -> None:
        run.status, host = status, run.host
        if run.timer:
            run.timer.cancel()
        journal = host.journal.setdefault(run.deployment_id, {})
        for step in run.steps:
            has_begun = step.report or step.begins < self._clock.time
            if has_begun and step.name != START and step.name not in journal:
                journal[step.name] = step.report or _interrupted(step.name)
                self._seen(Seen.RAN, run.deployment_id, host.host_id, step.name)
        if host.holder is run:
            host.holder = None
            if status == "Success":
                self._seen(Seen.BACK, run.deployment_id, host.host_id, None)
        run.ended(run)


def _interrupted(event: str) -> Report:
    return Report(event, "Failed", "UnknownError", "SCRIPT", f"scripts/{event}.sh", "interrupted", "", False)


def _step(event: str, begins: float, ends: float, report: Report) -> Step:
    status = "Failed" if report.status == "Failed" and not report.may_continue else "Success"
    return Step(event, begins, ends, status, report, _line(report))


_line = lru_cache(maxsize=256)(Report.line)  # most hosts say the same


def plugins(steps: Sequence[Step], now: float, moment: Callable[[float], object]) -> list[dict[str, object]]:
    """The steps as SSM shows them now: those that have begun."""
    shown: list[dict[str, object]] = []
    for step in steps:
        if step.begins > now:
            break
        is_over = step.ends <= now
        status = step.status if is_over else "InProgress"
        found: dict[str, object] = {"Name": step.name, "Status": status, "StatusDetails": status, "ResponseCode": -1}
        found["Output"] = step.output if is_over else ""
        found["ResponseStartDateTime"] = moment(step.begins)
        if is_over:
            found["ResponseCode"] = 0 if status == "Success" else 1
            found["ResponseFinishDateTime"] = moment(step.ends)
        shown.append(found)
    return shown

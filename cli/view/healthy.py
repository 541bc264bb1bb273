"""The hosts in service over the time of a deployment, beside the promise, and what happened meanwhile: what a chart of
it draws, whoever shows it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from cli.view import waits
from cli.view.output import plain
from cli.view.progress import events
from cli.view.words import Info, person
from functions.core.statuses import DeploymentErrorCode, TargetStatus

MAX_POINTS = 400  # a chart has no more pixels
_CLOCKS = 2.0  # seconds by which the clocks of two functions, and what they do between reading it and writing, differ


class MarkKind(StrEnum):
    """What kind of thing happened."""

    STAGE = "stage"  # its first host was taken out of service
    APPROVAL = "approval"
    METRICS = "metrics"  # they were judged
    PAUSE = "pause"
    ALARM = "alarm"
    STOP = "stop"
    ROLLBACK = "rollback"


class Point(NamedTuple):
    """So many hosts were in service from then on."""

    seconds: float  # since the beginning
    healthy: int


class Mark(NamedTuple):
    """Something that happened."""

    seconds: float  # since the beginning
    kind: MarkKind
    text: str


@dataclass(frozen=True, kw_only=True)
class Healthy:
    """A series of which each point holds until the next one; the last one is when the deployment ended, or was seen."""

    total: int
    promised: int  # must stay in service
    points: Sequence[Point]
    marks: Sequence[Mark] = ()
    begin: datetime | None = None  # None: in virtual time

    @property
    def seconds(self) -> float:
        return self.points[-1].seconds

    @property
    def lowest(self) -> Point:
        """The first of the lowest."""
        return min(self.points, key=lambda each: each.healthy)


def healthy(info: Info, targets: Iterable[Mapping[str, Any]], now: datetime) -> Healthy | None:
    """Of a deployment with its targets, InstanceTargets or TargetSummaries; None of one that has none yet.

    A target is out of service from when it was taken out until it has succeeded. One that failed stays out. Where not
    every target is known, those that are not count as in service.
    """
    known, hosts = list(targets), info.get("healthyHosts") or {}
    begin: datetime | None = info.get("startTime") or info.get("createTime")
    end: datetime = info.get("completeTime") or now
    total = int(hosts.get("total") or len(known))
    if not total or begin is None:
        return None
    promised = int(hosts.get("minimum", 0))

    def since(time: datetime) -> float:
        return max((min(time, end) - begin).total_seconds(), 0.0)

    spans = [span for each in known if (span := _out(each, begin))]
    taken = sorted(since(begun) for begun, _ in spans)
    back = sorted(since(max(begun, ended)) for begun, ended in spans if ended)
    points = [Point(0.0, total), *_steps(taken, back, total, total - promised), Point(since(end), -1)]
    points[-1] = Point(points[-1].seconds, points[-2].healthy)
    marks = [Mark(since(time), kind, text) for time, kind, text in _happened(info, known) if time]
    return Healthy(
        total=total,
        promised=promised,
        points=thinned(points),
        marks=sorted(marks, key=lambda each: each.seconds),
        begin=begin,
    )


def thinned(points: Sequence[Point], most: int = MAX_POINTS) -> list[Point]:
    """At most so many: of each of equal times the lowest and the last, so that no fall is hidden.

    >>> thinned([Point(0, 9), Point(1, 8), Point(2, 3), Point(3, 7), Point(4, 9)], 4)
    [Point(seconds=0, healthy=9), Point(seconds=2, healthy=3), Point(seconds=3, healthy=7), Point(seconds=4, healthy=9)]
    """
    if len(points) <= most:
        return list(points)
    first, *between, last = points
    step = (last.seconds - first.seconds) / max(most // 2 - 2, 1) or 1.0
    found: dict[int, tuple[Point, Point]] = {}  # the lowest and the last of each time
    for each in between:
        at = int((each.seconds - first.seconds) / step)
        lowest, _ = found.get(at, (each, each))
        found[at] = (min(lowest, each, key=lambda one: one.healthy), each)
    kept = [point for pair in found.values() for point in dict.fromkeys(pair)]
    return [first, *kept, last]


def _out(target: Mapping[str, Any], begin: datetime) -> tuple[datetime, datetime | None] | None:
    """When a host was out of service; None if it never was. Records of an older engine have only the
    start times of events, and their summaries have none."""
    status, updated = target["status"], target.get("lastUpdatedAt")
    times = [each["startTime"] for each in events(target) if each.get("startTime")]
    taken = target.get("outOfServiceTime") or min(times, default=None)
    if target.get("wasOutOfService"):
        taken = begin
    elif status in (TargetStatus.FAILED, TargetStatus.IN_PROGRESS):
        taken = taken or updated or begin
    if taken is None:
        return None
    has_begun = bool(times or target.get("outOfServiceTime"))
    is_back = status == TargetStatus.SUCCEEDED or (status == TargetStatus.SKIPPED and has_begun)
    return taken, updated if is_back else None


def _steps(taken: Sequence[float], back: Sequence[float], total: int, most: int) -> Iterator[Point]:
    """How many are in service whenever that changes. One that is taken out while as many are out as may be has the
    place of one that was back a moment later, by the clock of another function."""
    out, begun, ended, time = 0, 0, 0, 0.0
    while begun < len(taken) or ended < len(back):
        patience = _CLOCKS if out >= most else 0.0
        if ended < len(back) and (begun == len(taken) or back[ended] <= taken[begun] + patience):
            time, out, ended = max(time, back[ended]), out - 1, ended + 1
        else:
            time, out, begun = max(time, taken[begun]), out + 1, begun + 1
        yield Point(time, min(total - out, total))


def _happened(info: Info, targets: Sequence[Mapping[str, Any]]) -> Iterator[tuple[datetime | None, MarkKind, str]]:
    """`None`: an older engine has not told when."""
    yield from _stages(info, targets)
    for given in info.get("approvals") or ():
        yield given["approvalTime"], MarkKind.APPROVAL, f"approved by {person(given['approvedBy'])}"
    for judged in info.get("analyses") or ():
        yield judged.get("time"), MarkKind.METRICS, plain(f"metrics: {judged['verdict']}")
    if pause := info.get("pause"):
        yield pause["pauseTime"], MarkKind.PAUSE, f"paused by {person(pause['pausedBy'])}"
    if stop := info.get("stopInfo"):
        is_alarm = (info.get("errorInformation") or {}).get("code") == DeploymentErrorCode.ALARM_ACTIVE
        kind = MarkKind.ALARM if is_alarm or stop["stoppedBy"].startswith("alarm ") else MarkKind.STOP
        yield stop["stopTime"], kind, f"stopped by {person(stop['stoppedBy'])}"
    if (by := (info.get("rollbackInfo") or {}).get("rollbackDeploymentId")) and info.get("completeTime"):
        yield info["completeTime"], MarkKind.ROLLBACK, plain(f"rolled back by {by}")


def _stages(info: Info, targets: Sequence[Mapping[str, Any]]) -> Iterator[tuple[datetime, MarkKind, str]]:
    """When the first host of each was taken out of service."""
    stages, begun = info.get("stages") or (), dict[int, datetime]()
    for each in targets:
        number, time = each.get("stage"), each.get("outOfServiceTime")
        if number is not None and time and number < len(stages):
            begun[number] = min(begun.get(number, time), time)
    for number, time in sorted(begun.items()):
        yield time, MarkKind.STAGE, f"{number + 1}. {waits.stage_name(stages[number])}"

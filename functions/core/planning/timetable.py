"""When the stages of a deployment begin and end, if its hosts take as long as they did the last times.

Computed, not simulated: a host begins when a place is free, and not before a command may be sent. That is what a
simulated run without faults shows too; tests/simulation/test_plan.py holds the two together.
"""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from functions.core.records import Deployment, Target
from functions.core.rollout.stages import Round
from functions.core.statuses import TargetStatus

BEGIN_SECONDS = 5.0  # until the first host begins: functions start, the revision is read, the hosts are found
_NEXT_STAGE_SECONDS = 2.0  # from the last host of a stage to the first of the next one


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSize:
    """What a stage's time depends on."""

    hosts: int
    places: int  # how many of them may be out of service at one time
    bake_seconds: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTime:
    """Seconds after the start of the deployment; the bake comes after the end."""

    begins: float
    ends: float


def sizes(deployment: Deployment, rounds: Sequence[Round]) -> list[StageSize]:
    """Of the stages of a deployment that is planned: the smallest of the sets of places that a stage asks counts."""
    of_all = [each.places for each in deployment.budgets if each.covers_all]
    found = list[StageSize]()
    for each, stage in zip(rounds, deployment.stages, strict=True):
        own = [one.places for one in deployment.places[1:] if stage.name and stage.name in (one.zone, one.stage)]
        places = min([each.concurrency, *own, *of_all])
        found.append(StageSize(hosts=len(each.target_ids), places=places, bake_seconds=stage.bake_seconds))
    return found


def host_seconds(targets: Iterable[Target]) -> list[float]:
    """How long hosts took on which a deployment succeeded, from the first step to the last."""
    return [took for each in targets if (took := _took(each)) is not None]


def _took(target: Target) -> float | None:
    ends = [each.end_time for each in target.events if each.end_time]
    if target.status is not TargetStatus.SUCCEEDED or not target.started_at or not ends:
        return None
    begun, ended = datetime.fromisoformat(target.started_at), datetime.fromisoformat(max(ends))
    return max((ended - begun).total_seconds(), 0.0)


def timetable(stages: Sequence[StageSize], seconds: Sequence[float], send_rate: float) -> list[StageTime]:
    """`seconds` that hosts took; `send_rate`: commands that may be sent in a second. Nothing where no host is known.

    >>> stages = [StageSize(hosts=1, places=1, bake_seconds=60), StageSize(hosts=4, places=2)]
    >>> [(each.begins, each.ends) for each in timetable(stages, [10, 10], 20)]
    [(5.0, 15.0), (77.0, 97.05)]
    """
    if not seconds:
        return []
    usual, now, found = median(seconds), BEGIN_SECONDS, list[StageTime]()
    for stage in stages:
        ends = now + _stage_seconds(stage, usual, send_rate)
        found.append(StageTime(begins=now, ends=ends))
        now = ends + stage.bake_seconds + _NEXT_STAGE_SECONDS
    return found


def _stage_seconds(stage: StageSize, each: float, send_rate: float) -> float:
    """Every host takes the first place that is free."""
    free = [0.0] * max(min(stage.places, stage.hosts), 1)
    last = 0.0
    for number in range(stage.hosts):
        last = max(free[0], number / send_rate) + each
        heapq.heapreplace(free, last)
    return last

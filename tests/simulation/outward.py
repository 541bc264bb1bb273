"""What a deployment shows to the outside, whoever ran it: how it and its targets ended, what was announced, which
states each execution went through. No counters, no times, no ids that chance has chosen.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.core.records import Deployment, Target
from simulation.asl.execution import Execution
from simulation.aws.others import Bus
from simulation.aws.stepfunctions import StepFunctions
from simulation.scenario import Scenario
from simulation.world import World

_WAITS = ("RunSegment", "NextStep", "AskAgain")  # a target that must wait goes round by these
_ID = re.compile(r"\bd-[0-9A-Z]{9}\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetShown:
    status: str
    cause: str
    events: tuple[tuple[str, str], ...]  # name and status
    announced: tuple[str, ...]  # states, in order
    path: tuple[str, ...]  # states of the machine, in order, without its rounds of waiting

    def words(self) -> str:
        events = " ".join(f"{name}:{status}" for name, status in self.events)
        return f"{self.status} {self.cause} [{events}] told {self.announced} by {self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One deployment; the first one is `d-1`."""

    status: str
    code: str
    message: str
    creator: str
    announced: tuple[str, ...]
    path: tuple[str, ...]
    overview: dict[str, int]
    targets: dict[str, TargetShown]

    @property
    def kinds(self) -> Counter[str]:
        """How many targets went which way: which of them had to wait for which, chance may say."""
        return Counter(each.words() for each in self.targets.values())


Paths = Mapping[tuple[str, str], Sequence[str]]
Announced = Iterable[tuple[str, str, str]]


def shown(records: Iterable[tuple[Deployment, Iterable[Target]]], announced: Announced, paths: Paths) -> list[Shown]:
    """`announced`: deployment, target or "", state, in order; `paths`: by deployment, and target or ""."""
    told = list(announced)
    found = [(deployment, list(targets)) for deployment, targets in records]
    numbers = {deployment.deployment_id: f"d-{number}" for number, (deployment, _) in enumerate(found, 1)}

    def states(deployment_id: str, target_id: str) -> tuple[str, ...]:
        return tuple(state for of, whom, state in told if (of, whom) == (deployment_id, target_id))

    def path(deployment_id: str, target_id: str) -> tuple[str, ...]:
        return without_waiting(paths.get((deployment_id, target_id), ()))

    return [
        Shown(
            status=deployment.status,
            code=str(deployment.failure.code) if deployment.failure else "",
            message=_ID.sub(lambda match: numbers[match[0]], deployment.failure.message) if deployment.failure else "",
            creator=deployment.creator,
            announced=states(deployment.deployment_id, ""),
            path=path(deployment.deployment_id, ""),
            overview=dict(Counter(str(target.status) for target in targets)),
            targets={
                target.target_id: TargetShown(
                    status=target.status,
                    cause=target.failure.cause if target.failure else "",
                    events=tuple((event.name, event.status) for event in target.events),
                    announced=states(deployment.deployment_id, target.target_id),
                    path=path(deployment.deployment_id, target.target_id),
                )
                for target in targets
            },
        )
        for deployment, targets in found
    ]


def without_waiting(path: Sequence[str]) -> tuple[str, ...]:
    """
    >>> without_waiting(["RunSegment", "NextStep", "AskAgain", "RunSegment", "NextStep", "TargetDone"])
    ('RunSegment', 'NextStep', 'TargetDone')
    """
    found = list[str]()
    for state in path:
        found.append(state)
        if tuple(found[-len(_WAITS) :]) == _WAITS:
            del found[-len(_WAITS) :]
    return tuple(found)


class Recorded(StepFunctions):
    """The states of every execution, in order."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.paths = dict[tuple[str, str], list[str]]()

    def entered(self, execution: Execution, state: str, *, is_retry: bool) -> float:
        if not is_retry:
            self.note(execution.context["Execution"]["Input"], state)
        return super().entered(execution, state, is_retry=is_retry)

    def note(self, given: Mapping[str, Any], state: str) -> None:
        self.paths.setdefault((given["deployment_id"], given.get("target_id", "")), []).append(state)


class HearingBus(Bus):
    """What was announced, each once: a repeat is allowed."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.heard = dict[tuple[str, str, str], None]()

    def put_events(self, **request: Any) -> dict[str, Any]:
        answer = super().put_events(**request)
        for entry in request["Entries"]:
            detail = json.loads(entry["Detail"])
            self.heard[detail["deploymentId"], detail.get("instanceId", ""), detail["state"]] = None
        return answer


class Watched(World):
    """A world that remembers what it shows. A person stops its deployment at `stop_at`."""

    step_functions: type[Recorded] = Recorded

    def __init__(self, scenario: Scenario, *, stop_at: float | None = None) -> None:
        super().__init__(scenario)
        before = self.stepfunctions
        self.bus: HearingBus = HearingBus(self.network, self.trace.note_event)
        self.stepfunctions: Recorded = self.step_functions(
            self.network, before._machine, self.functions, self.s3, before._tell
        )
        self._stop_at = stop_at

    def _set_up(self) -> None:
        super()._set_up()
        if self._stop_at is not None:
            self.clock.later(self._stop_at, self._stop)

    def _stop(self) -> None:
        (deployment_id,) = self.started.statuses
        self.functions.invoke("stop", {"deployment_id": deployment_id}, lambda result, failure: None)

    def play(self) -> list[Shown]:
        """What it has shown when all is over; no promise may be broken."""
        result = self.run()
        assert not result.broken, result.broken
        return shown(result.records, self.bus.heard, self.stepfunctions.paths)

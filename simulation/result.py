"""What became of a world, and which promises it broke."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from functions.core.records import Deployment, Target
from functions.core.statuses import Creator, DeploymentStatus
from simulation.broken import Broken
from simulation.promises import broken, promised

if TYPE_CHECKING:
    from simulation.world import World


class Started:
    """The deployments of a world as they are on record, and the hosts that they have out of service."""

    def __init__(self, hosts: int) -> None:
        self.hosts = hosts
        self.statuses: dict[str, str] = {}
        self.groups: dict[str, str] = {}
        self.moves: list[tuple[float, str, str]] = []  # time, deployment, status
        self.out = set[str]()  # hosts that do not serve, whichever deployment took them out
        self.out_by = dict[str, set[str]]()
        self.most_out: Counter[str] = Counter()  # by deployment
        self.line: list[tuple[float, int]] = []  # serving hosts since a time
        self.began_at = 0.0
        self.is_over = False  # all deployments that there were have ended

    def begin(self, now: float) -> None:
        self.began_at = now
        self.line = [(now, self.hosts)]

    def note(self, now: float, item: dict[str, Any]) -> None:
        """A deployment's record has changed."""
        deployment_id, status, group = item["deployment_id"], item["status"], item["group"]
        if self.statuses.get(deployment_id) == status:
            return
        self.statuses[deployment_id], self.groups[deployment_id] = status, group
        self.moves.append((now, deployment_id, status))
        self.is_over = all(DeploymentStatus(each).is_final for each in self.statuses.values())

    def take_out(self, now: float, host: str, deployment_id: str) -> None:
        mine = self.out_by.setdefault(deployment_id, set())
        mine.add(host)
        self.most_out[deployment_id] = max(self.most_out[deployment_id], len(mine))
        self.out.add(host)
        self._draw(now)

    def put_back(self, now: float, host: str, deployment_id: str) -> None:
        self.out_by.get(deployment_id, set()).discard(host)
        self.out.discard(host)
        self._draw(now)

    def _draw(self, now: float) -> None:
        if self.line[-1][0] == now:
            self.line.pop()
        self.line.append((now, self.hosts - len(self.out)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one deployment ended."""

    deployment_id: str
    is_rollback: bool
    status: str
    message: str
    began_at: float  # seconds since the world's start
    ended_at: float | None
    targets: dict[str, int]  # by status
    causes: dict[str, int]  # of the failed ones
    fewest_healthy: int  # as far as this deployment took hosts out
    promised: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run shows. Counts are AWS's: what it would have billed or throttled."""

    seed: int
    hosts: int
    outcomes: tuple[Outcome, ...]
    seconds: float  # from the creation to the end of the last deployment
    line: tuple[tuple[float, int], ...]
    broken: tuple[Broken, ...]  # promises
    calls: dict[str, int]
    throttled: dict[str, int]
    states: dict[str, int]
    functions: dict[str, int]
    function_seconds: dict[str, float]
    function_errors: dict[str, int]
    most_functions_at_once: int
    most_history_events: int
    read_units: float
    write_units: float
    busiest_partition: float  # write units in its busiest second
    conflicts: int
    events: dict[str, int]
    undelivered: int
    records: tuple[tuple[Deployment, tuple[Target, ...]], ...] = field(repr=False)

    @property
    def first(self) -> Outcome:
        return self.outcomes[0]

    @property
    def transitions(self) -> int:
        return sum(self.states.values())

    def ssm_calls_a_host(self) -> float:
        return sum(count for name, count in self.calls.items() if name.startswith("ssm:")) / self.hosts

    @classmethod
    def of(
        cls,
        world: "World",
        found: Sequence[tuple[Deployment, list[Target]]],
        holders: Mapping[str, str | None],
    ) -> "Result":
        started, functions, network = world.started, world.functions, world.network
        outcomes = [_outcome(world, deployment, targets) for deployment, targets in found]
        ends = [each.ended_at for each in outcomes if each.ended_at is not None]
        return cls(
            seed=world.scenario.seed,
            hosts=world.scenario.hosts,
            outcomes=tuple(outcomes),
            seconds=max(ends, default=world.clock.time) - started.began_at,
            line=tuple(started.line),
            broken=tuple(broken(world, found, holders)),
            calls=dict(sorted(network.calls.items())),
            throttled=dict(sorted(network.throttled.items())),
            states=dict(world.stepfunctions.states),
            functions=dict(sorted(functions.calls.items())),
            function_seconds=dict(functions.seconds),
            function_errors=dict(functions.errors),
            most_functions_at_once=functions.most_at_once,
            most_history_events=world.stepfunctions.most_history_events,
            read_units=world.table.read_units,
            write_units=world.table.write_units,
            busiest_partition=max(world.table.hottest.values(), default=0),
            conflicts=world.table.conflicts,
            events=dict(world.rules.counts),
            undelivered=len(world.undelivered) + len(world.sqs.kept),
            records=tuple((deployment, tuple(targets)) for deployment, targets in found),
        )


def _outcome(world: "World", deployment: Deployment, targets: Sequence[Target]) -> Outcome:
    started, deployment_id = world.started, deployment.deployment_id
    moves = [(time, DeploymentStatus(status)) for time, of, status in started.moves if of == deployment_id]
    failures = [target.failure.cause for target in targets if target.failure]
    return Outcome(
        deployment_id=deployment_id,
        is_rollback=deployment.creator is Creator.ROLLBACK,
        status=deployment.status,
        message=deployment.failure.message if deployment.failure else "",
        began_at=moves[0][0],
        ended_at=next((time for time, status in moves if status.is_final), None),
        targets=dict(Counter(str(target.status) for target in targets)),
        causes=dict(Counter(str(cause) for cause in failures)),
        fewest_healthy=world.scenario.hosts - started.most_out[deployment_id],
        promised=promised(deployment.settings.config, len(targets)),
    )

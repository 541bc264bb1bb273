"""A state machine as the interpreter runs it: every field read once, every unknown field refused."""

from collections.abc import Mapping
from dataclasses import dataclass

from simulation.asl.choices import Holds
from simulation.asl.paths import Put, Read


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrier:
    """When a failed state is tried again. It keeps its count for as long as the state runs."""

    errors: tuple[str, ...]
    interval: float
    backoff: float
    max_attempts: int
    max_delay: float | None
    has_full_jitter: bool

    def longest_delay(self, retries: int) -> float:
        """Seconds before the next attempt when there were that many retries already; jitter makes it shorter."""
        try:
            delay = self.interval * self.backoff**retries
        except OverflowError:
            delay = float("inf")
        return delay if self.max_delay is None else min(delay, self.max_delay)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catcher:
    """Where a failed state leads to."""

    errors: tuple[str, ...]
    next: str
    put: Put


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What all states have. `next` None: the last one."""

    name: str
    next: str | None = None
    take: Read | None = None  # InputPath; None takes all
    give: Read | None = None  # OutputPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Working(State):
    """A state that has a result and may fail."""

    select: Read | None = None  # ResultSelector
    put: Put
    retriers: tuple[Retrier, ...] = ()
    catchers: tuple[Catcher, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Task(Working):
    """A call of a function; `waits` for its token where the function only begins the work."""

    arguments: Read
    waits: bool
    timeout: Read | None = None
    heartbeat: Read | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Map(Working):
    """The same states for each item: in this execution, or each in an execution of its own (`is_distributed`)."""

    items: Read | None  # in the input
    reader: Read | None  # in S3: the parameters of GetObject
    selector: Read | None
    concurrency: Read | None
    tolerated_count: Read | None
    tolerated_percentage: Read | None
    processor: "Machine"
    is_distributed: bool
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallel(Working):
    branches: "tuple[Machine, ...]"
    arguments: Read | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(State):
    rules: tuple[tuple[Holds, str], ...]
    default: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(State):
    """`seconds` from now, or `until` a moment."""

    seconds: Read | None
    until: Read | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass(State):
    result: Read
    put: Put


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeed(State):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail(State):
    error: str
    cause: str


@dataclass(frozen=True, slots=True)
class Machine:
    start: str
    states: Mapping[str, State]

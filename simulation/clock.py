"""Virtual time: events in the order of their times, and processes that take time between their steps.

A process is ordinary code (a handler of the engine) in a greenlet of its own. Only the one runs whose event is due. So
a seed gives the same run again, although processes interleave at every call of `sleep`.
"""

import heapq
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import greenlet

START = datetime(2026, 1, 1, tzinfo=UTC)

_MOST_CANCELLED = 1000

Act = Callable[[], object]


class Ended(BaseException):
    """The process goes no further: its time is over, it was killed, or the world has ended. No handler catches it."""

    def __init__(self, reason: str, *, is_late: bool = False, is_of_the_world: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.is_late, self.is_of_the_world = reason, is_late, is_of_the_world


class Event:
    """What happens at a moment. A cancelled one takes no time."""

    __slots__ = ("_clock", "act")

    def __init__(self, act: Act, clock: "Clock") -> None:
        self.act: Act | None = act
        self._clock = clock

    def cancel(self) -> None:
        if self.act:
            self.act = None
            self._clock.forget_one()


class _Process(greenlet.greenlet):
    """Work that ends at the deadline, at the latest. Events happen in its parent while it waits."""

    def __init__(self, work: Act, deadline: float) -> None:
        super().__init__(work)
        self.deadline = deadline


class Clock:
    """The time of a world, in seconds since its start."""

    def __init__(self) -> None:
        self.time = 0.0
        self._events: list[tuple[float, int, Event]] = []
        self._count = 0
        self._cancelled = 0  # events that lie among the others all the same
        self._processes = set[_Process]()  # which have begun
        self._error: BaseException | None = None
        self._is_closed = False

    def now(self) -> datetime:
        return START + timedelta(seconds=self.time)

    # -- events

    def later(self, seconds: float, act: Act) -> Event:
        """Something happens after some seconds, at the same moment in the order of these calls."""
        event = Event(act, self)
        self._count += 1
        heapq.heappush(self._events, (self.time + max(seconds, 0.0), self._count, event))
        return event

    def run(self, until: Callable[[], bool]) -> None:
        """Let events happen until this holds or there are none. Raises what an event raised."""
        while self._events and not until():
            time, _, event = heapq.heappop(self._events)
            if event.act is None:
                self._cancelled -= 1
                continue
            self.time, act, event.act = time, event.act, None
            act()
            if self._error:
                raise self._error

    def forget_one(self) -> None:
        """An event is cancelled. Most of those are timeouts of hours: each event that is put in or taken out would pay
        for them, so they are taken away when they are many."""
        self._cancelled += 1
        if self._cancelled > _MOST_CANCELLED and 2 * self._cancelled > len(self._events):
            self._events = [each for each in self._events if each[2].act]
            heapq.heapify(self._events)
            self._cancelled = 0

    # -- processes

    def begin(self, work: Act, *, limit: float = float("inf")) -> None:
        """A process begins now; after `limit` seconds it is ended. What it raises, the world raises."""
        process = _Process(lambda: self._live(process, work), self.time + limit)
        self.later(0, process.switch)

    def sleep(self, seconds: float) -> None:
        """Who calls lets time pass. Raises Ended when that is the end of its process."""
        if self._is_closed:
            raise Ended("the world has ended", is_of_the_world=True)
        me, until = greenlet.getcurrent(), self.time + seconds
        if not isinstance(me, _Process):
            self._wait(seconds)
            return
        is_late = until > me.deadline
        until = min(until, me.deadline)
        if self._events and self._events[0][0] <= until:
            self._count += 1
            heapq.heappush(self._events, (until, self._count, Event(me.switch, self)))
            assert me.parent is not None
            me.parent.switch()
        else:
            self.time = until
        if self._is_closed:
            raise Ended("the world has ended", is_of_the_world=True)
        if is_late:
            raise Ended("the function's time is over", is_late=True)

    def side_by_side(self, works: Iterable[Act], most: int) -> None:
        """Who calls waits until all are done, so many at a time. Raises what the first of them raised that failed."""
        me, waiting, errors = greenlet.getcurrent(), iter(works), list[BaseException]()
        if not isinstance(me, _Process):
            for work in waiting:
                work()
            return
        left = most

        def do() -> None:
            nonlocal left
            try:
                for work in waiting:
                    work()
            except BaseException as error:
                errors.append(error)
            left -= 1
            if not left:
                self.later(0, me.switch)

        for _ in range(most):
            self.later(0, lambda: self.begin(do, limit=me.deadline - self.time))
        assert me.parent is not None
        me.parent.switch()
        if self._is_closed:
            raise Ended("the world has ended", is_of_the_world=True)
        if errors:
            raise errors[0]

    def _wait(self, seconds: float) -> None:
        """Who makes the world waits: no process, so events happen in it meanwhile."""
        passed = list[bool]()
        self.later(seconds, lambda: passed.append(True))
        self.run(lambda: bool(passed))

    def close(self) -> None:
        """End every process where it stands."""
        self._is_closed = True
        for process in list(self._processes):
            process.switch()

    def _live(self, process: _Process, work: Act) -> None:
        self._processes.add(process)
        try:
            work()
        except Ended:
            pass
        except BaseException as error:
            self._error = self._error or error
        self._processes.discard(process)

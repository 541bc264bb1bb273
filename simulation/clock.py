"""Virtual time: events in the order of their times, and processes that take time between their steps.

A process is ordinary code (a handler of the engine) in a thread of its own. Only one thread runs at any moment: the one
whose event is due. So a seed gives the same run again, although processes interleave at every call of `sleep`.
"""

import heapq
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 1, tzinfo=UTC)
_STACK_BYTES = 1024 * 1024  # of a process; there may be a thousand at a time

Act = Callable[[], None]


class Ended(BaseException):
    """The process goes no further: its time is over, it was killed, or the world has ended. No handler catches it."""

    def __init__(self, reason: str, *, is_late: bool = False, is_of_the_world: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.is_late, self.is_of_the_world = reason, is_late, is_of_the_world


class Event:
    """What happens at a moment. A cancelled one takes no time."""

    __slots__ = ("act",)

    def __init__(self, act: "Act | _Process") -> None:
        self.act: Act | _Process | None = act

    def cancel(self) -> None:
        self.act = None


class _Process:
    """A thread that waits for its turn."""

    __slots__ = ("deadline", "lock", "thread", "work")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.lock.acquire()
        self.work: Act | None = None
        self.deadline = float("inf")
        self.thread: threading.Thread | None = None


class Clock:
    """The time of a world, in seconds since its start."""

    def __init__(self) -> None:
        self.time = 0.0
        self._events: list[tuple[float, int, Event]] = []
        self._count = 0
        self._main = _Process()
        self._current = self._main
        self._idle: list[_Process] = []
        self._all: list[_Process] = []
        self._error: BaseException | None = None
        self._until: Callable[[], bool] = lambda: False
        self._is_closed = False

    def now(self) -> datetime:
        return START + timedelta(seconds=self.time)

    # -- events

    def later(self, seconds: float, act: Act) -> Event:
        """Something happens after some seconds, at the same moment in the order of these calls."""
        return self._put(Event(act), seconds)

    def _put(self, event: Event, seconds: float) -> Event:
        self._count += 1
        heapq.heappush(self._events, (self.time + max(seconds, 0.0), self._count, event))
        return event

    def run(self, until: Callable[[], bool]) -> None:
        """Let events happen until this holds or there are none. Raises what an event raised."""
        self._until = until
        self._go_on(self._main)
        if self._error:
            raise self._error

    # -- processes

    def begin(self, work: Act, *, limit: float = float("inf")) -> None:
        """A process begins now; after `limit` seconds it is ended. What it raises, the world raises."""
        process = self._idle.pop() if self._idle else self._new_process()
        process.work, process.deadline = work, self.time + limit
        self._put(Event(process), 0)

    def sleep(self, seconds: float) -> None:
        """The process that runs lets time pass. Raises Ended when that is its end."""
        if self._is_closed:
            raise Ended("the world has ended", is_of_the_world=True)
        me, until = self._current, self.time + seconds
        is_late = until > me.deadline
        until = min(until, me.deadline)
        if me is self._main or (self._events and self._events[0][0] <= until):
            self._put(Event(me), until - self.time)
            self._go_on(me)
        else:
            self.time = until
        if self._is_closed:
            raise Ended("the world has ended", is_of_the_world=True)
        if is_late:
            raise Ended("the function's time is over", is_late=True)

    def abandon(self) -> None:
        """Leave every process where it stands, after an interruption: their threads keep nothing from ending."""
        self._is_closed = True

    def close(self) -> None:
        """End every process where it stands."""
        if self._is_closed:
            return
        self._is_closed = True
        for process in self._all:
            if process.thread and process.thread.is_alive():
                self._current = process
                process.lock.release()
                self._main.lock.acquire()
        for process in self._all:
            if process.thread:
                process.thread.join()

    def _new_process(self) -> _Process:
        process = _Process()
        before = threading.stack_size(_STACK_BYTES)
        process.thread = threading.Thread(target=self._live, args=(process,), daemon=True)
        process.thread.start()
        threading.stack_size(before)
        self._all.append(process)
        return process

    def _live(self, process: _Process) -> None:
        """The life of a process's thread: one work after another, until the world ends."""
        process.lock.acquire()
        while not self._is_closed:
            self._work(process)
            if self._is_closed:
                break
            self._idle.append(process)
            self._go_on(process)
        self._main.lock.release()

    def _work(self, process: _Process) -> None:
        assert process.work is not None
        try:
            process.work()
        except Ended:
            pass
        except BaseException as error:
            self._error = self._error or error
        process.work = None

    def _go_on(self, me: _Process) -> None:
        """Let events happen until it is the turn of this process: in its own thread those before, else in others."""
        while True:
            if self._error or self._until() or not self._events:
                if me is self._main:
                    self._current = me
                    return
                self._hand_over(me, self._main)
                return
            time, _, event = heapq.heappop(self._events)
            what = event.act
            if what is None:
                continue
            self.time = time
            if isinstance(what, _Process):
                if what is me:
                    self._current = me
                else:
                    self._hand_over(me, what)
                return
            try:
                what()
            except BaseException as error:
                self._error = self._error or error

    def _hand_over(self, me: _Process, other: _Process) -> None:
        """The other goes on; this one waits until whoever has the turn then wakes it."""
        self._current = other
        other.lock.release()
        me.lock.acquire()

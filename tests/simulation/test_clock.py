"""Virtual time: the order of events, and processes that interleave."""

import pytest

from simulation.clock import Clock, Ended


def test_events_happen_in_the_order_of_their_times_and_then_of_their_arrival() -> None:
    clock, seen = Clock(), list[tuple[float, str]]()
    for seconds, name in ((2, "late"), (1, "first"), (1, "second")):
        clock.later(seconds, lambda name=name: seen.append((clock.time, name)))  # type: ignore[misc]
    clock.run(lambda: False)
    assert seen == [(1, "first"), (1, "second"), (2, "late")]


def test_a_cancelled_event_takes_no_time() -> None:
    clock = Clock()
    clock.later(1, lambda: None)
    clock.later(100, lambda: None).cancel()
    clock.run(lambda: False)
    assert clock.time == 1


def test_what_is_left_of_many_that_are_cancelled_happens_in_its_order() -> None:
    clock, seen = Clock(), list[float]()
    timeouts = [clock.later(5000 - number, lambda: seen.append(clock.time)) for number in range(5000)]
    for number, timeout in enumerate(timeouts):
        if number % 1000:
            timeout.cancel()
            timeout.cancel()
    assert len(clock._events) < 2500
    clock.run(lambda: False)
    assert seen == [1000, 2000, 3000, 4000, 5000]


def test_processes_interleave_at_every_pause() -> None:
    clock, seen = Clock(), list[tuple[float, str]]()

    def work(name: str, pause: float) -> None:
        for _ in range(2):
            clock.sleep(pause)
            seen.append((clock.time, name))

    clock.begin(lambda: work("slow", 3))
    clock.begin(lambda: work("fast", 2))
    clock.run(lambda: False)
    clock.close()
    assert seen == [(2, "fast"), (3, "slow"), (4, "fast"), (6, "slow")]


def test_a_process_ends_where_its_time_is_over() -> None:
    clock, seen = Clock(), list[float]()

    def work() -> None:
        try:
            clock.sleep(10)
        except Ended:
            seen.append(clock.time)
            raise
        seen.append(-1)

    clock.begin(work, limit=5)
    clock.run(lambda: False)
    clock.close()
    assert seen == [5]


def test_what_a_process_raises_the_world_raises() -> None:
    clock = Clock()

    def work() -> None:
        clock.sleep(1)
        raise LookupError("a bug")

    clock.begin(work)
    clock.later(2, lambda: None)
    with pytest.raises(LookupError, match="a bug"):
        clock.run(lambda: False)
    clock.close()


def test_a_world_that_ends_leaves_no_process_behind() -> None:
    clock, ended = Clock(), list[str]()

    def work() -> None:
        try:
            clock.sleep(1000)
        finally:
            ended.append("ended")

    for _ in range(3):
        clock.begin(work)
    clock.later(5, lambda: None)
    clock.run(lambda: clock.time >= 5)
    clock.close()
    assert ended == ["ended"] * 3
    assert not clock._processes

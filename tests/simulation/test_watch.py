"""The watch and the pace on a fleet: whatever happens to its messages and functions, one chain lives and nothing is
failed; and what a roll-out costs in calls, however long its scripts take."""

from typing import Any

import pytest

from simulation.aws.events import EventFaults
from simulation.aws.limits import Limits
from simulation.clock import Ended
from simulation.hosts import Durations
from simulation.result import Result
from simulation.scenario import Act, Deed, Scenario, config
from simulation.world import World

ALL = config("AllAtOnce")


def world(**fields: Any) -> World:
    return World(Scenario(**{"hosts": 60, "config": ALL, "has_announcements": False, **fields}))


def throttled(rate: float) -> Limits:
    return Limits().throttled({"ssm": rate})


def ssm_calls(result: Result) -> float:
    return result.ssm_calls_a_host()


def assert_well(result: Result) -> None:
    """Invariants 3, 4 and 9."""
    assert result.broken == () and [each.status for each in result.outcomes] == ["Succeeded"]
    assert result.first.targets == {"Succeeded": result.hosts} and result.undelivered == 0
    assert result.calls["ssm:SendCommand"] - result.throttled.get("ssm:SendCommand", 0) == result.hosts


@pytest.mark.parametrize("lost", [0.1, 1])
def test_lost_events_are_made_up_for_in_bulk(lost: float) -> None:
    result = world(events=EventFaults(lost=lost)).run()
    assert_well(result)
    assert ssm_calls(result) < 2.3


def test_doubled_messages_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    played = world(limits=throttled(5), events=EventFaults(lost=0.2))
    hand_out = played.sqs._hand_out

    def twice(queue: str, *message: Any) -> None:
        for _ in range(2):
            hand_out(queue, *message)

    monkeypatch.setattr(played.sqs, "_hand_out", twice)
    assert_well(played.run())


@pytest.mark.parametrize("at", ["after it took its turn", "before it goes to rest", "before its next message"])
def test_a_watch_that_is_killed_again_and_again_comes_back(monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    """Each fourth turn dies there."""
    where = {
        "after it took its turn": "functions.engine.running.turns._look",
        "before it goes to rest": "functions.store.records.watching.rest",
        "before its next message": "functions.engine.running.chain.go_on",
    }[at]
    module, _, name = where.rpartition(".")
    calls = 0
    act = __import__(module, fromlist=[name]).__dict__[name]

    def dies(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls % 4 == 2:
            raise Ended("killed")
        return act(*given, **named)

    monkeypatch.setattr(where, dies)
    result = world(limits=throttled(5), events=EventFaults(lost=0.2)).run()
    assert calls > 2
    assert_well(result)


def test_messages_that_are_lost_only_make_us_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQS loses none; one that ends as a dead letter is as good as lost."""
    played = world(events=EventFaults(lost=0.5))
    hand_out, seen = played.sqs._hand_out, 0

    def loses(queue: str, *message: Any) -> None:
        nonlocal seen
        if queue.endswith("watch"):
            seen += 1
            if seen % 3 == 1:
                return
        hand_out(queue, *message)

    monkeypatch.setattr(played.sqs, "_hand_out", loses)
    assert_well(played.run())


@pytest.mark.parametrize(("hosts", "rate"), [(100, 5), (300, 80)])
def test_a_fleet_is_as_fast_as_ssm_lets_it_and_costs_few_calls(hosts: int, rate: int) -> None:
    """Invariant 9. Ideal: from the first host on, each at SSM's rate, then the longest script of the last ones."""
    played = world(hosts=hosts, limits=throttled(rate), send_rate=max(rate, 20), durations=Durations(spread=0))
    result = played.run()
    assert_well(result)
    assert ssm_calls(result) <= 2.15
    assert sum(result.functions.values()) / hosts <= 5 and result.transitions / hosts <= 4
    ideal = 12 + (hosts - 2 * rate) / rate + 43
    assert result.seconds <= 1.1 * ideal, (result.seconds, ideal)


def test_a_fleet_of_which_ssm_tells_slowly_is_prepared_all_the_same() -> None:
    """Invariant 9. Each call of Prepare asks for all hosts anew, so it has to come to an end at SSM's rate."""
    result = world(hosts=1000, limits=throttled(1), acts=(Act(15.0, Deed.STOP),)).run()
    assert result.functions["prepare"] == 1 and result.calls["ssm:DescribeInstanceInformation"] < 100


def test_long_scripts_cost_no_more_transitions_and_hardly_more_calls() -> None:
    result = world(hosts=100, config=config("HalfAtATime"), durations=Durations(median=8 * 3600, spread=0)).run()
    assert_well(result)
    functions = result.functions.copy()
    del functions["find_lost"]  # which the engine calls every three minutes, whatever it has to do
    assert result.transitions / 100 <= 4 and sum(functions.values()) / 100 <= 5


def test_two_deployments_share_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each asks for a few seconds' worth when its last moment comes near, so they take turns."""
    from functions.core.rollout.pace import Pace

    pace, until, sent = Pace(), {"one": 0, "other": 0}, {"one": 0, "other": 0}
    for now in range(1_000_000, 1_600_000, 500):
        for name in until:
            if until[name] - now <= 1000:
                first, interval, pace = pace.taken(100, now, 20)
                until[name] = first + round(100 * interval)
                sent[name] += 100
    assert abs(sent["one"] - sent["other"]) <= 100 and sum(sent.values()) >= 0.99 * 600 * 20

"""What a plan tells is what a simulated deployment then does: its hosts, their order, times and cost.

The fleets are without faults; the times are those that the simulated hosts took.
"""

from dataclasses import replace
from functools import cache

import pytest

from functions.core.planning.cost import estimate
from functions.core.planning.prices import MEMORY_MB, USD, USUAL_MEMORY_MB, Item
from functions.core.planning.timetable import host_seconds, sizes, timetable
from functions.core.rollout import stages
from functions.core.statuses import DeploymentStatus
from simulation.hosts import Durations
from simulation.result import Result
from simulation.scenario import Scenario, config
from simulation.world import World

GROWING = Scenario(hosts=40, config=config("OneThenGrowing"), approve_seconds=0)
SCENARIOS = [
    Scenario(hosts=1),
    Scenario(hosts=12),
    Scenario(hosts=60, config=config("HalfAtATime")),
    Scenario(hosts=150, config=config("AllAtOnce"), durations=Durations(median=20)),
    Scenario(hosts=150, config=config("AllAtOnce"), send_rate=5),
    Scenario(hosts=30, config=config("75%"), target_groups=1),
    GROWING,
]
NAMES = [f"{each.hosts} {each.config.name}" for each in SCENARIOS]


@cache
def played(number: int) -> Result:
    """One of them: what it took and what it cost are two tests of one run."""
    return run(SCENARIOS[number])


def run(scenario: Scenario) -> Result:
    result = World(replace(scenario, has_announcements=True)).run()
    ((deployment, _),) = result.records
    assert deployment.status is DeploymentStatus.SUCCEEDED and not result.broken
    return result


@pytest.mark.parametrize("number", range(len(SCENARIOS)), ids=NAMES)
def test_the_timetable_is_that_of_the_deployment(number: int) -> None:
    """Within a tenth, and ten seconds for each stage: watches look at intervals."""
    ((deployment, found),) = (result := played(number)).records
    rounds = stages.plan(deployment, found)
    times = timetable(sizes(deployment, rounds), host_seconds(found), SCENARIOS[number].send_rate)
    assert len(times) == len(rounds)
    expected = times[-1].ends + deployment.stages[-1].bake_seconds
    assert abs(expected - result.seconds) <= 0.1 * result.seconds + 10 * len(rounds), (expected, result.seconds)


@pytest.mark.parametrize("number", range(1, 6), ids=NAMES[1:6])
def test_the_cost_is_what_would_be_billed(number: int) -> None:
    """Within a third."""
    ((_, found),) = (result := played(number)).records
    seconds = result.function_seconds
    used = {
        Item.LAMBDA_REQUESTS: sum(result.functions.values()),
        Item.LAMBDA_GB_SECONDS: sum(
            each * MEMORY_MB.get(name, USUAL_MEMORY_MB) / 1024 for name, each in seconds.items()
        ),
        Item.TRANSITIONS: result.transitions,
        Item.READS: result.read_units,
        Item.WRITES: result.write_units,
    }
    billed = sum(count * USD[item] for item, count in used.items())
    planned = estimate(len(found), sum(len(each.steps) for each in found)).usd
    assert billed / 1.34 <= planned <= billed * 1.34, {item: (used[item], used[item] / len(found)) for item in used}


def test_hosts_begin_in_the_order_of_the_plan() -> None:
    ((deployment, found),) = run(Scenario(hosts=12)).records
    (one,) = stages.plan(deployment, found)
    begun = sorted(found, key=lambda each: each.started_at or "")
    assert [each.target_id for each in begun] == list(one.target_ids)

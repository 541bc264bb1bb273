"""Freezes in virtual time: what waits for their end, and what that costs."""

from typing import Any

from functions.core.rollout.health import DeploymentConfig, Select, StageRule
from simulation.result import Result
from simulation.scenario import Scenario, config
from simulation.world import World

WEEK = 7 * 86400.0


def run(**fields: Any) -> Result:
    return World(Scenario(**{"hosts": 4, "config": config("HalfAtATime"), **fields})).run()


def test_a_deployment_in_a_freeze_is_queued_and_begins_when_it_ends() -> None:
    world = World(Scenario(hosts=4, config=config("HalfAtATime"), frozen=(0, WEEK), quiet_seconds=2 * WEEK))
    result = world.run()
    assert result.broken == () and [each.status for each in result.outcomes] == ["Succeeded"]
    ((deployment, _),) = result.records
    assert deployment.start_time and "2026-01-08T00:00:00" < deployment.start_time < "2026-01-08T00:02:00"
    assert deployment.closed is None and world.scheduler.made == 1
    assert result.functions["wake"] <= 4  # it was queued, its time has come, and what the stream told besides


def test_a_schedule_that_is_lost_only_makes_it_late() -> None:
    world = World(Scenario(hosts=2, frozen=(0, 3600), config=config("HalfAtATime")))
    world.scheduler._put = lambda queue, body: None
    result = world.run()
    assert result.broken == () and [each.status for each in result.outcomes] == ["Succeeded"]


def test_a_freeze_in_the_middle_holds_the_next_stage() -> None:
    first, rest = StageRule(name="first", select=Select.COUNT, value=1), StageRule(name="rest")
    staged = DeploymentConfig("Staged", config("HalfAtATime").minimum, None, (first, rest), None)
    result = run(config=staged, frozen=(10, 7200))
    assert result.broken == () and [each.status for each in result.outcomes] == ["Succeeded"]
    ((_, targets),) = result.records
    begun = sorted(event.start_time for each in targets for event in each.events[:1] if event.start_time)
    assert begun[0] < "2026-01-01T00:01:00" and begun[1] > "2026-01-01T02:00:00"
    assert result.functions["next_stage"] <= 6  # it asks when something has ended, and never in between

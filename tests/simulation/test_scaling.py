"""Auto Scaling: instances that are launched and ended at any moment, while deployments run and events get lost."""

from typing import Any

import pytest

from functions.core.causes import Cause
from functions.core.statuses import Creator, DeploymentStatus, TargetStatus
from simulation.aws.events import EventFaults
from simulation.aws.functions import Crash
from simulation.hosts import Durations
from simulation.result import Result
from simulation.scaling import most_calls_a_second, service_delay
from simulation.scenario import Act, Deed, Scaling, Scenario, config
from simulation.world import World

ALONE = "Alone"


def play(scaling: Scaling, **fields: Any) -> tuple[World, Result]:
    world = World(Scenario(**{"hosts": 4, "seed": 5, "scaling": scaling, **fields}))
    result = world.run()
    assert result.broken == ()
    return world, result


def of(result: Result, creator: Creator) -> list[Any]:
    return [deployment for deployment, _ in result.records if deployment.creator is creator]


def test_an_instance_is_deployed_to_before_it_enters_service() -> None:
    world, result = play(Scaling(launches=((1000, 1),)), hosts=2)
    (launch,) = of(result, Creator.AUTO_SCALING)
    assert launch.status is DeploymentStatus.SUCCEEDED and launch.revision.key == "shop/web/v2.zip"
    assert world.autoscaling and len(world.autoscaling.entered) == 1
    alone = {name: count for name, count in result.states.items() if name.endswith(ALONE)}
    assert sum(alone.values()) + 2 <= 8, "state transitions, with Way and Finish"


def test_the_engine_takes_five_seconds_of_a_launch_at_most() -> None:
    """Beside the scripts, the start of the instance, and the moments that SSM and Auto Scaling take to answer."""
    world, _ = play(Scaling(launches=((1000, 1),)), hosts=2, durations=Durations(median=0, spread=0, without_hooks=0))
    (delay,) = service_delay(world).values()
    looks = 5.0  # seconds between two looks whether SSM reaches the instance
    assert delay <= looks + 5.0


def test_those_that_enter_while_a_deployment_runs_get_its_revision_afterwards() -> None:
    _, result = play(Scaling(launches=((10, 2), (100, 8))), config=config("OneAtATime"))
    (update,) = of(result, Creator.AUTO_UPDATE)
    (first,) = of(result, Creator.USER)
    assert update.updates == first.deployment_id and first.updated_by == (update.deployment_id,)
    assert update.status is DeploymentStatus.SUCCEEDED


def test_a_group_that_ignores_outdated_instances_leaves_them() -> None:
    _, result = play(Scaling(launches=((10, 2),), outdated="IGNORE"))
    assert of(result, Creator.AUTO_UPDATE) == []


def test_a_deployment_that_succeeds_before_the_answer_is_deployed_first() -> None:
    """Between the choice of the revision and CONTINUE."""
    _, result = play(Scaling(launches=((5, 1),), start_seconds=(200, 200)), hosts=2, config=config("AllAtOnce"))
    launches = of(result, Creator.AUTO_SCALING)
    assert [each.revision.key for each in launches] == ["shop/web/v1.zip", "shop/web/v2.zip"]
    assert of(result, Creator.AUTO_UPDATE) == []


def test_targets_that_are_ended_are_terminated_and_fail_nothing() -> None:
    _, result = play(Scaling(terminations=((30, 2),)), hosts=6, config=config("HalfAtATime"))
    ((deployment, targets),) = result.records
    ended = [each for each in targets if each.failure]
    assert deployment.status is DeploymentStatus.SUCCEEDED
    assert {(each.status, each.failure.cause) for each in ended if each.failure} == {
        (TargetStatus.SKIPPED, Cause.TERMINATED)
    }
    assert deployment.counts.terminated == len(ended) == 2


def test_an_instance_that_dies_while_its_hook_waits_fails_nothing() -> None:
    world, result = play(Scaling(launches=((1000, 1),), terminations=((1010, 3),)), hosts=2)
    (launch,) = of(result, Creator.AUTO_SCALING)
    assert launch.status is DeploymentStatus.STOPPED
    assert world.autoscaling and world.autoscaling.instances == {}


@pytest.mark.parametrize("faults", [{"lost": 1.0}, {"doubled": 1.0}, {"late": 1.0, "late_seconds": 900.0}])
def test_events_may_be_lost_doubled_and_late(faults: dict[str, float]) -> None:
    world, result = play(Scaling(launches=((1000, 3),)), hosts=2, events=EventFaults(**faults))
    assert world.autoscaling and len(world.autoscaling.entered) == 3
    assert len(of(result, Creator.AUTO_SCALING)) == 3


@pytest.mark.parametrize("function", ["lifecycle_action", "prepare", "run_segment", "target_done", "finish", "launch"])
@pytest.mark.parametrize("request_number", [1, 3, 6])
def test_functions_may_die(function: str, request_number: int) -> None:
    crashes = tuple(Crash(function, call, request_number) for call in (1, 2, 4))
    world, _ = play(Scaling(launches=((20, 1), (400, 1))), hosts=2, crashes=crashes)
    assert world.autoscaling and len(world.autoscaling.entered) == 2


def test_a_hundred_launches_at_once_are_all_answered_and_ask_little() -> None:
    world, result = play(Scaling(launches=((1000, 100),)), hosts=2, has_announcements=False)
    assert world.autoscaling and len(world.autoscaling.entered) == 100
    assert most_calls_a_second(world) <= 5.0
    assert result.throttled.get("autoscaling:CompleteLifecycleAction", 0) == 0


def test_a_revision_that_fails_on_new_instances_makes_no_endless_loop() -> None:
    world, result = play(Scaling(launches=((1000, 1),), fails=True), hosts=2)
    launches = of(result, Creator.AUTO_SCALING)
    assert [each.status for each in launches] == [DeploymentStatus.FAILED] * 3
    assert "3 launches in a row have failed" in launches[-1].failure.message
    assert world.autoscaling and len(world.autoscaling.entered) == 1


def test_processes_are_resumed_whatever_dies() -> None:
    scaling = Scaling(suspended=("AZRebalance", "Terminate"))
    for crash in (Crash("prepare", 1, 8), Crash("finish", 1, 9), Crash("finish", 1, 11)):
        world, _ = play(scaling, crashes=(crash,), acts=(Act(60, Deed.CANCEL),))
        assert world.autoscaling and world.autoscaling.suspended == set()
        assert result_calls(world, "SuspendProcesses")


def result_calls(world: World, operation: str) -> int:
    return world.network.calls[f"autoscaling:{operation}"]


def test_few_missed_members_are_updated_whatever_minimum_the_group_has() -> None:
    _, result = play(Scaling(launches=((0, 1),), start_seconds=(0, 1)), config=config("HalfAtATime"))
    (update,) = of(result, Creator.AUTO_UPDATE)
    assert update.status is DeploymentStatus.SUCCEEDED

"""Auto Scaling: instances that are launched and ended at any moment, while deployments run and events get lost."""

from itertools import product
from typing import Any

import pytest

from functions.core.causes import Cause
from functions.core.statuses import Creator, DeploymentErrorCode, DeploymentStatus, TargetStatus
from simulation.aws.autoscaling import Refused
from simulation.aws.events import EventFaults
from simulation.aws.functions import Crash
from simulation.hosts import Durations, Fate
from simulation.result import Result
from simulation.scaling import most_calls_a_second, service_delay
from simulation.scenario import Act, Deed, Scaling, Scenario, config
from simulation.trace import Seen
from simulation.world import World
from tests.soak import some


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


@pytest.mark.parametrize(("target_groups", "most"), [(0, 6), (2, 8)])
def test_a_launch_takes_eight_state_transitions_at_most(target_groups: int, most: int) -> None:
    """What a run with a launch has more than the same one without."""
    runs = [play(Scaling(launches=each), hosts=2, target_groups=target_groups)[1] for each in (((1000, 1),), ())]
    assert runs[0].transitions - runs[1].transitions == most


@pytest.mark.parametrize("seed", range(4))
def test_the_engine_takes_five_seconds_of_a_launch_at_most(seed: int) -> None:
    """From the first sign of the instance to SSM until it is in service, without the scripts' own time."""
    alone = Durations(median=0, spread=0, without_hooks=0)
    world, _ = play(Scaling(launches=((1000, 1),)), hosts=2, durations=alone, seed=seed)
    (delay,) = service_delay(world).values()
    assert delay <= 5.0
    world, _ = play(Scaling(launches=((1000, 1),)), hosts=2, durations=alone, seed=seed, target_groups=1)
    (delay,) = service_delay(world).values()
    assert delay - world.scenario.check_seconds <= 5.0 + 2.0, "two seconds lie between looks at load balancers"


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


DYING = ("lifecycle_action", "prepare", "run_segment", "target_done", "finish", "launch")


@pytest.mark.parametrize(("function", "request_number"), some(6, [*product(DYING, [1, 3, 6])]))
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


def most_changed(world: World, until: float) -> int:
    """Hosts that were changed at one time, members and launched ones alike."""
    changed, most = set[str](), 0
    for entry in world.trace.of(Seen.OUT, Seen.BACK):
        if entry.time < until:
            (changed.add if entry.what is Seen.OUT else changed.discard)(entry.host_id)
            most = max(most, len(changed))
    return most


@pytest.mark.parametrize("takes_places", [True, False])
def test_ten_launches_during_a_deployment_one_at_a_time_take_its_places_if_the_group_says_so(
    takes_places: bool,
) -> None:
    scaling = Scaling(launches=((5, 10),), start_seconds=(5, 10), takes_places=takes_places)
    world, result = play(scaling, hosts=6)
    first = result.first
    assert first.status == "Succeeded" and first.ended_at and world.autoscaling and len(world.autoscaling.entered) == 10
    most = most_changed(world, first.ended_at)
    assert most == 1 if takes_places else most > 5


WITH_PLACES = ("watch", "lifecycle_action", "prepare", "run_segment", "finish")


@pytest.mark.parametrize(("function", "request_number"), some(5, [*product(WITH_PLACES, [2, 4, 7])]))
def test_launches_that_died_hold_no_place_of_a_deployment(function: str, request_number: int) -> None:
    crashes = tuple(Crash(function, call, request_number) for call in (1, 3, 5))
    scaling = Scaling(launches=((5, 3),), start_seconds=(5, 10), takes_places=True)
    world, result = play(scaling, hosts=4, crashes=crashes)
    assert result.first.status == "Succeeded"
    assert world.autoscaling and len(world.autoscaling.entered) == 3


def test_launches_do_not_wait_for_places_that_stay_taken() -> None:
    """Those of failed hosts, and of a deployment that is stopped."""
    scaling = Scaling(launches=((150, 2),), start_seconds=(5, 10), takes_places=True)
    for more in ({"fates": {Fate.FAIL: 1.0}}, {"acts": (Act(140, Deed.STOP),)}, {"acts": (Act(140, Deed.CANCEL),)}):
        world, _ = play(scaling, hosts=4, **more)
        assert world.autoscaling and len(world.autoscaling.entered) == 2


@pytest.mark.parametrize("faults", [{}, {"lost": 0.5}, {"late": 1.0, "late_seconds": 100.0}])
def test_groups_that_have_one_auto_scaling_group_deploy_in_their_order(faults: dict[str, float]) -> None:
    """Whichever event comes first; the instance enters service when the last one has deployed."""
    scaling = Scaling(launches=((1000, 3),), has_second_group=True)
    world, result = play(scaling, hosts=2, events=EventFaults(**faults))
    assert world.autoscaling and len(world.autoscaling.entered) == 3
    for instance_id, entered in world.autoscaling.entered.items():
        found = {each.group: each.deployment_id for each, _ in result.records if each.instance_ids == (instance_id,)}
        moments = {
            group: [entry.time for entry in world.trace.of(Seen.OUT, Seen.BACK) if entry.deployment_id == deployment_id]
            for group, deployment_id in found.items()
        }
        assert max(moments["web"]) < min(moments["db"]) and max(moments["db"]) < entered


def test_an_instance_that_the_first_of_two_groups_abandons_is_not_deployed_to_by_the_second() -> None:
    world, result = play(Scaling(launches=((1000, 1),), fails=True, has_second_group=True), hosts=2)
    assert world.autoscaling
    abandoned = sorted(world.autoscaling.ended)[:2]  # after the third failure in a row web lets instances go on
    others = [found for found, _ in result.records if found.group == "db" and found.instance_ids[0] in abandoned]
    assert [each.status for each in others] == [DeploymentStatus.STOPPED] * 2


SLOW = Durations(median=1500, spread=0)  # longer than Auto Scaling waits without a heartbeat


@pytest.mark.parametrize("code", ["Throttling", "InternalFailure"])
def test_heartbeats_that_are_not_taken_are_given_as_soon_as_they_are(code: str) -> None:
    """For longer than two of them are apart."""
    refused = (Refused("RecordLifecycleActionHeartbeat", code, since=4000, until=4550),)
    scaling = Scaling(launches=((4000, 1),), refused=refused)
    world, result = play(scaling, hosts=2, durations=SLOW, config=config("AllAtOnce"))
    (launch,) = of(result, Creator.AUTO_SCALING)
    assert launch.status is DeploymentStatus.SUCCEEDED and world.autoscaling and world.autoscaling.ended == set()


def test_an_instance_whose_hook_times_out_is_replaced_and_fails_nothing_else() -> None:
    """No heartbeat is taken for longer than Auto Scaling waits: it ends the instance, and the next one gets through."""
    refused = (Refused("RecordLifecycleActionHeartbeat", "Throttling", since=4000, until=4700),)
    world, result = play(Scaling(launches=((4000, 1),), refused=refused), hosts=2, durations=SLOW)
    first, second = of(result, Creator.AUTO_SCALING)
    assert first.status is not DeploymentStatus.SUCCEEDED and second.status is DeploymentStatus.SUCCEEDED
    assert world.autoscaling and world.autoscaling.ended == set(first.instance_ids)
    assert world.autoscaling.entered.keys() == set(second.instance_ids)


def test_a_suspension_that_is_refused_fails_before_a_host_is_touched() -> None:
    refused = (Refused("SuspendProcesses", "AccessDenied"),)
    _, result = play(Scaling(suspended=("Terminate",), refused=refused))
    ((deployment, targets),) = result.records
    assert deployment.failure and deployment.failure.code is DeploymentErrorCode.AUTO_SCALING_IAM_ROLE_PERMISSIONS
    assert not targets and "ssm:SendCommand" not in result.calls


@pytest.mark.parametrize("code", ["Throttling", "AccessDenied"])
def test_processes_are_resumed_later_where_that_is_refused(code: str) -> None:
    scaling = Scaling(suspended=("Terminate",), refused=(Refused("ResumeProcesses", code, until=1200),))
    world, result = play(scaling, config=config("AllAtOnce"))
    assert (
        world.autoscaling and world.autoscaling.suspended == set() and result.calls["autoscaling:ResumeProcesses"] > 1
    )


@pytest.mark.parametrize("at", [0, 5, 40, 100])
def test_an_auto_scaling_group_that_is_deleted_in_the_middle_leaves_nothing_open(at: float) -> None:
    scaling = Scaling(launches=((1, 2),), suspended=("Terminate",), deleted_at=at)
    _, result = play(scaling, hosts=6, config=config("HalfAtATime"))
    assert all(deployment.status.is_final for deployment, _ in result.records)
    assert not [each for _, targets in result.records for each in targets if each.status is TargetStatus.FAILED]


@pytest.mark.parametrize("at", [0, 30, 1000])
def test_an_instance_refresh_ends_with_the_revision_everywhere(at: float) -> None:
    world, result = play(Scaling(refresh_at=at, start_seconds=(5, 20)), hosts=5)
    assert world.autoscaling and len(world.autoscaling.entered) == 5
    assert not [each for _, targets in result.records for each in targets if each.status is TargetStatus.FAILED]


@pytest.mark.parametrize("is_attached", [False, True])
def test_an_instance_is_in_its_load_balancers_when_it_enters_service(is_attached: bool) -> None:
    """The engine registers it, once it is deployed to; Auto Scaling does so again if it has the target groups, too."""
    world, result = play(Scaling(launches=((1000, 1),), is_attached=is_attached), hosts=2, target_groups=2)
    assert world.autoscaling
    (new,) = world.autoscaling.entered
    ((launch, (target,)),) = [found for found in result.records if found[0].launch]
    assert launch.status is DeploymentStatus.SUCCEEDED
    assert {new} <= world.elb.registered["web-0"].keys() & world.elb.registered["web-1"].keys()
    names = [each.name for each in target.events]
    assert "AllowTraffic" in names and not [each for each in names if "BlockTraffic" in each]
    assert [each.host_id for each in world.trace.of(Seen.LEFT)].count(new) == 0
    assert [each.host_id for each in world.trace.of(Seen.JOINED)].count(new) == 2, "once in each"


@pytest.mark.parametrize("at", [0.5, 10, 60, 1002, 1030, 1060])
def test_the_engine_may_be_updated_at_any_moment(at: float) -> None:
    scaling = Scaling(launches=((5, 1), (1000, 2)), suspended=("Terminate",))
    world, result = play(scaling, config=config("AllAtOnce"), acts=(Act(at, Deed.REDEPLOY),))
    assert world.autoscaling and len(world.autoscaling.entered) == 3 and world.autoscaling.suspended == set()
    assert {deployment.status for deployment, _ in result.records} == {DeploymentStatus.SUCCEEDED}

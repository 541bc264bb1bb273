"""The real engine over simulated hosts: how deployments end, what is on record then, and what faults change."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from functions.core.causes import Cause
from functions.core.statuses import Creator, DeploymentErrorCode, DeploymentStatus, LifecycleEventStatus, TargetStatus
from functions.store.table.memory import Change
from functions.store.table.values import Key
from functions.telemetry import metrics
from simulation import seams
from simulation.asl.errors import Failure
from simulation.aws.events import EventFaults, Reader
from simulation.aws.functions import Functions
from simulation.aws.limits import Limits
from simulation.aws.network import NotSimulated
from simulation.clock import Clock
from simulation.hosts import Durations, Fate
from simulation.result import Result
from simulation.scenario import Scenario, config
from simulation.world import World
from tests.simulation.drawn import drawn
from tests.soak import some

HALF = config("HalfAtATime")


def run(**fields: Any) -> Result:
    return World(Scenario(**{"hosts": 12, "config": HALF, **fields})).run()


def statuses(result: Result) -> list[str]:
    return [each.status for each in result.outcomes]


@pytest.mark.parametrize(
    ("name", "hosts", "fewest", "least_seconds"),
    [("OneAtATime", 10, 9, 300), ("HalfAtATime", 40, 20, 60), ("AllAtOnce", 100, 0, 30), ("75%", 12, 9, 120)],
)
def test_every_host_has_the_revision_and_enough_serve_meanwhile(
    name: str, hosts: int, fewest: int, least_seconds: float
) -> None:
    """Invariants 1 and 3."""
    result = run(hosts=hosts, config=config(name), limits=Limits().throttled({"ssm": 100}))
    assert result.broken == () and statuses(result) == ["Succeeded"]
    assert (result.first.fewest_healthy, result.first.promised) == (fewest, fewest)
    assert least_seconds < result.seconds < 60 + 60 * hosts
    assert result.line[0][1] == result.line[-1][1] == hosts
    ((deployment, targets),) = result.records
    assert deployment.status is DeploymentStatus.SUCCEEDED and deployment.complete_time and not deployment.failure
    assert {target.status for target in targets} == {TargetStatus.SUCCEEDED} and len(targets) == hosts
    events = Counter(event.status for target in targets for event in target.events)
    assert events == {LifecycleEventStatus.SUCCEEDED: 7 * hosts}
    assert result.calls["ssm:SendCommand"] - result.throttled.get("ssm:SendCommand", 0) == hosts
    assert result.states["TargetDone"] == hosts and result.functions["finish"] == 1


def test_the_same_seed_goes_the_same_way_and_another_one_does_not() -> None:
    faults = {"fates": {Fate.FAIL: 0.2}, "events": EventFaults(lost=0.2, doubled=0.2), "kill_rate": 0.02}
    first, second, other = run(seed=3, **faults), run(seed=3, **faults), run(seed=4, **faults)
    assert first == second and first != other


def test_hosts_that_fail_are_on_record_with_their_cause() -> None:
    result = run(fates={Fate.FAIL: 0.25}, seed=2)
    assert result.broken == () and statuses(result) == ["Succeeded"]
    ((_, targets),) = result.records
    failed = [target for target in targets if target.status is TargetStatus.FAILED]
    assert failed and {target.failure.cause for target in failed if target.failure} == {Cause.SCRIPT}
    assert result.line[-1][1] == result.hosts - len(failed)


def test_too_many_failures_fail_the_deployment_and_roll_it_back() -> None:
    """Invariants 1 and 6: the rollback keeps the promise, and is none that rolls back."""
    result = run(fates={Fate.FAIL: 0.6})
    assert result.broken == () and statuses(result)[0] == "Failed" and len(result.outcomes) == 2
    assert [each.is_rollback for each in result.outcomes] == [False, True]
    (deployment, _), (rollback, _) = result.records
    assert deployment.rollback and deployment.rollback.rollback_deployment_id == rollback.deployment_id
    assert rollback.creator is Creator.ROLLBACK and rollback.revision.key.endswith("v1.zip")


@pytest.mark.parametrize(
    ("fate", "cause", "least_seconds"),
    [(Fate.HANG, Cause.TIMEOUT, 3600), (Fate.REBOOT, Cause.UNREACHABLE, 90), (Fate.SCALE_IN, Cause.UNREACHABLE, 300)],
)
def test_a_host_that_hangs_reboots_or_goes_away_ends_as_failed(fate: Fate, cause: Cause, least_seconds: float) -> None:
    result = run(fates={fate: 0.2}, seed=3)
    assert result.broken == () and statuses(result) == ["Succeeded"]
    assert result.first.causes.keys() == {cause} and result.seconds > least_seconds


@pytest.mark.parametrize("faults", [EventFaults(lost=1), EventFaults(doubled=1), EventFaults(late=1)])
def test_events_that_are_lost_doubled_or_late_only_make_us_late(faults: EventFaults) -> None:
    """Invariants 3 and 4."""
    undisturbed, result = run(), run(events=faults)
    assert result.broken == () and statuses(result) == ["Succeeded"]
    assert result.calls["ssm:SendCommand"] == 12 and result.seconds >= undisturbed.seconds - 10
    assert sum(result.events.get(name, 0) for name in ("lost", "doubled", "late"))


@pytest.mark.parametrize(("hosts", "rate"), [(30, 5), (80, 2)])
def test_throttling_makes_a_fleet_late_and_fails_no_host(hosts: int, rate: int) -> None:
    """Invariant 9."""
    result = run(hosts=hosts, config=config("AllAtOnce"), limits=Limits().throttled({"ssm": rate}))
    assert result.throttled["ssm:SendCommand"] and result.broken == () and statuses(result) == ["Succeeded"]


def test_functions_that_are_killed_between_two_requests_finish_their_work_later() -> None:
    result = run(kill_rate=0.05)
    assert sum(result.function_errors.values()) > 3
    assert result.broken == () and statuses(result) == ["Succeeded"] and result.calls["ssm:SendCommand"] == 12


def test_an_alarm_stops_the_deployment_and_rolls_it_back() -> None:
    result = run(alarm_at=40)
    assert result.broken == () and statuses(result) == ["Stopped", "Succeeded"]
    (deployment, _), (rollback, _) = result.records
    assert deployment.failure and deployment.failure.code is DeploymentErrorCode.ALARM_ACTIVE
    assert rollback.creator is Creator.ROLLBACK


def test_a_rollback_counts_the_hosts_that_the_stopped_deployment_left_out_of_service() -> None:
    """Invariant 1, over two deployments."""
    result = run(hosts=20, config=config("75%"), alarm_at=60.0, seed=1)
    assert statuses(result) == ["Stopped", "Succeeded"] and result.broken == ()
    assert [each.fewest_healthy for each in result.outcomes] == [15, 15]


def test_an_alarm_ends_the_bake() -> None:
    quiet = run(bake_seconds=600, alarm_at=3000)
    assert statuses(quiet) == ["Succeeded"] and 600 < quiet.seconds < 900
    rung = run(bake_seconds=600, alarm_at=300)
    assert rung.broken == () and rung.first.status == "Stopped" and rung.first.ended_at
    assert 300 < rung.first.ended_at < 330


def test_hosts_with_long_scripts_are_waited_for() -> None:
    result = run(hosts=4, durations=Durations(median=8 * 3600 / 4, spread=0))
    assert result.broken == () and statuses(result) == ["Succeeded"] and result.seconds > 2 * 7200
    assert result.most_history_events < 25_000


@pytest.mark.parametrize("seed", some(6, range(12)))
def test_whatever_goes_wrong_no_promise_is_broken(seed: int) -> None:
    """Invariants 1, 2, 3, 4 and 9."""
    assert World(drawn(seed)).run().broken == ()


def test_a_world_that_is_not_given_the_time_breaks_a_promise() -> None:
    (promise,) = run(longest_seconds=30).broken
    assert promise.invariant == 3 and "never ended" in promise.sentence


def test_a_run_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    world = World(Scenario())
    with seams.in_place({}, world.table, world, {}, seams.QUIET):
        for _ in range(101):  # Powertools prints by the hundred
            metrics.add_metric(name="Targets", unit="Count", value=1)
    assert capfd.readouterr() == ("", "")


def test_what_the_simulator_does_not_have_is_refused() -> None:
    with pytest.raises(NotSimulated, match=r"ssm\.start_session"):
        World(Scenario()).ssm.start_session()


class Broken:
    """A function that always fails."""

    def __init__(self) -> None:
        self.calls = 0

    def invoke(self, function: str, event: dict[str, Any], reply: Callable[[Any, Failure | None], None]) -> None:
        self.calls += 1
        reply(None, Failure("Runtime.ExitError"))


def test_a_function_that_fails_for_days_is_called_each_minute() -> None:
    clock, broken = Clock(), Broken()
    chance = random.Random(1)
    reader = Reader(clock, chance, cast(Functions, broken), "publish", batch=10, window=1, wants=lambda change: True)
    reader.put(1, Change(Key("pk", "sk"), None, {"pk": "pk", "sk": "sk"}, datetime(2026, 1, 1, tzinfo=UTC)))
    clock.run(lambda: clock.time > 86_400)
    assert 1_400 < broken.calls < 1_450

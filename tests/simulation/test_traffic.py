"""Behind load balancers: no host takes requests while it is changed, whatever crashes, repeats, or is throttled."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from simulation.aws.limits import Limits
from simulation.hosts import Durations, Fate
from simulation.result import Result
from simulation.scenario import Act, Deed, Scenario, config
from simulation.trace import Entry, Seen
from simulation.world import World
from tests.simulation.drawn import drawn
from tests.soak import some

HALF = config("HalfAtATime")


def world(**fields: Any) -> World:
    return World(Scenario(**{"hosts": 6, "config": HALF, "target_groups": 2, **fields}))


def run(**fields: Any) -> Result:
    return world(**fields).run()


def test_every_host_leaves_and_comes_back() -> None:
    """Invariant 10."""
    played = world()
    result = played.run()
    assert result.broken == () and [each.status for each in result.outcomes] == ["Succeeded"]
    assert len(played.trace.of(Seen.LEFT)) == len(played.trace.of(Seen.JOINED)) == 12
    ((_, targets),) = result.records
    assert all(len(target.events) == 13 and not target.out_of for target in targets)


def test_hosts_that_fail_stay_out_and_a_rollback_brings_them_back() -> None:
    result = run(fates={Fate.FAIL: 0.3})
    assert result.broken == ()
    assert any(target.out_of for _, targets in result.records for target in targets)


@pytest.mark.parametrize("deed", [Deed.STOP, Deed.CANCEL])
def test_a_stop_leaves_nothing_unsaid(deed: Deed) -> None:
    assert run(acts=(Act(20, deed), Act(300, Deed.DEPLOY))).broken == ()


@pytest.mark.parametrize("seed", some(6, range(12)))
def test_whatever_goes_wrong_hosts_are_changed_out_of_traffic(seed: int) -> None:
    """Invariants 1, 3, 4, 9, 10: crashes, lost events, a throttled ELB."""
    scenario = drawn(seed)
    limits = scenario.limits.throttled({"elbv2:DescribeTargetHealth": 2, "elbv2:DeregisterTargets": 1})
    hooks = ("BeforeBlockTraffic", "AfterAllowTraffic")[: seed % 3]
    scenario = replace(scenario, target_groups=1 + seed % 2, traffic_hooks=hooks, limits=limits)
    assert World(scenario).run().broken == ()


@pytest.mark.parametrize(("hosts", "half"), [(200, True), (30, False)])
def test_the_health_of_many_hosts_is_asked_in_bulk(hosts: int, half: bool) -> None:
    """Invariant 9: Elastic Load Balancing takes ten reads a second of everybody in the account."""
    played = world(
        hosts=hosts,
        config=HALF if half else config("OneAtATime"),
        target_groups=3,
        limits=Limits().throttled({"ssm": 100}),
    )
    reads = note_times(played, "describe_target_health")
    result = played.run()
    assert result.broken == () and [each.status for each in result.outcomes] == ["Succeeded"]
    assert len(reads) < result.seconds, "one a second"
    assert max(sum(start <= each < start + 10 for each in reads) for start in reads) <= 12, "at any time"
    moves = result.calls["elbv2:DeregisterTargets"] + result.calls["elbv2:RegisterTargets"]
    assert moves < (120 if half else 6 * hosts + 1) and not any(each.startswith("elb") for each in result.throttled)


def note_times(played: World, operation: str) -> list[float]:
    """When a world asks its load balancers something."""
    times, ask = list[float](), getattr(played.elb, operation)

    def asked(**request: Any) -> Any:
        times.append(played.clock.time)
        return ask(**request)

    setattr(played.elb, operation, asked)
    return times


@pytest.mark.parametrize(("hosts", "at_a_time"), [(4, "OneAtATime"), (4, "HalfAtATime"), (40, "HalfAtATime")])
def test_what_a_target_costs(hosts: int, at_a_time: str) -> None:
    """At most eight transitions and eight calls of functions; and one command, as without load balancers."""
    result = run(hosts=hosts, config=config(at_a_time), limits=Limits().throttled({"ssm": 100}))
    assert transitions(result) <= 8 * hosts and result.calls["ssm:SendCommand"] == hosts
    own = sum(result.functions[each] for each in ("run_segment", "command_status", "target_done", "publish"))
    assert own <= 8 * hosts
    assert result.functions["watch"] <= 5 * hosts, "a look every two seconds, for all hosts that wait"


@pytest.mark.parametrize("seed", [0, 2, 4])
def test_a_host_that_is_healthy_has_succeeded_two_seconds_later(seed: int) -> None:
    """Also where the watch is about to go on anyway."""
    played = world(
        hosts=30,
        config=config("OneAtATime"),
        reconcile_seconds=15,
        target_groups=1,
        durations=Durations(median=9, without_hooks=0),
        limits=Limits(cold_start_seconds=0),
        seed=seed,
    )
    came, register = dict[str, float](), played.elb.register_targets

    def registered(*, Targets: Sequence[Mapping[str, Any]], **more: Any) -> Any:
        answer = register(Targets=Targets, **more)
        came.update({each["Id"]: played.clock.time for each in Targets})
        return answer

    played.elb.register_targets = registered  # type: ignore[method-assign]
    assert played.run().broken == ()
    moves = [each for each in played.trace.of(Seen.STATUS) if each.host_id and each.detail == "Succeeded"]
    waited = [each.time - came[each.host_id] - played.scenario.check_seconds for each in moves]
    assert len(waited) == 30 and max(waited) <= 2


def test_a_hook_on_the_other_side_of_the_traffic_is_one_command_more() -> None:
    result = run(hosts=4, traffic_hooks=("AfterAllowTraffic",))
    assert transitions(result) <= 8 * 4 and result.calls["ssm:SendCommand"] == 2 * 4
    again = run(hosts=4, traffic_hooks=("BeforeBlockTraffic", "AfterAllowTraffic"), acts=(Act(1, Deed.DEPLOY),))
    assert again.broken == () and again.calls["ssm:SendCommand"] == (2 + 3) * 4, "the hosts have the first one's hooks"


def transitions(result: Result) -> int:
    """Of the targets."""
    return sum(result.states.get(each, 0) for each in ("RunSegment", "NextStep", "AskAgain", "TargetDone"))


@pytest.mark.parametrize(
    ("tampered", "words"),
    [
        (lambda entry: replace(entry, detail=True) if entry.what is Seen.JOINED else entry, "while it was changed"),
        (lambda entry: None if entry.what is Seen.LEFT else entry, "under load"),
        (lambda entry: replace(entry, time=entry.time + 40) if entry.what is Seen.LEFT else entry, "could still come"),
    ],
)
def test_what_was_not_kept_is_told(tampered: Any, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from simulation import promises
    from simulation.broken import Broken

    played, check = world(), promises.broken

    def tamper(*given: Any) -> list[Broken]:
        kept: list[Entry] = [each for entry in played.trace.entries if (each := tampered(entry))]
        played.trace.entries = kept
        return check(*given)

    monkeypatch.setattr("simulation.result.broken", tamper)
    assert any(each.invariant == 10 and words in each.sentence for each in played.run().broken)

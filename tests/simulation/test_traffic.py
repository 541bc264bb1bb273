"""Behind load balancers: no host takes requests while it is changed, whatever crashes, repeats, or is throttled."""

from dataclasses import replace
from typing import Any

import pytest

from simulation.aws.limits import Limits
from simulation.hosts import Fate
from simulation.result import Result
from simulation.scenario import Act, Deed, Scenario, config
from simulation.trace import Entry, Seen
from simulation.world import World
from tests.simulation.drawn import drawn

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


@pytest.mark.parametrize("seed", range(12))
def test_whatever_goes_wrong_hosts_are_changed_out_of_traffic(seed: int) -> None:
    """Invariants 1, 3, 4, 9, 10: crashes, lost events, a throttled ELB."""
    scenario = drawn(seed)
    limits = scenario.limits.throttled({"elbv2:DescribeTargetHealth": 2, "elbv2:DeregisterTargets": 1})
    assert World(replace(scenario, target_groups=1 + seed % 2, limits=limits)).run().broken == ()


def test_of_a_large_fleet_the_health_is_asked_in_bulk() -> None:
    result = run(hosts=200, target_groups=3, limits=Limits().throttled({"ssm": 100}))
    assert result.broken == () and [each.status for each in result.outcomes] == ["Succeeded"]
    assert result.calls["elbv2:DescribeTargetHealth"] < result.seconds, "one a second"
    assert result.calls["elbv2:DeregisterTargets"] < 60 and not any(each.startswith("elb") for each in result.throttled)


def test_a_target_is_eight_transitions_and_one_command() -> None:
    for hosts in (4, 40):
        result = run(hosts=hosts)
        states = ("RunSegment", "NextStep", "AskAgain", "TargetDone")
        assert result.calls["ssm:SendCommand"] == hosts
        assert sum(result.states.get(each, 0) for each in states) <= 8 * hosts + 4 * result.states.get("AskAgain", 0)
        assert result.functions["run_segment"] + result.functions["target_done"] <= 8 * hosts


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

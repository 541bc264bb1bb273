"""The simulator held to the truth: the same scenario with our interpreter and with moto's shows the same.

Everything else is the same in both: the real engine, the hosts, AWS's services, virtual time.
"""

import re
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from simulation.aws.events import EventFaults
from simulation.aws.limits import Limits
from simulation.hosts import Durations, Fate
from simulation.scenario import Scenario, config
from tests.contract.under_moto import WorldOfMoto
from tests.simulation.outward import Shown, Watched
from tests.statemachines.conftest import parsed_once as parsed_once

STEADY = Durations(spread=0)  # so that both know who is at work when something happens


def both(stop_at: float | None = None, **fields: Any) -> tuple[list[Shown], list[Shown]]:
    given: dict[str, Any] = {"hosts": 20, "config": config("HalfAtATime"), "durations": STEADY, **fields}
    scenario = Scenario(**given)
    return Watched(scenario, stop_at=stop_at).play(), WorldOfMoto(scenario, stop_at=stop_at).play()


def same(ours: list[Shown], theirs: list[Shown]) -> None:
    """Which targets went which way may differ, where they stand in line; how many did may not."""
    assert [each.kinds for each in ours] == [each.kinds for each in theirs]
    assert list(map(_unnamed, ours)) == list(map(_unnamed, theirs))


def _unnamed(shown: Shown) -> Shown:
    return replace(shown, targets={}, message=re.sub(r"targets: .*? more\.", "targets.", shown.message))


def statuses(all_of_them: list[Shown]) -> list[tuple[str, dict[str, int]]]:
    return [(each.status, each.overview) for each in all_of_them]


@pytest.mark.parametrize("name", ["OneAtATime", "HalfAtATime", "AllAtOnce", "75%"])
def test_all_goes_well(name: str) -> None:
    ours, theirs = both(config=config(name), hosts=20 if name == "HalfAtATime" else 8)
    same(ours, theirs)
    assert ours[0].targets == theirs[0].targets
    assert [(each.status, each.announced[-1]) for each in ours] == [("Succeeded", "SUCCESS")]


def test_fewer_hosts_fail_than_may() -> None:
    ours, theirs = both(fates={Fate.FAIL: 0.2})
    same(ours, theirs)
    assert ours[0].targets == theirs[0].targets
    assert statuses(ours) == [("Succeeded", {"Succeeded": 16, "Failed": 4})]


def test_more_hosts_fail_than_may_and_the_deployment_is_rolled_back() -> None:
    ours, theirs = both(fates={Fate.FAIL: 1.0}, hosts=40)
    same(ours, theirs)
    assert statuses(ours)[0] == ("Failed", {"Failed": 20, "Skipped": 20})
    assert ours[1].creator == "codeDeployRollback"


def test_a_person_stops_it_in_the_middle() -> None:
    ours, theirs = both(stop_at=30)
    same(ours, theirs)
    assert statuses(ours) == [("Stopped", {"Succeeded": 10, "Skipped": 10})]


def test_an_alarm_stops_it_and_it_is_rolled_back() -> None:
    ours, theirs = both(alarm_at=33)  # when all are in the middle of one event
    same(ours, theirs)
    assert statuses(ours)[0] == ("Stopped", {"Failed": 10, "Skipped": 10})
    assert statuses(ours)[1] == ("Succeeded", {"Succeeded": 20})


def test_an_alarm_ends_the_bake() -> None:
    for alarm_at, status in ((300, "Stopped"), (3000, "Succeeded")):
        ours, theirs = both(bake_seconds=600, alarm_at=alarm_at, hosts=4)
        same(ours, theirs)
        assert ours[0].status == status and "Hold" in ours[0].path


@pytest.mark.parametrize("fate", [Fate.HANG, Fate.REBOOT, Fate.SCALE_IN])
def test_hosts_hang_reboot_or_go_away(fate: Fate) -> None:
    ours, theirs = both(fates={fate: 0.25}, hosts=8)
    same(ours, theirs)
    assert statuses(ours) == [("Succeeded", {"Succeeded": 6, "Failed": 2})]


def test_events_get_lost_and_aws_throttles() -> None:
    """Chance strikes others in each of them: only what comes of it is the same."""
    limits = Limits().throttled({"ssm": 2})
    ours, theirs = both(events=EventFaults(lost=0.3, doubled=0.3), limits=limits, kill_rate=0.01, hosts=20)
    assert statuses(ours) == statuses(theirs) == [("Succeeded", {"Succeeded": 20})]
    assert Counter(each.path for each in ours[0].targets.values()) == Counter(
        each.path for each in theirs[0].targets.values()
    )
    assert ours[0].announced == theirs[0].announced and ours[0].path == theirs[0].path

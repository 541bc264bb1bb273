"""Budgets in simulated worlds: two groups share one, fairly and without an end of waiting."""

from collections import Counter
from itertools import product
from typing import Any

import pytest

from functions.core.text.times import timestamp
from functions.store.table.memory import Change
from simulation import budgets
from simulation.broken import Broken
from simulation.hosts import Durations, Fate
from simulation.scenario import GROUP, OTHER_GROUP, Act, Deed, Scenario, config
from simulation.trace import Seen
from simulation.world import World
from tests.soak import some

ALL = config("AllAtOnce")
OTHER = (Act(5.0, Deed.DEPLOY, OTHER_GROUP),)
STEADY = Durations(median=60, spread=0)


def world(**fields: Any) -> World:
    return World(Scenario(**{"hosts": 6, "config": ALL, "durations": STEADY, "budget": "1", "acts": OTHER, **fields}))


def served(played: World) -> list[str]:
    """The groups whose deployments took hosts out, in this order."""
    return [played.started.groups[each.deployment_id] for each in played.trace.of(Seen.OUT)]


def passed_over(played: World, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Gets a number for each place of a budget that is given: how many others were given while the deployment stood in
    line. It does not stand there while another deployment works at its last host."""
    put, given, found = played.stream.put, Counter[tuple[str, str]](), list[int]()

    def changed(change: Change) -> None:
        put(change)
        before, after = change.before or {}, change.after or {}
        if not change.key.pk.startswith("PLACES#budget"):
            return
        for host in after.get("held", {}).keys() - before.get("held", {}).keys():
            me, now = after["held"][host]["deployment_id"], timestamp(change.moment)
            line = {name: each["since"] for name, each in before.get("line", {}).items() if each["until"] > now}
            found.append(given[me, line[me]] if me in line else 0)
            given.update((name, since) for name, since in line.items() if name != me)

    monkeypatch.setattr(played.stream, "put", changed)
    return found


@pytest.mark.parametrize("where", [{"other_hosts": 6}, {"shares_hosts": True}], ids=["hosts of their own", "the same"])
@pytest.mark.parametrize(("budget", "seed"), some(3, [*product(["1", "2", "34%"], [0, 2])]))
def test_two_groups_under_one_budget_share_it_fairly(
    where: dict[str, Any], budget: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None is served twice while the other one stands in line, whatever their hosts are, and both succeed."""
    played = world(budget=budget, seed=seed, **where)
    passed = passed_over(played, monkeypatch)
    result = played.run()
    assert result.broken == () and [each.status for each in result.outcomes] == ["Succeeded"] * 2
    assert budgets.most_out(played) == {"1": 1, "2": 2, "34%": 4 if "other_hosts" in where else 2}[budget]
    assert len(passed) == 12 and max(passed) == 1


def test_a_small_deployment_is_not_kept_waiting_by_a_large_one() -> None:
    played = world(hosts=20, other_hosts=1, budget="2")
    result = played.run()
    assert result.broken == ()
    small = next(each for each in result.outcomes if played.started.groups[each.deployment_id] == OTHER_GROUP)
    assert small.ended_at is not None and small.ended_at < 200, "of about 700 seconds that the large one takes"


def test_half_of_each_is_done_when_half_of_both_is() -> None:
    played = world(hosts=12, other_hosts=12, budget="3")
    assert played.run().broken == ()
    half = served(played)[:12]
    assert abs(half.count(GROUP) - half.count(OTHER_GROUP)) <= 4


def test_a_budget_alone_keeps_a_deployment_to_its_places() -> None:
    played = world(acts=(), budget="2", hosts=8)
    result = played.run()
    assert result.broken == () and budgets.most_out(played) == 2 and result.first.targets == {"Succeeded": 8}


def test_hosts_that_failed_hold_a_deployment_up_and_its_rollback_goes_to_them_first() -> None:
    """That takes nothing more away, and is the way out."""
    played = world(acts=(), config=config("5"), fates={Fate.FAIL: 0.01})
    result = played.run()
    first, back = result.outcomes
    assert result.broken == () and (first.status, back.is_rollback) == ("Failed", True)
    assert "Budget all: hosts that failed hold all its places" in first.message
    (broken,) = [each.target_id for each in result.records[0][1] if each.status == "Failed"]
    began = [each.host_id for each in played.trace.of(Seen.OUT) if each.deployment_id == back.deployment_id]
    assert began[0] == broken


def test_a_deployment_that_is_stopped_gives_its_places_back() -> None:
    played = world(acts=(*OTHER, Act(70.0, Deed.CANCEL)), other_hosts=6, hosts=6, budget="1")
    result = played.run()
    assert result.broken == ()
    other = next(each for each in result.outcomes if played.started.groups[each.deployment_id] == OTHER_GROUP)
    assert other.status in ("Succeeded", "Failed") and other.ended_at is not None


def test_a_budget_of_many_hosts_is_not_one_hot_item() -> None:
    """Half of two hundred hosts: three shards, each in a partition of its own."""
    played = world(hosts=210, budget="50%", acts=(), has_announcements=False)
    result = played.run()
    assert result.broken == () and result.first.status == "Succeeded" and 50 < budgets.most_out(played) <= 105
    busiest = {pk: units for pk, units in played.table.hottest.items() if pk.startswith("PLACES#budget")}
    assert len(busiest) == 3 and max(busiest.values()) < 300, "write units in the busiest second of each, of 1,000"


def test_what_was_not_kept_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budgets, "_places", lambda played: 0)
    found = world().run().broken
    assert Broken(14, found[0].sentence) == found[0] and "the budget allows 0" in found[0].sentence

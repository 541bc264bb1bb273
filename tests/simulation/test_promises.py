"""The promises: a world that keeps them, and what is said of one that was tampered with."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from simulation import promises
from simulation.aws.functions import Crash
from simulation.broken import Broken
from simulation.scenario import OTHER_GROUP, Act, Deed, Scenario, config
from simulation.trace import Entry, Seen
from simulation.world import World

HALF = config("HalfAtATime")


def world(**fields: Any) -> World:
    return World(Scenario(**{"hosts": 4, "config": HALF, **fields}))


def test_people_deploy_upload_and_roll_back_in_turn() -> None:
    acts = (Act(5, Deed.UPLOAD), Act(200, Deed.DEPLOY), Act(500, Deed.ROLL_BACK), Act(501, Deed.JUNK))
    result = world(acts=acts).run()
    assert result.broken == () and [each.status for each in result.outcomes] == ["Succeeded"] * 4
    keys = [deployment.revision.key.rpartition("/")[2] for deployment, _ in result.records]
    assert keys == ["v2.zip", "more-1.zip", "more-2.zip", "more-1.zip"]


@pytest.mark.parametrize(("deed", "least"), [(Deed.STOP, 1), (Deed.CANCEL, 0)])
def test_people_stop_it(deed: Deed, least: int) -> None:
    result = world(acts=(Act(20, deed),)).run()
    assert result.broken == () and result.first.status == "Stopped"
    assert result.first.targets["Skipped"] == 2 and result.first.targets.get("Succeeded", 0) >= least


def test_an_archive_that_is_replaced_changes_nothing_for_the_deployment_that_pinned_the_other() -> None:
    result = world(acts=(Act(20, Deed.REPLACE), Act(300, Deed.DEPLOY))).run()
    assert result.broken == () and result.records[0][0].revision.version == "version-1"


def test_a_function_crashes_between_two_requests_of_the_call_that_is_named() -> None:
    crashes = (Crash("prepare", 1, 4), Crash("run_segment", 2, 3), Crash("finish", 1, 2))
    result = world(crashes=crashes).run()
    assert result.broken == () and result.first.status == "Succeeded"
    assert result.function_errors == {"prepare": 1, "run_segment": 1, "finish": 1}


def test_functions_are_called_twice() -> None:
    once, twice = world().run(), world(repeats=1).run()
    assert twice.broken == () and twice.first.status == "Succeeded"
    assert twice.functions["target_done"] == 2 * len(twice.records) * once.functions["target_done"]


def test_two_groups_are_deployed_to_at_a_time() -> None:
    result = world(other_hosts=3, acts=(Act(3, Deed.DEPLOY, OTHER_GROUP),)).run()
    assert result.broken == () and [len(targets) for _, targets in result.records] == [4, 3]


def first(played: World, what: Seen) -> Entry:
    return next(each for each in played.trace.entries if each.what is what)


def forget(what: Seen) -> Callable[[World], None]:
    return lambda played: played.trace.entries.remove(first(played, what))


def repeat(seen: Seen, **changes: Any) -> Callable[[World], None]:
    return lambda played: played.trace.entries.append(replace(first(played, seen), **changes))


def stay_out(played: World) -> None:
    played.trace.entries = [each for each in played.trace.entries if each.what is not Seen.BACK]


def begin_another_before_the_end(played: World) -> None:
    begun = first(played, Seen.STATUS)
    played.started.groups["d-another00"] = "web"
    played.trace.entries.insert(0, replace(begun, deployment_id="d-another00", detail="InProgress"))


def fail_the_record_of_all(played: World) -> None:
    for host in played.fleet.hosts.values():
        host.journal.clear()


@pytest.mark.parametrize(
    ("invariant", "tamper", "words"),
    [
        (1, stay_out, "left 0 hosts in service; it promised 2"),
        (2, begin_another_before_the_end, "two deployments of one group ran at once"),
        (3, repeat(Seen.SENT, time=1e6), "had ended, and commands were sent to"),
        (4, repeat(Seen.RAN), "scripts ran twice on"),
        (5, forget(Seen.ANNOUNCED), "not announced"),
        (5, repeat(Seen.ANNOUNCED, detail="STOP"), "never happened"),
        (9, repeat(Seen.OUT, what=Seen.CANCELLED), "commands were cancelled on healthy hosts"),
        (12, repeat(Seen.SENT, host_id="i-00000000000000004", time=0), "of another group"),
        (0, fail_the_record_of_all, "not all events ran"),
    ],
)
def test_what_was_not_kept_is_told(
    invariant: int, tamper: Callable[[World], None], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = world(other_hosts=1)
    check = promises.broken

    def tampered(*given: Any) -> list[Broken]:
        tamper(played)
        return check(*given)

    monkeypatch.setattr("simulation.result.broken", tampered)
    found = [each for each in played.run().broken if each.invariant == invariant]
    assert found and words in found[0].sentence


def test_a_deployment_that_counts_other_targets_than_it_has_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    check = promises.broken

    def tampered(played: World, found: Any, holders: Any) -> list[Broken]:
        miscounted = [(replace(one, counts=replace(one.counts, skipped=1)), targets) for one, targets in found]
        return check(played, miscounted, holders)

    monkeypatch.setattr("simulation.result.broken", tampered)
    (found,) = world().run().broken
    assert "counts {'Failed': 0, 'InProgress': 0, 'Pending': -1, 'Skipped': 1, 'Succeeded': 4}" in found.sentence

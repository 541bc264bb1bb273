"""A deployment that an engine before places began, and that this one finds running: it is ended as it was begun."""

from dataclasses import replace

import pytest

from functions.core.records import Counts
from functions.core.rollout import stop_mark
from functions.core.statuses import DeploymentStatus, TargetStatus
from functions.engine.ending import end, stop
from functions.handlers import bake, next_stage
from functions.store.keys import deployment_key, preparing_key, target_key
from functions.store.records import deployments, hosts
from functions.store.table.values import Key, Put
from tests.conftest import all_items, pending
from tests.rollout import begin, out_of_service
from tests.unit.two_targets import EVENTS, NOW, World, world  # noqa: F401 - a fixture

ID = "d-000000001"


@pytest.fixture
def old(world: World) -> World:  # noqa: F811 - the fixture
    """Two targets, of which one may be out of service, as that engine wrote them."""
    store, key = world.store, deployment_key(ID)
    store.remove(key, "counts", "places")
    counters = {"total": 2, "allowed": 1, "out": 0, "succeeded": 0, "failed": 0, "skipped": 0, "started": 0}
    store.set(key, counters=counters)
    for each in ("i-0", "i-1"):
        store.remove(target_key(ID, each), "places", "was_out_of_service")
        store.set(target_key(ID, each), group_id="uuid-of-web")
    for item in all_items():
        if item["pk"].startswith("PLACES#"):
            store.remove(Key(item["pk"], item["sk"]))
    return world


def test_it_goes_on_to_its_end(old: World) -> None:
    old.run("t-0")
    old.run("t-1", "i-1")
    assert old.tokens.told["t-1"]["status"] == "Wait", "one at a time"
    assert old.deployment.counts == Counts(total=2, max_out_of_service=1, in_progress=1, started=1)
    for number, target in enumerate(("i-0", "i-1")):
        old.run(f"t-{target}", target)
        old.ssm.answer(f"c-{number}", EVENTS)
        old.report(f"c-{number}", target)
        for _ in range(2):
            old.done(target)
    assert old.deployment.counts == Counts(total=2, max_out_of_service=1, succeeded=2, started=2)
    assert end.end(ID) is DeploymentStatus.SUCCEEDED
    assert old.deployment.counts == Counts(total=2, max_out_of_service=1, succeeded=2, started=2)
    assert {each.status for each in hosts.page("uuid-of-web", None)[0]} == {TargetStatus.SUCCEEDED}
    assert not [item for item in all_items() if item["pk"].startswith("PLACES#")]


def test_after_too_many_failures_the_rest_is_skipped(old: World) -> None:
    old.run("t-0")
    old.ssm.answer("c-0", EVENTS[:1], "Failed")
    old.report()
    old.done(segment_result={"status": "Failed"})
    old.run("t-1", "i-1")
    assert old.tokens.told["t-1"] == {"status": "Skipped"}
    answer = next_stage.handler({"deployment_id": ID, "stages": [], "last": {"next": "Run"}}, old.context)
    assert answer["next"] == "Finish"
    bake.handler({"deployment_id": ID, "task_token": "t-bake"}, old.context)
    assert old.tokens.told["t-bake"] == {"status": "Over"}
    assert end.end(ID) is DeploymentStatus.FAILED
    assert old.deployment.counts == Counts(total=2, max_out_of_service=1, failed=1, skipped=1, started=1)
    assert out_of_service("uuid-of-web") == {"i-0"}


def test_it_is_stopped_and_swept(old: World) -> None:
    old.run("t-0")
    assert stop.stop(old.deployment, stop_mark.by_person("me", NOW))
    old.run("t-1", "i-1")
    assert old.tokens.told["t-1"] == {"status": "Skipped"}
    assert end.end(ID, "Boom.") is DeploymentStatus.STOPPED
    assert old.deployment.counts == Counts(total=2, max_out_of_service=1, failed=1, skipped=1, started=1)
    assert old.target("i-0").status is TargetStatus.FAILED


def test_one_that_was_only_created_begins_with_places(old: World) -> None:
    """Its record has counters, all of which are 0."""
    store, key = old.store, deployment_key(ID)
    store.set(key, status="Created", counters={"total": 0, "allowed": 0, "out": 0})
    store.write(Put(preparing_key(ID), {"attempt": "its-own"}))
    one = deployments.get(ID)
    assert one and one.counters
    assert begin(replace(one, counts=Counts(total=2, max_out_of_service=1)), pending(one, "i-0", "i-1"), NOW)
    now = deployments.get(ID)
    assert now and now.counters is None and now.places and "counters" not in (store.get(key) or {})
    old.run("t-0")
    assert old.deployment.counts == Counts(total=2, max_out_of_service=1, in_progress=1, started=1)


def test_the_counts_of_one_that_is_over_are_read(old: World) -> None:
    counters = {"total": 9, "allowed": 3, "out": 2, "succeeded": 6, "failed": 2, "skipped": 1, "started": 8}
    old.store.set(deployment_key(ID), status="Failed", counters=counters)
    expected = Counts(total=9, max_out_of_service=3, succeeded=6, failed=2, skipped=1, started=8)
    assert old.deployment.counts == expected and expected.pending == 0

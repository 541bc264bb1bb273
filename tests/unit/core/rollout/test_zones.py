"""Availability Zones one after the other: the plan, the places of each zone, and a zone that is lost."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.core.messages.verdict import decide
from functions.core.records import Counts, GroupSettings, PlaceSet, ShardState, Target
from functions.core.rollout import stages, zones
from functions.core.rollout.health import (
    DeploymentConfig,
    HealthConstraintsInvalid,
    MinimumHealthyHosts,
    MinimumHealthyHostsType,
    ZonalConfig,
)
from functions.core.statuses import Creator, DeploymentErrorCode, DeploymentStatus, TargetStatus
from tests.unit.news import deployment

COUNT, PERCENT = MinimumHealthyHostsType.HOST_COUNT, MinimumHealthyHostsType.FLEET_PERCENT
NAME = "d-A1B2C3111"
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def of(zonal: ZonalConfig, **fields: Any) -> Any:
    config = DeploymentConfig("Zones", MinimumHealthyHosts(COUNT, 0), zonal)
    return deployment(deployment_id=NAME, settings=GroupSettings(config=config, bake_seconds=7), **fields)


def fleet(**sizes: int) -> list[Target]:
    """Hosts by zone: a=2 has a-0 and a-1 in the zone a."""
    return [
        Target(deployment_id=NAME, target_id=f"{zone}-{number}", zone=zone)
        for zone, size in sizes.items()
        for number in range(size)
    ]


def planned(zonal: ZonalConfig, targets: list[Target], **fields: Any) -> list[tuple[list[str], int]]:
    begun, homed = stages.begin(of(zonal, **fields), targets)
    return [(list(each.target_ids), each.bake_seconds) for each in stages.plan(begun, homed)]


def test_the_smallest_zone_comes_first_and_each_is_watched_before_the_next() -> None:
    rule = ZonalConfig(monitor_seconds=60, first_monitor_seconds=300)
    assert planned(rule, fleet(b=2, a=2, c=1)) == [(["c-0"], 300), (["a-0", "a-1"], 60), (["b-0", "b-1"], 7)]
    first = ZonalConfig(monitor_seconds=60)
    assert [seconds for _, seconds in planned(first, fleet(a=1, b=1, c=1))] == [60, 60, 7]
    assert planned(rule, fleet(a=2)) == [(["a-0", "a-1"], 7)], "after the last zone, the group's own bake"


def test_a_rollback_takes_no_notice_of_zones() -> None:
    rule = ZonalConfig(minimum=MinimumHealthyHosts(COUNT, 1), monitor_seconds=60)
    assert planned(rule, fleet(a=1, b=2), creator=Creator.ROLLBACK) == [(["a-0", "b-0", "b-1"], 7)]


def test_each_zone_has_places_of_its_own_beside_those_of_the_whole() -> None:
    failed = replace(fleet(b=1)[0], status=TargetStatus.FAILED)
    begun, targets = stages.begin(
        of(ZonalConfig(minimum=MinimumHealthyHosts(PERCENT, 50))), [failed, *fleet(b=5)[1:], *fleet(a=3)]
    )
    assert begun.places == (
        PlaceSet(name=NAME, places=7),
        PlaceSet(name=f"{NAME}/a", places=1, zone="a", needed=2),
        PlaceSet(name=f"{NAME}/b", places=1, zone="b", needed=3),  # one of its two has failed already
    )
    assert {each.target_id: set(each.places) for each in targets if each.target_id in ("a-0", "b-1")} == {
        "a-0": {NAME, f"{NAME}/a"},
        "b-1": {NAME, f"{NAME}/b"},
    }


def test_what_could_never_begin_is_refused() -> None:
    rule = ZonalConfig(minimum=MinimumHealthyHosts(COUNT, 2))
    with pytest.raises(HealthConstraintsInvalid, match="Availability Zone b: minimum healthy hosts 2"):
        stages.begin(of(rule), fleet(a=3, b=2))
    nowhere = replace(fleet(a=1)[0], target_id="mi-1", zone=None)
    with pytest.raises(HealthConstraintsInvalid, match="mi-1 is in no Availability Zone"):
        stages.begin(of(rule), [*fleet(a=3), nowhere])


@pytest.mark.parametrize(
    ("failed", "succeeded", "is_lost"), [(0, 0, False), (1, 1, False), (2, 0, True), (2, 1, True), (2, 2, False)]
)
def test_a_zone_is_lost_when_it_cannot_keep_its_minimum(failed: int, succeeded: int, is_lost: bool) -> None:
    places = PlaceSet(name="d-1/a", places=2, zone="a", needed=2)
    names = frozenset(map(str, range(failed)))
    state = ShardState(holders=names, failed=names, succeeded=succeeded)
    assert zones.is_lost(places, [state]) == is_lost


def test_behind_a_lost_zone_nothing_begins() -> None:
    stage = stages.Manifest(stage=1, bucket="b", key="k", concurrency=1, bake_seconds=0)
    before = stages.Decision(next=stages.Next.RUN, stage=replace(stage, stage=0, bake_seconds=60))
    running = deployment(DeploymentStatus.IN_PROGRESS, counts=Counts(total=4, max_out_of_service=4, succeeded=2))
    assert stages.next_stage(running, [stage], before, NOW).next is stages.Next.RUN
    assert stages.next_stage(running, [stage], before, NOW, is_lost=True) == stages.FINISH


def test_a_deployment_with_a_lost_zone_has_failed_and_says_which() -> None:
    counts = Counts(total=4, max_out_of_service=4, succeeded=3, failed=1)
    running = deployment(DeploymentStatus.IN_PROGRESS, counts=counts)
    assert decide(running, []).status is DeploymentStatus.SUCCEEDED
    verdict = decide(running, [], lost=[PlaceSet(name="d-1/us-east-1b", places=1, zone="us-east-1b")])
    assert verdict.status is DeploymentStatus.FAILED and verdict.failure
    assert verdict.failure.code is DeploymentErrorCode.HEALTH_CONSTRAINTS
    assert "minimumHealthyHostsPerZone are healthy in us-east-1b" in verdict.failure.message

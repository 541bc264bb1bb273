"""Stages: which targets each takes, in which order, what lies between, and what could never be."""

from dataclasses import replace
from typing import Any

import pytest

from functions.core.errors import InvalidInput
from functions.core.messages.verdict import decide
from functions.core.records import Counts, GroupSettings, PlaceSet, Stage, Target
from functions.core.rollout import stages
from functions.core.rollout.health import (
    PREDEFINED_CONFIGS,
    Approval,
    DeploymentConfig,
    HealthConstraintsInvalid,
    MinimumHealthyHosts,
    MinimumHealthyHostsType,
    Select,
    StageRule,
)
from functions.core.rollout.selecting import NO_TRAITS, Standing, Traits
from functions.core.statuses import Creator, DeploymentStatus, TargetStatus
from tests.unit.news import deployment

COUNT, PERCENT = MinimumHealthyHostsType.HOST_COUNT, MinimumHealthyHostsType.FLEET_PERCENT
NAME = "d-A1B2C3111"
CANARY = StageRule(name="canary", select=Select.COUNT, value=1, bake_seconds=600)
HALF = StageRule(name="half", select=Select.PERCENT, value=50)
REST = StageRule(name="all", select=Select.REST)


def of(*rules: StageRule, minimum: int = 0, order_tag: str | None = None, **fields: Any) -> Any:
    config = DeploymentConfig("Mine", MinimumHealthyHosts(COUNT, minimum), stages=rules, order_tag=order_tag)
    return deployment(deployment_id=NAME, settings=GroupSettings(config=config, bake_seconds=7), **fields)


def fleet(size: int, **fields: Any) -> list[Target]:
    return [Target(deployment_id=NAME, target_id=f"i-{number:02}", **fields) for number in range(size)]


def planned(one: Any, targets: list[Target], **traits: Traits) -> list[list[str]]:
    begun, homed = stages.begin(one, targets, {name.replace("_", "-"): each for name, each in traits.items()})
    rounds = stages.plan(begun, homed)
    assert rounds == stages.plan(begun, [replace(each, last_updated_at="later") for each in reversed(homed)])
    return [list(each.target_ids) for each in rounds]


def test_percent_counts_the_stages_before_and_the_rest_is_the_rest() -> None:
    assert [len(each) for each in planned(of(CANARY, HALF, REST), fleet(9))] == [1, 4, 4]


def test_a_stage_that_finds_no_target_in_a_small_fleet_is_left_out() -> None:
    tenth = replace(HALF, value=10)
    assert [len(each) for each in planned(of(CANARY, tenth, REST), fleet(3))] == [1, 2]
    assert planned(of(CANARY, REST), fleet(1)) == [["i-00"]]


def test_stages_by_tag_and_by_zone() -> None:
    ring = StageRule(name="ring", select=Select.TAG, tag_key="ring", tag_value="first")
    zones = StageRule(name="zones", select=Select.ZONE)
    one = StageRule(name="one", select=Select.ZONE, zones=("b",))
    hosts = [*fleet(2, zone="a"), replace(fleet(1)[0], target_id="i-b0", zone="b")]
    first = Traits(tags={"ring": "first"})
    assert planned(of(ring, zones), hosts, i_01=first) == [["i-01"], ["i-00"], ["i-b0"]]
    assert planned(of(one, REST), hosts) == [["i-b0"], ["i-00", "i-01"]]
    begun, _ = stages.begin(of(ring, zones), hosts, {"i-01": first})
    assert [each.name for each in begun.stages] == ["ring", "zones a", "zones b"]


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (StageRule(name="ring", select=Select.TAG, tag_key="ring", tag_value="x"), "no target has the tag ring=x"),
        (StageRule(name="there", select=Select.ZONE, zones=("z",)), "no target is in the Availability Zone z"),
        (replace(HALF, minimum=MinimumHealthyHosts(COUNT, 2)), "the stage half: minimum healthy hosts 2"),
    ],
)
def test_what_the_fleet_cannot_keep_is_refused_before_anything_is_touched(rule: StageRule, why: str) -> None:
    with pytest.raises(HealthConstraintsInvalid, match=why):
        stages.begin(of(rule, REST), fleet(4))


def test_a_deployment_to_some_targets_may_leave_a_stage_without_any() -> None:
    ring = StageRule(name="ring", select=Select.TAG, tag_key="ring")
    assert planned(of(ring, REST, retry_of="d-0"), fleet(2)) == [["i-00", "i-01"]]


def test_a_rollback_takes_no_notice_of_stages() -> None:
    assert planned(of(CANARY, REST, creator=Creator.ROLLBACK), fleet(3)) == [["i-00", "i-01", "i-02"]]


def test_within_a_stage_failed_then_the_tag_then_outdated_then_zones_in_turn() -> None:
    hosts = [replace(each, zone="ab"[number // 3]) for number, each in enumerate(fleet(6))]
    hosts[5] = replace(hosts[5], was_out_of_service=True)
    current = Traits(standing=Standing.CURRENT)
    order = planned(of(minimum=0), hosts, i_00=current, i_01=Traits(standing=Standing.OLD))
    assert order == [["i-05", "i-02", "i-03", "i-04", "i-01", "i-00"]]
    tags = {f"i_0{number}": Traits(tags={"rank": rank}) for number, rank in enumerate(["10", "9", "last"])}
    assert planned(of(order_tag="rank"), fleet(4), **tags) == [["i-01", "i-00", "i-02", "i-03"]]
    assert NO_TRAITS.standing is Standing.UNKNOWN


def test_hosts_that_are_out_come_before_the_first_that_serves() -> None:
    """Of a later stage, too: until they serve again no other host is taken out of service."""
    hosts = fleet(4)
    hosts[3] = replace(hosts[3], was_out_of_service=True)
    ring = StageRule(name="ring", select=Select.TAG, tag_key="ring")
    first = Traits(tags={"ring": ""})
    assert planned(of(ring, REST, minimum=2), hosts, i_00=first) == [["i-03"], ["i-00"], ["i-01", "i-02"]]
    assert planned(of(ring, REST), hosts, i_00=first) == [["i-00"], ["i-03", "i-01", "i-02"]], "all have a place"
    two = replace(CANARY, value=2)
    assert planned(of(two, REST, minimum=2), hosts) == [["i-03"], ["i-00"], ["i-01", "i-02"]], "the canary is two"


def test_hosts_that_are_out_come_first_within_a_stage_that_keeps_some_in_service() -> None:
    """Else they would be out beside as many others as the stage's own minimum lets go."""
    hosts = fleet(4)
    hosts[2:] = [replace(each, was_out_of_service=True) for each in hosts[2:]]
    kept = replace(REST, minimum=MinimumHealthyHosts(COUNT, 1))
    assert planned(of(CANARY, kept), hosts) == [["i-02"], ["i-03"], ["i-00", "i-01"]]
    begun, _ = stages.begin(of(CANARY, kept), hosts)
    assert [(each.name, each.bake_seconds) for each in begun.stages] == [("canary", 600), ("", 0), ("all", 7)]


def test_bakes_and_approvals_are_fixed_at_the_begin() -> None:
    approved = replace(CANARY, approval=Approval(by_another=True))
    begun, _ = stages.begin(of(approved, replace(REST, bake_seconds=60)), fleet(3))
    assert begun.stages == (
        Stage(name="canary", targets=1, bake_seconds=600, approval=Approval(by_another=True)),
        Stage(name="all", targets=2, bake_seconds=60),
    )


def test_each_stage_has_places_and_a_goal_of_its_own() -> None:
    half = replace(HALF, minimum=MinimumHealthyHosts(PERCENT, 50))
    begun, targets = stages.begin(of(CANARY, half, REST), fleet(9))
    assert begun.places == (
        PlaceSet(name=NAME, places=9),
        PlaceSet(name=f"{NAME}/canary", places=1, stage="canary", needed=1),
        PlaceSet(name=f"{NAME}/half", places=2, stage="half", needed=2),
        PlaceSet(name=f"{NAME}/all", places=4, stage="all", needed=1),
    )
    asked = {each.target_id: set(each.places) for each in targets}
    assert asked["i-00"] == {NAME, f"{NAME}/canary"} and asked["i-08"] == {NAME, f"{NAME}/all"}


def test_a_stage_without_success_fails_the_deployment_and_is_named() -> None:
    counts = Counts(total=9, max_out_of_service=9, succeeded=3, failed=1, skipped=5)
    running = deployment(DeploymentStatus.IN_PROGRESS, counts=counts)
    lost = PlaceSet(name=f"{NAME}/canary", places=1, stage="canary", needed=1)
    assert decide(running, []).status is DeploymentStatus.SUCCEEDED
    verdict = decide(running, [], lost=[lost])
    assert verdict.status is DeploymentStatus.FAILED and verdict.failure
    assert "Fewer than 1 target succeeded in the stage canary." in verdict.failure.message


def test_what_failed_at_once_is_in_no_stage() -> None:
    hosts = fleet(4)
    hosts[0] = replace(hosts[0], status=TargetStatus.FAILED)
    assert planned(of(CANARY, REST), hosts) == [["i-01"], ["i-02", "i-03"]]


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ([CANARY], "the last stage, canary, may leave targets out"),
        ([REST, CANARY], "the stage canary selects nothing: all before it takes all"),
        ([replace(HALF, value=100), REST], "the stage all selects nothing: half before it takes all"),
        ([HALF, replace(HALF, name="less"), REST], "so they have to grow"),
        ([CANARY, CANARY, REST], "two stages have the name canary"),
        (
            [
                StageRule(name="a", select=Select.TAG, tag_key="k", tag_value="v"),
                StageRule(name="b", select=Select.TAG, tag_key="k", tag_value="v"),
                REST,
            ],
            "the stage b selects nothing: a stage before it takes the same tag",
        ),
        (
            [
                StageRule(name="here", select=Select.ZONE, zones=("a", "b")),
                StageRule(name="there", select=Select.ZONE, zones=("c", "b")),
                REST,
            ],
            "the stage there selects the Availability Zone b, which a stage before it takes: name each zone in one",
        ),
        ([*(replace(CANARY, name=str(number)) for number in range(20)), REST], "at most 20"),
    ],
)
def test_stages_that_cannot_be(rules: list[StageRule], why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        of(*rules)


@pytest.mark.parametrize(
    "fields",
    [
        {"select": Select.PERCENT, "value": 101},
        {"select": Select.PERCENT, "value": 0},
        {"select": Select.COUNT, "value": 0},
        {"select": Select.TAG},
        {"bake_seconds": -1},
        {"bake_seconds": 43201},
        {"select": Select.COUNT, "value": 2, "minimum": MinimumHealthyHosts(COUNT, 2)},
        {"select": Select.COUNT, "value": 1, "minimum": MinimumHealthyHosts(PERCENT, 50)},  # rounds up to all of it
        {"select": Select.ZONE, "zones": ("a", "b", "a")},
    ],
)
def test_a_stage_that_cannot_be(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="the stage x"):
        StageRule(name="x", **fields)


@pytest.mark.parametrize("name", ["Canary1Then10PercentThenAll", "OneThenGrowing"])
@pytest.mark.parametrize("size", [1, 2, 3, 10, 100])
def test_the_shipped_ones_grow_in_every_fleet_and_reach_all(name: str, size: int) -> None:
    settings = GroupSettings(config=PREDEFINED_CONFIGS[f"StepDeployDefault.{name}"])
    sizes = [len(each) for each in planned(deployment(deployment_id=NAME, settings=settings), fleet(size))]
    assert sizes[0] == 1 and sum(sizes) == size

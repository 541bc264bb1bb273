"""The way of a target: which steps it has, and what comes next."""

from dataclasses import replace

import pytest

from functions.core.records import (
    IN_PLACE_STEPS,
    AllowTraffic,
    BlockTraffic,
    GroupSettings,
    LoadBalancers,
    Segment,
    SegmentRun,
    Step,
    Target,
)
from functions.core.rollout import stop_mark
from functions.core.rollout.command_result import closed_events, pending_events
from functions.core.rollout.steps import Adopt, Allow, Block, Decision, End, Hooks, Send, next_step, plan_steps
from functions.core.statuses import TargetStatus
from functions.core.text.shapes import from_plain, to_plain
from host.lifecycle import IN_PLACE, LifecycleEvent

BEHIND = GroupSettings(load_balancers=LoadBalancers(target_groups=("web",), has_control=True))
FIRST, LAST = LifecycleEvent.BEFORE_BLOCK_TRAFFIC, LifecycleEvent.AFTER_ALLOW_TRAFFIC
INSTALL = Segment(events=(LifecycleEvent.AFTER_BLOCK_TRAFFIC, *IN_PLACE, LifecycleEvent.BEFORE_ALLOW_TRAFFIC))
ALL = (Segment(events=(FIRST,)), BlockTraffic(), INSTALL, AllowTraffic(), Segment(events=(LAST,)))
ONE = (
    BlockTraffic(events=(FIRST, LifecycleEvent.BLOCK_TRAFFIC)),
    INSTALL,
    AllowTraffic(events=(LifecycleEvent.ALLOW_TRAFFIC, LAST)),
)
NOW = "2026-11-23T10:00:00.000Z"


def steps(
    hooks: Hooks, hooks_before: Hooks, settings: GroupSettings = BEHIND, *, is_ec2: bool = True
) -> tuple[Step, ...]:
    return plan_steps(settings, is_ec2=is_ec2, hooks=hooks, hooks_before=hooks_before)


def test_a_restart_has_neither_download_nor_install() -> None:
    stop_and_start = (
        LifecycleEvent.APPLICATION_STOP,
        LifecycleEvent.APPLICATION_START,
        LifecycleEvent.VALIDATE_SERVICE,
    )
    alone = plan_steps(GroupSettings(), is_ec2=True, hooks=(), hooks_before=(), is_restart=True)
    assert alone == (Segment(events=stop_and_start),)
    behind = plan_steps(BEHIND, is_ec2=True, hooks=(LAST,), hooks_before=(), is_restart=True)
    middle = Segment(events=(INSTALL.events[0], *stop_and_start, INSTALL.events[-1]))
    assert behind == (ONE[0], middle, *ALL[3:])


@pytest.mark.parametrize(
    ("hooks", "hooks_before", "planned"),
    [
        ((), (), ONE),
        ((FIRST,), (LAST,), ONE),  # the old revision's scripts run before the block, the new one's after the allowing
        ((LAST,), (FIRST,), ALL),
        ((LAST,), (), (ONE[0], INSTALL, *ALL[3:])),
        ((), (FIRST,), (*ALL[:2], INSTALL, ONE[2])),
        (None, None, ALL),  # an older engine did not say
    ],
)
def test_a_command_is_sent_only_for_events_that_have_scripts(
    hooks: Hooks, hooks_before: Hooks, planned: tuple[Step, ...]
) -> None:
    assert steps(hooks, hooks_before) == planned
    assert [event for step in planned for event in step.events] == list(LifecycleEvent), "all are on record, in order"


def test_without_traffic_control_and_outside_ec2_there_are_seven_events_in_one_command() -> None:
    idle = replace(BEHIND, load_balancers=replace(BEHIND.load_balancers, has_control=False))
    assert steps((LAST,), (FIRST,), idle) == steps((), (), GroupSettings()) == IN_PLACE_STEPS
    assert steps((LAST,), (FIRST,), is_ec2=False) == IN_PLACE_STEPS


def test_steps_are_told_apart_by_kind_and_those_of_an_older_engine_are_segments() -> None:
    target = Target(deployment_id="d-1", target_id="i-0", steps=ALL)
    plain = to_plain(target)
    assert plain["steps"][0] == {"events": ["BeforeBlockTraffic"]}
    assert plain["steps"][1] == {"kind": "BlockTraffic", "events": ["BlockTraffic"]}
    assert from_plain(Target, plain) == target
    old = {"deployment_id": "d-1", "target_id": "i-0", "steps": [{"events": ["ApplicationStop"]}]}
    assert from_plain(Target, old).steps == (Segment(events=(LifecycleEvent.APPLICATION_STOP,)),)
    with pytest.raises(ValueError, match="'Later' is none of None, BlockTraffic, AllowTraffic"):
        from_plain(Target, {**plain, "steps": [{"kind": "Later", "events": []}]})


def target(planned: tuple[Step, ...], done: int, *, begun: bool = False) -> Target:
    """One that is done with some of its steps, and has begun the next one."""
    runs = {str(number): SegmentRun(status=TargetStatus.SUCCEEDED) for number in range(done)}
    if begun:
        runs[str(done)] = SegmentRun()
    status = TargetStatus.IN_PROGRESS if runs else TargetStatus.PENDING
    return Target(
        deployment_id="d-1",
        target_id="i-0",
        status=status,
        steps=planned,
        events=pending_events(planned),
        segments=runs,
    )


PLAIN = stop_mark.by_person("ann", NOW)
CANCEL = replace(PLAIN, cancel=True)
SKIPPED, FAILED = End(status=TargetStatus.SKIPPED), End(status=TargetStatus.FAILED)


def test_a_target_goes_from_step_to_step() -> None:
    found = [next_step(target(ALL, done), None) for done in range(6)]
    assert found == [Send(step=0), Block(step=1), Send(step=2), Allow(step=3), Send(step=4), SUCCEEDED]
    assert next_step(target(ONE, 0), None) == Block(step=0)


SUCCEEDED = End(status=TargetStatus.SUCCEEDED)


@pytest.mark.parametrize(
    ("one", "plain", "cancel"),
    [
        (target(ONE, 0), SKIPPED, SKIPPED),
        (target(ONE, 0, begun=True), Block(step=0), Block(step=0)),
        (target(ALL, 1), Block(step=1), FAILED),
        (target(ALL, 1, begun=True), Block(step=1), Block(step=1)),
        (target(ALL, 2), Send(step=2), FAILED),
        (target(ALL, 2, begun=True), Adopt(step=2, otherwise=Send(step=2)), Adopt(step=2, otherwise=FAILED)),
        (target(ALL, 3), Allow(step=3), FAILED),
        (target(ALL, 3, begun=True), Allow(step=3), FAILED),
    ],
)
def test_a_stop_lets_a_target_go_all_its_way_and_one_that_cancels_leaves_no_block_half_done(
    one: Target, plain: Decision, cancel: Decision
) -> None:
    assert (next_step(one, PLAIN), next_step(one, CANCEL)) == (plain, cancel)


def test_what_a_traffic_step_did_is_not_known_once_it_has_begun() -> None:
    events = closed_events(target(ONE, 0, begun=True), NOW)
    assert [event.status for event in events[:3]] == ["Unknown", "Unknown", "Skipped"]

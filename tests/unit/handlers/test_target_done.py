"""target_done: a target ends once, as its steps did."""

import pytest

from functions.core.causes import Cause
from functions.core.records import Counts
from functions.core.rollout.command_result import pending_events
from functions.core.rollout.places import with_homes
from functions.core.statuses import DeploymentStatus, TargetStatus
from functions.core.text.shapes import to_plain
from functions.engine.running import segments
from functions.handlers import run_segment
from functions.store.keys import target_key
from tests.conftest import pending, put_item
from tests.fakes.service import refusal
from tests.unit.two_targets import EVENTS, World, statuses, three_segments


@pytest.mark.parametrize("code", ["InvalidInstanceId", "InvalidCommandId"])
def test_a_command_that_ssm_knows_no_more_needs_no_cancelling(world: World, code: str) -> None:
    world.run("t-1")
    world.ssm.ping["i-0"] = ""
    world.ssm.cannot_cancel = refusal(code, "CancelCommand")
    world.watch()
    assert world.tokens.told["t-1"] == {"status": "Failed"}


def test_an_engine_error_fails_the_target_and_cancels_its_command(world: World) -> None:
    world.run("t-1")
    world.done(error={"Error": "Lambda.Unknown", "Cause": "out of memory"}, segment_result=None)
    target = world.target()
    assert target.status is TargetStatus.FAILED and target.failure and target.failure.cause is Cause.ENGINE
    assert "(Lambda.Unknown)" in target.failure.message and "out of memory" not in target.failure.message
    assert world.ssm.cancelled == ["c-0"] and world.deployment.status is DeploymentStatus.IN_PROGRESS


def test_what_the_host_has_done_counts_though_the_engine_stumbled_over_saying_so(world: World) -> None:
    world.run("t-1")
    world.ssm.answer("c-0", EVENTS)
    world.report()
    world.done(error={"Error": "Lambda.Unknown", "Cause": "out of memory"}, segment_result=None)
    assert world.target().status is TargetStatus.SUCCEEDED and world.target().failure is None


def test_a_target_ends_once(world: World) -> None:
    world.run("t-1")
    world.ssm.answer("c-0", EVENTS)
    world.report()
    world.done()
    world.done(segment_result={"status": "Failed"})
    assert world.target().status is TargetStatus.SUCCEEDED
    assert world.deployment.counts == Counts(total=2, max_out_of_service=1, succeeded=1, started=1)


def test_a_success_that_is_not_on_record_is_none(world: World) -> None:
    world.run("t-1")
    with pytest.raises(LookupError, match="not all steps of target i-0"):
        world.done()


def test_the_workflow_of_an_older_engine_goes_its_way_to_the_end(world: World) -> None:
    """Its target has no steps on record, and its input names the one segment there was."""
    (target,) = with_homes(pending(world.deployment, "i-0", events=pending_events()), world.deployment.places)
    old = {name: value for name, value in to_plain(target).items() if name != "steps"}
    put_item({**target_key("d-000000001", "i-0").item, **old, "segments": {}})
    event = {"deployment_id": "d-000000001", "target_id": "i-0", "segment": 0, "task_token": "t-1"}
    run_segment.handler(event, world.context)
    world.ssm.answer("c-0", EVENTS)
    world.report()
    assert world.tokens.told == {"t-1": {"status": "Succeeded"}}
    world.done()
    assert world.target().status is TargetStatus.SUCCEEDED and len(world.target().events) == len(EVENTS)


def test_a_target_goes_through_all_its_segments_and_keeps_the_events_of_each(world: World) -> None:
    way = three_segments(world)
    for number, events in enumerate(way):
        world.run(f"t-{number}")
        world.ssm.answer(f"c-{number}", events)
        world.report(f"c-{number}")
    assert [world.tokens.told[f"t-{number}"]["status"] for number in range(3)] == ["Next", "Next", "Succeeded"]
    assert [sent["Comment"][-1] for sent in world.ssm.sent] == ["0", "1", "2"]
    assert world.ssm.lists == 3, "each at its event alone"
    world.done()
    assert world.target().status is TargetStatus.SUCCEEDED
    assert [event.name for event in world.target().events] == [name for events in way for name in events]
    assert set(statuses(world)) == {"Succeeded"}
    assert world.deployment.counts == Counts(total=2, max_out_of_service=1, succeeded=1, started=1)


def test_a_later_segment_that_fails_fails_the_target(world: World) -> None:
    first, second, _ = three_segments(world)
    for number, (events, status) in enumerate(((first, "Success"), (second[:6], "Failed"))):
        world.run(f"t-{number}")
        world.ssm.answer(f"c-{number}", events, status)
        world.report(f"c-{number}")
    assert world.tokens.told["t-1"] == {"status": "Failed"}
    world.run("t-2")
    assert world.tokens.told["t-2"] == {"status": "Failed"} and len(world.ssm.sent) == 2
    world.done(segment_result={"status": "Failed"})
    target = world.target()
    assert target.status is TargetStatus.FAILED and target.failure and target.failure.event == "AfterInstall"
    assert statuses(world) == ["Succeeded"] * 6 + ["Failed"] + ["Skipped"] * 4
    assert all(event.end_time for event in target.events)


def test_what_a_command_reports_after_its_target_has_ended_leaves_the_other_events(world: World) -> None:
    """The report was begun before the target's end: it must not bring back what that closed."""
    first, *_ = three_segments(world)
    world.run("t-0")
    before = world.target()
    world.done(error={"Error": "Lambda.Unknown", "Cause": "out of memory"}, segment_result=None)
    assert statuses(world) == ["Unknown"] + ["Skipped"] * 10
    world.ssm.answer("c-0", first)
    segments.read_once(before, 0, "c-0")
    assert statuses(world) == ["Succeeded"] + ["Skipped"] * 10

"""run_segment and command_status where another deployment has the host: the target waits, and is sent to again."""

import pytest

from functions.aws import clock
from functions.core.causes import Cause
from functions.core.rollout import stop_mark
from functions.core.statuses import TargetStatus
from functions.store.records import deployments, targets
from tests.unit.two_targets import EVENTS, NOW, World

BUSY = "deployment d-000000009 of shop/api has the host"


def test_a_target_whose_host_is_busy_waits_and_its_next_command_is_another_one(world: World) -> None:
    world.run("t-1")
    world.ssm.find_busy("c-0", BUSY)
    for _ in range(2):  # SSM's event may come twice
        world.report()
    assert world.tokens.told == {"t-1": {"status": "Wait", "seconds": 1}}
    waiting = world.target()
    assert (waiting.status, waiting.waits_for) == (TargetStatus.IN_PROGRESS, BUSY)
    world.run("t-2")
    assert [sent["Comment"].partition("segment 0")[2] for sent in world.ssm.sent] == ["", " attempt 1"]
    world.ssm.answer("c-1", EVENTS)
    world.report("c-1")
    assert world.tokens.told["t-2"] == {"status": "Succeeded"}
    world.done()
    assert world.target().waits_for is None


def test_a_command_that_was_sent_anew_and_not_recorded_is_adopted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the one before it, which found the host busy."""
    world.run("t-1")
    world.ssm.find_busy("c-0", BUSY)
    world.report()
    with monkeypatch.context() as patch:
        patch.setattr(targets, "store_command", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            world.run("t-2")
    world.run("t-3", minutes=2)
    assert len(world.ssm.sent) == 2
    world.ssm.answer("c-1", EVENTS)
    world.report("c-1")
    assert world.tokens.told["t-3"] == {"status": "Succeeded"}


def test_a_host_that_stays_busy_fails_its_target_as_the_group_says(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, moment in enumerate(("10:00:00", "10:09:59", "10:10:00")):
        world.run(f"t-{number}")
        world.ssm.find_busy(f"c-{number}", BUSY)
        with monkeypatch.context() as patch:
            patch.setattr(clock, "timestamp", lambda *_, time=moment: f"2026-11-23T{time}.000Z")
            world.report(f"c-{number}")
    assert [world.tokens.told[f"t-{n}"]["status"] for n in range(3)] == ["Wait", "Wait", "Failed"]
    failure = world.target().failure
    assert failure and failure.cause is Cause.BUSY
    assert failure.message == f"{BUSY}; waited 600 of 600 seconds (hostBusy)"


def test_a_host_that_is_busy_with_this_very_deployment_fails_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command was sent and not recorded, and its scripts take longer than `hostBusy`."""
    for number, hour in enumerate(("10", "11", "12")):
        world.run(f"t-{number}")
        world.ssm.find_busy(f"c-{number}", BUSY.replace("d-000000009", "d-000000001"))
        with monkeypatch.context() as patch:
            patch.setattr(clock, "timestamp", lambda *_, hour=hour: f"2026-11-23T{hour}:00:00.000Z")
            world.report(f"c-{number}")
    world.run("t-3")
    world.ssm.answer("c-3", EVENTS)  # what the host's journal has of the first one
    world.report("c-3")
    assert [world.tokens.told[f"t-{n}"]["status"] for n in range(4)] == ["Wait", "Wait", "Wait", "Succeeded"]


def test_a_stop_skips_a_target_that_waits_for_its_host(world: World) -> None:
    world.run("t-1")
    world.ssm.find_busy("c-0", BUSY)
    world.report()
    deployments.mark_stop("d-000000001", stop_mark.by_person("me", NOW))
    world.run("t-2")
    assert world.tokens.told["t-2"] == {"status": "Skipped"} and len(world.ssm.sent) == 1

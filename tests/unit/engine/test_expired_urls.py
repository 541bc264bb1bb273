"""run_segment and command_status where presigned URLs had expired: the segment comes again with new ones."""

import pytest

from functions.core.causes import Cause
from functions.core.rollout import stop_mark
from functions.core.rollout.renewals import MOST
from functions.core.statuses import TargetStatus
from functions.store.records import deployments
from tests.unit.two_targets import EVENTS, NOW, World

EXPIRED = "the revision could not be fetched: HTTP 400 ExpiredToken"


def expire(world: World, number: int) -> None:
    world.run(f"t-{number}")
    world.ssm.end_before_it_begins(f"c-{number}", "EXPIRED", EXPIRED)
    world.report(f"c-{number}")


def test_a_segment_of_which_nothing_ran_is_sent_again_with_other_urls(world: World) -> None:
    expire(world, 0)
    world.report("c-0")  # SSM's event may come twice
    assert world.tokens.told == {"t-0": {"status": "Wait", "seconds": 1}}
    assert world.target().status is TargetStatus.IN_PROGRESS and world.target().failure is None
    world.run("t-1")
    told = [each["Parameters"]["Instructions"] for each in world.ssm.sent]
    assert len(told) == 2 and [each["Comment"].partition("segment 0")[2] for each in world.ssm.sent][1] == " attempt 1"
    world.ssm.answer("c-1", EVENTS)
    world.report("c-1")
    assert world.tokens.told["t-1"] == {"status": "Succeeded"}


def test_urls_that_expire_each_time_fail_the_target_in_the_end(world: World) -> None:
    for number in range(MOST + 1):
        expire(world, number)
    assert [world.tokens.told[f"t-{n}"]["status"] for n in range(MOST + 1)] == ["Wait"] * MOST + ["Failed"]
    failure = world.target().failure
    assert failure and failure.cause is Cause.EXPIRED and failure.message == EXPIRED


def test_a_host_that_is_busy_in_between_is_no_renewal(world: World) -> None:
    for number in range(MOST):
        expire(world, number)
    world.run("busy")
    world.ssm.find_busy(f"c-{MOST}", "deployment d-000000009 of shop/api has the host")
    world.report(f"c-{MOST}")
    assert world.tokens.told["busy"]["status"] == "Wait"
    expire(world, MOST + 1)
    assert world.tokens.told[f"t-{MOST + 1}"]["status"] == "Failed"


@pytest.mark.parametrize("event", ["DownloadBundle"])
def test_a_segment_that_has_begun_is_never_sent_again(world: World, event: str) -> None:
    world.run("t-0")
    world.ssm.answer("c-0", EVENTS[: EVENTS.index(event) + 1], "Failed")
    plugin = world.ssm.invocations["c-0"]["CommandPlugins"][-1]
    plugin["Output"] = plugin["Output"].replace('"SCRIPT"', '"EXPIRED"')
    world.report("c-0")
    assert world.tokens.told["t-0"] == {"status": "Failed"} and len(world.ssm.sent) == 1
    assert world.target().failure and world.target().failure.cause is Cause.EXPIRED  # type: ignore[union-attr]


def test_a_stop_skips_a_target_that_waits_for_other_urls(world: World) -> None:
    expire(world, 0)
    deployments.mark_stop("d-000000001", stop_mark.by_person("me", NOW))
    world.run("t-1")
    assert world.tokens.told["t-1"] == {"status": "Skipped"} and len(world.ssm.sent) == 1

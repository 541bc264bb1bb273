"""Healthy hosts over time: the series, what happened meanwhile, and its chart."""

import random
import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from cli.view import chart
from cli.view.healthy import MAX_POINTS, Healthy, Mark, MarkKind, Point, healthy, thinned
from tests.hostile import ONE_LINE, ORDERS

BEGIN = datetime(2026, 11, 23, 10, tzinfo=UTC)
NOW = BEGIN + timedelta(hours=2)


def after(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def target(status: str, taken: float | None = None, updated: float | None = None, **more: Any) -> dict[str, Any]:
    times = {"outOfServiceTime": taken, "lastUpdatedAt": updated}
    return {"status": status, **{name: after(time) for name, time in times.items() if time is not None}, **more}


def info(total: int, minimum: int, **more: Any) -> dict[str, Any]:
    return {"deploymentId": "d-1", "startTime": BEGIN, "healthyHosts": {"total": total, "minimum": minimum}, **more}


def series(found: Healthy | None) -> list[tuple[float, int]]:
    assert found
    return [(each.seconds, each.healthy) for each in found.points]


def test_a_host_is_out_from_when_it_was_taken_until_it_succeeded_and_a_failed_one_stays_out() -> None:
    targets = [target("Succeeded", 1, 10), target("Failed", 11, 20), target("Pending"), target("Skipped")]
    found = healthy(info(4, 2, completeTime=after(60)), targets, NOW)
    assert series(found) == [(0, 4), (1, 3), (10, 4), (11, 3), (60, 3)]
    assert found and (found.promised, found.lowest, found.seconds) == (2, Point(1, 3), 60)


def test_one_that_runs_ends_now_and_hosts_at_work_are_out() -> None:
    found = healthy(info(3, 1), [target("InProgress", 2, 5), target("Pending")], after(8))
    assert series(found) == [(0, 3), (2, 2), (8, 2)]


def test_a_host_that_was_out_before_is_out_from_the_beginning() -> None:
    targets = [target("Succeeded", 5, 9, wasOutOfService=True), target("Pending", wasOutOfService=True)]
    assert series(healthy(info(4, 2), targets, after(20))) == [(0, 4), (0, 3), (0, 2), (9, 3), (20, 3)]


def test_a_host_that_could_not_even_begin_is_out_since_that_was_seen() -> None:
    assert series(healthy(info(2, 1), [target("Failed", updated=3)], after(5))) == [(0, 2), (3, 1), (5, 1)]


def test_targets_of_an_older_engine_are_out_since_their_first_event() -> None:
    events = [{"startTime": after(3), "endTime": after(4)}, {"startTime": after(4)}, {}]
    known = [target("Succeeded", updated=6, lifecycleEvents=events)]
    assert series(healthy(info(2, 1), known, after(9))) == [(0, 2), (3, 1), (6, 2), (9, 2)]


def test_a_host_at_work_is_out_though_nobody_knows_since_when() -> None:
    """As the numbers of the same deployment have it: summaries of an older engine have no events."""
    targets = [target("InProgress", updated=3), target("InProgress")]
    assert series(healthy(info(3, 1), targets, after(5))) == [(0, 3), (0, 2), (3, 1), (5, 1)]


def test_clocks_of_two_functions_that_differ_break_no_promise_and_a_broken_one_shows() -> None:
    first = target("Succeeded", 1, 10)
    a_moment_early, broken = target("InProgress", 9.2, 12), target("InProgress", 7, 12)
    assert healthy(info(2, 1), [first, a_moment_early], after(20)).lowest.healthy == 1  # type: ignore[union-attr]
    assert healthy(info(2, 1), [first, broken], after(20)).lowest == Point(7, 0)  # type: ignore[union-attr]


def test_there_is_none_before_there_are_targets() -> None:
    assert healthy({"deploymentId": "d-1", "createTime": BEGIN}, [], NOW) is None


def test_what_happened_is_marked_in_order() -> None:
    targets = [target("Succeeded", 60, 70, stage=1), target("Succeeded", 2, 9, stage=0), target("Failed", 90, stage=1)]
    ann = "arn:aws:sts::123456789012:assumed-role/ops/ann"
    told = info(
        3,
        1,
        completeTime=after(120),
        stages=[{"name": "canary"}, {"name": "rest"}],
        analyses=[{"afterStage": 0, "time": after(30), "verdict": "success"}],
        approvals=[{"afterStage": 0, "approvedBy": ann, "approvalTime": after(50)}],
        pause={"pausedBy": ann, "pauseTime": after(95)},
        stopInfo={"stoppedBy": "alarm shop-errors", "stopTime": after(100)},
        rollbackInfo={"rollbackDeploymentId": "d-2"},
    )
    found = healthy(told, targets, NOW)
    assert found and [(each.seconds, each.kind, each.text) for each in found.marks] == [
        (2, MarkKind.STAGE, "1. canary"),
        (30, MarkKind.METRICS, "metrics: success"),
        (50, MarkKind.APPROVAL, "approved by ann"),
        (60, MarkKind.STAGE, "2. rest"),
        (95, MarkKind.PAUSE, "paused by ann"),
        (100, MarkKind.ALARM, "stopped by alarm shop-errors"),
        (120, MarkKind.ROLLBACK, "rolled back by d-2"),
    ]


def test_that_a_person_stops_is_marked_as_such() -> None:
    found = healthy(info(1, 0, stopInfo={"stoppedBy": "ann", "stopTime": after(3)}), [target("Pending")], after(9))
    assert found and found.marks == [Mark(3, MarkKind.STOP, "stopped by ann")]


def test_of_ten_thousand_hosts_few_points_are_left_and_the_lowest_is_among_them() -> None:
    chance = random.Random(7)
    targets = [
        target("Succeeded", begun := number // 100 * 60 + chance.random() * 20, begun + 30) for number in range(10_000)
    ]
    targets.append(target("Succeeded", 3025, 3025.1))
    found = healthy(info(10_001, 9_900, completeTime=after(6100)), targets, NOW)
    assert found and len(found.points) <= MAX_POINTS
    assert found.lowest.healthy == 9_900 and found.points[-1] == Point(6100, 10_001)
    assert all(one.seconds <= other.seconds for one, other in pairwise(found.points))


@pytest.mark.parametrize("at", [0, 1, 4321, 9_998, 9_999])
def test_no_fall_is_thinned_away(at: int) -> None:
    points = [Point(number, 5 - 4 * (number == at)) for number in range(10_000)]
    found = thinned(points)
    assert len(found) <= MAX_POINTS and Point(at, 1) in found
    assert (found[0], found[-1]) == (points[0], points[-1])


def drawn(found: Healthy) -> ET.Element:
    return ET.fromstring(chart.picture(found, "Healthy hosts"))


def test_the_chart_says_in_words_what_it_shows() -> None:
    targets = [target("Succeeded", 1, 10, stage=0), target("Failed", 11, 20, stage=0)]
    found = healthy(info(4, 2, completeTime=after(60), stages=[{"name": "canary"}]), targets, NOW)
    assert found
    root = drawn(found)
    names = [root.attrib[f"aria-{each}"] for each in ("labelledby", "describedby")]
    texts = {each.attrib["id"]: each.text for each in root if "id" in each.attrib}
    assert [texts[name] for name in names] == [
        "Healthy hosts",
        "At least 2 of 4 hosts must be in service; the fewest were 3 after 1s. "
        "From 2026-11-23 10:00:00 UTC, for 1m. After 1s: 1. canary.",
    ]
    seen = "".join(root.itertext())
    assert "at least 2 promised" in seen and "2026-11-23 10:01:00 UTC" in seen


def test_a_strict_policy_of_a_page_lets_the_chart_be() -> None:
    """No style attribute, script or address of anywhere: its page has the style."""
    found = Healthy(total=4, promised=2, points=[Point(0, 4), Point(9, 2)], marks=[Mark(1, MarkKind.STOP, "x" * 300)])
    root = ET.fromstring(str(chart.chart(found, "Healthy hosts")))
    kinds = {each.tag.rpartition("}")[2] for each in root.iter()}
    assert kinds == {"svg", "title", "desc", "line", "text", "polygon", "polyline", "g"}
    assert not [name for each in root.iter() for name in each.attrib if name == "style" or name.startswith("on")]


def test_what_others_wrote_is_text_in_the_chart() -> None:
    told = info(1, 0, stages=[{"name": f"{ONE_LINE}<script>alert(1)</script>"}])
    found = healthy(told, [target("Succeeded", 1, 2, stage=0)], NOW)
    assert found
    picture = chart.picture(found, "Healthy hosts")
    assert "<script" not in picture and not re.search(ORDERS, picture)
    assert "<script>alert(1)</script>" in "".join(drawn(found).itertext())


def test_marks_that_come_together_hide_no_serious_one() -> None:
    stages = [Mark(100, MarkKind.STAGE, f"{number}. a-long-name-of-a-stage") for number in range(9)]
    found = Healthy(
        total=4, promised=2, points=[Point(0, 4), Point(200, 4)], marks=[*stages, Mark(101, MarkKind.ALARM, "an alarm")]
    )
    shown = [each.text for each in drawn(found).iter() if each.tag.endswith("text")]
    assert "an alarm" in shown and len([each for each in shown if each and "a-long-name" in each]) < 9


@pytest.mark.parametrize("seconds", [0, 0.4, 59, 7_000, 500_000])
def test_every_length_has_few_times_below(seconds: float) -> None:
    found = Healthy(total=1, promised=0, points=[Point(0, 1), Point(seconds, 1)], begin=BEGIN)
    ticks = [each for each in drawn(found).iter() if each.attrib.get("text-anchor") == "middle"]
    assert 1 <= len(ticks) <= 8 and ticks[0].text == "0"

"""Windows and freezes: when a deployment may begin, by one rule over records."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.core.calendar import OPEN, judge, may_begin, may_go_on
from functions.core.new_deployment import new_deployment
from functions.core.records import Bypass, Calendar, Closed, Deployment, Freeze, Group, GroupSettings, Window
from functions.core.records.revision import Revision
from functions.core.statuses import BundleType, Creator, OnFreeze

BERLIN = "Europe/Berlin"
BEGIN = datetime(2026, 11, 23, tzinfo=UTC)  # a Monday


def window(cron: str, hours: float, scope: str = "shop/web", zone: str = BERLIN) -> Window:
    return Window(scope=scope, cron=cron, duration_seconds=int(hours * 3600), time_zone=zone)


def freeze(start: str, end: str | None, scope: str = "*") -> Freeze:
    return Freeze(freeze_id="f-1", scope=scope, start=start, end=end, reason="a move", who="ann")


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


def until(windows: list[Window], freezes: list[Freeze], moment: str) -> str | None:
    """Until when the group is closed; "open" if it is open."""
    state = judge(windows, freezes, "shop/web", at(moment))
    return (state.until or "for ever") if isinstance(state, Closed) else "open"


OFFICE = window("0 9 * * MON-FRI", 8)


@pytest.mark.parametrize(
    ("moment", "told"),
    [
        ("2026-11-23T07:59:59", "2026-11-23T08:00:00.000Z"),
        ("2026-11-23T08:00:00", "open"),
        ("2026-11-23T15:59:59", "open"),
        ("2026-11-23T16:00:00", "2026-11-24T08:00:00.000Z"),
        ("2026-11-27T17:00:00", "2026-11-30T08:00:00.000Z"),  # over the weekend
        ("2026-07-06T06:59:00", "2026-07-06T07:00:00.000Z"),  # in summer it is an hour earlier
    ],
)
def test_a_window_opens_by_the_clock_of_its_zone(moment: str, told: str) -> None:
    assert until([OFFICE], [], moment) == told


@pytest.mark.parametrize(
    ("moment", "told"),
    [
        # On 2026-03-29 the clock goes from 02:00 to 03:00: what would open at 02:30 opens when it is put forward.
        ("2026-03-29T00:59:00", "2026-03-29T01:00:00.000Z"),
        ("2026-03-29T01:30:00", "open"),
        # On 2026-10-25 it goes from 03:00 back to 02:00: 02:30 comes twice, and the window opens once.
        ("2026-10-25T00:29:00", "2026-10-25T00:30:00.000Z"),
        ("2026-10-25T00:45:00", "open"),
        ("2026-10-25T01:31:00", "2026-10-26T01:30:00.000Z"),
    ],
)
def test_a_window_comes_once_on_days_on_which_the_clock_is_changed(moment: str, told: str) -> None:
    assert until([window("30 2 * * *", 1)], [], moment) == told


def test_the_windows_of_the_narrowest_scope_count_and_are_open_together() -> None:
    everywhere, application = window("0 9 * * *", 1, "*", "UTC"), window("0 12 * * *", 1, "shop", "UTC")
    assert until([everywhere, application], [], "2026-11-23T09:30:00") == "2026-11-23T12:00:00.000Z"
    assert until([application, window("0 10 * * *", 1, "shop", "UTC")], [], "2026-11-23T09:30:00") == (
        "2026-11-23T10:00:00.000Z"
    )
    assert until([window("0 9 * * *", 1, "other")], [], "2026-11-23T03:00:00") == "open"


def test_a_freeze_closes_windows_and_a_window_that_opens_in_it_does_not_count() -> None:
    frozen = freeze("2026-11-23T00:00:00.000Z", "2026-11-24T10:00:00.000Z")
    assert until([], [frozen], "2026-11-23T09:00:00") == "2026-11-24T10:00:00.000Z"
    assert until([window("0 9 * * *", 1, zone="UTC")], [frozen], "2026-11-23T09:30:00") == "2026-11-25T09:00:00.000Z"
    assert until([], [frozen], "2026-11-24T10:00:00") == "open"
    assert until([], [freeze("2026-11-23T00:00:00.000Z", None)], "2026-11-23T09:00:00") == "for ever"
    assert until([], [freeze("2026-11-23T00:00:00.000Z", None, "other")], "2026-11-23T09:00:00") == "open"


def deployment(on_freeze: OnFreeze = OnFreeze.HOLD) -> Deployment:
    group = Group(application="shop", name="web", group_id="1", settings=GroupSettings(on_freeze=on_freeze))
    what = Revision(bucket="b", key="k.zip", bundle_type=BundleType.ZIP)
    return new_deployment(group, what, deployment_id="d-1", now="2026-11-23T09:00:00.000Z", requested_by="ann")


def test_the_group_says_what_a_freeze_does_to_it() -> None:
    frozen = Calendar(freezes=(freeze("2026-11-23T00:00:00.000Z", None),))
    now = at("2026-11-23T09:00:00")
    begins = {each: may_begin(deployment(each), frozen, now) == OPEN for each in OnFreeze}
    goes_on = {each: may_go_on(deployment(each), frozen, now) == OPEN for each in OnFreeze}
    assert begins == {OnFreeze.HOLD: False, OnFreeze.FINISH: False, OnFreeze.IGNORE: True}
    assert goes_on == {OnFreeze.HOLD: False, OnFreeze.FINISH: True, OnFreeze.IGNORE: True}


def test_what_restores_a_revision_or_was_let_past_waits_for_nothing() -> None:
    from dataclasses import replace

    from functions.core.records import RollbackInfo

    frozen, now = Calendar(freezes=(freeze("2026-11-23T00:00:00.000Z", None),)), at("2026-11-23T09:00:00")
    one = deployment()
    for free in (
        replace(one, rollback=RollbackInfo(reason="a person asks")),
        replace(one, creator=Creator.AUTO_SCALING),
        replace(one, bypass=Bypass(by="ann", at=one.create_time, why="an outage")),
    ):
        assert may_begin(free, frozen, now) == may_go_on(free, frozen, now) == OPEN


@given(
    st.integers(0, 59),
    st.integers(0, 23),
    st.integers(1, 72),
    st.sampled_from(["UTC", BERLIN, "America/New_York", "Australia/Lord_Howe"]),
    st.integers(0, 400 * 24 * 60),
)
def test_what_is_closed_is_open_when_it_says_and_not_a_minute_before(
    minute: int, hour: int, hours: int, zone: str, minutes: int
) -> None:
    windows, now = [window(f"{minute} {hour} * * *", hours / 4, zone=zone)], BEGIN + timedelta(minutes=minutes)
    state = judge(windows, [], "shop/web", now)
    if isinstance(state, Closed):
        assert state.until
        opens = datetime.fromisoformat(state.until)
        assert now < opens <= now + timedelta(hours=25)
        assert judge(windows, [], "shop/web", opens) == OPEN
        assert judge(windows, [], "shop/web", opens - timedelta(minutes=1)) == state

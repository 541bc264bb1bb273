"""The verdict on a stage: failure before inconclusive before success, and no success without enough data."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.core.records import AnalysisVerdict, JudgedKind, StageAnalysis, Target
from functions.core.rollout.analysis import (
    MAX_KEPT,
    NO_DATA,
    SAMPLED,
    Found,
    Series,
    Sides,
    judge,
    of_alarm,
    of_metric,
    sides,
    with_verdict,
)
from functions.core.rollout.analysis_rule import Analysis, Compare, FailOn, MetricRule, Tolerance
from functions.core.statuses import TargetStatus

SUCCESS, FAILURE, INCONCLUSIVE = AnalysisVerdict.SUCCESS, AnalysisVerdict.FAILURE, AnalysisVerdict.INCONCLUSIVE
NOW = "2026-11-23T10:00:00.000Z"
HOSTS = Sides(["i-new"], ["i-old-1", "i-old-2"])
OVER_LIMIT = MetricRule(name="errors", namespace="Shop", metric_name="Errors", compare=Compare.LIMIT, limit=5.0)
WORSE = replace(OVER_LIMIT, compare=Compare.OLD_HOSTS, limit=None, tolerance=Tolerance(percent=50, value=1))


def series(new: float | None, *old: float | None) -> dict[str, Series]:
    """Five data points of each host, of which this is the mean; None: the host has none."""
    values = dict(zip(["i-new", "i-old-1", "i-old-2"], [new, *old], strict=False))
    return {host: NO_DATA if value is None else Series(5, 5 * value) for host, value in values.items()}


@pytest.mark.parametrize(
    ("rule", "new", "old", "verdict", "says"),
    [
        (OVER_LIMIT, 5.0, (), SUCCESS, "5 on 1 new host, not above 5"),
        (OVER_LIMIT, 5.01, (), FAILURE, "5.01 on 1 new host, above 5"),
        (OVER_LIMIT, None, (), INCONCLUSIVE, "1 of 1 new host with fewer than 1 data point"),
        (replace(OVER_LIMIT, fail_on=FailOn.BELOW), 4.99, (), FAILURE, "4.99 on 1 new host, below 5"),
        (replace(OVER_LIMIT, fail_on=FailOn.BELOW), 5.0, (), SUCCESS, "not below 5"),
        (replace(OVER_LIMIT, minimum_points=5), 1.0, (), SUCCESS, ""),
        (replace(OVER_LIMIT, minimum_points=6), 99.0, (), INCONCLUSIVE, "fewer than 6 data points"),
        (WORSE, 15.0, (10.0, 10.0), SUCCESS, "not above 15 (10 on 2 old hosts, and 5 of tolerance)"),
        (WORSE, 15.1, (10.0, 10.0), FAILURE, "15.1 on 1 new host, above 15 (10 on 2 old hosts"),
        (WORSE, 1.0, (0.0, 0.0), SUCCESS, "not above 1"),
        (WORSE, 1.1, (0.0, 0.0), FAILURE, "above 1"),
        (WORSE, 2.0, (None, 4.0), SUCCESS, "(4 on 1 old host, and 2 of tolerance)"),
        (WORSE, 2.0, (None, None), INCONCLUSIVE, "each of 2 old hosts with fewer than 1 data point"),
        (replace(WORSE, fail_on=FailOn.BELOW), 4.9, (10.0, 10.0), FAILURE, "below 5"),
        (replace(WORSE, fail_on=FailOn.BELOW), 5.0, (10.0, 10.0), SUCCESS, "not below 5"),
        (replace(WORSE, fail_on=FailOn.BELOW), -15.1, (-10.0, -10.0), FAILURE, "below -15"),
    ],
)
def test_a_metric_is_compared(
    rule: MetricRule, new: float | None, old: tuple[float | None, ...], verdict: AnalysisVerdict, says: str
) -> None:
    found = of_metric(rule, HOSTS, series(new, *old))
    assert found.verdict is verdict and says in found.reason


def test_the_numbers_stand_beside_the_verdict() -> None:
    found = of_metric(WORSE, HOSTS, series(16.0, 10.0, None))
    assert found.new and (found.new.hosts, found.new.silent, found.new.points, found.new.value) == (1, 0, 5, 16.0)
    assert found.old and (found.old.hosts, found.old.silent, found.old.points, found.old.value) == (2, 1, 5, 10.0)
    assert found.bound == 15.0


def test_one_new_host_that_is_silent_is_enough_to_say_nothing() -> None:
    hosts = Sides(["i-1", "i-2"], [])
    found = of_metric(OVER_LIMIT, hosts, {"i-1": Series(5, 500.0), "i-2": NO_DATA})
    assert found.verdict is INCONCLUSIVE and "1 of 2 new hosts" in found.reason


@pytest.mark.parametrize(
    ("hosts", "says"), [(Sides([], ["i-1"]), "no EC2 instance"), (Sides(["i-new"], []), "old rev")]
)
def test_without_hosts_nothing_is_known(hosts: Sides, says: str) -> None:
    found = of_metric(WORSE, hosts, series(1.0))
    assert found.verdict is INCONCLUSIVE and says in found.reason


@pytest.mark.parametrize(
    ("known", "verdict"),
    [(3, SUCCESS), (2, INCONCLUSIVE), (0, INCONCLUSIVE), ("it is a composite alarm", INCONCLUSIVE)],
)
def test_an_alarm_needs_data(known: int | str, verdict: AnalysisVerdict) -> None:
    found = of_alarm("errors", 3, known)
    assert found.verdict is verdict and found.kind is JudgedKind.ALARM


VERDICTS = st.lists(st.sampled_from(AnalysisVerdict), min_size=1, max_size=6)
MADE: dict[AnalysisVerdict, float | None] = {SUCCESS: 1.0, FAILURE: 9.0, INCONCLUSIVE: None}


@given(VERDICTS, st.lists(st.integers(0, 4), max_size=3))
def test_one_failure_is_a_failure_and_success_is_where_all_say_so(
    wanted: list[AnalysisVerdict], points: list[int]
) -> None:
    rules = tuple(replace(OVER_LIMIT, name=f"m{number}") for number in range(len(wanted)))
    metrics = {rule.name: series(MADE[each]) for rule, each in zip(rules, wanted, strict=True)}
    alarms = {f"a{number}": count for number, count in enumerate(points)}
    found = judge(Analysis(metrics=rules, alarm_points=2), HOSTS, Found(metrics=metrics, alarms=alarms), 0, NOW)
    all_of_them = [*wanted, *(SUCCESS if count >= 2 else INCONCLUSIVE for count in points)]
    assert [each.verdict for each in found.judged] == all_of_them
    expected = next(each for each in (FAILURE, INCONCLUSIVE, SUCCESS) if each in all_of_them)
    assert found.verdict is expected and found.reason


numbers = st.floats(-1e9, 1e9, allow_nan=False)


@given(
    rule=st.builds(
        lambda percent, value, fail_on, points: replace(
            WORSE, tolerance=Tolerance(percent=percent, value=value), fail_on=fail_on, minimum_points=points
        ),
        st.floats(0, 1000),
        st.floats(0, 1000),
        st.sampled_from(FailOn),
        st.integers(1, 9),
    ),
    found=st.dictionaries(
        st.sampled_from(["i-new", "i-old-1", "i-old-2"]), st.builds(Series, st.integers(0, 9), numbers)
    ),
)
def test_no_verdict_but_inconclusive_without_data_and_none_against_its_bound(
    rule: MetricRule, found: dict[str, Series]
) -> None:
    one = of_metric(rule, HOSTS, found)
    has = {host: each.points >= rule.minimum_points for host, each in found.items()}
    is_known = has.get("i-new", False) and (has.get("i-old-1", False) or has.get("i-old-2", False))
    assert (one.verdict is not INCONCLUSIVE) == is_known == (one.bound is not None)
    if one.new and one.new.value is not None and one.bound is not None:
        is_above = one.new.value > one.bound
        is_bad = is_above if rule.fail_on is FailOn.ABOVE else one.new.value < one.bound
        assert (one.verdict is FAILURE) == is_bad


def test_what_cannot_be_read_is_never_a_success() -> None:
    why = "CloudWatch could not be read"
    found = judge(Analysis(metrics=(OVER_LIMIT,)), HOSTS, Found(metrics={"errors": why}, alarms={}), 2, NOW)
    assert (found.verdict, found.stage, found.reason) == (INCONCLUSIVE, 2, f"errors: {why}")
    bad = Found(metrics={"errors": series(9.0)}, alarms={"cpu": why})
    assert judge(Analysis(metrics=(OVER_LIMIT,), alarm_points=1), HOSTS, bad, 0, NOW).verdict is FAILURE
    nothing = judge(Analysis(alarm_points=1), HOSTS, Found(metrics={}, alarms={}), 0, NOW)
    assert nothing.verdict is INCONCLUSIVE


def target(target_id: str, status: TargetStatus, **fields: Any) -> Target:
    return Target(deployment_id="d-1", target_id=target_id, status=status, **fields)


def test_new_hosts_have_succeeded_and_old_ones_wait_and_serve() -> None:
    fleet = [
        target("i-1", TargetStatus.SUCCEEDED),
        target("i-2", TargetStatus.PENDING),
        target("i-3", TargetStatus.PENDING, was_out_of_service=True),
        target("i-4", TargetStatus.FAILED),
        target("i-5", TargetStatus.SKIPPED),
        target("mi-6", TargetStatus.SUCCEEDED),
        target("rack-7", TargetStatus.PENDING),
    ]
    assert sides(fleet) == Sides(["i-1"], ["i-2"])


def test_a_large_fleet_is_sampled() -> None:
    fleet = [
        target(f"i-{number:05}", TargetStatus.SUCCEEDED if number < 100 else TargetStatus.PENDING)
        for number in range(10_000)
    ]
    found = sides(fleet)
    assert (len(found.new), len(found.old)) == (SAMPLED, SAMPLED)
    assert len(set(found.old)) == SAMPLED and found.old[0] < "i-00300" and found.old[-1] > "i-09700"


def test_a_deployment_keeps_all_verdicts_and_not_more_numbers_than_fit() -> None:
    judged = tuple(of_alarm(f"a{number}", 1, 1) for number in range(20))
    kept: tuple[StageAnalysis, ...] = ()
    for stage in range(30):
        kept = with_verdict(kept, StageAnalysis(stage=stage, verdict=SUCCESS, at=NOW, reason="fine", judged=judged))
    assert [each.stage for each in kept] == list(range(30)) and kept[-1].judged == judged
    assert sum(len(each.judged) for each in kept) <= MAX_KEPT and not kept[0].judged

"""The pace of sends: never above the limit, found by halving and growing, shared by who asks."""

from hypothesis import given
from hypothesis import strategies as st

from functions.core.rollout import looks
from functions.core.rollout.pace import Pace

START = 1_800_000_000_000
LIMITS = st.integers(1, 200)
SECONDS = st.integers(0, 600)


class Ssm:
    """Takes so many a second, and twice as many at once."""

    def __init__(self, rate: float) -> None:
        self.rate, self.tokens, self.since, self.taken, self.refused = rate, 2 * rate, float(START), 0, 0

    def take(self, now: float) -> bool:
        self.tokens = min(2 * self.rate, self.tokens + (now - self.since) / 1000 * self.rate)
        self.since = now
        if self.tokens < 1:
            self.refused += 1
            return False
        self.tokens -= 1
        self.taken += 1
        return True


@given(limit=LIMITS, asked=st.lists(st.tuples(SECONDS, st.integers(1, 50), st.booleans()), max_size=40))
def test_moments_come_one_after_another_and_never_faster_than_the_limit(
    limit: int, asked: list[tuple[int, int, bool]]
) -> None:
    """Also when SSM throttles; then those that were handed out are void, and new ones begin."""
    pace, now, last = Pace(), START, 0.0
    for seconds, count, is_throttled in asked:
        now += seconds * 1000
        if is_throttled:
            before = pace.rate(now, limit)
            pace = pace.throttled(now, limit)
            assert pace.rate(now, limit) <= max(before / 2, 0.5) + 0.001, "halved"
            last = 0.0
        first, interval, pace = pace.taken(count, now, limit)
        assert first >= max(now, last - 1) and interval >= 1000 / limit - 0.001
        assert 1000 / interval >= min(0.5, limit), "it never comes to rest"
        last = first + count * interval


@given(limit=LIMITS, throttled=st.integers(1, 8))
def test_a_pace_that_was_halved_comes_back(limit: int, throttled: int) -> None:
    pace, now = Pace(), START
    for _ in range(throttled):
        pace = pace.throttled(now, limit)
        now += 1000
    rates = [pace.rate(now + seconds * 1000, limit) for seconds in range(0, 7200, 10)]
    assert rates == sorted(rates) and rates[-1] == limit


@given(rate=st.sampled_from([3, 5, 10, 20, 40, 80]), limit=st.sampled_from([20, 40, 80, 160]))
def test_the_pace_finds_what_ssm_takes(rate: int, limit: int) -> None:
    """Nine of ten sends that would have gone, and few that are refused."""
    ssm, pace, now = Ssm(rate), Pace(), float(START)
    while now < START + 300_000:
        first, _, pace = pace.taken(1, round(now), limit)
        now = float(first)
        if not ssm.take(now):
            pace = pace.throttled(round(now), limit)
    ideal = 300 * min(rate, limit)
    assert ssm.taken >= 0.9 * ideal and ssm.refused <= 0.05 * ideal


@given(
    every=st.integers(1, 600),
    age=st.integers(0, 30 * 3600),
    steps=st.lists(st.integers(1, 1000), min_size=1, max_size=50),
)
def test_a_command_is_looked_at_as_often_as_its_age_says_and_never_twice_for_one_look(
    every: int, age: int, steps: list[int]
) -> None:
    sent, last, found = 0, 0, 0
    for step in steps:
        now = last + step
        found += looks.is_due(sent, last, now, every)
        last = now
    assert found <= looks.count(last, every)
    assert looks.count(age + 900, every) > looks.count(age, every) or age + 900 < every, "at least each 15 minutes"
    assert looks.count(2 * max(age, every), every) > looks.count(max(age, every) - 1, every)

"""The pace of sends: how many commands a second SSM is asked to take, of all deployments of the engine together.

AWS publishes no rate of SendCommand. So the pace begins at a limit, is halved when SSM throttles, and comes back:
quickly to nearly what it was, then slowly beyond it. All times are milliseconds.
"""

from dataclasses import dataclass, replace

_FLAT = 1_000  # for which a halved pace stays so
_NEAR = 4_000  # when it is back near the ceiling
_SHARE = 0.95  # of the ceiling: near
_GROWTH = 100_000  # after so much more time the ceiling would be doubled
_SLOWEST = 0.5  # sends a second
_PAUSE = 500  # after which the first send follows that was throttled


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What is on record: when the next send is free, and how SSM has throttled last."""

    free_at: int = 0
    throttled_at: int = 0  # 0: never
    ceiling: int = 0  # sends in a thousand seconds, at the time of the last throttling

    def rate(self, now: int, limit: int) -> float:
        """Sends a second."""
        if not self.throttled_at:
            return float(limit)
        age, ceiling = now - self.throttled_at, self.ceiling / 1000
        if age <= _FLAT:
            share = 0.5
        elif age <= _NEAR:
            share = 0.5 + (_SHARE - 0.5) * (age - _FLAT) / (_NEAR - _FLAT)
        else:
            share = _SHARE + ((age - _NEAR) / _GROWTH) ** 2
        return min(float(limit), max(_SLOWEST, ceiling * share))

    def taken(self, count: int, now: int, limit: int) -> "tuple[int, float, Pace]":
        """Take the next moments: the first of them, the time between two, and what is on record then."""
        first, interval = max(now, self.free_at), 1000 / self.rate(now, limit)
        return first, interval, replace(self, free_at=first + round(count * interval))

    def throttled(self, now: int, limit: int) -> "Pace":
        """After SSM has throttled a send. The moments that were handed out before are void."""
        ceiling = max(round(self.rate(now, limit) * 1000), round(2000 * _SLOWEST))
        return Pace(free_at=now + _PAUSE, throttled_at=now, ceiling=ceiling)

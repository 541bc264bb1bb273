"""The weather of the local cloud: what AWS does to everybody from time to time, for as long as it is set.

Faults (local/faults.py) strike so many times; weather stays. There is none unless a test or `python -m local` sets it,
and it spares the administrator, who drives the cloud from outside.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from functions.core.errors import InvalidInput
from functions.core.text.shapes import from_plain, to_plain
from simulation.aws.limits import Bucket, Rate

_THROTTLED_SERVICES = ("ssm", "dynamodb", "lambda", "autoscaling")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """What is set. Shares are from 0 to 1; the times are seconds.

    `throttle`: requests a second, by service, or "service:Operation". Each operation of SSM, DynamoDB and Auto Scaling
    has a token bucket of its own, and of Lambda each function, which is named without the stack: `lambda:run_segment`.
    """

    throttle: dict[str, Rate] = field(default_factory=dict)
    conflicts: float = 0.0  # share of DynamoDB's writes that meet a transaction on the same item
    lost_events: float = 0.0  # share of the events of commands that ended
    doubled_events: float = 0.0
    late_events: float = 0.0  # by which every event of SSM is late
    late_stream: float = 0.0  # by which every record of a table's stream is late

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        found: dict[str, Any] = to_plain(self)
        return found

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Weather":
        return from_plain(cls, plain)

    def words(self) -> str:
        """What is set, in one line.

        >>> Weather(throttle=dict([rate("ssm=2/s")]), conflicts=0.1, late_stream=3).words()
        'ssm 2 a second (4 at once), conflicts 10%, late stream 3 s'
        """
        found = [
            f"{name} {each.per_second:g} a second ({each.burst:g} at once)" for name, each in self.throttle.items()
        ]
        shares = {"conflicts": self.conflicts, "lost events": self.lost_events, "doubled events": self.doubled_events}
        found += [f"{name} {100 * share:g}%" for name, share in shares.items() if share]
        late = {"late events": self.late_events, "late stream": self.late_stream}
        return ", ".join(found + [f"{name} {seconds:g} s" for name, seconds in late.items() if seconds])


def rate(text: str) -> tuple[str, Rate]:
    """What is throttled, and how much. Raises InvalidInput.

    >>> rate("ssm=2/s"), rate("ssm:SendCommand=0.5/s,1")
    (('ssm', Rate(per_second=2.0, burst=4.0)), ('ssm:SendCommand', Rate(per_second=0.5, burst=1.0)))
    """
    name, _, numbers = text.partition("=")
    each_second, _, burst = numbers.partition(",")
    try:
        per_second = float(each_second.removesuffix("/s"))
        found = Rate(per_second, float(burst) if burst else max(1.0, 2 * per_second))
    except ValueError:
        found = Rate(0, 0)
    if name.partition(":")[0] not in _THROTTLED_SERVICES or found.per_second <= 0 or found.burst < 1:
        known = ", ".join(_THROTTLED_SERVICES)
        raise InvalidInput(f"{text}: must be one of {known} and requests a second, for example ssm=2/s or ssm=2/s,10")
    return name, found


class Outside:
    """The weather now, and what comes through it. Functions ask from their threads: one at a time."""

    def __init__(self, seed: int = 1) -> None:
        self.weather = Weather()
        self.refused: Counter[str] = Counter()  # by "service:Operation"
        self._buckets: dict[str, Bucket] = {}
        self._chance = random.Random(seed)
        self._lock = threading.Lock()

    def turn(self, weather: Weather) -> None:
        """Other weather from now on; all buckets are full."""
        with self._lock:
            self.weather, self._buckets = weather, {}

    def throttles(self, service: str, operation: str) -> bool:
        """Whether a request comes too soon."""
        name = f"{service}:{operation}"
        limit = self.weather.throttle.get(name) or self.weather.throttle.get(service)
        if limit is None:
            return False
        with self._lock:
            bucket = self._buckets.setdefault(name, Bucket(limit, time.monotonic()))
            if bucket.take(time.monotonic()):
                return False
            self.refused[name] += 1
        return True

    def conflicts(self, operation: str) -> bool:
        """Whether a write to the table meets a transaction."""
        if not self._strikes(self.weather.conflicts):
            return False
        self.refused[f"conflict:{operation}"] += 1
        return True

    def copies(self) -> int:
        """How often an event of a command that ended arrives."""
        if self._strikes(self.weather.lost_events):
            return 0
        return 2 if self._strikes(self.weather.doubled_events) else 1

    def _strikes(self, share: float) -> bool:
        with self._lock:
            return self._chance.random() < share

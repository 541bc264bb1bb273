"""What a stage's metrics have to be, for the deployment to go on after its bake (docs/stages.md).

Sources: CloudWatch API Reference, GetMetricData and MetricStat (periods, statistics, how long data are kept),
PutMetricData (names and dimensions).
"""

import math
import re
from dataclasses import dataclass
from enum import StrEnum

from functions.core.errors import InvalidInput
from functions.core.quotas import MAX_METRICS

HOST_DIMENSION = "InstanceId"
MAX_DIMENSIONS = 9  # of a metric, besides its host's: each is in every deployment's record
_TEXT = 255  # characters of a name, or of a dimension's value
_MOST = 1e100  # a number that DynamoDB keeps
_HIGH_RESOLUTION = (1, 5, 10, 20, 30)  # seconds
_KEPT_SECONDS = 3 * 3600 - 600  # of data of less than a minute, and some time to read them
_STATISTIC = re.compile(r"Average|Sum|Minimum|Maximum|SampleCount|p(100|\d{1,2}(\.\d{1,10})?)")


class Compare(StrEnum):
    """With what the new hosts are compared."""

    OLD_HOSTS = "oldHosts"  # those that the deployment has not gone to yet
    LIMIT = "limit"


class FailOn(StrEnum):
    """On which side of it the new hosts must not be."""

    ABOVE = "above"
    BELOW = "below"


class OnInconclusive(StrEnum):
    """What becomes of a deployment of which the metrics do not say how it fares."""

    HOLD = "hold"  # until somebody lets it go on, or stops it
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Dimension:
    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far the new hosts may be from the old ones: the larger of both."""

    percent: float = 0.0  # of the old hosts' value
    value: float = 0.0

    def __post_init__(self) -> None:
        for number in (self.percent, self.value):
            _check_number("tolerance", number)
            if number < 0:
                raise InvalidInput(f"tolerance {number:g}: give 0 or more")

    def of(self, value: float) -> float:
        """
        >>> Tolerance(percent=20, value=1).of(2.0), Tolerance(percent=20, value=1).of(10.0)
        (1, 2.0)
        """
        return max(abs(value) * self.percent / 100, self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRule:
    """A CloudWatch metric that each host has, by the dimension InstanceId."""

    name: str
    namespace: str
    metric_name: str
    compare: Compare
    dimensions: tuple[Dimension, ...] = ()  # besides the host's
    statistic: str = "Average"  # of a host in a period
    period_seconds: int = 60
    fail_on: FailOn = FailOn.ABOVE
    limit: float | None = None  # of LIMIT
    tolerance: Tolerance | None = None  # of OLD_HOSTS
    minimum_points: int = 1  # data points of each new host, and of the old ones that count

    def __post_init__(self) -> None:
        texts = [
            self.namespace,
            self.metric_name,
            *(text for each in self.dimensions for text in (each.name, each.value)),
        ]
        if bad := [text for text in texts if not 1 <= len(text) <= _TEXT or text.startswith(":")]:
            raise InvalidInput(f"{self._it} names {bad[0][:80]!r}: give 1 to {_TEXT} characters, and no colon first")
        names = [each.name for each in self.dimensions]
        if HOST_DIMENSION in names:
            what = f"{self._it} has the dimension {HOST_DIMENSION}"
            raise InvalidInput(f"{what}: leave it out, each host's own is put there")
        if len(names) > MAX_DIMENSIONS or len(set(names)) < len(names):
            raise InvalidInput(f"{self._it} has {len(names)} dimensions: give at most {MAX_DIMENSIONS}, each once")
        if not _STATISTIC.fullmatch(self.statistic):
            what = "Average, Sum, Minimum, Maximum, SampleCount, or a percentile, for example p99"
            raise InvalidInput(f"{self._it} has the statistic {self.statistic[:80]!r}: give {what}")
        if self.period_seconds not in _HIGH_RESOLUTION and (self.period_seconds < 60 or self.period_seconds % 60):
            what = "a multiple of 60, or 1, 5, 10, 20 or 30 for a high-resolution metric"
            raise InvalidInput(f"{self._it} has a period of {self.period_seconds} seconds: give {what}")
        if self.minimum_points < 1:
            raise InvalidInput(f"{self._it} has minimumDataPoints {self.minimum_points}: give 1 or more")
        self._check_comparison()

    @property
    def _it(self) -> str:
        return f"the metric {self.name}"

    def _check_comparison(self) -> None:
        match self.compare:
            case Compare.LIMIT:
                if self.limit is None or self.tolerance:
                    raise InvalidInput(f"{self._it} is compared with a limit: give limit, and no tolerance")
                _check_number("limit", self.limit)
            case Compare.OLD_HOSTS:
                if self.tolerance is None or self.limit is not None:
                    raise InvalidInput(f"{self._it} is compared with the old hosts: give tolerance, and no limit")

    def check_bake(self, seconds: int) -> None:
        """Raises InvalidInput for a bake that cannot have that many data points."""
        if self.period_seconds < 60 and seconds > _KEPT_SECONDS:
            what = f"{self._it} has a period of {self.period_seconds} seconds, whose data CloudWatch keeps for 3 hours"
            raise InvalidInput(f"{what}: give 60 or more, or a shorter bake")
        check_points(self._it, self.minimum_points, self.period_seconds, seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What has to be known and well when a stage's bake ends."""

    metrics: tuple[MetricRule, ...] = ()
    alarm_points: int = 0  # that each alarm of the group has to have during the bake; 0: none
    on_inconclusive: OnInconclusive = OnInconclusive.HOLD

    def __post_init__(self) -> None:
        if not self.metrics and not self.alarm_points:
            raise InvalidInput("analysis judges nothing: give metrics, or alarms with minimumDataPoints")
        if self.alarm_points < 0:
            raise InvalidInput(f"analysis.alarms.minimumDataPoints {self.alarm_points}: give 1 or more")
        if len(self.metrics) > MAX_METRICS:
            raise InvalidInput(f"analysis has {len(self.metrics)} metrics: give at most {MAX_METRICS}")
        names = [each.name for each in self.metrics]
        if twice := [name for name in names if names.count(name) > 1]:
            raise InvalidInput(f"analysis has two metrics of the name {twice[0]}: give each its own")

    def check(self, stage: str, bake_seconds: int, *, is_last: bool) -> None:
        """Raises InvalidInput when it could never be judged after this stage. `is_last`: no host is left for another
        stage."""
        if not bake_seconds:
            raise InvalidInput(f"the stage {stage} has an analysis and no bake: say how long its metrics are watched")
        for each in self.metrics:
            each.check_bake(bake_seconds)
            if is_last and each.compare is Compare.OLD_HOSTS:
                what = f"the stage {stage} leaves no host that {each.name} could be compared with"
                raise InvalidInput(f"{what}: give compare limit, or let another stage follow")
        if self.alarm_points:
            check_points("each alarm", self.alarm_points, 10, bake_seconds)  # the shortest period of an alarm


def whole_periods(seconds: int, period_seconds: int) -> int:
    """How many whole periods a bake has at least, whenever it begins.

    >>> whole_periods(600, 60), whole_periods(600, 300), whole_periods(59, 60)
    (9, 1, 0)
    """
    return max(seconds // period_seconds - 1, 0)


def check_points(what: str, needed: int, period_seconds: int, bake_seconds: int) -> None:
    """Raises InvalidInput when a bake is too short for so many data points."""
    if needed > (most := whole_periods(bake_seconds, period_seconds)):
        have = (
            f"a bake of {bake_seconds} seconds has {most} whole period{'s' * (most != 1)} of {period_seconds} seconds"
        )
        raise InvalidInput(f"{what} needs {needed} data points, and {have}: bake longer, or ask for fewer")


def _check_number(what: str, number: float) -> None:
    if not math.isfinite(number) or abs(number) > _MOST:
        raise InvalidInput(f"{what} {number}: give a number up to {_MOST:g}")

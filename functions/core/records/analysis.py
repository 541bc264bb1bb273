"""What the metrics said after a stage of a deployment."""

from dataclasses import dataclass
from enum import StrEnum

from functions.core import limits
from functions.core.records.plain import make_plain


class AnalysisVerdict(StrEnum):
    """What metrics say of a stage."""

    SUCCESS = "success"
    FAILURE = "failure"
    INCONCLUSIVE = "inconclusive"  # too few data, or CloudWatch could not be read


class JudgedKind(StrEnum):
    METRIC = "METRIC"  # of the stage's analysis
    ALARM = "ALARM"  # of the group, of which data were to come


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was read of the new hosts, of the old ones, or of an alarm's metric."""

    hosts: int = 0  # that were asked; of an alarm none
    silent: int = 0  # those of them with too few data points
    points: int = 0  # data points, of the others
    value: float | None = None  # their mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One metric, or one alarm."""

    name: str
    kind: JudgedKind = JudgedKind.METRIC
    verdict: AnalysisVerdict
    reason: str
    new: Measured | None = None
    old: Measured | None = None
    bound: float | None = None  # which the new hosts' value must not pass

    def __post_init__(self) -> None:
        make_plain(self, limits.ANALYSIS_REASON, "reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class StageAnalysis:
    """The verdict on a stage, when its bake was over."""

    stage: int
    verdict: AnalysisVerdict
    at: str
    reason: str  # of the first that was not well
    judged: tuple[Judged, ...] = ()

    def __post_init__(self) -> None:
        make_plain(self, limits.ANALYSIS_REASON, "reason")

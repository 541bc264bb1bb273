"""The stages of a deployment, and why it waits between two of them."""

from dataclasses import dataclass
from enum import StrEnum

from functions.core import limits
from functions.core.records.plain import make_plain
from functions.core.rollout.health import Approval


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One round of a deployment, as its begin has fixed it."""

    name: str = ""  # none: of a deployment without stages, or hosts that are out of service and come first
    targets: int = 0
    bake_seconds: int = 0  # for which alarms are watched after it
    approval: Approval | None = None  # that it needs before the deployment goes on
    analysis: str | None = None  # the stage of its configuration whose metrics are judged when it has baked


class HoldKind(StrEnum):
    """For what a deployment waits between two stages."""

    BAKE = "BAKE"  # alarms are watched
    APPROVAL = "APPROVAL"  # somebody has to say that it goes on
    PAUSE = "PAUSE"  # somebody has said that it waits
    FREEZE = "FREEZE"  # nothing is deployed to its group now
    INCONCLUSIVE = "INCONCLUSIVE"  # its metrics do not say how it fares: somebody has to decide


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A deployment waits, until nothing of this is left."""

    stage: int  # after which; -1: before the first
    kinds: tuple[HoldKind, ...]
    since: str
    until: str | None = None  # when its bake and its freeze end, as far as that is known
    judged_at: str | None = None  # when its metrics are judged
    token: str | None = None  # with which the state waits


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """Somebody has let the deployment go on after a stage."""

    stage: int
    by: str
    at: str
    why: str = ""

    def __post_init__(self) -> None:
        make_plain(self, limits.WHO, "by")
        make_plain(self, limits.MESSAGE, "why")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Somebody holds the deployment: no target begins until somebody resumes it."""

    by: str
    at: str
    why: str = ""

    def __post_init__(self) -> None:
        make_plain(self, limits.WHO, "by")
        make_plain(self, limits.MESSAGE, "why")

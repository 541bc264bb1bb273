"""When deployments may begin: windows, freezes, and who went past them."""

from dataclasses import dataclass

from functions.core import limits
from functions.core.records.plain import make_plain

EVERYWHERE = "*"  # the scope of all groups


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A time that comes again and again, in which deployments may begin."""

    scope: str  # "*", an application, or "application/group"
    cron: str  # when it opens: five fields, in its time zone
    duration_seconds: int
    time_zone: str
    reason: str = ""
    who: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """A time in which no deployment begins."""

    freeze_id: str
    scope: str
    start: str  # ISO 8601, as `end`
    end: str | None  # None: until somebody lifts it
    reason: str
    who: str
    time_zone: str = "UTC"  # in which people are told of it

    def __post_init__(self) -> None:
        make_plain(self, limits.WHO, "who")
        make_plain(self, limits.MESSAGE, "reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """All of them."""

    windows: tuple[Window, ...] = ()
    freezes: tuple[Freeze, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A deployment has to wait."""

    until: str | None  # ISO 8601; None: until somebody lifts a freeze, or changes the windows
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bypass:
    """Somebody has let one deployment go past windows and freezes."""

    by: str
    at: str
    why: str

    def __post_init__(self) -> None:
        make_plain(self, limits.WHO, "by")
        make_plain(self, limits.MESSAGE, "why")

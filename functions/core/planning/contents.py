"""What the AppSpec of a revision says is done on each host."""

from collections.abc import Sequence
from dataclasses import dataclass

from host.lifecycle import FROM_LAST_INSTALL, LifecycleEvent

SHOWN = 50  # scripts, and copies, that a plan shows; an AppSpec has few


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A script of a lifecycle event."""

    event: LifecycleEvent
    location: str
    timeout_seconds: int
    runs_as: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A file or folder of the revision that Install copies; "" is the whole revision."""

    source: str
    destination: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Scripts in the order in which they run, and copies in that of the file."""

    scripts: Sequence[Script] = ()
    copies: Sequence[Copy] = ()
    permissions: int = 0  # entries of the section


def runs_of_installed(hooks: Sequence[LifecycleEvent] | None) -> tuple[LifecycleEvent, ...]:
    """The events for which a host runs scripts of the revision that it has.

    >>> [each.value for each in runs_of_installed([LifecycleEvent.APPLICATION_STOP, LifecycleEvent.AFTER_INSTALL])]
    ['ApplicationStop']
    """
    return tuple(each for each in hooks or () if each in FROM_LAST_INSTALL)

"""What the AppSpec of a revision says is done on each host, and what a rollback would make of that."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from host.lifecycle import FROM_LAST_INSTALL, LifecycleEvent


class RollbackEffect(StrEnum):
    """What a host would have after the rollback that follows a failure."""

    RESTORES = "RESTORES"  # what it has now
    CHANGES = "CHANGES"  # another revision than it has now


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


def runs_of_installed(hooks: Sequence[LifecycleEvent] | None) -> list[str]:
    """The events for which a host runs scripts of the revision that it has.

    >>> runs_of_installed([LifecycleEvent.APPLICATION_STOP, LifecycleEvent.AFTER_INSTALL])
    ['ApplicationStop']
    """
    return [each.value for each in hooks or () if each in FROM_LAST_INSTALL]

"""Why hosts failed: those that failed by the same script of the same event with the same message are one cause."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cli.view.progress import Target, events
from functions.core.statuses import LifecycleEventStatus

_TAIL_LINES = 12
_EXIT_CODE = re.compile(r"exit code (\d{1,3})\b")


@dataclass(frozen=True, kw_only=True)
class Cause:
    """What some hosts failed of."""

    hosts: tuple[str, ...]
    event: str | None = None  # None: no lifecycle event has failed there
    script: str | None = None
    code: str | None = None  # a LifecycleErrorCode
    message: str = ""
    log: tuple[str, ...] = ()  # the last lines of the first host's log

    @property
    def exit_code(self) -> int | None:
        """Of the script, if its message names one."""
        found = _EXIT_CODE.search(self.message)
        return int(found[1]) if found else None


def causes(failed: Iterable[Target]) -> list[Cause]:
    """That of the most hosts first."""
    sharing: dict[tuple[Any, ...], list[Target]] = {}
    for target in failed:
        sharing.setdefault(_kind(target), []).append(target)
    found = [_cause(targets) for targets in sharing.values()]
    return sorted(found, key=lambda cause: (-len(cause.hosts), cause.hosts))


def failed_event(target: Target) -> Mapping[str, Any]:
    """The event that failed a target: the last that did, because a failed ApplicationStop may have been ignored."""
    failed = [event for event in events(target) if event["status"] == LifecycleEventStatus.FAILED]
    return failed[-1] if failed else {}


def tail(event: Mapping[str, Any], lines: int = _TAIL_LINES) -> tuple[str, ...]:
    """The last lines of an event's log."""
    return tuple(_diagnostics(event).get("logTail", "").splitlines()[-lines:])


def _kind(target: Target) -> tuple[Any, ...]:
    """What the hosts of one cause share; a message may name the host that it is about."""
    event = failed_event(target)
    left = _diagnostics(event)
    message = left.get("message", "").replace(target["targetId"], "<host>")
    return event.get("lifecycleEventName"), left.get("scriptName"), left.get("errorCode"), message


def _cause(targets: list[Target]) -> Cause:
    first = min(targets, key=lambda target: str(target["targetId"]))
    event = failed_event(first)
    left = _diagnostics(event)
    return Cause(
        hosts=tuple(sorted(target["targetId"] for target in targets)),
        event=event.get("lifecycleEventName"),
        script=left.get("scriptName") or None,
        code=left.get("errorCode"),
        message=left.get("message", ""),
        log=tail(event),
    )


def _diagnostics(event: Mapping[str, Any]) -> Mapping[str, str]:
    return event.get("diagnostics") or {}

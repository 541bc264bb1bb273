"""The end state of a host: what a deployment, however it ended, has left of its group there.

A host tells facts (host/verify.py): how the deployment's events ended there, which one's Install ended last, and what
has changed since of the files that it made. What they mean is decided here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from functions.core.text.plain_text import visible
from host.lifecycle import LifecycleEvent

DRIFT = ("changed", "missing", "permissions")  # what makes files others than those that were installed
COUNTED = (*DRIFT, "added", "byScripts")
_REASON_CHARACTERS = 300
_NO_DIGESTS = "{} was installed by a version that kept no digests: the next deployment keeps them"
_CUT_OFF = "an installation was cut off: some of its files are there, some are not"


class EndState(StrEnum):
    """UNTOUCHED: nothing of the deployment has run. OLD: something has, and the files are those that were installed
    before. NEW: all has succeeded, and the files are its own. BROKEN: neither. UNKNOWN: nobody can say, and why."""

    UNTOUCHED = "UNTOUCHED"
    OLD = "OLD"
    NEW = "NEW"
    BROKEN = "BROKEN"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A host and its end state."""

    host_id: str
    state: EndState
    reason: str = ""
    installed: str | None = None  # the deployment whose files are there
    counts: Mapping[str, int] = field(default_factory=dict)  # of what differs, where that is known
    paths: tuple[tuple[str, str], ...] = ()  # the first that differ: how, and where


def unknown(host_id: str, reason: str) -> Verified:
    return Verified(host_id=host_id, state=EndState.UNKNOWN, reason=visible(reason)[:_REASON_CHARACTERS])


def facts(output: str, group_id: str) -> dict[str, Any] | None:
    """The line of a host, if it is one about this group. Whatever else a host says is nothing."""
    try:
        told = json.loads(output.strip().splitlines()[-1])
        if told["event"] != "Verify" or told["group"] != group_id or not isinstance(told["deployment"], str):
            return None
        dict(told.get("events") or {}), dict(told.get("counts") or {}), [(how, at) for how, at in told.get("paths", ())]
        return dict(told)
    except (ValueError, KeyError, TypeError, IndexError):
        return None


def judge(host_id: str, told: Mapping[str, Any], *, is_restart: bool = False) -> Verified:
    """`is_restart`: the deployment has stopped and started what was installed before."""
    state, reason = _state(told, is_restart)
    counts = told.get("counts") or {}
    return Verified(
        host_id=host_id,
        state=state,
        reason=visible(reason)[:_REASON_CHARACTERS],
        installed=visible(str(told["installed"])) if told.get("installed") else None,
        counts={name: int(counts.get(name, 0)) for name in COUNTED} if counts else {},
        paths=tuple((visible(str(how)), visible(str(path))) for how, path in told.get("paths", ())),
    )


def _state(told: Mapping[str, Any], is_restart: bool) -> tuple[EndState, str]:
    events: Mapping[str, str] = told.get("events") or {}
    installed = told.get("installed")
    if told.get("isBusy"):
        return EndState.UNKNOWN, "a deployment runs there now"
    if told.get("trouble"):
        return EndState.UNKNOWN, str(told["trouble"])
    if installed == "":
        return EndState.UNKNOWN, "the note of what was installed last is damaged"
    if installed and "counts" not in told:
        return EndState.UNKNOWN, _NO_DIGESTS.format(installed)
    if not told.get("isWhole"):
        return EndState.BROKEN, _CUT_OFF
    if drift := [f"{told['counts'][how]} {how}" for how in DRIFT if installed and told["counts"].get(how)]:
        return EndState.BROKEN, f"{', '.join(drift)} since {installed} was installed"
    if not events:
        return EndState.UNTOUCHED, "" if installed else "nothing is installed"
    is_its_own = is_restart or installed == told["deployment"]
    return _its_own(events) if is_its_own else (EndState.OLD, _before_install(events, installed))


def _its_own(events: Mapping[str, str]) -> tuple[EndState, str]:
    if failed := _first_bad(events):
        return EndState.BROKEN, failed
    if LifecycleEvent.VALIDATE_SERVICE not in events:
        return EndState.BROKEN, f"nothing ran after {list(events)[-1]}"
    return EndState.NEW, ""


def _before_install(events: Mapping[str, str], installed: str | None) -> str:
    how = _first_bad(events) or f"nothing ran after {list(events)[-1]}"
    return how if installed else f"{how}; nothing is installed"


def _first_bad(events: Mapping[str, str]) -> str:
    """
    >>> _first_bad({"ApplicationStop": "Succeeded", "AfterInstall": "Interrupted"})
    'AfterInstall was interrupted'
    """
    words = {"Failed": "failed", "Interrupted": "was interrupted"}
    return next((f"{event} {words[how]}" for event, how in events.items() if how in words), "")

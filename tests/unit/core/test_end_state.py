"""What a host tells, and what that means after a deployment."""

import json
from typing import Any

import pytest

from functions.core.end_state import EndState, facts, judge

ALL = (
    "ApplicationStop",
    "DownloadBundle",
    "BeforeInstall",
    "Install",
    "AfterInstall",
    "ApplicationStart",
    "ValidateService",
)
NONE = {"changed": 0, "missing": 0, "added": 0, "permissions": 0, "byScripts": 0}


def told(*, count: int = len(ALL), last: str = "Succeeded", **changes: Any) -> dict[str, Any]:
    """A host on which so many events of d-2 ran, all well but perhaps the last."""
    events = {**dict.fromkeys(ALL[:count], "Succeeded"), **({ALL[count - 1]: last} if count else {})}
    usual = {"event": "Verify", "group": "g", "deployment": "d-2", "installed": "d-2" if count > 3 else "d-1"}
    return {
        **usual,
        "events": events,
        "isWhole": True,
        "isBusy": False,
        "files": 2,
        "counts": NONE,
        "paths": [],
        **changes,
    }


@pytest.mark.parametrize(
    ("host", "state", "reason"),
    [
        (told(), "NEW", ""),
        (told(counts={**NONE, "added": 3, "byScripts": 2}), "NEW", ""),
        (told(count=0), "UNTOUCHED", ""),
        (told(count=0, installed=None), "UNTOUCHED", "nothing is installed"),
        (told(count=1, last="Failed"), "OLD", "ApplicationStop failed"),
        (told(count=1, last="Interrupted"), "OLD", "ApplicationStop was interrupted"),
        (told(count=2), "OLD", "nothing ran after DownloadBundle"),
        (told(count=3, last="Failed", installed=None), "OLD", "BeforeInstall failed; nothing is installed"),
        (told(count=5, last="Failed"), "BROKEN", "AfterInstall failed"),
        (told(count=6), "BROKEN", "nothing ran after ApplicationStart"),
        (told(count=3, isWhole=False), "BROKEN", "an installation was cut off"),
        (told(count=0, counts={**NONE, "missing": 1}), "BROKEN", "1 missing since d-1 was installed"),
        (told(counts={**NONE, "changed": 2, "permissions": 1}), "BROKEN", "2 changed, 1 permissions since d-2"),
        (told(isBusy=True), "UNKNOWN", "a deployment runs there now"),
        (told(trouble="journal.json is damaged"), "UNKNOWN", "journal.json is damaged"),
        (told(installed=""), "UNKNOWN", "the note of what was installed last is damaged"),
    ],
)  # fmt: skip
def test_each_end_has_its_state(host: dict[str, Any], state: str, reason: str) -> None:
    found = judge("i-1", host)
    assert found.state == state
    assert found.reason.startswith(reason) and bool(found.reason) == bool(reason)


def test_what_an_older_version_installed_is_unknown_whole_or_not() -> None:
    old = told(count=0, isWhole=False)
    del old["counts"]
    found = judge("i-1", old)
    assert (found.state, found.counts) == (EndState.UNKNOWN, {})
    assert "kept no digests" in found.reason


def test_a_restart_is_new_with_the_files_of_before() -> None:
    host = told(
        installed="d-1", events=dict.fromkeys(("ApplicationStop", "ApplicationStart", "ValidateService"), "Succeeded")
    )
    assert judge("i-1", host, is_restart=True).state is EndState.NEW
    assert judge("i-1", {**host, "events": {"ApplicationStop": "Failed"}}, is_restart=True).state is EndState.BROKEN


def test_only_a_line_about_the_group_counts() -> None:
    line = json.dumps(told())
    assert facts(f"a banner\n{line}\n", "g") == told()
    for output in (
        "",
        "no JSON",
        "[]",
        "{}",
        line.replace('"g"', '"h"'),
        json.dumps(told(counts=3)),
        json.dumps(told(paths=[1])),
    ):
        assert facts(output, "g") is None


def test_what_a_host_says_is_shown_as_plain_text() -> None:
    found = judge("i-1", told(trouble="\x1b[31mred\u202e", paths=[["changed", "/srv/\x1b"]]))
    assert "\x1b" not in found.reason and "\u202e" not in found.reason
    assert found.paths == (("changed", "/srv/\\x1b"),)

"""The two contracts between engine and host, each one type: nothing is lost on the way, and nothing is told in vain."""

import ast
import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.core.rollout.command_result import read_invocation
from host.appspec import FileExistsBehavior
from host.instructions import Bundle, Drain, Instructions, Logs, Runner
from host.lifecycle import IN_PLACE, LifecycleEvent
from host.report import Report

ROOT = Path(__file__).parents[2]
NAMES = st.text(min_size=1).filter(lambda text: "/" not in text and not text.startswith("."))
OPTIONAL = st.none() | st.text()
INSTRUCTIONS = st.builds(
    Instructions,
    deployment_id=NAMES,
    deployment_group_id=NAMES,
    deployment_group_name=st.text(),
    application_name=st.text(),
    bundle=st.builds(Bundle, version=OPTIONAL, etag=OPTIONAL, commit=OPTIONAL),
    appspec_filename=st.text(),
    file_exists_behavior=st.sampled_from(FileExistsBehavior),
    ignore_application_stop_failures=st.booleans(),
    logs=st.none() | st.builds(Logs),
    events=st.lists(st.sampled_from([event.value for event in LifecycleEvent])).map(tuple),
    host_wait_seconds=st.integers(0, 60),
    target_id=st.text(),
    runner=st.none() | st.builds(Runner),
    expires_at=st.integers(0),
    drain=st.none()
    | st.builds(
        Drain,
        ports=st.lists(st.integers(1, 65535)).map(tuple),
        at_least=st.integers(0, 3600),
        at_most=st.integers(0, 3600),
    ),
    is_restart=st.booleans(),
)


@given(INSTRUCTIONS)
def test_a_host_reads_every_field_as_the_engine_wrote_it(told: Instructions) -> None:
    assert Instructions.decode(told.encode()) == told


def test_what_an_older_engine_did_not_say_is_not_asked_for() -> None:
    bundle = Bundle("", "", 0, "zip", "", "", None, None)
    told = Instructions("d", "g", "g", "a", bundle, "appspec.yml", FileExistsBehavior.DISALLOW, False, None)
    plain = json.loads(base64.b64decode(told.encode()))
    del plain["drain"], plain["is_restart"]
    assert Instructions.decode(base64.b64encode(json.dumps(plain).encode()).decode()) == told


@pytest.mark.parametrize("text", ["", "e30=", "bnVsbA==", "W10=", "eyJ2ZXJzaW9uIjogMX0=", "*"])
def test_what_are_no_instructions_of_this_version_is_refused(text: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        Instructions.decode(text)


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden"])
def test_an_id_that_cannot_be_a_folder_is_refused(name: str) -> None:
    bundle = Bundle("", "", 0, "zip", "", "", None, None)
    told = Instructions(name, "g", "g", "a", bundle, "appspec.yml", FileExistsBehavior.DISALLOW, False, None)
    with pytest.raises(ValueError, match="cannot be an id"):
        Instructions.decode(told.encode())


@pytest.mark.parametrize("kind", [Instructions, Bundle, Drain, Logs, Runner])
def test_every_field_is_read_on_the_host(kind: Any) -> None:
    read = {
        name for file in sorted((ROOT / "host").rglob("*.py")) if file.stem != "instructions" for name in _read(file)
    }
    unread = [name for name in kind._fields if not any((owner, name) in read for owner in _OWNERS[kind])]
    assert not unread, f"{kind.__name__} tells what nobody reads: {unread}"


# What the instructions and their parts are called where they are read; the bootstrap has plain JSON.
_OWNERS: dict[Any, tuple[str, ...]] = {
    Instructions: ("instructions",),
    Bundle: ("bundle",),
    Drain: ("wanted",),
    Logs: ("logs",),
    Runner: ("runner",),
}


def _read(file: Path) -> set[tuple[str, str]]:
    """Owner and name of every attribute and of every item by a text that a file reads."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Attribute):
            found.add((_last(node.value), node.attr))
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            found.add((_last(node.value), str(node.slice.value)))
    return found


def _last(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
        case _:
            return ""


SHORT = st.text(st.characters(codec="ascii", exclude_characters="\n"), max_size=90)


@given(st.builds(Report, event=SHORT, status=SHORT, error_code=SHORT, cause=st.none() | SHORT, script_name=SHORT,
                 message=SHORT, log_tail=SHORT, may_continue=st.just(True)))  # fmt: skip
def test_the_engine_reads_a_report_as_the_host_wrote_it(report: Report) -> None:
    assert Report.read(report.line()) == report


def test_every_field_of_a_report_arrives_in_the_record() -> None:
    event = IN_PLACE[0].value
    said = Report(event, "Failed", "ScriptFailed", "SCRIPT", "s.sh", "exit code 1", "words", may_continue=False)
    step = {"Name": event, "Status": "Failed", "Output": said.line()}
    result = read_invocation({"Status": "Failed", "CommandPlugins": [step]}, IN_PLACE)
    assert result and result.failure
    first = result.events[0]
    assert first.diagnostics
    left = first.diagnostics
    assert (first.name, first.status, left.error_code, result.failure.cause) == (
        event,
        "Failed",
        "ScriptFailed",
        "SCRIPT",
    )
    assert (left.script_name, left.message, left.log_tail) == ("s.sh", "exit code 1", "words")


@pytest.mark.parametrize("line", ["", "{}", "null", "[1]", '{"stepdeploy": 2, "event": "Install"}', "a word"])
def test_a_line_that_is_no_report_is_none(line: str) -> None:
    assert Report.read(line) is None

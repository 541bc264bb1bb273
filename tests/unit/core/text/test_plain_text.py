"""Text only, and no longer than what it goes into."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.core.causes import Cause
from functions.core.chat import slack
from functions.core.chat.outcomes import Outcome
from functions.core.messages import announcements
from functions.core.messages.announcements import State
from functions.core.records import Counts, Diagnostics, Failure, Revision, RollbackInfo, StopMark, TargetFailure
from functions.core.statuses import BundleType, DeploymentErrorCode, DeploymentStatus, TriggerEvent
from functions.core.text.plain_text import clipped, listed, told, visible, weight
from functions.core.text.shapes import from_plain, to_plain
from tests.hostile import ORDERS, TEXT
from tests.unit.news import PLACE, deployment, failed_target, triggers

ANYTHING = st.text(st.characters(codec=None) | st.sampled_from(TEXT), max_size=200)  # halves of surrogate pairs, too


@given(ANYTHING)
def test_nothing_of_a_visible_text_is_an_order(text: str) -> None:
    assert not re.search(ORDERS, visible(text))
    assert not re.search(ORDERS, visible(text, keep="\n\t").replace("\n", "").replace("\t", ""))
    assert visible(visible(text)) == visible(text)
    visible(text).encode()


@pytest.mark.parametrize("text", ["größe 1 €", "日本語", "👩\u200d💻", "a\u00a0b", "می\u200cخواهم"])
def test_what_people_write_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


@given(ANYTHING, st.integers(6, 300), st.booleans())
def test_a_clipped_text_weighs_no_more_than_it_may(text: str, most: int, keep_end: bool) -> None:
    cut = clipped(text, most, keep_end=keep_end)
    assert weight(cut) <= most and len(json.dumps(cut)) - 2 == weight(cut)
    assert cut == text or (text.endswith(cut[1:]) if keep_end else text.startswith(cut[:-1]))
    assert clipped(cut, most, keep_end=keep_end) == cut
    assert len(visible(cut).encode()) <= weight(visible(cut))


@given(st.lists(st.text(max_size=20), max_size=40), st.integers(0, 200))
def test_a_list_says_how_many_it_leaves_out(names: list[str], most: int) -> None:
    assert weight(listed(names, most)) <= most + len(" and 40 more")


@given(ANYTHING)
def test_a_record_holds_plain_texts_and_comes_back_as_it_was(text: str) -> None:
    failure = Failure(code=DeploymentErrorCode.HEALTH_CONSTRAINTS, message=text)
    mark = StopMark(by=text, code=DeploymentErrorCode.MANUAL_STOP, message=text, at="2026-11-23T10:00:00.000Z")
    left = Diagnostics(script_name=text, message=text, log_tail=text)
    for one in (failure, mark, left):
        assert from_plain(type(one), to_plain(one)) == one
        for each in to_plain(one).values():
            assert not re.search(ORDERS, str(each).replace("\n", "").replace("\t", ""))


def test_a_record_of_an_older_engine_is_plain_once_it_is_read() -> None:
    found = from_plain(Diagnostics, {"log_tail": "x" * 100_000 + "\x1b[2Jend", "message": "m" * 100_000})
    assert found.log_tail.endswith("\\x1b[2Jend") and found.log_tail.startswith("…x")
    assert weight(found.log_tail) <= 4096 and weight(found.message) <= 4096 and found.message.endswith("m…")


def test_line_ends_of_other_systems_are_no_orders() -> None:
    assert told("a\r\nb\rc", 100) == "a\nb\\rc"


def strings(value: Any) -> Iterator[str]:
    """Every text of a message, also of the JSON that stands in one."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from (*strings(key), *strings(each))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from strings(each)
    elif isinstance(value, str):
        yield value
        if value.startswith(("{", "[")):
            yield from strings(json.loads(value))


def test_every_announcement_is_text_only() -> None:
    asked = triggers("arn:aws:sns:us-east-1:123456789012:ops", *TriggerEvent)
    one = deployment(
        DeploymentStatus.FAILED,
        settings=asked,
        revision=Revision(bucket="b", key=f"shop/web/{TEXT}.zip", bundle_type=BundleType.ZIP, warnings=(TEXT,)),
        requested_by=TEXT,
        description=TEXT,
        metadata={TEXT: TEXT, "link": f"https://{TEXT}"},
        counts=Counts(total=1, max_out_of_service=1, failed=1, started=1),
        failure=Failure(code=DeploymentErrorCode.HEALTH_CONSTRAINTS, message=TEXT),
        rollback=RollbackInfo(rollback_message=TEXT),
    )
    failed = failed_target(log_tail=f"{TEXT}\n{TEXT}`")
    failed = replace(failed, name=TEXT, failure=TargetFailure(cause=Cause.SCRIPT, message=TEXT, script_name=TEXT))
    outcome = Outcome(
        message_id="m",
        state=State.FAILURE,
        moment="2022-10-13T15:51:00Z",
        place=PLACE,
        deployment=one,
        failed=(failed,),
    )
    told = [announcements.of_deployment(one, PLACE), announcements.of_target(failed, one, PLACE)]
    payloads = [slack.message(outcome), slack.digest([outcome] * 3)]
    for text in strings([*map(asdict, filter(None, told)), *payloads]):
        assert not re.search(ORDERS, text), text
    for payload in payloads:
        for block in payload["blocks"]:
            assert block.get("text", {}).get("text", "").count("```") in (0, 2), "a fence is open"

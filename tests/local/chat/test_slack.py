"""The local cloud's Slack refuses what Slack refuses."""

import json
from typing import Any

import pytest

from local.faults import Faults
from local.shims.slack import TOKEN, Slack

JSON = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json; charset=utf-8"}
SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "x"}}


def call(slack: Slack, method: str, headers: dict[str, str] = JSON, **given: Any) -> dict[str, Any]:
    answer = slack.api(method, headers, "", json.dumps(given).encode())
    assert answer
    status, _, body = answer
    assert status == 200
    found: dict[str, Any] = json.loads(body)
    return found


@pytest.fixture
def slack() -> Slack:
    return Slack(Faults(), now=lambda: 1000.0)


def test_a_message_is_posted_edited_answered_and_linked(slack: Slack) -> None:
    posted = call(slack, "chat.postMessage", channel="#ops", text="one")
    edited = call(slack, "chat.update", channel=posted["channel"], ts=posted["ts"], text="two", blocks=[SECTION])
    answered = call(slack, "chat.postMessage", channel=posted["channel"], text="re", thread_ts=posted["ts"])
    assert posted["ok"] and edited["ok"] and answered["ok"] and answered["ts"] != posted["ts"]
    assert [(each.text, each.edits, each.thread_ts) for each in slack.bots] == [
        ("two", 1, ""),
        ("re", 0, posted["ts"]),
    ]
    query = f"channel={posted['channel']}&message_ts={posted['ts']}"
    answer = slack.api("chat.getPermalink", {"authorization": f"Bearer {TOKEN}"}, query, b"")
    assert answer and json.loads(answer[2])["permalink"].startswith("https://local.slack.com/archives/C")
    assert call(slack, "auth.test")["user"] == "stepdeploy"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"channel": "ops", "text": "x"}, "channel_not_found"),
        ({"channel": "#gone", "text": "x"}, "channel_not_found"),
        ({"channel": "#private", "text": "x"}, "not_in_channel"),
        ({"channel": "#ops"}, "no_text"),
        ({"channel": "#ops", "text": "x" * 40_001}, "msg_too_long"),
        ({"channel": "#ops", "text": "x", "thread_ts": "1.2"}, "thread_not_found"),
        ({"channel": "#ops", "text": "x", "blocks": [SECTION] * 51}, "invalid_blocks"),
        ({"channel": "#ops", "text": "x", "blocks": [{"type": "section"}]}, "invalid_blocks"),
        ({"channel": "#ops", "text": "x", "blocks": [{"type": "actions", "elements": [{}]}]}, "invalid_blocks"),
        (
            {"channel": "#ops", "text": "x", "blocks": [{**SECTION, "text": {"type": "mrkdwn", "text": "x" * 3001}}]},
            "invalid_blocks",
        ),
        (
            {"channel": "#ops", "text": "x", "blocks": [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}]},
            "invalid_blocks",
        ),
    ],
)
def test_what_slack_does_not_take(slack: Slack, given: dict[str, Any], error: str) -> None:
    assert call(slack, "chat.postMessage", **given) == {"ok": False, "error": error}


def test_an_edit_needs_the_id_of_a_channel_and_a_message(slack: Slack) -> None:
    posted = call(slack, "chat.postMessage", channel="#ops", text="one")
    by_name = call(slack, "chat.update", channel="#ops", ts=posted["ts"], text="two")
    other = call(slack, "chat.update", channel=posted["channel"], ts="1.2", text="two")
    assert [by_name["error"], other["error"]] == ["channel_not_found", "message_not_found"]


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({}, "not_authed"),
        ({**JSON, "authorization": "Bearer xoxb-other"}, "invalid_auth"),
        ({**JSON, "content-type": "text/plain"}, "invalid_post_type"),
    ],
)
def test_who_may_not(slack: Slack, headers: dict[str, str], error: str) -> None:
    assert call(slack, "chat.postMessage", headers, channel="#ops", text="x")["error"] == error


def test_a_busy_slack_says_for_how_long() -> None:
    slack = Slack(Faults(slack_busy=1, slack_retry_after=7))
    answer = slack.api("chat.update", JSON, "", b"{}")
    assert answer and (answer[0], answer[1]["retry-after"]) == (429, "7")

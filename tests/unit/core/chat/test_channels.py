"""What the secret of chats holds, and what is wrong with it, without its values."""

import json
from typing import Any

import pytest

from functions.core.chat.channels import API, Channels, Form, read
from functions.core.chat.slack_errors import Means, in_words, meaning
from tests.unit.news import deployment

TOKEN = "xoxb-1234567890-abcdef"
HOOK = "https://hooks.slack.com/services/T/B/X"
TEAMS = "https://prod-1.westus.logic.azure.com/workflows/1"


def held(**given: Any) -> Channels:
    return read(json.dumps(given))


@pytest.mark.parametrize("text", ["", "{}", "generated-by-cloudformation"])
def test_a_secret_that_nobody_has_set_holds_nothing_and_is_not_wrong(text: str) -> None:
    assert read(text) == Channels() and read(text).is_empty


def test_secrets_of_an_earlier_version_are_read_as_before() -> None:
    assert read(HOOK).webhook("#any") == read(json.dumps({"default": HOOK})).webhook(None)
    some = held(**{"default": HOOK, "#shop": f"{HOOK}2"})
    assert some.webhook("#shop") != some.webhook("#other") == some.webhook(None)
    assert some.of_bot("#shop") is None and some.problems == ()


def test_a_channels_own_line_decides_the_bots_before_a_webhooks() -> None:
    found = held(token=TOKEN, channels={"default": "C0000000", "#a": "C1111111"}, **{"#a": HOOK, "#b": HOOK})
    assert [found.of_bot(each) for each in ("#a", "#b", "#c", "team c", None)] == [
        "C1111111",
        None,
        "#c",
        "C0000000",
        "C0000000",
    ]


def test_a_channel_is_slacks_or_teams() -> None:
    found = held(default=HOOK, teams={"#ops": TEAMS})
    hooks = [found.webhook(each) for each in ("#ops", "#shop")]
    assert [each and each.form for each in hooks] == [Form.TEAMS, Form.SLACK]


def test_whom_a_bot_calls() -> None:
    given = {"default": "here", "#a": "channel", "#b": "S0614TZR7", "#c": "U0614TZR7"}
    bot = held(token=TOKEN, mentions=given).bot
    assert bot and bot.api == API
    named = [bot.mention(each) for each in (None, "#a", "#b", "#c", "#d")]
    assert named == ["<!here>", "<!channel>", "<!subteam^S0614TZR7>", "<@U0614TZR7>", "<!here>"]
    alone = held(token=TOKEN).bot
    assert alone and alone.mention(None) == ""


def test_a_link_has_the_names_of_the_deployment() -> None:
    bot = held(token=TOKEN, link="https://c/{application}/{group}?d={deployment}").bot
    assert bot and bot.link_to(deployment(group="a&b")) == "https://c/shop/a%26b?d=d-A1B2C3111"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ([], "must be a URL, or a JSON object"),
        ({"default": "SECRET"}, "default: is not a URL"),
        ({"teams": {"#a": "SECRET"}}, "#a: is not a URL"),
        ({"teams": "SECRET"}, "teams: must be an object"),
        ({"token": "xoxp-SECRET-0123456789"}, "token: is not the token of a bot"),
        ({"token": 7}, "token: is not the token of a bot"),
        ({"channels": {"default": "C0000000"}}, "channels: is of a bot, and there is no token"),
        ({"token": TOKEN, "channels": {"#a": "SECRET x"}}, "channels.#a: is not a channel"),
        ({"token": TOKEN, "channels": ["SECRET"]}, "channels: must be an object"),
        ({"token": TOKEN, "mentions": {"#a": "SECRET"}}, "mentions.#a: is not a mention"),
        ({"token": TOKEN, "link": "http://SECRET"}, "link: is not an address"),
        ({"token": TOKEN, "link": "https://c/{deployment.SECRET}"}, "link: is not an address"),
        ({"token": TOKEN, "link": "https://c/{group:>999999999}"}, "link: is not an address"),
        ({"token": TOKEN, "link": "https://c/|<!SECRET>"}, "link: is not an address"),
        ({"token": TOKEN, "api": "SECRET"}, "api: is not a URL"),
    ],
)
def test_what_cannot_be_used_is_said_without_its_value(given: Any, problem: str) -> None:
    found = read(json.dumps(given))
    assert any(each.startswith(problem) for each in found.problems)
    assert "SECRET" not in repr(found) and TOKEN not in repr(found)


def test_no_url_and_no_token_is_shown_where_the_secret_is_printed() -> None:
    found = held(token=TOKEN, default=HOOK)
    assert TOKEN not in repr(found) and HOOK not in repr(found)


@pytest.mark.parametrize(
    ("error", "means"),
    [
        ("ratelimited", Means.LATER),
        ("internal_error", Means.LATER),
        ("not_in_channel", Means.SETUP),
        ("token_revoked", Means.SETUP),
        ("msg_too_long", Means.CONTENT),
        ("message_not_found", Means.GONE),
        ("cant_update_message", Means.GONE),
        ("edit_window_closed", Means.GONE),
        ("of_next_year", Means.SETUP),
    ],
)
def test_each_error_has_its_meaning_and_words(error: str, means: Means) -> None:
    assert meaning(error) is means and in_words(error).startswith(error)

"""Where deployments are told of: what the secret of chats holds.

It is one URL, or a JSON object: URLs of Slack's incoming webhooks by channel, one of them as "default"; and, each of
them if there is one, `token`, `channels`, `mentions`, `link` and `api` of a bot of Slack, and `teams`, the URLs of
Microsoft Teams by channel. All of it is as good as a password: what is wrong with it is said without its values.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from functions.core.records import Deployment

DEFAULT = "default"
API = "https://slack.com/api"

_TOKEN = re.compile(r"xoxb-[A-Za-z0-9-]{10,250}")
_CHANNEL = re.compile(r"[CGD][A-Z0-9]{6,20}|#[^\s#<>&|]{1,80}")
_GROUP, _USER = re.compile(r"S[A-Z0-9]{6,20}"), re.compile(r"[UW][A-Z0-9]{6,20}")
_URL = ("https://", "http://")
_BOTS = ("token", "channels", "mentions", "link", "api")
_LINK = re.compile(r"https://(?:[^\s<>|{}]|\{(?:application|group|deployment)\}){1,500}")


class Form(StrEnum):
    """Whose messages a webhook takes."""

    SLACK = "slack"
    TEAMS = "teams"


@dataclass(frozen=True, slots=True)
class Webhook:
    """A URL that takes messages."""

    url: str = field(repr=False)
    form: Form = Form.SLACK


@dataclass(frozen=True, slots=True, kw_only=True)
class Bot:
    """A bot of Slack. `channels`: Slack's ids or names by the names that groups use; `mentions`: who is called when
    something fails or waits for an approval, by the same; `link`: where a deployment is looked at."""

    token: str = field(repr=False)
    channels: Mapping[str, str] = field(default_factory=dict)
    mentions: Mapping[str, str] = field(default_factory=dict)
    link: str = ""
    api: str = API

    def mention(self, channel: str | None) -> str:
        """As it stands in a message; nothing where nobody is called."""
        return self.mentions.get(channel or DEFAULT, self.mentions.get(DEFAULT, ""))

    def link_to(self, deployment: Deployment) -> str:
        """The address of a deployment in what people have for that; "" if nothing."""
        words = {
            "application": deployment.application,
            "group": deployment.group,
            "deployment": deployment.deployment_id,
        }
        return self.link.format_map({name: quote(word, safe="") for name, word in words.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels:
    """What the secret holds. `problems`: what of it cannot be used, each with a remedy."""

    webhooks: Mapping[str, Webhook] = field(default_factory=dict)
    bot: Bot | None = None
    problems: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.webhooks and self.bot is None

    def webhook(self, channel: str | None) -> Webhook | None:
        return self.webhooks.get(channel or DEFAULT) or self.webhooks.get(DEFAULT)

    def of_bot(self, channel: str | None) -> str | None:
        """Where the bot posts what is meant for a channel; None: a webhook has it. A channel's own line decides, of the
        bot's before a webhook's; one without a line is the bot's under its own name."""
        if self.bot is None:
            return None
        own = self.bot.channels.get(channel or DEFAULT)
        if own or (channel or DEFAULT) in self.webhooks:
            return own
        return channel if channel and _CHANNEL.fullmatch(channel) else self.bot.channels.get(DEFAULT)


def read(held: str) -> Channels:
    """What can be used of the secret's value; nothing of what it was created with.

    >>> read("https://hooks.slack.com/services/T/B/X").webhook("#shop").form
    <Form.SLACK: 'slack'>
    >>> read('{"token": "secret"}').problems
    ('token: is not the token of a bot: give one that begins with xoxb-',)
    """
    try:
        given = json.loads(held)
    except ValueError:
        given = {DEFAULT: held} if held.startswith(_URL) else {}
    if not isinstance(given, dict):
        return Channels(problems=("must be a URL, or a JSON object of URLs by channel",))
    problems = list[str]()
    teams = _texts(given, "teams", problems)
    urls = {name: url for name, url in given.items() if name not in (*_BOTS, "teams")}
    webhooks = dict[str, Webhook]()
    for form, some in ((Form.TEAMS, teams), (Form.SLACK, urls)):
        for name, url in some.items():
            if isinstance(url, str) and url.startswith(_URL):
                webhooks[name] = Webhook(url, form)
            else:
                problems.append(f"{name[:80]}: is not a URL: give that of a webhook")
    return Channels(webhooks=webhooks, bot=_bot(given, problems), problems=tuple(problems))


def _bot(given: Mapping[str, Any], problems: list[str]) -> Bot | None:
    if "token" not in given:
        lost = [name for name in _BOTS if name in given]
        problems += [f"{name}: is of a bot, and there is no token: give the bot's" for name in lost]
        return None
    token = given["token"]
    if not isinstance(token, str) or not _TOKEN.fullmatch(token.strip()):
        problems.append("token: is not the token of a bot: give one that begins with xoxb-")
        return None
    channels = dict[str, str]()
    for name, channel in _texts(given, "channels", problems).items():
        if _CHANNEL.fullmatch(channel):
            channels[name] = channel
        else:
            problems.append(f"channels.{name[:80]}: is not a channel: give its id (C0123456789) or its name (#shop)")
    mentions = dict[str, str]()
    for name, whom in _texts(given, "mentions", problems).items():
        if mention := _mention(whom):
            mentions[name] = mention
        else:
            remedy = "give here, channel, or the id of a user group (S...) or of a user (U...)"
            problems.append(f"mentions.{name[:80]}: is not a mention: {remedy}")
    return Bot(
        token=token.strip(),
        channels=channels,
        mentions=mentions,
        link=_link(given.get("link", ""), problems),
        api=_api(given.get("api", API), problems),
    )


def _texts(given: Mapping[str, Any], name: str, problems: list[str]) -> dict[str, str]:
    found = given.get(name, {})
    if isinstance(found, dict) and all(isinstance(each, str) for each in found.values()):
        return found
    problems.append(f"{name}: must be an object of texts by channel")
    return {}


def _mention(whom: str) -> str:
    if whom in ("here", "channel"):
        return f"<!{whom}>"
    if _GROUP.fullmatch(whom):
        return f"<!subteam^{whom}>"
    return f"<@{whom}>" if _USER.fullmatch(whom) else ""


def _link(given: Any, problems: list[str]) -> str:
    if given == "" or (isinstance(given, str) and _LINK.fullmatch(given)):
        return str(given)
    words = "{application}, {group} and {deployment}"
    problems.append(f"link: is not an address: give one that begins with https://; it may have {words} in it")
    return ""


def _api(given: Any, problems: list[str]) -> str:
    if isinstance(given, str) and given.startswith(_URL):
        return given.rstrip("/")
    problems.append(f"api: is not a URL: leave it out, or give that of Slack's Web API ({API})")
    return API

"""Slack and Microsoft Teams: the secret that says where to post, webhooks, and the Web API for a bot.

URLs and tokens are as good as passwords: they are never logged, and neither is an exception's text, which may contain
one.

Source: Slack's "Sending messages using incoming webhooks", "Using the Slack Web API" and "Rate limits"; Microsoft's
"Create incoming webhooks with Workflows for Microsoft Teams".
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any
from urllib.parse import urlencode

from functions.aws import clock, secrets
from functions.core.chat import channels
from functions.core.chat.channels import Bot, Channels
from functions.core.chat.slack_errors import TOKEN_ERRORS
from functions.core.text.retry_after import MAX_SECONDS, rest_seconds, wanted_seconds
from functions.settings import settings
from functions.telemetry import logger

_SECONDS_BETWEEN_LOOKS = 60  # at a secret that holds nothing yet
_SECONDS_KEPT = 600  # for which what it holds is used
_SECONDS_WHEN_BUSY = 30  # of a 429 without a Retry-After that can be read
_REPLACED = ("403", "404", "410")  # what a webhook answers whose URL was replaced


class Answer(StrEnum):
    """What became of a message."""

    POSTED = "posted"
    NOWHERE = "nowhere"  # no webhook is set
    REFUSED = "refused"  # Slack does not take this message, or not at this URL; others may pass
    DOWN = "down"  # Slack takes nothing now


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The answer to one message. `body`: what the Web API says besides."""

    answer: Answer
    reason: str = ""
    retry_after: int | None = None  # seconds for which Slack wants no message at all
    body: Mapping[str, Any] = field(default_factory=dict)


class Webhook:
    """What one secret holds, and posting by it. Keeps what it knows between calls of the function."""

    def __init__(self, secret_arn: str, now: Callable[[], float] = time.monotonic) -> None:
        self._secret_arn = secret_arn
        self._now = now
        self._held = Channels()
        self._looked_at: float | None = None
        self._silent_until = 0.0

    @property
    def channels(self) -> Channels:
        """Where to post, as the secret says; it is read again from time to time."""
        kept = _SECONDS_BETWEEN_LOOKS if self._held.is_empty else _SECONDS_KEPT
        if self._looked_at is None or self._now() - self._looked_at >= kept:
            self._held = channels.read(secrets.text(self._secret_arn))
            self._looked_at = self._now()
            for problem in self._held.problems:
                logger.warning("the secret of chats cannot be used as it is", problem=problem)
        return self._held

    def post(self, channel: str | None, payload: dict[str, Any]) -> Delivery:
        """Post a message to a channel's webhook. While Slack wants no messages (429) nothing is sent."""
        if (rest := self._silent_until - self._now()) > 0:
            return Delivery(answer=Answer.DOWN, reason="rate limited", retry_after=int(rest) + 1)
        hook = self.channels.webhook(channel)
        if hook is None:
            return Delivery(answer=Answer.NOWHERE)
        delivery = self._send(hook.url, payload)
        if delivery.answer is Answer.REFUSED and delivery.reason in _REPLACED:
            self._looked_at = None
            if (newer := self.channels.webhook(channel)) and newer != hook:
                return self._send(newer.url, payload)
        return delivery

    def call(self, method: str, given: Mapping[str, Any]) -> Delivery:
        """Call a method of Slack's Web API as the bot. An error of Slack's is its `reason`, and REFUSED."""
        bot = self.channels.bot
        if bot is None:
            return Delivery(answer=Answer.NOWHERE)
        delivery = _call(bot, method, given)
        if delivery.reason in TOKEN_ERRORS:
            self._looked_at = None
            if (newer := self.channels.bot) and newer.token != bot.token:
                return _call(newer, method, given)
        return delivery

    def _send(self, url: str, payload: dict[str, Any]) -> Delivery:
        delivery = _request("POST", url, json.dumps(payload).encode(), {"Content-Type": "application/json"})
        if delivery.retry_after is not None:
            self._silent_until = self._now() + delivery.retry_after
        return delivery


def _call(bot: Bot, method: str, given: Mapping[str, Any]) -> Delivery:
    url, headers = f"{bot.api}/{method}", {"Authorization": f"Bearer {bot.token}"}
    if method.startswith("chat.get"):  # what only reads takes no JSON
        delivery = _request("GET", f"{url}?{urlencode(given)}", None, headers)
    else:
        headers["Content-Type"] = "application/json; charset=utf-8"
        delivery = _request("POST", url, json.dumps(given).encode(), headers)
    if delivery.answer is not Answer.POSTED or delivery.body.get("ok") is True:
        return delivery
    error = str(delivery.body.get("error", "")) or "an answer that is not Slack's"
    return Delivery(answer=Answer.REFUSED, reason=error, body=delivery.body)


def _request(verb: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Delivery:
    from urllib3.exceptions import HTTPError

    try:
        response = _pool().request(verb, url, body=body, headers=headers, redirect=False, retries=False)
    except HTTPError as error:
        return Delivery(answer=Answer.DOWN, reason=type(error).__name__)
    status = response.status
    if status == 429:
        seconds = _rest(response.headers.get("Retry-After", ""))
        return Delivery(answer=Answer.DOWN, reason="rate limited", retry_after=seconds)
    if status >= 500:
        return Delivery(answer=Answer.DOWN, reason=str(status))
    if not 200 <= status < 300:
        return Delivery(answer=Answer.REFUSED, reason=str(status))
    return Delivery(answer=Answer.POSTED, body=_json(response.data))


def _json(data: bytes) -> Mapping[str, Any]:
    """An answer's object; nothing where it is none, as a webhook's `ok` is."""
    try:
        found = json.loads(data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _rest(header: str) -> int:
    """The seconds for which Slack is left alone: what it asks for, an hour at most."""
    now = clock.now()
    wanted = wanted_seconds(header, now)
    if wanted is not None and wanted > MAX_SECONDS:
        logger.warning("Slack asks for a longer pause than it gets", asked=header[:100], seconds=MAX_SECONDS)
    return rest_seconds(header, now, usual=_SECONDS_WHEN_BUSY)


@cache
def _pool() -> Any:
    from urllib3 import PoolManager, Timeout

    return PoolManager(timeout=Timeout(connect=3, read=7), maxsize=1)


@cache
def webhook() -> Webhook:
    """The engine's chats."""
    return Webhook(settings().slack_secret_arn)


def place_arn() -> str:
    """An ARN of the engine's own account and Region."""
    return settings().slack_secret_arn

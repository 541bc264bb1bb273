"""Slack's incoming webhooks: the secret that holds their URLs, and posting to them.

The secret is the URL itself, or a JSON object of URLs by channel with one under "default", because a webhook posts to
its own channel only. A URL is as good as a password: it is never logged, and neither is an exception's text, which
contains it.

Source: Slack's "Sending messages using incoming webhooks" and "Rate limits".
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from functions.aws import clock, secrets
from functions.core.text.retry_after import MAX_SECONDS, rest_seconds, wanted_seconds
from functions.settings import settings
from functions.telemetry import logger

_SECONDS_BETWEEN_LOOKS = 60  # at a secret that holds no URL
_SECONDS_WHEN_BUSY = 30  # of a 429 without a Retry-After that can be read


class Answer(StrEnum):
    """What became of a message."""

    POSTED = "posted"
    NOWHERE = "nowhere"  # no webhook is set
    REFUSED = "refused"  # Slack does not take this message, or not at this URL; others may pass
    DOWN = "down"  # Slack takes nothing now


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The answer to one message."""

    answer: Answer
    reason: str = ""
    retry_after: int | None = None  # seconds for which Slack wants no message at all


class Webhook:
    """The webhooks of one secret. Keeps what it knows between calls of the function."""

    def __init__(self, secret_arn: str, now: Callable[[], float] = time.monotonic) -> None:
        self._secret_arn = secret_arn
        self._now = now
        self._urls: dict[str, str] = {}
        self._looked_at: float | None = None
        self._silent_until = 0.0

    def post(self, channel: str | None, payload: dict[str, Any]) -> Delivery:
        """Post a message. While Slack wants no messages (429) nothing is sent."""
        if (rest := self._silent_until - self._now()) > 0:
            return Delivery(answer=Answer.DOWN, reason="rate limited", retry_after=int(rest) + 1)
        url = self._url(channel)
        if url is None:
            return Delivery(answer=Answer.NOWHERE)
        delivery = self._send(url, payload)
        if delivery.answer is Answer.REFUSED and delivery.reason in ("403", "404", "410"):  # a URL that was replaced?
            self._looked_at = None
            if (newer := self._url(channel)) and newer != url:
                return self._send(newer, payload)
        return delivery

    def _send(self, url: str, payload: dict[str, Any]) -> Delivery:
        from urllib3.exceptions import HTTPError

        try:
            response = _pool().request(
                "POST",
                url,
                body=json.dumps(payload).encode(),
                headers={"Content-Type": "application/json"},
                redirect=False,
                retries=False,
            )
        except HTTPError as error:
            return Delivery(answer=Answer.DOWN, reason=type(error).__name__)
        status = response.status
        if status == 429:
            seconds = _rest(response.headers.get("Retry-After", ""))
            self._silent_until = self._now() + seconds
            return Delivery(answer=Answer.DOWN, reason="rate limited", retry_after=seconds)
        if status >= 500:
            return Delivery(answer=Answer.DOWN, reason=str(status))
        if not 200 <= status < 300:
            return Delivery(answer=Answer.REFUSED, reason=str(status))
        return Delivery(answer=Answer.POSTED)

    def _url(self, channel: str | None) -> str | None:
        stale = not self._urls and self._looked_at and self._now() - self._looked_at >= _SECONDS_BETWEEN_LOOKS
        if self._looked_at is None or stale:
            self._urls = _urls(secrets.text(self._secret_arn))
            self._looked_at = self._now()
        return self._urls.get(channel or "default") or self._urls.get("default")


def _rest(header: str) -> int:
    """The seconds for which Slack is left alone: what it asks for, an hour at most."""
    now = clock.now()
    wanted = wanted_seconds(header, now)
    if wanted is not None and wanted > MAX_SECONDS:
        logger.warning("Slack asks for a longer pause than it gets", asked=header[:100], seconds=MAX_SECONDS)
    return rest_seconds(header, now, usual=_SECONDS_WHEN_BUSY)


def _urls(held: str) -> dict[str, str]:
    """URLs by channel; none when the secret holds something else, such as the value it was created with."""
    try:
        given = json.loads(held)
    except ValueError:
        given = {"default": held}
    if not isinstance(given, dict):
        return {}
    return {name: url for name, url in given.items() if isinstance(url, str) and url.startswith(("https:", "http:"))}


@cache
def _pool() -> Any:
    from urllib3 import PoolManager, Timeout

    return PoolManager(timeout=Timeout(connect=3, read=7), maxsize=1)


@cache
def webhook() -> Webhook:
    """The engine's webhooks."""
    return Webhook(settings().slack_secret_arn)

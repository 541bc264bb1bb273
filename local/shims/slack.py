"""Slack's incoming webhooks: remembers what was posted, and can be busy or down. https://api.slack.com/messaging/webhooks"""

import json
from typing import Any

from local.faults import Faults

Answer = tuple[int, dict[str, str], bytes]


class Slack:
    """The workspace behind the webhooks, one for each channel."""

    def __init__(self, faults: Faults) -> None:
        self.messages: list[dict[str, Any]] = []
        self._faults = faults

    def post(self, channel: str, body: bytes) -> Answer | None:
        """Answer to one post; None when nobody answers."""
        if self._faults.slack_down:
            return None
        if self._faults.strike("slack_busy"):
            return 429, {"retry-after": str(self._faults.slack_retry_after)}, b"rate_limited"
        try:
            message = json.loads(body)
        except ValueError:
            return 400, {}, b"invalid_payload"
        if not message.get("text") and not message.get("blocks"):
            return 400, {}, b"no_text"
        self.messages.append({"channel": channel, **message})
        return 200, {}, b"ok"

"""Slack: remembers what was posted and edited, checks it as Slack does, and can be busy, down or of another opinion.

Incoming webhooks (https://api.slack.com/messaging/webhooks) and what a bot needs of the Web API: chat.postMessage,
chat.update, chat.getPermalink and auth.test, with the limits of the "Block Kit" reference. A channel `#name` is public;
what is private the bot has to be invited to.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import parse_qs

from local.faults import Faults

Answer = tuple[int, dict[str, str], bytes]

TOKEN = "xoxb-local-cloud-bot"
_URL = "https://local.slack.com"
_BLOCKS, _ELEMENTS, _FIELDS = 50, 10, 10
_SIZES = {"header": 150, "section": 3000, "context": 3000}
_FIELD, _MESSAGE = 2000, 40_000  # characters
_JSON = {"content-type": "application/json"}


@dataclass
class Message:
    """A message of the bot's."""

    channel: str
    ts: str
    text: str
    blocks: list[dict[str, Any]]
    thread_ts: str = ""
    is_broadcast: bool = False
    edits: int = 0
    changed_at: list[float] = field(default_factory=list)  # when it was posted and edited


class Refused(Exception):
    """An error of the Web API."""


class Slack:
    """The workspace behind the webhooks, one for each channel, and the bot in it."""

    def __init__(self, faults: Faults, now: Callable[[], float] = time.time) -> None:
        self.messages: list[dict[str, Any]] = []
        self.bots: list[Message] = []
        self.names: dict[str, str] = {}  # of channels by their ids
        self.calls: list[str] = []  # methods of the Web API that were called
        self._faults = faults
        self._now = now

    def post(self, channel: str, body: bytes) -> Answer | None:
        """Answer to one post by a webhook; None when nobody answers."""
        if self._faults.slack_down:
            return None
        if busy := self._busy():
            return busy
        try:
            message = json.loads(body)
        except ValueError:
            return 400, {}, b"invalid_payload"
        if not message.get("text") and not message.get("blocks") and not message.get("attachments"):
            return 400, {}, b"no_text"
        self.messages.append({"channel": channel, **message})
        return 200, {}, b"ok"

    def api(self, method: str, headers: Mapping[str, str], query: str, body: bytes) -> Answer | None:
        """Answer to one call of the Web API; None when nobody answers."""
        if self._faults.slack_down:
            return None
        self.calls.append(method)
        if busy := self._busy():
            return busy
        known = {
            "chat.postMessage": self._post_message,
            "chat.update": self._update,
            "chat.getPermalink": self._permalink,
            "auth.test": self._auth_test,
        }
        try:
            if self._faults.strike("slack_errors"):
                raise Refused(self._faults.slack_error)
            self._check_token(headers.get("authorization", ""))
            if method not in known:
                raise Refused("unknown_method")
            told = known[method](_given(method, headers, query, body))
        except Refused as error:
            told = {"ok": False, "error": str(error)}
        return 200, _JSON, json.dumps(told).encode()

    def delete(self, ts: str) -> None:
        """A person deletes a message, and with it its thread."""
        self.bots = [each for each in self.bots if ts not in (each.ts, each.thread_ts)]

    def plain(self) -> list[dict[str, Any]]:
        """The bot's messages, with the names of their channels."""
        return [{**asdict(each), "name": self.names[each.channel]} for each in self.bots]

    def _busy(self) -> Answer | None:
        if not self._faults.strike("slack_busy"):
            return None
        told = json.dumps({"ok": False, "error": "ratelimited"}).encode()
        return 429, {**_JSON, "retry-after": str(self._faults.slack_retry_after)}, told

    def _check_token(self, authorization: str) -> None:
        if not authorization:
            raise Refused("not_authed")
        if authorization != f"Bearer {TOKEN}":
            raise Refused("invalid_auth")

    # -- methods

    def _post_message(self, given: Mapping[str, Any]) -> dict[str, Any]:
        channel = self._channel(given.get("channel"))
        text, blocks = _content(given)
        parent = given.get("thread_ts", "")
        if parent and not any(each.ts == parent and each.channel == channel for each in self.bots):
            raise Refused("thread_not_found")
        message = Message(
            channel=channel,
            ts=f"{int(self._now())}.{len(self.calls):06}",
            text=text,
            blocks=blocks,
            thread_ts=parent,
            is_broadcast=bool(parent and given.get("reply_broadcast")),
            changed_at=[self._now()],
        )
        self.bots.append(message)
        return {"ok": True, "channel": channel, "ts": message.ts, "message": {"text": text, "blocks": blocks}}

    def _update(self, given: Mapping[str, Any]) -> dict[str, Any]:
        channel = given.get("channel")
        if channel not in self.names:  # an edit takes no name
            raise Refused("channel_not_found")
        message = self._found(channel, given.get("ts"))
        message.text, message.blocks = _content(given)
        message.edits += 1
        message.changed_at.append(self._now())
        return {"ok": True, "channel": channel, "ts": message.ts, "text": message.text}

    def _permalink(self, given: Mapping[str, Any]) -> dict[str, Any]:
        message = self._found(given.get("channel"), given.get("message_ts"))
        link = f"{_URL}/archives/{message.channel}/p{message.ts.replace('.', '')}"
        return {"ok": True, "channel": message.channel, "permalink": link}

    def _auth_test(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {"ok": True, "url": f"{_URL}/", "team": "local", "user": "stepdeploy", "team_id": "T1", "bot_id": "B1"}

    def _channel(self, named: Any) -> str:
        """The id of a channel, by its id or name."""
        if named in self.names:
            return str(named)
        if not isinstance(named, str) or not named.startswith(("#", "C")) or "gone" in named:
            raise Refused("channel_not_found")
        if "private" in named:
            raise Refused("not_in_channel")
        found = named if named.startswith("C") else "C" + hashlib.sha256(named.encode()).hexdigest()[:10].upper()
        self.names[found] = named
        return found

    def _found(self, channel: Any, ts: Any) -> Message:
        for each in self.bots:
            if (each.channel, each.ts) == (channel, ts):
                return each
        raise Refused("message_not_found")


def _given(method: str, headers: Mapping[str, str], query: str, body: bytes) -> Mapping[str, Any]:
    """The arguments: JSON for what writes, a query for what only reads."""
    if method == "chat.getPermalink":
        return {name: values[0] for name, values in parse_qs(query).items()}
    if not headers.get("content-type", "").startswith("application/json"):
        raise Refused("invalid_post_type")
    try:
        found = json.loads(body)
    except ValueError:
        raise Refused("invalid_json") from None
    if not isinstance(found, dict):
        raise Refused("json_not_object")
    return found


def _content(given: Mapping[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    text, blocks = given.get("text", ""), given.get("blocks", [])
    if not text and not blocks:
        raise Refused("no_text")
    if len(text) > _MESSAGE:
        raise Refused("msg_too_long")
    if not isinstance(blocks, list) or len(blocks) > _BLOCKS or not all(map(_is_block, blocks)):
        raise Refused("invalid_blocks")
    return text, blocks


def _is_block(block: Mapping[str, Any]) -> bool:
    kind = block.get("type")
    if kind not in _SIZES:
        return False
    texts = [block["text"]] if "text" in block else []
    fields, elements = block.get("fields", []), block.get("elements", [])
    if len(fields) > _FIELDS or len(elements) > _ELEMENTS or not (texts or fields or elements):
        return False
    if kind == "header" and texts[0]["type"] != "plain_text":
        return False
    shorts = all(0 < len(each["text"]) <= _FIELD for each in fields)
    return shorts and all(0 < len(each["text"]) <= _SIZES[kind] for each in [*texts, *elements])

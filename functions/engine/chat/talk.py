"""Talking to Slack's Web API: one call of the function at a time, within Slack's limits, each error by what it means.

Source of the limits: Slack's "Rate limits": chat.postMessage about once a second for each channel, chat.update (tier 3)
50 times a minute, and Retry-After where that was too often.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from functions.aws import clock, slack
from functions.aws.slack import Answer, Delivery
from functions.core.chat.blocks import Payload
from functions.core.chat.slack import plain
from functions.core.chat.slack_errors import Means, in_words, meaning
from functions.core.records import SlackPace
from functions.store import slack as store
from functions.telemetry import logger

_HOLD_MS = 75_000  # a function may run for 60 s, so who holds it longer is dead
_TALK_MS = 35_000  # after which no request begins: one may take 10 s
_POST_MS = 1_100  # between two messages to a channel
_EDIT_MS = 1_200  # between two edits: 50 a minute
_PROGRESS_MS = 2_400  # since the last edit, for one that may wait: half of what Slack takes is left for the others
_PATIENCE_MS = 2_500  # for which a call waits for its turn


class Later(Exception):
    """Not now. `seconds`: None: the usual back-off."""

    def __init__(self, reason: str, seconds: int | None = None) -> None:
        super().__init__(reason)
        self.seconds = seconds


class Refused(Exception):
    """A person has to change something at Slack or in the secret before this passes; the text says what."""


class Gone(Exception):
    """The message is not there any more, or cannot be edited."""


class Dropped(Exception):
    """Slack does not take what is said, in no form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A message that Slack has."""

    channel: str
    ts: str


class Talk:
    """What one call of the function says to Slack."""

    def __init__(self, pace: SlackPace) -> None:
        self.pace = pace
        self._ends = store.now() + _TALK_MS

    def post(self, channel: str, payload: Payload, *, thread_ts: str = "", broadcast: bool = False) -> Posted:
        """A message to a channel, or a reply to one."""
        self._wait(self.pace.posts_at.get(self.pace.ids.get(channel, channel), 0))
        in_thread = {"thread_ts": thread_ts, **({"reply_broadcast": True} if broadcast else {})} if thread_ts else {}
        done = self._say("chat.postMessage", {"channel": channel, **in_thread}, payload)
        posted, now = Posted(channel=str(done.body["channel"]), ts=str(done.body["ts"])), store.now()
        coming = {name: at for name, at in self.pace.posts_at.items() if at > now}
        ids = self.pace.ids if channel == posted.channel else {**self.pace.ids, channel: posted.channel}
        self.pace = replace(self.pace, ids=ids, posts_at={**coming, posted.channel: now + _POST_MS})
        return posted

    def edit(self, posted: Posted, payload: Payload) -> None:
        self._wait(self.pace.edited_at + _EDIT_MS)
        self._say("chat.update", {"channel": posted.channel, "ts": posted.ts}, payload)
        self.pace = replace(self.pace, edited_at=store.now())

    @property
    def has_room_for_progress(self) -> bool:
        """Whether an edit goes that others do not wait behind."""
        return store.now() >= self.pace.edited_at + _PROGRESS_MS

    def permalink(self, posted: Posted) -> str:
        """The address of a message; "" when Slack does not say it."""
        delivery = slack.webhook().call("chat.getPermalink", {"channel": posted.channel, "message_ts": posted.ts})
        found = str(delivery.body.get("permalink", ""))
        return found if found.startswith("https://") and not set(found) & set("<>| ") else ""

    def _wait(self, until: int) -> None:
        left = until - store.now()
        if left > _PATIENCE_MS or store.now() + max(left, 0) > self._ends:
            raise Later("it is not its turn", max(1, -(-left // 1000)))
        if left > 0:
            clock.sleep(left / 1000)

    def _say(self, method: str, to: dict[str, Any], payload: Payload) -> Delivery:
        """Say something, without its blocks where Slack does not take them."""
        for form in (payload, plain(payload)):
            if (rest := self.pace.silent_until.get(method, 0) - store.now()) > 0:
                raise Later("rate limited", -(-rest // 1000))
            delivery = slack.webhook().call(method, {**to, **form, **_no_blocks(method, form)})
            match delivery.answer:
                case Answer.POSTED:
                    return delivery
                case Answer.NOWHERE:
                    raise Refused("there is no token any more")
                case Answer.DOWN:
                    self._rest(method, delivery.retry_after)
                    raise Later(delivery.reason, delivery.retry_after)
            match meaning(delivery.reason):
                case Means.LATER:
                    raise Later(delivery.reason)
                case Means.SETUP:
                    raise Refused(in_words(delivery.reason))
                case Means.GONE:
                    raise Gone(in_words(delivery.reason))
            logger.warning("Slack does not take a message as it is", reason=in_words(delivery.reason))
        raise Dropped(in_words(delivery.reason))

    def _rest(self, method: str, seconds: int | None) -> None:
        if seconds is not None:
            silent = {**self.pace.silent_until, method: store.now() + seconds * 1000}
            self.pace = replace(self.pace, silent_until=silent)


def _no_blocks(method: str, form: Payload) -> dict[str, Any]:
    """An edit without blocks keeps those of before, unless it says that there are none."""
    return {"blocks": []} if method == "chat.update" and "blocks" not in form else {}


@contextmanager
def alone() -> Iterator[Talk | None]:
    """Talk to Slack; None while another call does."""
    pace = store.hold(clock.new_uuid(), _HOLD_MS)
    if pace is None:
        yield None
        return
    talk = Talk(pace)
    try:
        yield talk
    finally:
        store.let_go(talk.pace)

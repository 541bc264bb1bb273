"""What a bot has told Slack of each deployment, and the pace at which it may tell more.

A message's record is written after Slack has taken what it says, on the condition that it is as it was read: so what is
told twice finds it, and edits. Who talks to Slack holds the pace's record, so that nobody else does.
"""

from dataclasses import replace

from functions.aws import clock
from functions.core.records import LiveMessage, SlackPace
from functions.core.text.shapes import from_plain, to_plain
from functions.store.keys import live_message_key, slack_pace_key
from functions.store.table.items import items
from functions.store.table.values import IS_NEW, AllOf, Equals, Put

_KEPT_SECONDS = 90 * 86400  # TTL


def now() -> int:
    """This moment, in milliseconds."""
    return round(clock.now().timestamp() * 1000)


def message(deployment_id: str) -> LiveMessage:
    """What is on record of a deployment's message."""
    item = items().get(live_message_key(deployment_id))
    return from_plain(LiveMessage, item) if item else LiveMessage(deployment_id=deployment_id)


def write(was: LiveMessage, is_now: LiveMessage) -> LiveMessage | None:
    """The record as it is written; None when another call has written it meanwhile."""
    changed = replace(is_now, changes=was.changes + 1)
    attributes = {**to_plain(changed), "expires_at": now() // 1000 + _KEPT_SECONDS}
    same = Equals("changes", was.changes) if was.changes else IS_NEW
    return changed if items().write(Put(live_message_key(was.deployment_id), attributes, same)) else None


def hold(holder: str, milliseconds: int) -> SlackPace | None:
    """Talk to Slack alone for some time. None while somebody else does."""
    item = items().get(slack_pace_key())
    was = from_plain(SlackPace, item) if item else SlackPace()
    if was.held_until > now():
        return None
    mine = replace(was, holder=holder, held_until=now() + milliseconds)
    same = AllOf((Equals("holder", was.holder), Equals("held_until", was.held_until))) if item else IS_NEW
    return mine if items().write(Put(slack_pace_key(), to_plain(mine), same)) else None


def let_go(mine: SlackPace) -> None:
    """The next one may talk to Slack, at this pace."""
    free = replace(mine, held_until=0)
    items().write(Put(slack_pace_key(), to_plain(free), Equals("holder", mine.holder)))

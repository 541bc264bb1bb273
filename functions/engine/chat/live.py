"""live: the message of a deployment that a bot edits in place, and its thread.

Whatever brings it here, a change of state or a look from time to time, it makes Slack show the records as they are now.
So nothing is shown in a wrong order, and what comes twice finds nothing to do. Looks are a chain of messages in Slack's
own queue, begun by a deployment's first news: only an engine with a bot has one (docs/decisions/live-messages.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from functions import telemetry
from functions.aws import clock, queues, slack
from functions.core.chat import live
from functions.core.chat.blocks import Payload
from functions.core.chat.channels import Bot
from functions.core.chat.live import EDIT_SECONDS, Reply, View
from functions.core.failures import shared
from functions.core.place import Place
from functions.core.records import Deployment, LiveMessage, SharedFailure, Target
from functions.core.rollout.places import tally
from functions.core.statuses import Creator
from functions.engine.chat.outcomes import causes_of, rollback_of
from functions.engine.chat.talk import Dropped, Gone, Later, Posted, Refused, Talk
from functions.store import slack as store
from functions.store.records import deployments, places, targets
from functions.telemetry import logger

_OVERDUE_MS = 600_000  # after which a chain that should have gone on is dead
_LOOKED_AT, _LOOKED_AT_ONCE = 100, 20  # failed targets that are read while a deployment runs, in all and in one look


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A deployment that is to be shown. `turn`: of the look that asks for it, if one does."""

    deployment_id: str
    is_news: bool  # a change of its state was announced
    turn: int | None = None


def show(wanted: Wanted, bot: Bot, channel: str, talk: Talk) -> None:
    """Make Slack show the deployment as it is now. Raises Later and Refused; what was done until then is on record."""
    record = _Record(store.message(wanted.deployment_id))
    now = record.now
    if not wanted.is_news and (now.is_final or (wanted.turn or 0) < now.turn):
        return  # another chain has its place, or nothing is left to look at
    deployment = deployments.get(wanted.deployment_id)
    if deployment is None:
        raise KeyError(wanted.deployment_id)
    view = _view(deployment, record, bot)
    is_urgent = wanted.is_news or deployment.status.is_final
    _show_message(view, record, channel, talk, is_urgent=is_urgent)
    _reply(view, record, channel, talk, is_urgent=is_urgent)
    _link_back(view, record, talk)
    if not deployment.status.is_final:
        _look_again(record, wanted)


class _Record:
    """The record of a message, which is written after each thing that Slack has taken."""

    def __init__(self, now: LiveMessage) -> None:
        self.now = now

    def save(self, changed: LiveMessage) -> None:
        written = store.write(self.now, changed)
        if written is None:
            raise Later("another call has shown it meanwhile", EDIT_SECONDS)
        self.now = written

    @property
    def posted(self) -> Posted:
        return Posted(channel=self.now.channel, ts=self.now.ts)


def _view(deployment: Deployment, record: _Record, bot: Bot) -> View:
    counted, failed = deployment, frozenset[str]()
    if deployment.places and not deployment.status.is_final:
        states = places.read(deployment.places[0])
        counted = replace(deployment, counts=tally(deployment.counts, states))
        failed = frozenset[str]().union(*(state.failed for state in states))
    causes, firsts = _causes(deployment, failed, record)
    linked = deployment.rollback
    undone = linked.rollback_triggering_deployment_id if linked and deployment.creator is Creator.ROLLBACK else None
    return View(
        deployment=counted,
        place=Place.of(slack.place_arn()),
        now=clock.now(),
        causes=causes,
        firsts=firsts,
        going_back=rollback_of(deployment),
        undone=store.message(undone) if undone else None,
        mention=bot.mention(deployment.settings.slack_channel),
        link=bot.link_to(deployment),
    )


def _causes(
    deployment: Deployment, failed: frozenset[str], record: _Record
) -> tuple[tuple[SharedFailure, ...], Mapping[str, Target]]:
    """Why targets failed, and the first target of each cause: at the end all that is on record; before that what the
    targets say that have failed since the last look, some of them."""
    deployment_id = deployment.deployment_id
    if deployment.status.is_final:
        causes = causes_of(deployment)
        new = [each for each in causes if f"cause:{live.cause_key(each)}" not in record.now.replies]
        return causes, targets.named(deployment_id, [each.target_ids[0] for each in new]) if new else {}
    looked = record.now.looked
    unseen = sorted(failed - set(looked))[: min(_LOOKED_AT_ONCE, _LOOKED_AT - len(looked))]
    if not unseen:
        return (), {}
    found = targets.named(deployment_id, unseen)
    return shared(found.values()), found


def _show_message(view: View, record: _Record, channel: str, talk: Talk, *, is_urgent: bool) -> None:
    message, now = live.message(view), record.now
    shown = live.digest(message)
    if now.is_posted and now.shown != shown:
        is_due = store.now() - now.shown_at >= EDIT_SECONDS * 1000 and talk.has_room_for_progress
        if is_urgent or is_due:
            _edit(view, record, message, talk)
    if not record.now.is_posted and (is_urgent or not record.now.channel):
        try:
            posted = talk.post(channel, message)
        except Dropped as error:
            _drop(error)
            return
        record.save(replace(record.now, channel=posted.channel, ts=posted.ts, **_showing(view, shown)))
        record.save(replace(record.now, permalink=talk.permalink(posted)))


def _edit(view: View, record: _Record, message: Payload, talk: Talk) -> None:
    try:
        talk.edit(record.posted, message)
    except Gone as error:
        logger.warning("a message cannot be edited any more", reason=str(error))
        record.save(replace(record.now, ts="", shown=""))
        return
    except Dropped as error:
        _drop(error)
    record.save(replace(record.now, **_showing(view, live.digest(message))))


def _showing(view: View, shown: str) -> dict[str, Any]:
    return {"shown": shown, "shown_at": store.now(), "is_final": view.deployment.status.is_final}


def _reply(view: View, record: _Record, channel: str, talk: Talk, *, is_urgent: bool) -> None:
    """What the thread lacks; a thread that is gone is begun again where the news is urgent."""
    for reply in live.replies(view):
        if reply.key in record.now.replies or not record.now.is_posted:
            continue
        try:
            _say(reply, record, talk)
        except Gone as error:
            logger.warning("a thread is gone", reason=str(error))
            record.save(replace(record.now, ts="", shown=""))
            _show_message(view, record, channel, talk, is_urgent=is_urgent)
            if record.now.is_posted:
                _say(reply, record, talk)
    if view.firsts and not view.deployment.status.is_final:
        record.save(replace(record.now, looked=tuple(sorted({*record.now.looked, *view.firsts}))))


def _say(reply: Reply, record: _Record, talk: Talk) -> None:
    posted = record.posted
    try:
        talk.post(posted.channel, reply.payload, thread_ts=posted.ts, broadcast=reply.calls)
    except Dropped as error:
        _drop(error)
    record.save(replace(record.now, replies=(*record.now.replies, reply.key)))


def _drop(error: Dropped) -> None:
    logger.error("Slack does not take a message: it is dropped", reason=str(error))
    telemetry.count({"ChatMessagesDropped": 1})


def _link_back(view: View, record: _Record, talk: Talk) -> None:
    """The thread of the deployment that this rollback undoes leads here."""
    if view.undone is None or not view.undone.is_posted or not record.now.is_posted:
        return
    reply = live.link_back(view, record.now.permalink)
    if reply.key in view.undone.replies:
        return
    try:
        _say(reply, _Record(view.undone), talk)
    except (Gone, Refused) as error:
        logger.warning("the thread of what a rollback undoes is not told of it", reason=str(error))


def _look_again(record: _Record, wanted: Wanted) -> None:
    """The chain goes on, or begins. It is sent before it is on record: who dies in between sends it again, and the one
    that comes first has the turn."""
    now = record.now
    is_alive = now.turn and store.now() - now.next_at < _OVERDUE_MS
    if wanted.turn is None and is_alive:
        return
    turn = max(now.turn, wanted.turn or 0) + 1
    seconds = live.seconds_to_next_look(now, store.now())
    queues.send_look({"deployment_id": wanted.deployment_id, "look": turn}, seconds=seconds)
    record.save(replace(now, turn=turn, next_at=store.now() + seconds * 1000))

"""telling: the messages of Slack's queue, each to the chat that its channel belongs to.

A message is gone only when its chat has taken what it tells. What a bot cannot tell, because a person has to change
something first, is told by a webhook where the secret has one for the channel.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from functions.aws.slack import Answer, Delivery, webhook
from functions.aws.sqs import Received
from functions.core.chat import slack, teams
from functions.core.chat.blocks import Payload
from functions.core.chat.channels import Form
from functions.core.chat.outcomes import Outcome, Post, posts
from functions.engine.chat import live
from functions.engine.chat.live import Wanted
from functions.engine.chat.outcomes import outcome_of
from functions.engine.chat.talk import Later, Refused, Talk, alone
from functions.store.records import deployments
from functions.telemetry import logger

Waits = dict[str, int | None]  # by a message's id, for how many seconds it waits; None: the usual back-off


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A message of the chain that looks at a deployment."""

    message_id: str
    deployment_id: str
    turn: int
    channel: str | None


def read(received: Received) -> Outcome | Look:
    """What a message of the queue tells. Raises KeyError, TypeError or ValueError for what is no such message."""
    body = json.loads(received.body)
    if "look" not in body:
        return outcome_of(received)
    deployment = deployments.get(body["deployment_id"])
    if deployment is None:
        raise KeyError(body["deployment_id"])
    return Look(
        message_id=received.message_id,
        deployment_id=deployment.deployment_id,
        turn=int(body["look"]),
        channel=deployment.settings.slack_channel,
    )


def tell(messages: Sequence[Outcome | Look]) -> Waits:
    """Tell the chats; the messages that have to come again."""
    of_bot, others = dict[str, _Shown](), list[Outcome]()
    for each in messages:
        outcome = each if isinstance(each, Outcome) else None
        channel = each.channel if isinstance(each, Look) else each.deployment.settings.slack_channel
        deployment_id = each.deployment_id if isinstance(each, Look) else each.deployment.deployment_id
        if to := webhook().channels.of_bot(channel):
            of_bot.setdefault(deployment_id, _Shown(deployment_id, to)).add(each)
        elif outcome:
            others.append(outcome)  # a look has nothing to look at any more
    waits, refused = _show(list(of_bot.values()))
    for each in refused:
        if webhook().channels.webhook(each.deployment.settings.slack_channel):
            others.append(each)
        else:
            waits[each.message_id] = None
    return waits | _post(others)


# -- by a bot


@dataclass(slots=True)
class _Shown:
    """A deployment that a bot shows, with the messages that ask for it."""

    deployment_id: str
    channel: str
    outcomes: list[Outcome] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)

    def add(self, message: Outcome | Look) -> None:
        if isinstance(message, Look):
            self.looks.append(message)
        else:
            self.outcomes.append(message)

    @property
    def wanted(self) -> Wanted:
        turn = max((each.turn for each in self.looks), default=None)
        return Wanted(deployment_id=self.deployment_id, is_news=bool(self.outcomes), turn=turn)

    def order(self) -> tuple[bool, str]:
        return not self.outcomes, min((each.moment for each in self.outcomes), default="")

    def waits(self, seconds: int | None) -> Waits:
        ids = [each.message_id for each in self.outcomes] + [each.message_id for each in self.looks]
        return dict.fromkeys(ids, seconds)


def _show(shown: Sequence[_Shown]) -> tuple[Waits, list[Outcome]]:
    """What has to come again, and what webhooks are to tell instead. News come before looks, in their order."""
    waits, refused = Waits(), list[Outcome]()
    if not shown:
        return waits, refused
    with alone() as talk:
        for each in sorted(shown, key=_Shown.order):
            if talk is None:
                waits |= each.waits(None)  # later each time: a burst must not use up the queue's tries
                continue
            try:
                _show_one(each, talk)
            except Later as later:
                logger.info("Slack is told later", deployment_id=each.deployment_id, reason=str(later))
                waits |= each.waits(later.seconds)
            except Refused as error:
                logger.warning("a bot may not tell Slack", deployment_id=each.deployment_id, reason=str(error))
                refused += each.outcomes
            except Exception:  # of one deployment, which must not take the others with it
                logger.exception("a deployment is shown later", deployment_id=each.deployment_id)
                waits |= each.waits(None)
    return waits, refused


def _show_one(shown: _Shown, talk: Talk) -> None:
    bot = webhook().channels.bot
    if bot is None:
        raise Refused("there is no token any more")
    live.show(shown.wanted, bot, shown.channel, talk)


# -- by webhooks


def _post(outcomes: Sequence[Outcome]) -> Waits:
    planned = posts(outcomes, _payload)
    waits: Waits = {message_id: None for post in planned for message_id in post.message_ids}
    for number, post in enumerate(planned):
        delivery = _deliver(post)
        if delivery.answer in (Answer.POSTED, Answer.NOWHERE):
            for message_id in post.message_ids:
                del waits[message_id]
            continue
        ids = sorted(each.deployment.deployment_id for each in outcomes if each.message_id in post.message_ids)
        logger.warning("Slack did not accept a message", reason=delivery.reason, deployments=ids)
        if delivery.answer is Answer.DOWN:  # nothing else would pass
            waits |= {message_id: delivery.retry_after for rest in planned[number:] for message_id in rest.message_ids}
            break
    return waits


def _payload(channel: str | None, together: Sequence[Outcome]) -> Payload:
    hook = webhook().channels.webhook(channel)
    if hook and hook.form is Form.TEAMS:
        return teams.digest(together) if len(together) > 1 else teams.message(together[0])
    return slack.digest(together) if len(together) > 1 else slack.message(together[0])


def _deliver(post: Post) -> Delivery:
    delivery = webhook().post(post.channel, post.payload)
    if delivery.answer is Answer.REFUSED and delivery.reason == "400" and "blocks" in post.payload:
        delivery = webhook().post(post.channel, slack.plain(post.payload))  # better plain news than none
    if delivery.answer is Answer.NOWHERE:
        logger.info("no Slack webhook is set: a message is dropped", channel=post.channel)
    return delivery

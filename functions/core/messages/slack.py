"""Slack messages: one for each outcome of a deployment, or one digest for a burst of them.

Source of the limits: Slack's "Block Kit" reference (50 blocks, 3,000 characters in a section's text, 2,000 in a field,
150 in a header) and "Formatting text for app surfaces" (what must be escaped).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, starmap
from typing import Any

from functions.core.failures import sentence
from functions.core.limits import SLACK_BLOCKS as _MAX_BLOCKS
from functions.core.limits import SLACK_FIELD as _MAX_FIELD
from functions.core.limits import SLACK_HEADER as _MAX_HEADER
from functions.core.limits import SLACK_TEXT as _MAX_TEXT
from functions.core.messages import texts
from functions.core.messages.announcements import State
from functions.core.messages.measures import seconds_taken
from functions.core.messages.revision_names import revision_name
from functions.core.messages.verdict import hosts
from functions.core.place import Place
from functions.core.records import Deployment, SharedFailure, Target
from functions.core.rollout.analysis import decisive
from functions.core.rollout.holds import approval_asked
from functions.core.statuses import Creator
from functions.core.text.plain_text import visible

MAX_CAUSES = 5  # for which targets failed, shown in one message
DIGEST_FROM = 11  # outcomes for one channel at a time that become one message; fewer keep their details

_MAX_ENTRY = 200  # characters of a value of metadata
_LINK = re.compile(r"https://[^\s<>|]+")
_FENCE = "```"
_LOG_LINES = 10
_LOG_CHARACTERS = 1200

Payload = dict[str, Any]
_Block = dict[str, Any]

_HEADLINES = {
    State.START: (":rocket:", "Deployment started", "Rollback started"),
    State.SUCCESS: (":white_check_mark:", "Deployment succeeded", "Rolled back"),
    State.FAILURE: (":x:", "Deployment failed", "Rollback failed"),
    State.STOP: (":octagonal_sign:", "Deployment stopped", "Rollback stopped"),
    State.READY: (":raised_hand:", "Deployment waits for approval", "Rollback waits for approval"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A deployment's change of state, as Slack hears of it."""

    message_id: str  # of the queue's message that brought it
    state: State
    moment: str  # ISO 8601
    place: Place
    deployment: Deployment
    failed: tuple[Target, ...] = ()  # of each cause the first target, with its log
    going_back: Deployment | None = None  # the rollback of this one

    @property
    def is_over(self) -> bool:
        return self.state not in (State.START, State.READY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One message to one channel, and the queue's messages that it tells of."""

    channel: str | None
    payload: Payload
    message_ids: frozenset[str]


def posts(outcomes: Iterable[Outcome]) -> list[Post]:
    """What is posted for the outcomes that came together, oldest first."""

    def channel_of(outcome: Outcome) -> str:
        return outcome.deployment.settings.slack_channel or ""

    planned = []
    ordered = sorted(outcomes, key=lambda each: (each.moment, each.is_over))
    for channel, group in groupby(sorted(ordered, key=channel_of), channel_of):
        together = list(group)
        parts = [together] if len(together) >= DIGEST_FROM else [[each] for each in together]
        for part in parts:
            payload = digest(part) if len(part) > 1 else message(part[0])
            ids = frozenset(each.message_id for each in part)
            planned.append(Post(channel=channel or None, payload=payload, message_ids=ids))
    return planned


def message(outcome: Outcome) -> Payload:
    """Who, what, where, why, how long, and why targets failed, of one outcome."""
    deployment = outcome.deployment
    emoji, headline = _headline(outcome)
    title = f"{headline}: {deployment.group_key}"
    blocks: list[_Block] = [
        {"type": "header", "text": {"type": "plain_text", "text": clip(f"{emoji} {title}", _MAX_HEADER)}},
        {"type": "section", "fields": [_mrkdwn(f"*{name}*\n{value}") for name, value in _facts(outcome)]},
    ]
    if deployment.metadata:
        blocks.append(_section("\n".join(starmap(_entry, deployment.metadata.items()))))
    why = deployment.failure.message if outcome.is_over and deployment.failure else ""
    if why:
        blocks.append(_section(f"*Why*: {clip(why, _MAX_TEXT - 20)}"))
    if outcome.is_over and deployment.revision.warnings:
        warnings = "\n".join(f"appspec.yml:{warning}" for warning in deployment.revision.warnings)
        blocks.append(_section(f"*Warnings*\n{clip(warnings, _MAX_TEXT - 20)}"))
    back = _going_back(outcome)
    if back:
        blocks.append(_section(clip(back, _MAX_TEXT)))
    shown = deployment.causes[:MAX_CAUSES] if outcome.is_over else ()
    firsts = {target.target_id: target for target in outcome.failed}
    blocks += [_cause(each, firsts.get(each.target_ids[0])) for each in shown]
    unseen = deployment.counts.failed - sum(each.count for each in shown)
    if shown and unseen > 0:
        blocks.append(_section(f"and {unseen} more failed"))
    where = f"{outcome.place.account} · {outcome.place.region} · {outcome.moment}"
    blocks.append({"type": "context", "elements": [_mrkdwn(_command(outcome)), _mrkdwn(clip(where, 200))]})
    return _payload(clip(f"{title} ({deployment.deployment_id}) {why} {back}".strip(), _MAX_FIELD), blocks)


def digest(outcomes: Sequence[Outcome]) -> Payload:
    """One line for each outcome; a start is left out where the same deployment's end is there too."""
    over = {each.deployment.deployment_id for each in outcomes if each.is_over}
    shown = [each for each in outcomes if each.is_over or each.deployment.deployment_id not in over]
    counts: dict[str, int] = {}
    for each in shown:
        headline = _kind(each)[1].lower()
        counts[headline] = counts.get(headline, 0) + 1
    title = f"{len(shown)} deployment messages: " + ", ".join(f"{count} {name}" for name, count in counts.items())
    blocks: list[_Block] = [
        {"type": "header", "text": {"type": "plain_text", "text": clip(title, _MAX_HEADER)}},
        *(_section(text) for text in _packed([_line(each) for each in shown])),
    ]
    if len(blocks) > _MAX_BLOCKS:
        blocks = [*blocks[: _MAX_BLOCKS - 1], _section("More is in the engine's table and its dashboard.")]
    return _payload(clip(title, _MAX_FIELD), blocks)


def plain(payload: Payload) -> Payload:
    """The same news without blocks, for a Slack that refuses them."""
    return {name: value for name, value in payload.items() if name != "blocks"}


def clip(text: str, most: int) -> str:
    """Text of strangers, safe in Slack: visible, escaped, and cut to `most` characters with the cut marked. It cannot
    begin a block of code, which would take in all that follows.

    >>> clip("<!channel> & co", 100)
    '&lt;!channel&gt; &amp; co'
    >>> clip("a<b<c", 6)
    'a&lt;…'
    """
    escaped = _escaped(visible(text, keep="\n\t").replace(_FENCE, "'''"))
    if len(escaped) <= most:
        return escaped
    return re.sub(r"&[a-z]{0,3}$", "", escaped[: most - 1]) + "…"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def duration(seconds: float) -> str:
    """A time for people.

    >>> duration(9.4), duration(252), duration(3723)
    ('9 s', '4 min 12 s', '1 h 2 min')
    """
    whole = round(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"


def _headline(outcome: Outcome) -> tuple[str, str]:
    """An emoji, and what became of the deployment: a success does not hide failed hosts."""
    emoji, headline = _kind(outcome)
    counts = outcome.deployment.counts
    if outcome.state is State.SUCCESS and (hidden := texts.hosts_failed(counts.failed, counts.total)):
        return ":warning:", f"{headline}, {hidden}"
    return emoji, headline


def _kind(outcome: Outcome) -> tuple[str, str]:
    emoji, deployment, rollback = _HEADLINES[outcome.state]
    if outcome.deployment.creator is Creator.ROLLBACK:
        return ":rewind:" if outcome.state in (State.START, State.SUCCESS) else emoji, rollback
    return emoji, deployment


def _going_back(outcome: Outcome) -> str:
    """What a rollback does, told of both: the deployment that it undoes, and itself."""
    rollback = outcome.deployment.rollback
    if outcome.going_back:
        return f"Going back to {revision_name(outcome.going_back)}: {outcome.going_back.deployment_id}"
    if rollback and rollback.rollback_triggering_deployment_id and outcome.deployment.creator is Creator.ROLLBACK:
        return f"Goes back from {rollback.rollback_triggering_deployment_id} to {revision_name(outcome.deployment)}"
    return (rollback and rollback.rollback_message) or ""


def _command(outcome: Outcome) -> str:
    """What to type to see more."""
    verb = "approve" if outcome.state is State.READY else "show" if outcome.is_over else "watch"
    return f"`stepdeploy {verb} {outcome.deployment.deployment_id}`"


def _approval(deployment: Deployment) -> list[tuple[str, str]]:
    """What waits for an approval, and who may give it."""
    if (asked := approval_asked(deployment)) is None:
        return []
    stage, rule = asked
    who = ", ".join(rule.approvers) or "those who may stop it"
    return [("After the stage", stage.name), ("Approval by", clip(who + " (not its creator)" * rule.by_another, 1500))]


def _analysis(deployment: Deployment) -> list[tuple[str, str]]:
    """What the metrics said for which it waits, or ended."""
    found = decisive(deployment)
    return [(f"Metrics: {found.verdict}", clip(found.reason, 1500))] if found else []


def _bypass(deployment: Deployment) -> list[tuple[str, str]]:
    given = deployment.bypass
    return [("Windows bypassed by", clip(f"{given.by}: {given.why}", 1500))] if given else []


def _facts(outcome: Outcome) -> list[tuple[str, str]]:
    deployment, counts = outcome.deployment, outcome.deployment.counts
    facts = [
        ("Deployment", deployment.deployment_id),
        ("Revision", clip(revision_name(deployment), 1500)),
        ("By", clip(deployment.requested_by or deployment.creator, 300)),
        ("Configuration", clip(deployment.settings.config.name, 300)),
        *_approval(deployment),
        *_analysis(deployment),
        *_bypass(deployment),
    ]
    if outcome.is_over and counts.total:
        counted = [
            f"{count} {word}"
            for count, word in (
                (counts.succeeded, "succeeded"),
                (counts.failed, "failed"),
                (counts.skipped, "skipped"),
            )
            if count
        ]
        facts.append(("Targets", f"{', '.join(counted) or '0 done'} of {counts.total}"))
    if outcome.is_over and (seconds := seconds_taken(deployment)) is not None:
        facts.append(("Took", duration(seconds)))
    return facts


def _entry(key: str, value: str) -> str:
    """A line of metadata; an address is a link. Ten such lines fit a section."""
    on_one_line = " ".join(value.split())
    is_link = _LINK.fullmatch(value) and len(_escaped(value)) <= _MAX_ENTRY
    return f"*{clip(key, 60)}*: {f'<{_escaped(value)}>' if is_link else clip(on_one_line, _MAX_ENTRY)}"


def _cause(cause: SharedFailure, first: Target | None) -> _Block:
    """Why targets failed: where, in which script, and the last lines of the first one's log."""
    failure = cause.failure
    name = (first and cause.count == 1 and first.name) or hosts(cause)
    script = failure.script_name or ""
    place = f"{failure.event or failure.cause.value}{'' if script in failure.message else f' {script}'}"
    text = f"*{clip(name, 500)}* {clip(place, 300)}: {clip(sentence(failure), 800)}"
    if cause.out_of:
        text += f"\nStays {clip(texts.out_of(cause.out_of), 500)} until a deployment succeeds there"
    event = next((each for each in first.events if each.name == failure.event), None) if first else None
    if event and event.diagnostics and event.diagnostics.log_tail.strip():
        text += f"\n```{_log(event.diagnostics.log_tail)}```"
    return _section(text)


def _log(log_tail: str) -> str:
    """The last lines of a log, unable to end the code block that they stand in."""
    # No mark at all: one at either end would grow the fence that stands beside it.
    lines = visible(log_tail, keep="\n\t").strip().replace("`", "'").split("\n")[-_LOG_LINES:]
    end = "\n".join(lines)
    while len(_escaped(end)) > _LOG_CHARACTERS:
        end = end[len(end) // 8 + 1 :]  # the end is what matters
    return _escaped(end)


def _line(outcome: Outcome) -> str:
    deployment = outcome.deployment
    emoji, headline = _headline(outcome)
    why = f": {deployment.failure.message}" if outcome.is_over and deployment.failure else ""
    return f"{emoji} {clip(f'{deployment.group_key} {headline} ({deployment.deployment_id}){why}', 600)}"


def _packed(lines: Iterable[str]) -> list[str]:
    """Lines in texts that fit a section."""
    texts: list[str] = []
    for line in lines:
        if texts and len(texts[-1]) + 1 + len(line) <= _MAX_TEXT:
            texts[-1] += f"\n{line}"
        else:
            texts.append(line)
    return texts


def _section(text: str) -> _Block:
    return {"type": "section", "text": _mrkdwn(text)}


def _mrkdwn(text: str) -> _Block:
    # verbatim: Slack makes no links or mentions out of plain words
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _payload(text: str, blocks: list[_Block]) -> Payload:
    return {"text": text, "blocks": blocks, "unfurl_links": False, "unfurl_media": False}

"""What messages of Slack are made of: texts of strangers that are safe there, and blocks within Slack's limits.

Source of the limits: Slack's "Block Kit" reference (50 blocks, 3,000 characters in a section's text, 2,000 in a field,
150 in a header) and "Formatting text for app surfaces" (what must be escaped, and how times are written).
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from functions.core.failures import sentence
from functions.core.limits import SLACK_HEADER
from functions.core.messages import texts
from functions.core.messages.verdict import hosts
from functions.core.records import SharedFailure, Target
from functions.core.text.plain_text import visible

_FENCE = "```"
_LOG_LINES = 10
_LOG_CHARACTERS = 1200
_MAX_FIELDS = 10
_DAY_SECONDS = 86400

Payload = dict[str, Any]
Block = dict[str, Any]


def clip(text: str, most: int) -> str:
    """Text of strangers, safe in Slack: visible, escaped, and cut to `most` characters with the cut marked. It cannot
    begin a block of code, which would take in all that follows.

    >>> clip("<!channel> & co", 100)
    '&lt;!channel&gt; &amp; co'
    >>> clip("a<b<c", 6)
    'a&lt;…'
    """
    safe = escaped(visible(text, keep="\n\t").replace(_FENCE, "'''"))
    if len(safe) <= most:
        return safe
    return re.sub(r"&[a-z]{0,3}$", "", safe[: most - 1]) + "…"


def fitting(lines: Iterable[str], most: int) -> str:
    """Lines that are safe already, as many as `most` characters take.

    >>> fitting(["one", "two", "three"], 8)
    'one\\ntwo'
    """
    text = ""
    for line in lines:
        if len(text) + len(line) + 1 > most:
            break
        text += f"{line}\n"
    return text.rstrip("\n")


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cause(shared: SharedFailure, first: Target | None) -> Block:
    """Why targets failed: where, in which script, and the last lines of the first one's log."""
    failure = shared.failure
    name = (first and shared.count == 1 and first.name) or hosts(shared)
    script = failure.script_name or ""
    place = f"{failure.event or failure.cause.value}{'' if script in failure.message else f' {script}'}"
    text = f"*{clip(name, 500)}* {clip(place, 300)}: {clip(sentence(failure), 800)}"
    if shared.out_of:
        text += f"\nStays {clip(texts.out_of(shared.out_of), 500)} until a deployment succeeds there"
    event = next((each for each in first.events if each.name == failure.event), None) if first else None
    if event and event.diagnostics and event.diagnostics.log_tail.strip():
        text += f"\n```{_log(event.diagnostics.log_tail)}```"
    return section(text)


def _log(log_tail: str) -> str:
    """The last lines of a log, unable to end the code block that they stand in."""
    # No mark at all: one at either end would grow the fence that stands beside it.
    lines = visible(log_tail, keep="\n\t").strip().replace("`", "'").split("\n")[-_LOG_LINES:]
    end = "\n".join(lines)
    while len(escaped(end)) > _LOG_CHARACTERS:
        end = end[len(end) // 8 + 1 :]  # the end is what matters
    return escaped(end)


def header(text: str) -> Block:
    return {"type": "header", "text": {"type": "plain_text", "text": clip(text, SLACK_HEADER)}}


def context(*texts_: str) -> Block:
    return {"type": "context", "elements": [mrkdwn(each) for each in texts_]}


def fields(facts: Iterable[tuple[str, str]]) -> Block:
    """Names and what strangers may have written; Slack takes ten."""
    shown = list(facts)[:_MAX_FIELDS]
    return {"type": "section", "fields": [mrkdwn(f"*{name}*\n{clip(value, 1500)}") for name, value in shown]}


def time(moment: str, now: datetime) -> str:
    """A moment in the reader's own time zone; of another day with its date.

    >>> time("2026-11-23T10:05:00.000Z", datetime.fromisoformat("2026-11-23T10:00:00+00:00"))
    '<!date^1795428300^{time}|10:05 UTC>'
    """
    then = datetime.fromisoformat(moment).astimezone(UTC)
    is_near = abs((then - now).total_seconds()) < _DAY_SECONDS / 2
    form, usual = ("{time}", f"{then:%H:%M} UTC") if is_near else ("{date_short} {time}", f"{then:%Y-%m-%d %H:%M} UTC")
    return f"<!date^{int(then.timestamp())}^{form}|{usual}>"


def link(url: str, text: str) -> str:
    """`url` without < > and |."""
    return f"<{escaped(url)}|{clip(text, 200)}>"


def section(text: str) -> Block:
    return {"type": "section", "text": mrkdwn(text)}


def mrkdwn(text: str) -> Block:
    # verbatim: Slack makes no links or mentions out of plain words
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def payload(text: str, blocks: list[Block]) -> Payload:
    return {"text": text, "blocks": blocks, "unfurl_links": False, "unfurl_media": False}

"""Messages of Microsoft Teams: Adaptive Cards, as a workflow posts them when its webhook is called.

Texts of strangers stand in text runs, in which Teams sees no Markdown.

Source: Microsoft Learn, "Create incoming webhooks with Workflows for Microsoft Teams" (the envelope) and "Microsoft
Teams" of the connectors' reference (a message of 28 KB at most); adaptivecards.io, "Schema Explorer", RichTextBlock and
TextRun (version 1.2).
"""

import json
from collections.abc import Sequence
from typing import Any

from functions.core.chat import outcomes as told
from functions.core.chat.outcomes import MAX_CAUSES, Outcome
from functions.core.failures import sentence
from functions.core.messages.announcements import State
from functions.core.messages.verdict import hosts
from functions.core.text.plain_text import visible

_MAX_BYTES = 24 * 1024  # of the 28 KB that a message may have: nobody says how they are counted
_TEXT, _LINE = 2000, 500  # characters

_COLORS = {State.SUCCESS: "good", State.FAILURE: "attention", State.STOP: "warning", State.READY: "warning"}

_Element = dict[str, Any]


def message(outcome: Outcome) -> dict[str, Any]:
    """Who, what, where, why, how long, and why targets failed, of one outcome."""
    deployment = outcome.deployment
    emoji, headline = told.headline(deployment, outcome.state)
    color = "warning" if emoji == ":warning:" else _COLORS.get(outcome.state, "default")
    body = [_title(f"{headline}: {deployment.group_key}", color)]
    body += [_line(f"{name}: ", value) for name, value in told.facts(outcome)]
    body += [_line(f"{key}: ", value) for key, value in deployment.metadata.items()]
    if outcome.why:
        body.append(_line("Why: ", outcome.why, _TEXT))
    if back := told.going_back(deployment, outcome.going_back):
        body.append(_line("", back))
    for each in deployment.causes[:MAX_CAUSES] if outcome.is_over else ():
        where = each.failure.event or each.failure.cause.value
        body.append(_line(f"{hosts(each)} {where}: ", sentence(each.failure)))
    where = f"{outcome.place.account} · {outcome.place.region} · {outcome.moment}"
    return _card(body, [_line("", where), _line("", told.command(deployment, outcome.state), monospace=True)])


def digest(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """One line for each outcome."""
    title, shown = told.digest(outcomes)
    return _card([_title(title, "default"), *(_line("", told.line(each)) for each in shown)], [])


def _card(body: list[_Element], end: list[_Element]) -> dict[str, Any]:
    """A card of as much of the body as fits."""
    room = _MAX_BYTES - sum(map(_bytes, end))
    fits = list[_Element]()
    for element in body:
        room -= _bytes(element)
        if room < 0:
            fits.append(_line("", "More is in the record of the deployment."))
            break
        fits.append(element)
    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": [*fits, *end],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": content}
    return {"type": "message", "attachments": [attachment]}


def _bytes(element: _Element) -> int:
    return len(json.dumps(element)) + 2


def _title(text: str, color: str) -> _Element:
    run = {"type": "TextRun", "text": _clip(text, _LINE), "size": "large", "weight": "bolder", "color": color}
    return {"type": "RichTextBlock", "inlines": [run]}


def _line(name: str, text: str, most: int = _LINE, *, monospace: bool = False) -> _Element:
    runs = [{"type": "TextRun", "text": _clip(name, _LINE), "weight": "bolder"}] if name else []
    form = {"fontType": "monospace"} if monospace else {}
    return {"type": "RichTextBlock", "inlines": [*runs, {"type": "TextRun", "text": _clip(text, most), **form}]}


def _clip(text: str, most: int) -> str:
    shown = visible(text, keep="\n\t")
    return shown if len(shown) <= most else shown[: most - 1] + "…"

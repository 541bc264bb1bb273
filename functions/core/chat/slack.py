"""Slack messages of webhooks: one for each outcome of a deployment, or one digest for a burst of them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import starmap

from functions.core.chat import outcomes as told
from functions.core.chat.blocks import Block, Payload, cause, clip, context, escaped, fields, header, payload, section
from functions.core.chat.outcomes import MAX_CAUSES, Outcome
from functions.core.limits import SLACK_BLOCKS as _MAX_BLOCKS
from functions.core.limits import SLACK_FIELD as _MAX_FIELD
from functions.core.limits import SLACK_TEXT as _MAX_TEXT

_MAX_ENTRY = 200  # characters of a value of metadata
_LINK = re.compile(r"https://[^\s<>|]+")


def message(outcome: Outcome) -> Payload:
    """Who, what, where, why, how long, and why targets failed, of one outcome."""
    deployment = outcome.deployment
    emoji, headline = told.headline(deployment, outcome.state)
    title = f"{headline}: {deployment.group_key}"
    blocks = [header(f"{emoji} {title}"), fields(told.facts(outcome))]
    if deployment.metadata:
        blocks.append(metadata(deployment.metadata))
    if outcome.why:
        blocks.append(section(f"*Why*: {clip(outcome.why, _MAX_TEXT - 20)}"))
    if outcome.is_over and deployment.revision.warnings:
        warnings = "\n".join(f"appspec.yml:{warning}" for warning in deployment.revision.warnings)
        blocks.append(section(f"*Warnings*\n{clip(warnings, _MAX_TEXT - 20)}"))
    back = told.going_back(deployment, outcome.going_back)
    if back:
        blocks.append(section(clip(back, _MAX_TEXT)))
    shown = deployment.causes[:MAX_CAUSES] if outcome.is_over else ()
    firsts = {target.target_id: target for target in outcome.failed}
    blocks += [cause(each, firsts.get(each.target_ids[0])) for each in shown]
    unseen = deployment.counts.failed - sum(each.count for each in shown)
    if shown and unseen > 0:
        blocks.append(section(f"and {unseen} more failed"))
    where = f"{outcome.place.account} · {outcome.place.region} · {outcome.moment}"
    blocks.append(context(f"`{told.command(deployment, outcome.state)}`", clip(where, 200)))
    return payload(clip(f"{title} ({deployment.deployment_id}) {outcome.why} {back}".strip(), _MAX_FIELD), blocks)


def digest(outcomes: Sequence[Outcome]) -> Payload:
    """One line for each outcome."""
    title, shown = told.digest(outcomes)
    lines = [f"{told.headline(each.deployment, each.state)[0]} {clip(told.line(each), 600)}" for each in shown]
    blocks: list[Block] = [header(title), *(section(text) for text in _packed(lines))]
    if len(blocks) > _MAX_BLOCKS:
        blocks = [*blocks[: _MAX_BLOCKS - 1], section("More is in the engine's table and its dashboard.")]
    return payload(clip(title, _MAX_FIELD), blocks)


def plain(payload: Payload) -> Payload:
    """The same news without blocks, for a Slack that refuses them."""
    return {name: value for name, value in payload.items() if name != "blocks"}


def metadata(entries: Mapping[str, str]) -> Block:
    """What a deployment is for."""
    return section("\n".join(starmap(_entry, entries.items())))


def _entry(key: str, value: str) -> str:
    """A line of metadata; an address is a link. Ten such lines fit a section."""
    on_one_line = " ".join(value.split())
    is_link = _LINK.fullmatch(value) and len(escaped(value)) <= _MAX_ENTRY
    return f"*{clip(key, 60)}*: {f'<{escaped(value)}>' if is_link else clip(on_one_line, _MAX_ENTRY)}"


def _packed(lines: Iterable[str]) -> list[str]:
    """Lines in texts that fit a section."""
    texts: list[str] = []
    for line in lines:
        if texts and len(texts[-1]) + 1 + len(line) <= _MAX_TEXT:
            texts[-1] += f"\n{line}"
        else:
            texts.append(line)
    return texts

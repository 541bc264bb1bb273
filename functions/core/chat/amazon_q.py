"""Custom notifications of Amazon Q Developer in chat applications (before: AWS Chatbot), which a trigger publishes that
asks for them. Messages of one deployment have one thread.

Amazon Q hands texts on as the chat's own markup, so what others wrote is escaped as Slack and Teams do it.

Source: Amazon Q Developer in chat applications Administrator Guide, "Custom notifications": `version` 1.0 and `source`
custom are required, `textType` is client-markdown, and all values are texts or lists or maps of texts. It names no
sizes; ours keep a message readable.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from functions.core.chat.blocks import clip, fitting

_TITLE, _TEXT, _WORD = 250, 3000, 100  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """What is told, in words of strangers."""

    id: str
    thread: str
    title: str
    facts: Sequence[tuple[str, str]]
    next_steps: Sequence[str]
    keywords: Sequence[str]
    event_type: str
    resources: Sequence[str]
    context: Mapping[str, str]


def custom_notification(told: Notification) -> str:
    """The message of SNS."""
    lines = [f"*{name}*: {clip(value, 1000)}" for name, value in told.facts if value]
    return json.dumps(
        {
            "version": "1.0",
            "source": "custom",
            "id": told.id,
            "content": {
                "textType": "client-markdown",
                "title": clip(told.title, _TITLE),
                "description": fitting(lines, _TEXT),
                "nextSteps": [clip(each, 500) for each in told.next_steps],
                "keywords": [clip(each, _WORD) for each in told.keywords],
            },
            "metadata": {
                "threadId": told.thread,
                "summary": clip(told.title, _TITLE),
                "eventType": told.event_type,
                "relatedResources": list(told.resources),
                "additionalContext": {name: clip(value, _WORD) for name, value in told.context.items()},
            },
        }
    )

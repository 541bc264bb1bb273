"""The queues of what waits: turns of a watch, targets whose moment to send comes, answers to Auto Scaling,
and deployments whose progress is to be shown."""

import json
from collections.abc import Mapping
from typing import Any

from functions.aws import sqs
from functions.settings import settings

_LONGEST_DELAY = 900  # seconds that SQS takes


def send_turn(turn: Mapping[str, Any], *, seconds: float) -> None:
    """`watch` is called with it after some seconds, at most 15 minutes."""
    _send(settings().watch_queue_url, turn, round(seconds))


def send_moments(moments: Mapping[str, Any], *, seconds: float) -> None:
    """`run_segment` is called with them at the latest after some seconds: whoever has a moment waits for it."""
    _send(settings().send_queue_url, moments, int(seconds))


def send_answer(answer: Mapping[str, Any]) -> None:
    """`lifecycle_action` gives Auto Scaling this answer."""
    _send(settings().lifecycle_queue_url, {"answer": answer}, 0)


def send_look(look: Mapping[str, Any], *, seconds: float) -> None:
    """`slack` looks at a deployment after some seconds, and shows how far it is."""
    _send(settings().slack_queue_url, look, round(seconds))


def _send(url: str, body: Mapping[str, Any], seconds: int) -> None:
    sqs.send(url, [json.dumps(body)], delay_seconds=max(0, min(seconds, _LONGEST_DELAY)))

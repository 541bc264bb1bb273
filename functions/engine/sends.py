"""Targets whose moment to send has come, as the watch has handed them out: at most ten in a message."""

from collections.abc import Mapping
from typing import Any

from functions.core.text.shapes import from_plain
from functions.engine import segments
from functions.store.pacer import Moments
from functions.store.watching import Wait


def send_each(handed: Mapping[str, Any], *, is_repeat: bool) -> None:
    """Send to each at its moment."""
    deployment_id = str(handed["deployment_id"])
    moments = from_plain(Moments, handed["moments"])
    for number, wait in enumerate(from_plain(Wait, each) for each in handed["sends"]):
        segments.send_at(deployment_id, wait, moments[number], is_repeat=is_repeat)

"""Targets whose moment to send has come, as the watch has handed them out: a few in a message."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from functions.core.text.shapes import from_plain
from functions.engine.running import chain, segments
from functions.store.records import pacer
from functions.store.records.pacer import Moments
from functions.store.records.watching import Wait

_LONGEST = 5_000  # milliseconds after which a call begins no other send: one alone may take as long as the function has


def send_each(handed: Mapping[str, Any]) -> None:
    """Send to each at its moment. Where AWS is so slow that this call will not come to the last ones, another one does:
    a message that came again as it was would meet the first ones again, and never come to the last."""
    began, deployment_id = pacer.now(), str(handed["deployment_id"])
    moments = from_plain(Moments, handed["moments"])
    waits = [from_plain(Wait, each) for each in handed["sends"]]
    for number, wait in enumerate(waits):
        if number and pacer.now() - began > _LONGEST:
            left = waits[number:]
            chain.hand_out(deployment_id, left, replace(moments, first=moments[number].at, count=len(left)))
            return
        segments.send_at(deployment_id, wait, moments[number])

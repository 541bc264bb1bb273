"""Targets whose moment to send has come, as the watch has handed them out: at most ten in a message."""

from collections.abc import Mapping
from typing import Any

from functions.engine import chain, segments
from functions.store import pacer
from functions.store.watching import Wait, WaitKind


def send_each(handed: Mapping[str, Any], *, is_repeat: bool) -> None:
    """Send to each at its moment. Once SSM has throttled a send, moments are void: the others wait for another one."""
    deployment_id, first, interval = str(handed["deployment_id"]), int(handed["first"]), float(handed["interval"])
    for number, each in enumerate(handed["sends"]):
        wait = Wait(
            kind=WaitKind.SEND,
            target_id=each["target_id"],
            task_token=each["task_token"],
            has_begun=bool(each["has_begun"]),
        )
        if pacer.is_void(int(handed["throttled_at"])):
            chain.park(deployment_id, wait)
        else:
            segments.send_at(deployment_id, wait, first + round(number * interval), is_repeat=is_repeat)

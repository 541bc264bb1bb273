"""What has happened in a deployment, the newest first: itself, its alarms, and hosts that began or ended."""

from collections.abc import Iterator

import htpy as h

from cli.console import markup
from cli.console.following import Followed
from cli.view import words
from cli.view.output import plain
from cli.view.progress import Change
from functions.core.statuses import LifecycleEventStatus, TargetStatus

_SHOWN = 40


def timeline(followed: Followed) -> h.Node:
    found = sorted(_changes(followed), key=_when, reverse=True)
    if not found:
        return None
    left = len(found) - _SHOWN
    return [
        h.h2["What happened"],
        h.ol(".line")[(_line(followed, each) for each in found[:_SHOWN])],
        h.p(".sub")[f"and {words.counted(left, 'change')} before"] if left > 0 else None,
    ]


def _when(change: Change) -> float:
    """What nobody knows the time of happened now."""
    return change.time.timestamp() if change.time else float("inf")


def _changes(followed: Followed) -> Iterator[Change]:
    """Events of hosts only where they failed, which says more than that the host did: there are seven for each."""
    info = followed.seen.info
    explained = {each.target for each in followed.line if each.event and each.status == LifecycleEventStatus.FAILED}
    for each in followed.line:
        is_said = each.target in explained and each.status == TargetStatus.FAILED and not each.event
        if not is_said and (not each.event or each.status == LifecycleEventStatus.FAILED):
            yield each
    for given in info.get("approvals") or ():
        why = f": {given['reason']}" if given.get("reason") else ""
        yield Change(status="approved", time=given["approvalTime"], message=f"by {given['approvedBy']}{why}")
    for judged in info.get("analyses") or ():
        yield Change(
            status="metrics", time=judged.get("time"), message=f"{judged['verdict']}: {judged.get('reason', '')}"
        )
    if pause := info.get("pause"):
        yield Change(status="paused", time=pause.get("pauseTime"), message=f"by {pause.get('pausedBy', '-')}")
    if stop := info.get("stopInfo"):
        by = f"by {stop.get('stoppedBy', '-')}: {stop.get('message', '')}"
        yield Change(status="stopping", time=stop.get("stopTime"), message=by)


def _line(followed: Followed, change: Change) -> h.Node:
    message = plain(change.message)
    return h.li[
        markup.clock(change.time),
        " ",
        _what(followed, change),
        " ",
        markup.status(change.status),
        h.div(".sub")[message] if message else None,
    ]


def _what(followed: Followed, change: Change) -> h.Node:
    if change.target:
        name = followed.seen.names.get(change.target, change.target)
        return [
            markup.target_link(followed.seen.id, change.target, name),
            f" {plain(change.event)}" if change.event else None,
        ]
    return f"alarm {plain(change.alarm)}" if change.alarm else "deployment"

"""The message of a deployment that is edited in place, and its thread: what they say, and when to look again.

Everything here follows from the records as they are now, so it is the same however often and in whatever order the news
comes. What changes by itself, such as the minutes that are left, is told so coarsely that it changes once a minute.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from functions.core.chat import outcomes, slack
from functions.core.chat.blocks import (
    Block,
    Payload,
    cause,
    clip,
    context,
    fields,
    fitting,
    header,
    link,
    payload,
    section,
    time,
)
from functions.core.chat.progress import bar, running_stage, seconds_left
from functions.core.failures import kind_of
from functions.core.limits import SLACK_FIELD, SLACK_TEXT
from functions.core.messages import texts
from functions.core.messages.announcements import State
from functions.core.messages.measures import seconds_taken
from functions.core.place import Place
from functions.core.records import Deployment, HoldKind, LiveMessage, SharedFailure, Target
from functions.core.rollout.analysis import decisive
from functions.core.rollout.holds import approval_asked
from functions.core.statuses import Creator, DeploymentErrorCode, DeploymentStatus

EDIT_SECONDS = 10  # between two edits of a deployment that nothing but progress asks for
_LONGEST_LOOK_SECONDS = 120  # between two looks at a deployment that waits

_STATES = {
    DeploymentStatus.SUCCEEDED: State.SUCCESS,
    DeploymentStatus.FAILED: State.FAILURE,
    DeploymentStatus.STOPPED: State.STOP,
    DeploymentStatus.READY: State.READY,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A deployment as it is now, with its counts, and what a message tells besides."""

    deployment: Deployment
    place: Place
    now: datetime
    causes: tuple[SharedFailure, ...] = ()  # that are known by now
    firsts: Mapping[str, Target] = field(default_factory=dict)  # of causes the first target, by its id
    going_back: Deployment | None = None  # the rollback of this one
    undone: LiveMessage | None = None  # the message of the deployment that this rollback undoes
    mention: str = ""  # whom to call, as Slack spells it
    link: str = ""  # where the deployment is looked at

    @property
    def state(self) -> State | None:
        return _STATES.get(self.deployment.status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the thread gets once. `calls`: somebody is mentioned, so that it is shown in the channel, too."""

    key: str
    payload: Payload
    calls: bool = False


def digest(message: Payload) -> str:
    """What two messages share that show the same."""
    return hashlib.sha256(json.dumps(message, sort_keys=True).encode()).hexdigest()[:32]


def seconds_to_next_look(message: LiveMessage, now: int) -> int:
    """When to look again: soon while something changes, later the longer nothing does.

    >>> seconds = seconds_to_next_look
    >>> [seconds(LiveMessage(deployment_id="d-1", shown_at=0), ms * 1000) for ms in (0, 30, 90, 9999)]
    [10, 15, 45, 120]
    """
    return max(EDIT_SECONDS, min((now - message.shown_at) // 2000, _LONGEST_LOOK_SECONDS))


# -- the message


def message(view: View) -> Payload:
    """State, progress, why it waits, how long yet; at the end how it ended, and that does not change any more."""
    deployment = view.deployment
    emoji, name = _headline(view)
    title = f"{name}: {deployment.group_key}"
    blocks = [
        header(f"{emoji} {title}"),
        fields([*outcomes.about(deployment), *outcomes.besides(deployment), *_took(deployment)]),
    ]
    if deployment.metadata:
        blocks.append(slack.metadata(deployment.metadata))
    lines = list(_end(view) if deployment.status.is_final else _progress(view))
    if lines:
        blocks.append(section(fitting(lines, SLACK_TEXT)))
    if back := _going_back(view):
        blocks.append(section(back))
    command = f"`{outcomes.command(deployment, view.state)}`"
    where = f"{view.place.account} · {view.place.region}"
    blocks.append(context(command, *([link(view.link, "Open")] if view.link else []), where))
    told = f"{title} ({deployment.deployment_id})"
    why = deployment.failure.message if deployment.failure and deployment.status.is_final else ""
    return payload(clip(f"{told} {why or _counted(deployment)}".strip(), SLACK_FIELD), blocks)


def _headline(view: View) -> tuple[str, str]:
    deployment = view.deployment
    if view.state is not None:
        return outcomes.headline(deployment, view.state)
    goes_back = deployment.creator is Creator.ROLLBACK
    if deployment.stop:
        return ":octagonal_sign:", "Rollback stops" if goes_back else "Deployment stops"
    if deployment.pause or (deployment.hold and HoldKind.PAUSE in deployment.hold.kinds):
        return ":double_vertical_bar:", "Rollback paused" if goes_back else "Deployment paused"
    if deployment.hold:
        return ":hourglass_flowing_sand:", "Rollback waits" if goes_back else "Deployment waits"
    return (":rewind:", "Rolling back") if goes_back else (":rocket:", "Deploying")


def _took(deployment: Deployment) -> outcomes.Facts:
    seconds = seconds_taken(deployment) if deployment.status.is_final else None
    return [] if seconds is None else [("Took", outcomes.duration(seconds))]


def _counted(deployment: Deployment) -> str:
    counts = deployment.counts
    if not counts.total:
        return ""
    words = (counts.succeeded, "succeeded"), (counts.failed, "failed"), (counts.in_progress, "in progress")
    parts = [f"{counts.in_service} of {counts.total} healthy", *(f"{n} {word}" for n, word in words if n)]
    return ", ".join(parts)


def _progress(view: View) -> Iterator[str]:
    deployment, counts = view.deployment, view.deployment.counts
    if counts.total:
        done = counts.succeeded + counts.failed
        yield f"`{bar(done, counts.total)}` {done} of {counts.total} hosts done"
        yield _counted(deployment)
    if stage := running_stage(deployment):
        number, name = stage
        named = f": {clip(name, 200)}" if name else ""
        after = "After stage" if deployment.hold and deployment.hold.stage >= 0 else "Stage"
        yield f"{after} {number} of {len(deployment.stages)}{named}"
    yield from _waits(view)
    if deployment.start_time:
        left = seconds_left(deployment, view.now)
        guess = f", about {_coarse(left)} left" if left is not None else ""
        yield f"Since {time(deployment.start_time, view.now)}{guess}"


def _waits(view: View) -> Iterator[str]:
    """Why it does not go on."""
    deployment, hold = view.deployment, view.deployment.hold
    if deployment.stop:
        yield f"*Stops*: {clip(deployment.stop.message, 1000)}"
        return
    if deployment.pause:
        paused = deployment.pause
        why = f": {clip(paused.why, 500)}" if paused.why else ""
        yield f"*Paused* by {clip(paused.by, 300)} since {time(paused.at, view.now)}{why}"
    if hold is None:
        return
    if HoldKind.BAKE in hold.kinds and hold.until:
        left = (datetime.fromisoformat(hold.until) - view.now).total_seconds()
        yield f"*Bakes* until {time(hold.until, view.now)}: alarms are watched, {_coarse(max(left, 0))} left"
    if {HoldKind.APPROVAL, HoldKind.INCONCLUSIVE} & set(hold.kinds):
        yield f"*Waits for an approval* since {time(hold.since, view.now)}"
    if HoldKind.FREEZE in hold.kinds:
        until = f" until {time(hold.until, view.now)}" if hold.until else ""
        yield f"*Held by a freeze*{until}"


def _end(view: View) -> Iterator[str]:
    deployment, counts = view.deployment, view.deployment.counts
    if counts.total:
        yield f"{texts.ended(counts)} hosts"
    if deployment.failure:
        yield f"*Why*: {clip(deployment.failure.message, SLACK_TEXT - 500)}"


def _going_back(view: View) -> str:
    """What a rollback does, told of both, with the way to the message of the one that it undoes."""
    back = outcomes.going_back(view.deployment, view.going_back)
    if not back:
        return ""
    way = view.undone.permalink if view.undone else ""
    return clip(back, SLACK_TEXT - 1000) + (f" ({link(way, 'its message')})" if way else "")


def _coarse(seconds: float) -> str:
    """
    >>> [_coarse(each) for each in (5, 61, 119, 3599, 7300, 200000)]
    ['1 min', '2 min', '2 min', '1 h 0 min', '2 h 2 min', '56 h']
    """
    minutes = max(1, -int(-seconds // 60))
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes < 24 * 60 else f"{-(-minutes // 60)} h"


# -- the thread


def replies(view: View) -> Iterator[Reply]:
    """What belongs into the thread as things are now, in its order; who posts it leaves out what is there."""
    deployment = view.deployment
    for each in view.causes:
        yield _reply(f"cause:{cause_key(each)}", [cause(each, view.firsts.get(each.target_ids[0]))])
    if deployment.stop:
        stop = deployment.stop
        emoji = ":bell:" if stop.code is DeploymentErrorCode.ALARM_ACTIVE else ":octagonal_sign:"
        yield _reply("stop", [section(f"{emoji} *Stopped by {clip(stop.by, 500)}*: {clip(stop.message, 2000)}")])
    for approved in deployment.approvals:
        why = f": {clip(approved.why, 1000)}" if approved.why else ""
        text = f":white_check_mark: *Approved* by {clip(approved.by, 500)}{why}"
        yield _reply(f"approved:{approved.stage}", [section(text)])
    if (asked := approval_asked(deployment)) and deployment.hold:
        yield _reply(f"approval:{deployment.hold.stage}", [section(_request(view, asked[0].name))], view.mention)
    if deployment.status.is_final:
        yield _result(view)


def link_back(view: View, permalink: str) -> Reply:
    """What the thread of a deployment gets that this rollback undoes."""
    deployment = view.deployment
    way = f" ({link(permalink, 'its message')})" if permalink else ""
    text = f":rewind: *Rollback*: {clip(deployment.deployment_id, 100)}{way}"
    return _reply(f"rollback:{deployment.deployment_id}", [section(text)])


def cause_key(shared: SharedFailure) -> str:
    """What the same cause has while a deployment runs and when it is over."""
    return hashlib.sha256(json.dumps(kind_of(shared.failure)).encode()).hexdigest()[:16]


def _request(view: View, stage: str) -> str:
    deployment = view.deployment
    who = dict(outcomes.approval(deployment)).get("Approval by", "")
    after = f" after the stage {clip(stage, 200)}" if stage else ""
    how = f"`{outcomes.command(deployment, State.READY)}`"
    way = f", or {link(view.link, 'look at it first')}" if view.link else ""
    judged = decisive(deployment)
    why = f"\nMetrics are {judged.verdict}: {clip(judged.reason, 1000)}" if judged else ""
    return f":raised_hand: *Waits for an approval*{after} by {clip(who, 1000)}: {how}{way}{why}"


def _result(view: View) -> Reply:
    deployment = view.deployment
    emoji, name = _headline(view)
    seconds = seconds_taken(deployment)
    took = f" in {outcomes.duration(seconds)}" if seconds is not None else ""
    lines = [f"{emoji} *{clip(name, 300)}*{took}", *_end(view)]
    for each in view.causes[: outcomes.MAX_CAUSES]:
        lines.append(f"• {each.count} × {clip(each.failure.message, 300)}")
    if back := outcomes.going_back(deployment, view.going_back):
        lines.append(clip(back, 500))
    lines.append(f"`{outcomes.command(deployment, view.state)}`")
    return _reply("result", [section(fitting(lines, SLACK_TEXT))], view.mention if _is_bad(deployment) else "")


def _is_bad(deployment: Deployment) -> bool:
    """Whether somebody is called: not where a person has stopped it."""
    by_alarm = deployment.stop is not None and deployment.stop.code is DeploymentErrorCode.ALARM_ACTIVE
    return deployment.status is DeploymentStatus.FAILED or (deployment.status is DeploymentStatus.STOPPED and by_alarm)


def _reply(key: str, blocks: list[Block], mention: str = "") -> Reply:
    first: str = blocks[0]["text"]["text"]
    text = first.partition("\n")[0]
    if mention:
        blocks = [section(mention), *blocks]
        text = f"{mention} {text}"
    return Reply(key=key, payload=payload(text, blocks), calls=bool(mention))

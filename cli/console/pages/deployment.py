"""One deployment: how it goes, why it waits, its stages and hosts, what failed and what to do, what has happened."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import htpy as h

from cli.account.deployments import checked_id
from cli.console import markup
from cli.console.following import Deployment, Followed
from cli.console.page import Given, Page, Part, Shown
from cli.console.pages import hosts
from cli.console.pages.timeline import timeline
from cli.console.readers import Seen, Topic
from cli.view import waits, words
from cli.view.causes import headline, unsaid
from cli.view.chart import chart
from cli.view.explained import Explained
from cli.view.facts import facts
from cli.view.healthy import healthy as in_service
from cli.view.output import plain
from functions.core.messages import texts
from functions.core.records import SharedFailure
from functions.core.statuses import DeploymentStatus, TargetStatus

_NOT_SAID_AGAIN = ("waits", "targets")  # which stand above
_NAMED = 12  # hosts of a cause
_ALARM_TONES = {"ALARM": "bad", "OK": "good"}


def _topics(given: Given) -> Sequence[Topic]:
    return (Deployment(checked_id(given["deployment"])),)


def _show(given: Given, seen: Mapping[Topic, Seen], now: datetime) -> Shown:
    (found,) = seen.values()
    followed: Followed | None = found.value
    if followed is None:
        return Shown(title=f"{given['deployment']} · stepdeploy", trail=_trail(given), parts=markup.nothing_yet(found))
    info = followed.seen.info
    shown = hosts.shown(followed, given)
    return Shown(
        title=f"{words.outcome(info)} · {words.group_of(info)} · stepdeploy",
        trail=_trail(given, words.group_of(info)),
        parts=[
            markup.trouble(found),
            Part("late", markup.late(followed.seen.trouble)),
            Part("head", _head(info)),
            Part("why", list(_notices(followed))),
            Part("hosts", hosts.summary(followed)),
            Part("squares", hosts.squares(followed)),
            Part("chart", _chart(followed, now)),
            Part("causes", _causes(followed.why) if followed.why else None),
            Part("table", hosts.table(followed, shown, given)),
            Part("stages", _stages(followed), aside=True),
            Part("alarms", _alarms(followed), aside=True),
            Part("facts", _facts(info, now), aside=True),
            Part("line", timeline(followed), aside=True),
        ],
        cells=hosts.cells(followed),
    )


def _trail(given: Given, group: str = "") -> list[tuple[str, str]]:
    return [("Groups", "/"), *([(group, "")] if group else []), (given["deployment"], "")]


def _head(info: words.Info) -> h.Node:
    status = words.outcome(info)
    by = words.asker(info)
    return [
        h.div(".headline")[h.h1[words.revision_name(info, 80)], markup.status(status)],
        h.p(".sub")[
            f"to {words.group_of(info)}, asked by {by} ",
            markup.age(info.get("createTime")),
            [", took ", words.span(info["completeTime"] - info["startTime"])] if _is_over(info) else None,
        ],
    ]


def _is_over(info: words.Info) -> bool:
    return bool(info.get("completeTime") and info.get("startTime"))


def _notices(followed: Followed) -> Iterator[h.Node]:
    """Why it waits, why it failed, and what became of it."""
    info = followed.seen.info
    if why := waits.waiting(info):
        yield h.div(".notice")[h.p[h.strong["Waits "], why]]
    if failure := info.get("errorInformation"):
        yield h.div(".notice.bad")[h.p[h.strong[plain(failure.get("code"))], " ", plain(failure.get("message"))]]
    rollback = info.get("rollbackInfo") or {}
    for name, text in (("rollbackDeploymentId", "Rolled back by "), ("rollbackTriggeringDeploymentId", "Rolls back ")):
        if other := rollback.get(name):
            reason = rollback.get("rollbackReason") if name == "rollbackTriggeringDeploymentId" else ""
            yield h.div(".notice")[h.p[text, markup.deployment_link(other), f": {plain(reason)}" if reason else None]]
    for name, text in (("queuedBehind", "Queued behind "), ("supersededBy", "Superseded by ")):
        if other := info.get(name):
            yield h.div(".notice")[h.p[text, markup.deployment_link(other)]]


def _chart(followed: Followed, now: datetime) -> h.Node:
    """Hosts in service over the time, beside the promise."""
    found = in_service(followed.seen.info, followed.roster.targets.values(), now)
    return [h.h2["In service over time"], chart(found, "Hosts in service")] if found else None


def _stages(followed: Followed) -> h.Node:
    """Each stage with how many of its hosts have ended."""
    stages = followed.seen.info.get("stages") or ()
    if not stages:
        return None
    counts = Counter((each.get("stage"), each["status"]) for each in followed.roster.targets.values())
    lines = zip(stages, waits.stages(followed.seen.info), strict=True)
    return [
        h.h2["Stages"],
        h.ol(".stages")[
            (
                h.li(class_=_stage_state(counts, number))[
                    h.div[line.partition(". ")[2]],
                    markup.progress(
                        {"deploymentOverview": {status: counts[number, status] for status in TargetStatus}},
                    ),
                ]
                for number, (_, line) in enumerate(lines)
            )
        ],
        [h.p(".sub")[line] for line in waits.analyses(followed.seen.info)],
    ]


def _stage_state(counts: Mapping[tuple[int | None, str], int], number: int) -> str:
    """Whether a stage is to come, goes on, or is over."""
    there = {status for status in TargetStatus if counts.get((number, status))}
    if not there or there == {TargetStatus.PENDING}:
        return "next"
    return "now" if there & {TargetStatus.PENDING, TargetStatus.IN_PROGRESS} else "done"


def _alarms(followed: Followed) -> h.Node:
    alarms = followed.seen.alarms
    if not alarms:
        return None
    return [
        h.h2["Alarms"],
        h.ul(".plain")[
            (
                h.li[
                    markup.badge(state, _ALARM_TONES.get(state, "odd")),
                    " ",
                    plain(name),
                    " ",
                    h.span(".sub")[markup.age(since)],
                ]
                for name, (state, since) in sorted(alarms.items())
            )
        ],
    ]


def _facts(info: words.Info, now: datetime) -> h.Node:
    """The same lines as `show` prints."""
    lines = [(name, text) for name, text in facts(info, now) if name not in _NOT_SAID_AGAIN]
    return [h.h2["Details"], markup.facts(lines)]


def _causes(why: Explained) -> h.Node:
    """What failed alike together, with the end of a log, and what to do next."""
    is_over = DeploymentStatus(why.info["status"]).is_final
    return [
        h.h2["Why hosts failed"] if why.found else None,
        [_cause(why, each) for each in why.found],
        [h.h2["What to do next"], h.ul[(h.li[plain(step)] for step in why.steps)]] if is_over and why.steps else None,
    ]


def _cause(why: Explained, cause: SharedFailure) -> h.Node:
    message, log = unsaid(cause.failure), why.logs.get(cause.target_ids[0])
    links = [_host(why, each) for each in cause.target_ids[:_NAMED]]
    more = cause.count - len(links)
    return h.article(".cause")[
        h.h3[f"{words.counted(cause.count, 'host')}: {headline(cause.failure)}"],
        h.p[plain(message)] if message else None,
        h.p(".sub")["on ", links, f"and {more:,} more" if more else None],
        h.p(".sub")[f"{plain(texts.out_of(cause.out_of))} until a deployment succeeds there"] if cause.out_of else None,
        markup.log(log, "The end of the log of the first of them") if log else None,
    ]


def _host(why: Explained, target_id: str) -> h.Node:
    return [markup.target_link(why.info["deploymentId"], target_id, why.names.get(target_id, target_id)), " "]


PAGE = Page(path=markup.DEPLOYMENT, topics=_topics, show=_show)

"""One host of a deployment: its lifecycle events with their times and the ends of their logs, and its whole logs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import htpy as h

from cli.account import targets
from cli.account.connection import Engine
from cli.account.deployments import checked_id
from cli.account.host_names import host_names
from cli.account.whole_logs import WholeLogs
from cli.console import markup
from cli.console.page import Given, Page, Part, Shown, address
from cli.console.readers import Pause, Seen, Topic
from cli.view import words
from cli.view.causes import failure_of, headline, unsaid
from cli.view.output import plain
from cli.view.progress import Target, events, took
from functions.core.messages import texts
from functions.core.statuses import LifecycleEventStatus, TargetStatus

_SECONDS = 2.0  # from one look at a target to the next
_MAX_LINES, _MAX_LETTERS = 5_000, 1_000_000  # of an event's log in the browser
_LEFT_OUT = "This is the beginning of a long log; stepdeploy logs --full prints all of it."
_WHOLE = f"{markup.TARGET}/log"


class Log(NamedTuple):
    lines: Sequence[str]
    is_whole: bool = True


@dataclass(frozen=True, kw_only=True)
class Host:
    """A target with what is known around it."""

    deployment: words.Info
    target: Target
    name: str
    logs: Mapping[str, Log] = field(default_factory=dict)  # whole ones, by event


@dataclass(frozen=True)
class OneTarget:
    """Until it has ended."""

    deployment_id: str
    target_id: str

    def read(self, engine: Engine, pause: Pause) -> Iterator[Host]:
        info = engine.api.get_deployment(deploymentId=self.deployment_id)["deploymentInfo"]
        name = host_names(engine, info).get(self.target_id, self.target_id)
        while True:
            (target,) = targets.read(engine.api, self.deployment_id, [self.target_id])
            yield Host(deployment=info, target=target, name=name)
            if TargetStatus(target["status"]).is_final:
                return
            pause(_SECONDS)


@dataclass(frozen=True)
class WholeLog:
    """All that was said on a target by now."""

    deployment_id: str
    target_id: str

    def read(self, engine: Engine, pause: Pause) -> Iterator[Host]:
        host = next(OneTarget(self.deployment_id, self.target_id).read(engine, pause))
        names = [each["lifecycleEventName"] for each in events(host.target)]
        found = WholeLogs(engine, self.deployment_id).of(self.target_id, names)
        logs = {event: _begin(lines) for event, lines in found.items()}
        yield Host(deployment=host.deployment, target=host.target, name=host.name, logs=logs)


def _begin(lines: Iterable[str]) -> Log:
    """A log as far as a browser takes it: a host may have written any number of lines of any length."""
    found, letters = list[str](), 0
    for line in lines:
        letters += len(line)
        if len(found) == _MAX_LINES or letters > _MAX_LETTERS:
            return Log(found, is_whole=False)
        found.append(line)
    return Log(found)


def _ids(given: Given) -> tuple[str, str]:
    return checked_id(given["deployment"]), given["target"]


def _show(given: Given, seen: Mapping[Topic, Seen], now: datetime) -> Shown:
    (found,) = seen.values()
    host: Host | None = found.value
    body = [Part("head", _head(host)), Part("events", _events(host, given))] if host else [_nothing(found)]
    return Shown(title=_title(given, host), trail=_trail(given, host), parts=[markup.trouble(found), *body])


def _show_log(given: Given, seen: Mapping[Topic, Seen], now: datetime) -> Shown:
    (found,) = seen.values()
    host: Host | None = found.value
    body = [Part("head", _head(host)), Part("logs", _whole(host))] if host else [_nothing(found)]
    where = address(markup.TARGET, **{name: given[name] for name in ("deployment", "target")})
    trail = [*_trail(given, host)[:-1], (_name(given, host), where), ("Whole log", "")]
    return Shown(title=f"Log of {_title(given, host)}", trail=trail, parts=[markup.trouble(found), *body])


def _nothing(found: Seen) -> Part:
    return Part("head", markup.loading(found))


def _name(given: Given, host: Host | None) -> str:
    return plain(host.name if host else given["target"])


def _title(given: Given, host: Host | None) -> str:
    return f"{_name(given, host)} · {given['deployment']} · stepdeploy"


def _trail(given: Given, host: Host | None) -> list[tuple[str, str]]:
    up = address(markup.DEPLOYMENT, deployment=given["deployment"])
    return [("Groups", "/"), (given["deployment"], up), (_name(given, host), "")]


def _head(host: Host) -> h.Node:
    target, status = host.target, host.target["status"]
    places = [target.get(name) for name in ("availabilityZone", "autoScalingGroup")]
    said = [plain(each) for each in (target["targetId"] if host.name != target["targetId"] else "", *places) if each]
    return [
        h.div(".headline")[h.h1[plain(host.name)], markup.status(status)],
        h.p(".sub")[
            f"{words.revision_name(host.deployment)} to {words.group_of(host.deployment)}",
            f", {', '.join(said)}" if said else None,
            f", took {words.span(took(target))}" if TargetStatus(status).is_final else None,
        ],
        _why(target),
    ]


def _why(target: Target) -> h.Node:
    notices: list[h.Node] = []
    if failure := failure_of(target):
        message = f": {plain(said)}" if (said := unsaid(failure)) else None
        notices.append(h.div(".notice.bad")[h.p[h.strong[headline(failure)], message]])
    if waiting := target.get("waitingFor"):
        notices.append(h.div(".notice")[h.p[h.strong["Waits "], plain(waiting)]])
    if out := target.get("outOfLoadBalancers"):
        notices.append(h.div(".notice")[h.p[f"{plain(texts.out_of(out))} until a deployment succeeds there"]])
    return notices


def _events(host: Host, given: Given) -> h.Node:
    whole = address(_WHOLE, deployment=given["deployment"], target=given["target"])
    return [
        h.div(".headline")[h.h2["Lifecycle events"], h.a(href=whole)["Whole logs"]],
        h.ol(".events")[(_event(host, each) for each in events(host.target))],
    ]


def _event(host: Host, event: Mapping[str, Any]) -> h.Node:
    said = _tail(event)
    return h.li(id=markup.key("event", event["lifecycleEventName"]))[
        h.div(".event")[
            h.strong[plain(event["lifecycleEventName"])],
            markup.status(str(event["status"])),
            h.span(".sub")[_times(event)],
            h.span(".sub.mono")[plain((event.get("diagnostics") or {}).get("scriptName") or "")],
        ],
        markup.log(said, f"The end of the log of {plain(event['lifecycleEventName'])}") if said else None,
    ]


def _times(event: Mapping[str, Any]) -> h.Node:
    begun, ended = event.get("startTime"), event.get("endTime")
    if begun is None:
        return None
    if ended:
        return [markup.clock(begun), f", took {words.span(ended - begun)}"]
    is_now = event["status"] == LifecycleEventStatus.IN_PROGRESS
    return [markup.clock(begun), [", for ", markup.since(begun)] if is_now else None]


def _tail(event: Mapping[str, Any]) -> list[str]:
    return ((event.get("diagnostics") or {}).get("logTail") or "").splitlines()


def _whole(host: Host) -> h.Node:
    """Event by event; where a log did not get into the bucket, what the engine has of it."""
    said = [(each, host.logs.get(each["lifecycleEventName"]) or Log(_tail(each))) for each in events(host.target)]
    shown = [(plain(event["lifecycleEventName"]), log) for event, log in said if log.lines or not log.is_whole]
    if not shown:
        return h.p["No script has said anything here."]
    return [
        [
            h.h2[event],
            markup.log(log.lines, f"The log of {event}"),
            None if log.is_whole else h.p(".sub")[_LEFT_OUT],
        ]
        for event, log in shown
    ]


PAGE = Page(path=markup.TARGET, topics=lambda given: (OneTarget(*_ids(given)),), show=_show)
LOG = Page(path=_WHOLE, topics=lambda given: (WholeLog(*_ids(given)),), show=_show_log)

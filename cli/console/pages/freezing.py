"""What a freeze would stop, before it is made: the groups that it is for, and what is deployed there now."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click
import htpy as h

from cli.account.connection import Engine, Refusal
from cli.account.group_name import Group
from cli.account.groups import group_names
from cli.console import markup
from cli.console.acting import Action
from cli.console.forms import Field, Form, Kind
from cli.console.page import Given, Page, Part, Shown
from cli.console.readers import Pause, Seen, Topic
from cli.durations import moment
from cli.view import standing, words
from cli.view.output import plain
from functions.core.calendar import covers, scope_problem, zone_problem
from functions.core.records.calendar import EVERYWHERE

WINDOWS, PATH = "/windows", "/windows/freeze"
_SECONDS = 10.0
_NAMED = 20  # groups
_FIELDS = ("scope", "reason", "until", "zone")


@dataclass(frozen=True, kw_only=True)
class Reach:
    """The groups of a scope, and what runs or waits there."""

    groups: Sequence[str]
    running: Sequence[words.Info]


@dataclass(frozen=True)
class Scope:
    scope: str

    def read(self, engine: Engine, pause: Pause) -> Iterator[Reach]:
        while True:
            groups = [each for each in _all_groups(engine.api, self.scope) if covers(self.scope, each)]
            running = [each for each in standing.running(engine.api) if str(standing.group_name(each)) in groups]
            yield Reach(groups=groups, running=running)
            pause(_SECONDS)


def _all_groups(api: Any, scope: str) -> Iterator[str]:
    """The groups of the applications that the scope is about."""
    every = api.get_paginator("list_applications").paginate().search("applications[]")
    for application in every if scope == EVERYWHERE else [scope.partition("/")[0]]:
        yield from (str(Group(application, name)) for name in group_names(api, application))


def _asked(given: Mapping[str, str]) -> dict[str, Any]:
    """A CreateFreezeInput. Raises Refusal."""
    scope, reason, until, zone = (given.get(name, "").strip() for name in _FIELDS)
    zone = zone or "UTC"
    if not scope or not reason:
        raise Refusal(f"{'What' if not scope else 'Reason'} is empty: say what is frozen, and why")
    if problem := scope_problem(scope):
        raise Refusal(f"What: {scope!r} {problem}")
    if problem := zone_problem(zone):
        raise Refusal(f"Time zone {zone!r} {problem}")
    try:
        times = {"to": moment(until, zone)} if until else {}
    except click.UsageError as wrong:
        raise Refusal(f"Until: {wrong.format_message()}") from None
    return {"scope": scope, "reason": reason, "timeZone": zone, **times}


def _topics(given: Given) -> Sequence[Topic]:
    return (Scope(_asked(given)["scope"]),)


def _show(given: Given, seen: Mapping[Topic, Seen], now: datetime) -> Shown:
    (found,) = seen.values()
    asked, reach = _asked(given), found.value
    name = words.of_scope(asked["scope"])
    none = reach is not None and not reach.groups
    form = Form(
        address=WINDOWS,
        submit=f"Freeze {words.counted(len(reach.groups), 'group')}" if reach else "Freeze",
        fields=[Field(each, kind=Kind.HIDDEN, value=plain(given.get(each, ""))) for each in _FIELDS],
        operation="CreateFreeze",
        is_serious=True,
        why_not=f"There is no group of {name} now." if none else "" if reach else "It is not known yet what it stops.",
    )
    return Shown(
        title=f"Freeze {name} · stepdeploy",
        trail=[("Groups", "/"), ("Windows and freezes", WINDOWS), ("Freeze", "")],
        parts=[
            markup.trouble(found),
            Part("head", h.h1[f"Freeze {name}"]),
            Part("says", h.ul[(h.li[line] for line in _says(reach, asked))] if reach else None),
        ],
        forms=[form],
    )


def _says(reach: Reach, asked: Mapping[str, Any]) -> Iterator[str]:
    until = f"until {words.moment(asked['to'])} UTC" if asked.get("to") else "until somebody lifts it"
    named = f": {words.names([plain(each) for each in reach.groups], _NAMED)}" if reach.groups else ""
    yield f"No deployment begins {until} in {words.counted(len(reach.groups), 'group')}{named}."
    for each in reach.running:
        how = f"{words.outcome(each)} ({words.done(each)} done)"
        what = f"{plain(each['deploymentId'])} to {words.group_of(each)} is {how}"
        yield f"{what}: it waits before it begins or before its next stage, unless its group says no."
    yield "Rollbacks are free."
    yield f"Everybody who waits reads your reason: {plain(asked['reason'])}"


def _act(engine: Engine, given: Given, form: Mapping[str, str]) -> str:
    engine.api.create_freeze(**_asked(form))
    return WINDOWS


PAGE = Page(path=PATH, topics=_topics, show=_show)
ACTION = Action(path=WINDOWS, act=_act)

"""Deploy: which revision, how; then the engine's plan of it; then, if it is wanted, the deployment."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import click
import htpy as h

from cli.account.connection import Engine, Refusal
from cli.account.group_name import Group
from cli.account.host_names import host_ids
from cli.account.planning import Planned, plan
from cli.console import markup
from cli.console.acting import Action
from cli.console.forms import Field, Form, Kind
from cli.console.page import Given, Page, Part, Shown, address
from cli.console.pages.group import GROUP, OneGroup, Standing, group_address, group_of, trail
from cli.console.readers import Pause, Seen, Topic
from cli.deployment_options import location_of
from cli.view import plan_view, words
from cli.view.output import plain
from cli.view.tables import Cell, Row
from functions.core.statuses import OnBusy

_DEPLOY, _PLAN = f"{GROUP}/deploy", f"{GROUP}/plan"
_REVISIONS, _HOSTS = 50, 100  # that are shown
_ASKED = ("revision", "config", "hosts", "onBusy")  # fields of the form that a plan and a deployment have in common
_HEADS = {"SSM": "SSM"}  # names of columns that are no words
_ON_BUSY = (("", "as the group says"), *((each.value.upper(), each.value) for each in OnBusy))


@dataclass(frozen=True)
class Revisions:
    """The newest registered revisions of an application."""

    application: str

    def read(self, engine: Engine, pause: Pause) -> Iterator[Sequence[Mapping[str, Any]]]:
        asked = {"applicationName": self.application, "sortBy": "registerTime", "sortOrder": "descending"}
        pages = engine.api.get_paginator("list_application_revisions").paginate(**asked)
        yield list(islice(pages.search("revisions[]"), _REVISIONS))


@dataclass(frozen=True)
class ThePlan:
    """What a deployment would do."""

    group: Group
    asked: tuple[tuple[str, str], ...]

    def read(self, engine: Engine, pause: Pause) -> Iterator[Planned]:
        yield plan(engine, self.group, _members(engine, self.group, dict(self.asked)))


def _members(engine: Engine, group: Group, form: Mapping[str, str]) -> dict[str, Any]:
    """Of CreateDeployment and PlanDeployment. Raises Refusal for a revision of no form that there is."""
    hosts = [each for each in form.get("hosts", "").replace(",", " ").split() if each]
    found = {
        "revision": _location(form.get("revision", "")),
        "deploymentConfigName": form.get("config", "").strip(),
        "targetInstances": {"instanceIds": host_ids(engine, group, hosts)} if hosts else None,
        "onBusy": form.get("onBusy", ""),
    }
    return {name: value for name, value in found.items() if value}


def _location(text: str) -> dict[str, Any]:
    try:
        found = location_of(text.strip())
    except click.UsageError as wrong:
        raise Refusal(wrong.format_message()) from wrong
    if found is None:
        what = "the console deploys what is in S3, GitHub or CodeCommit; stepdeploy push or deploy takes a folder"
        raise Refusal(f"revision {text[:100]!r}: {what}")
    return found


# -- the form


def _show_form(given: Given, seen: Mapping[Topic, Seen], now: datetime) -> Shown:
    group = group_of(given)
    standing, revisions = (each.value for each in seen.values())
    form = Form(
        address=address(_PLAN, application=group.application, group=group.name),
        submit="Show the plan",
        fields=[
            Field("revision", "Revision", Kind.CHOICE, choices=_choices(standing, revisions or ())),
            Field(
                "other", "Or another one", hint="s3://BUCKET/KEY, github:OWNER/NAME@COMMIT or codecommit:NAME@COMMIT"
            ),
            Field("config", "Deployment configuration", hint="Instead of the group's."),
            Field("hosts", "Only these hosts", hint="Ids or names, with commas between them; else all of the group."),
            Field("onBusy", "While the group is busy", Kind.CHOICE, choices=_ON_BUSY),
        ],
    )
    return Shown(
        title=f"Deploy to {plain(str(group))} · stepdeploy",
        trail=trail(given, ("Deploy", "")),
        parts=[
            markup.trouble(*seen.values()),
            Part(
                "head",
                [h.h1[f"Deploy to {plain(str(group))}"], h.p(".sub")["Nothing begins before you have seen the plan."]],
            ),
        ],
        forms=[form] if standing else (),
    )


def _choices(standing: Standing | None, registered: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Registered ones, and those that were deployed lately; only what its text names again."""
    past = standing.history if standing else ()
    named: dict[str, str] = {}
    for info in [*({"revision": each} for each in registered), *past]:
        text = words.revision(info.get("revision"))
        if _is_named(text, info.get("revision") or {}):
            name = words.revision_name(info, 60)
            named.setdefault(text, f"{name}, {info['deploymentId']} had it" if info.get("deploymentId") else name)
    return list(named.items())


def _is_named(text: str, revision: Mapping[str, Any]) -> bool:
    try:
        found = location_of(text) or {}
    except click.UsageError:
        return False
    known = {
        name: value
        for name, value in (revision.get("s3Location") or {}).items()
        if name in ("bucket", "key", "version")
    }
    return (found.get("s3Location") == known) if known else bool(found)


# -- the plan


def _asked(given: Given) -> dict[str, str]:
    found = {name: given[name] for name in _ASKED if given.get(name)}
    return {**found, "revision": given.get("other", "").strip() or given.get("revision", "")}


def _plan_topics(given: Given) -> Sequence[Topic]:
    asked = _asked(given)
    _location(asked["revision"])
    return (ThePlan(group_of(given), tuple(sorted(asked.items()))),)


def _show_plan(given: Given, seen: Mapping[Topic, Seen], now: datetime) -> Shown:
    (found,) = seen.values()
    planned: Planned | None = found.value
    group = group_of(given)
    places = trail(given, ("Deploy", f"{group_address(group)}/deploy"), ("Plan", ""))
    title = f"Plan for {plain(str(group))} · stepdeploy"
    if planned is None:
        return Shown(title=title, trail=places, parts=markup.nothing_yet(found))
    errors, hosts = planned["errors"], planned["hosts"]
    taking_part = sum("stage" in each for each in hosts)
    form = Form(
        address=address(_DEPLOY, application=group.application, group=group.name),
        submit=f"Deploy to {words.counted(taking_part, 'host')} of {plain(str(group))}",
        fields=[
            Field("description", "Description", hint="Up to 256 characters."),
            *(Field(name, kind=Kind.HIDDEN, value=value) for name, value in _asked(given).items()),
        ],
        operation="CreateDeployment",
        why_not=f"It cannot begin: {words.counted(len(errors), 'error')}." if errors else "",
    )
    return Shown(
        title=title,
        trail=places,
        parts=[
            markup.trouble(found),
            Part("head", _plan_head(planned, group)),
            Part("errors", _problems(planned)),
            Part("stages", _table("Stages", plan_view.STAGES, list(_stage_rows(planned)))),
            Part("hosts", _plan_hosts(planned)),
            Part("facts", _facts(planned), aside=True),
        ],
        forms=[form],
    )


def _plan_head(planned: Planned, group: Group) -> h.Node:
    state = markup.badge("cannot begin", "bad") if planned["errors"] else markup.badge("could begin", "good")
    return [
        h.div(".headline")[h.h1[f"Plan: {words.revision_name(planned, 80)} to {plain(str(group))}"], state],
        h.p(".sub")["As the engine found hosts, alarms and budgets a moment ago. Nothing has been changed."],
    ]


def _problems(planned: Planned) -> h.Node:
    return [
        [
            h.div(".notice.bad")[h.p[h.strong[plain(each["code"])], ": ", plain(each["message"])]]
            for each in planned["errors"]
        ],
        [h.div(".notice")[h.p[plain(each)]] for each in planned["warnings"]],
    ]


def _stage_rows(planned: Planned) -> Iterator[Row]:
    for number, each in enumerate(planned["stages"], start=1):
        yield plan_view.stage_row(number, each)


def _plan_hosts(planned: Planned) -> h.Node:
    hosts = planned["hosts"]
    rows = [plan_view.host_row(planned, each) for each in hosts[:_HOSTS]]
    left = len(hosts) - len(rows)
    return [
        _table("Hosts", plan_view.HOSTS, rows),
        h.p(".sub")[f"and {words.counted(left, 'more host')}: stepdeploy plan --all-hosts"] if left else None,
    ]


def _table(name: str, columns: Sequence[Any], rows: Sequence[Row]) -> h.Node:
    if not rows:
        return None
    return [
        h.h2[name],
        markup.table(
            name,
            [_HEADS.get(each.name) or each.name.capitalize() for each in columns],
            [h.tr[(h.td[_text(cell)] for cell in row)] for row in rows],
        ),
    ]


def _text(cell: object) -> str:
    return plain(cell.text if isinstance(cell, Cell) else cell)


def _facts(planned: Planned) -> h.Node:
    return [
        h.h2["What it means"],
        markup.facts(plan_view.facts(planned)),
    ]


def _deploy(engine: Engine, given: Given, form: Mapping[str, str]) -> str:
    group = group_of(given)
    asked = _members(engine, group, form)
    if description := form.get("description", "").strip():
        asked["description"] = description
    new = engine.api.create_deployment(**group.members, **asked)["deploymentId"]
    return address(markup.DEPLOYMENT, deployment=new)


FORM = Page(
    path=_DEPLOY,
    topics=lambda given: (OneGroup(group_of(given)), Revisions(given["application"])),
    show=_show_form,
)
PLAN = Page(path=_PLAN, topics=_plan_topics, show=_show_plan)
ACTION = Action(path=_DEPLOY, act=_deploy)

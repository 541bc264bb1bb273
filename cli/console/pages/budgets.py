"""Disruption budgets: who holds their places, since when, and who waits; and places given back by hand."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import htpy as h

from cli.account.connection import Engine
from cli.console import markup
from cli.console.acting import Action
from cli.console.forms import Form
from cli.console.page import Given, Page, Part, Shown, address
from cli.console.readers import Pause, Seen, Topic
from cli.view import words
from cli.view.output import plain

_PATH, _RELEASE = "/budgets", "/budgets/{budget}/{host}/release"
_SECONDS = 5.0
Budget = Mapping[str, Any]  # of ListBudgets


@dataclass(frozen=True)
class Budgets:
    """All of them."""

    def read(self, engine: Engine, pause: Pause) -> Iterator[Sequence[Budget]]:
        while True:
            yield engine.api.list_budgets()["budgets"]
            pause(_SECONDS)


def _topics(given: Given) -> Sequence[Topic]:
    return (Budgets(),)


def _show(given: Given, seen: Mapping[Topic, Seen], now: datetime) -> Shown:
    (found,) = seen.values()
    parts = [Part("head", markup.loading(found))]
    if found.value is not None:
        none = None if found.value else h.p["There are no budgets: budgets in deployments.yaml makes them."]
        parts = [Part("head", h.h1["Budgets"]), Part("budgets", [none, [_budget(each) for each in found.value]])]
    return Shown(
        title="Budgets · stepdeploy",
        trail=[("Groups", "/"), ("Budgets", "")],
        parts=[markup.trouble(found), *parts],
    )


def _budget(budget: Budget) -> h.Node:
    name = budget["budgetName"]
    return h.section(id=markup.key("budget", name))[
        h.h2[plain(name)],
        h.p(".sub")[plain(words.budget(budget).partition(": ")[2])],
        _table(name, [*map(_holder(name), budget["holders"]), *map(_waiting, budget["waiting"])]),
    ]


def _table(name: str, rows: Sequence[h.Renderable]) -> h.Node:
    if not rows:
        return h.p["No place is held, and nothing waits."]
    heads = ("Host", "State", "Since", "Deployment", h.span(".hidden")["What can be done"])
    return markup.table(plain(name), heads, rows)


def _holder(budget: str) -> Any:
    def row(each: Mapping[str, Any]) -> h.Renderable:
        at_work, failed_in = each.get("deploymentId"), each.get("failedIn")
        known = at_work or failed_in
        where = address(_RELEASE, budget=budget, host=each["hostId"])
        return h.tr[
            h.th(scope="row")[plain(each["hostId"])],
            h.td[markup.badge("in progress", "busy") if at_work else markup.badge("failed", "bad")],
            h.td[markup.age(each["since"])],
            h.td[markup.deployment_link(known) if known else "-"],
            h.td[None if at_work else h.a(href=where)["Release"]],
        ]

    return row


def _waiting(each: Mapping[str, Any]) -> h.Renderable:
    return h.tr[
        h.th(scope="row")["-"],
        h.td[markup.badge("waits", "odd")],
        h.td[markup.age(each["since"])],
        h.td[markup.deployment_link(each["deploymentId"])],
        h.td,
    ]


def _show_release(given: Given, seen: Mapping[Topic, Seen], now: datetime) -> Shown:
    (found,) = seen.values()
    budget, host = given["budget"], given["host"]
    budgets = (each for each in found.value or () if each["budgetName"] == budget)
    holders = (each for each in next(budgets, {"holders": ()})["holders"] if each["hostId"] == host)
    holder = next(holders, None)
    why_not = "" if holder else f"{host} holds no place of {budget} now."
    if holder and holder.get("deploymentId"):
        why_not = f"{holder['deploymentId']} works at {host}: its place is given back when that ends."
    failed_in = plain((holder or {}).get("failedIn", "-"))
    says = [
        f"{plain(host)} has a place of {plain(budget)} since {failed_in} failed there.",
        "Give it back only if the host is in service again: one host more may be taken out of service then.",
    ]
    form = Form(
        address=address(_RELEASE, budget=budget, host=host),
        submit=f"Release the place of {plain(host)}",
        operation="ReleaseBudgetPlace",
        is_serious=True,
        why_not=plain(why_not),
    )
    return Shown(
        title=f"Release {plain(host)} · stepdeploy",
        trail=[("Groups", "/"), ("Budgets", _PATH), (plain(host), "")],
        parts=[
            markup.trouble(found),
            Part("head", h.h1[f"Release the place of {plain(host)}"]),
            Part("says", None if why_not else h.ul[(h.li[each] for each in says)]),
        ],
        forms=[form],
    )


def _act(engine: Engine, given: Given, form: Mapping[str, str]) -> str:
    engine.api.release_budget_place(budgetName=given["budget"], hostId=given["host"])
    return _PATH


PAGE = Page(path=_PATH, topics=_topics, show=_show)
RELEASE = Page(path=_RELEASE, topics=_topics, show=_show_release)
ACTION = Action(path=_RELEASE, act=_act)

"""When deployments may begin: windows, and freezes, which are begun and lifted here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import htpy as h

from cli.account.connection import Engine, Refusal
from cli.console import markup
from cli.console.acting import Action
from cli.console.forms import Field, Form
from cli.console.page import Given, Page, Part, Shown, address
from cli.console.pages import freezing
from cli.console.readers import Pause, Seen, Topic
from cli.view import words
from cli.view.output import plain

_PATH, _LIFT = freezing.WINDOWS, "/windows/{freeze}/lift"
_SECONDS = 10.0


@dataclass(frozen=True)
class Calendar:
    """All windows and freezes: the answer of ListWindows."""

    def read(self, engine: Engine, pause: Pause) -> Iterator[Mapping[str, Any]]:
        while True:
            yield engine.api.list_windows()
            pause(_SECONDS)


def _topics(given: Given) -> Sequence[Topic]:
    return (Calendar(),)


def _show(given: Given, seen: Mapping[Topic, Seen], now: datetime) -> Shown:
    (found,) = seen.values()
    form = Form(
        address=freezing.PATH,
        submit="Show what it stops",
        fields=[
            Field(
                "scope",
                "What",
                value=given.get("scope", ""),
                hint="A group (shop/web), an application (shop), or * for all.",
                is_required=True,
            ),
            Field("reason", "Reason", hint="For all who wait; up to 256 characters.", is_required=True),
            Field("until", "Until", hint="A time (2026-12-24T08:00) or a length (2h). Empty: until it is lifted."),
            Field("zone", "Time zone", value="UTC", hint="For a time without an offset, for example Europe/Berlin."),
        ],
    )
    body = _body(found.value) if found.value is not None else [Part("head", markup.loading(found))]
    return Shown(
        title="Windows and freezes · stepdeploy",
        trail=[("Groups", "/"), ("Windows and freezes", "")],
        parts=[markup.trouble(found), *body],
        forms=[form],
    )


def _body(found: Mapping[str, Any]) -> list[Part]:
    windows, freezes = found["windows"], found["freezes"]
    open_rows = [(each["scope"], words.opens(each), each.get("reason", "-"), _who(each), None) for each in windows]
    shut_rows = [(each["scope"], words.lasts(each), each["reason"], _who(each), _lift_link(each)) for each in freezes]
    return [
        Part("head", h.h1["Windows and freezes"]),
        Part(
            "freezes",
            [
                h.h2["Freezes"],
                _table("Freezes", shut_rows) if freezes else h.p["Nothing is frozen."],
            ],
        ),
        Part(
            "windows",
            [
                h.h2["Windows"],
                _table("Windows", open_rows) if windows else h.p["There are none: deployments begin at any time."],
            ],
        ),
        Part(
            "says",
            [
                h.h2["Freeze"],
                h.p["No deployment of it begins, and what runs waits before its next stage, unless its group says no."],
                h.p["Rollbacks are free. Everybody who waits reads your reason."],
            ],
        ),
    ]


def _table(name: str, rows: Sequence[tuple[str, str, str, str, h.Node]]) -> h.Node:
    heads = ("For", "When (UTC)", "Reason", "By", h.span(".hidden")["What can be done"])
    shown = [
        h.tr[
            h.th(scope="row")[words.of_scope(scope)],
            h.td[plain(when)],
            h.td[plain(reason)],
            h.td[plain(by)],
            h.td[link],
        ]
        for scope, when, reason, by, link in rows
    ]
    return markup.table(name, heads, shown)


def _who(each: Mapping[str, Any]) -> str:
    return words.asker({"requestedBy": each["by"]})


def _lift_link(freeze: Mapping[str, Any]) -> h.Node:
    return h.a(href=address(_LIFT, freeze=freeze["freezeId"]))[f"Lift {plain(freeze['freezeId'])}"]


def _show_lift(given: Given, seen: Mapping[Topic, Seen], now: datetime) -> Shown:
    (found,) = seen.values()
    name = given["freeze"]
    freeze = next((each for each in (found.value or {}).get("freezes", ()) if each["freezeId"] == name), None)
    says = None
    if freeze:
        what = f"It is for {words.of_scope(freeze['scope'])}, {words.lasts(freeze)}, by {_who(freeze)}"
        says = h.ul[
            h.li[f"{what}: {plain(freeze['reason'])}."],
            h.li["Deployments that wait for its end go on, as far as windows and other freezes let them."],
        ]
    form = Form(
        address=address(_LIFT, freeze=name),
        submit=f"Lift {plain(name)}",
        operation="DeleteFreeze",
        is_serious=True,
        why_not="" if freeze else "There is no such freeze now.",
    )
    return Shown(
        title=f"Lift {plain(name)} · stepdeploy",
        trail=[("Groups", "/"), ("Windows and freezes", _PATH), (plain(name), "")],
        parts=[markup.trouble(found), Part("head", h.h1[f"Lift the freeze {plain(name)}"]), Part("says", says)],
        forms=[form],
    )


def _unfreeze(engine: Engine, given: Given, form: Mapping[str, str]) -> str:
    if not engine.api.delete_freeze(freezeId=given["freeze"]).get("freeze"):
        raise Refusal(f"there is no freeze {given['freeze'][:40]!r} any more")
    return _PATH


PAGE = Page(path=_PATH, topics=_topics, show=_show)
LIFT = Page(path=_LIFT, topics=_topics, show=_show_lift)
ACTION = Action(path=_LIFT, act=_unfreeze)

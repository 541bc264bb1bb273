"""Forms: by what a reader of a page begins something. Each says before what it will do; one that changes something
repeats the session's own value, which no other page has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import htpy as h

from cli.view.output import plain


class Kind(StrEnum):
    TEXT = "text"
    CHECK = "checkbox"
    CHOICE = "choice"
    HIDDEN = "hidden"


class Field(NamedTuple):
    name: str
    label: str = ""
    kind: Kind = Kind.TEXT
    value: str = ""
    choices: Sequence[tuple[str, str]] = ()  # values and texts
    hint: str = ""
    is_required: bool = False


CANCEL = Field("cancel", "Cut off the scripts that run on hosts: these hosts fail", Kind.CHECK)


def cancelling(form: Mapping[str, str]) -> dict[str, Any]:
    """What a form with CANCEL says of it, as a request has it."""
    return {"cancelScripts": True} if form.get(CANCEL.name) else {}


@dataclass(frozen=True, kw_only=True)
class Form:
    """`operation`: of the API, which a post calls; "" for a form that only asks for another page."""

    address: str
    submit: str  # the text of its button
    fields: Sequence[Field] = ()
    operation: str = ""
    is_serious: bool = False
    why_not: str = ""  # it cannot be sent now


class Link(NamedTuple):
    """A way to the page that confirms something."""

    address: str
    text: str
    operation: str


Denied = Mapping[str, str]  # why, by operation or address: what was refused with 403 lately


def why_denied(denied: Denied, operation: str, address: str) -> str:
    return denied.get(address) or denied.get(operation, "")


def form(found: Form, session: str, denied: Denied) -> h.Renderable:
    """`session`: the value that proves that it is ours."""
    why = why_denied(denied, found.operation, found.address) or found.why_not
    is_post = bool(found.operation)
    return h.form(".action", method="post" if is_post else "get", action=found.address)[
        h.input(type="hidden", name="session", value=session) if is_post else None,
        (_field(each) for each in found.fields),
        h.p(".denied", id="why-not")[plain(why)] if why else None,
        h.button(
            type="submit",
            class_={"serious": found.is_serious},
            disabled=bool(why),
            aria_describedby="why-not" if why else None,
        )[found.submit],
    ]


def _field(field: Field) -> h.Node:
    name = f"field-{field.name}"
    hint = h.span(".sub", id=f"{name}-hint")[field.hint] if field.hint else None
    chosen: h.Node
    described = {"aria-describedby": f"{name}-hint"} if field.hint else {}
    match field.kind:
        case Kind.HIDDEN:
            return h.input(type="hidden", name=field.name, value=field.value)
        case Kind.CHECK:
            box = h.input(described, type="checkbox", id=name, name=field.name, value="yes", checked=bool(field.value))
            return h.div(".field.check")[box, " ", h.label(for_=name)[field.label], " ", hint]
        case Kind.CHOICE:
            chosen = h.select(described, id=name, name=field.name)[
                (h.option(value=value, selected=value == field.value)[plain(text)] for value, text in field.choices)
            ]
        case Kind.TEXT:
            chosen = h.input(
                described,
                type="text",
                id=name,
                name=field.name,
                value=field.value,
                required=field.is_required,
                maxlength="2000",
                autocomplete="off",
            )
    return h.div(".field")[h.label(for_=name)[field.label], chosen, hint]


def links(found: Sequence[Link], denied: Denied) -> h.Node:
    """A bar of them; what was refused lately says so, and is no link."""
    if not found:
        return None
    return h.nav(".actions", aria_label="What can be done")[
        h.ul[
            (
                h.li[
                    h.span(".denied", title=plain(why))[each.text, h.span(".sub")[f" {plain(why)}"]]
                    if (why := denied.get(each.operation, ""))
                    else h.a(href=each.address)[each.text]
                ]
                for each in found
            )
        ]
    ]

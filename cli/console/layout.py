"""What is around every page."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from urllib.parse import urlencode

import htpy as h

from cli.console import forms
from cli.console.forms import Denied
from cli.console.page import Part, Shown

NOTHING_DENIED: Denied = MappingProxyType({})

_EVERYWHERE = (
    h.meta(charset="utf-8"),
    h.meta(name="viewport", content="width=device-width, initial-scale=1"),
    h.meta(name="color-scheme", content="light dark"),
    h.link(rel="icon", href="/assets/icon.svg"),
    h.link(rel="stylesheet", href="/assets/console.css"),
)


def text(node: h.Node) -> str:
    """HTML of anything that htpy takes: each text in it is escaped."""
    return str(h.fragment[node])


def document(
    shown: Shown, *, stream: str, query: Mapping[str, str], session: str = "", denied: Denied = NOTHING_DENIED
) -> str:
    """`session`: the value of its forms; `denied`: what they would be refused."""
    shown = with_links(shown, denied)
    live = f"{stream}?{urlencode(query)}" if query else stream
    beside = [_part(each) for each in shown.parts if each.aside]
    return text(
        h.html(lang="en")[
            h.head[_EVERYWHERE, h.title[shown.title], h.script(src="/assets/console.js", defer=True)],
            h.body(data_stream=live)[
                h.a(".skip", href="#main")["Skip to the content"],
                _banner(shown),
                h.main("#main", tabindex="-1", class_={"wide": beside})[
                    h.div(".parts")[
                        (_part(each) for each in shown.parts if not each.aside),
                        (forms.form(each, session, denied) for each in shown.forms),
                    ],
                    h.aside(".parts", aria_label="Beside it")[beside] if beside else None,
                ],
            ],
        ]
    )


def with_links(shown: Shown, denied: Denied) -> Shown:
    """The links are a part as well: what can be done changes as things go on."""
    parts = list(shown.parts)
    below = next((at for at, each in enumerate(parts, start=1) if each.id == "head"), 0)
    parts.insert(below, Part("links", forms.links(shown.links, denied)))
    return replace(shown, links=(), parts=parts)


def _part(part: Part) -> h.Renderable:
    return h.div(id=part.id)[part.content]


def _banner(shown: Shown) -> h.Renderable:
    return h.header(".banner")[
        h.a(".brand", href="/")["stepdeploy"],
        h.nav(aria_label="Where you are")[
            h.ol(".trail")[
                (
                    h.li[h.a(href=where)[name] if where else h.span(aria_current="page")[name]]
                    for name, where in shown.trail
                )
            ]
        ],
        h.nav(".everywhere", aria_label="Everywhere")[h.a(href="/windows")["Windows"], h.a(href="/budgets")["Budgets"]],
        h.span("#live.live", role="status")["not live"],
    ]


def problem(title: str, why: str, *, back: str = "") -> str:
    """A page on which nothing lives. `back`: where to try again."""
    again: h.Node = [h.a(href=back)["Back"], " "] if back else None
    return text(
        h.html(lang="en")[
            h.head[_EVERYWHERE, h.title[f"{title} · stepdeploy"]],
            h.body[h.main(".problem")[h.h1[title], h.p[why], h.p[again, h.a(href="/")["All groups"]]]],
        ]
    )


def because(why: str) -> str:
    return f"The console did not answer: {why}. Open it with the link that stepdeploy console printed."


def entrance() -> str:
    """Goes on to the first page from an address of our own: a cookie of SameSite=Strict is not sent along when
    another program or page led here."""
    refresh = h.meta(http_equiv="refresh", content="0; url=/")
    return text(
        h.html(lang="en")[
            h.head[_EVERYWHERE, h.title["stepdeploy"], refresh],
            h.body[h.main(".problem")[h.a(href="/")["Go on to the console"]]],
        ]
    )

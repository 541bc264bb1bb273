"""The hosts of a deployment: how many are in which state, a square for each, and a table of them page by page."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlencode

import htpy as h

from cli.console import markup
from cli.console.following import Followed
from cli.console.page import Cells, Given, address
from cli.view import words
from cli.view.causes import failure_of, headline, last_line, unsaid
from cli.view.output import plain
from cli.view.progress import Target, doing, took
from cli.view.screen import healthy
from functions.core.statuses import TargetStatus

ROWS = 50  # of a page of the table
LETTERS = {
    TargetStatus.PENDING: "P",
    TargetStatus.IN_PROGRESS: "I",
    TargetStatus.SUCCEEDED: "S",
    TargetStatus.FAILED: "F",
    TargetStatus.SKIPPED: "K",
}
_HEADS = ("Host", "State", "Event", "Took", "What is known")


class Rows(NamedTuple):
    """A page of the table."""

    status: str  # whose hosts alone are in it; empty: all
    number: int  # of the page, from 1
    ids: Sequence[str]
    pages: int
    total: int


def shown(followed: Followed, given: Given) -> Rows:
    """The rows that an address asks for: failed hosts first. A number of no page is taken for the nearest one."""
    status = given.get("state", "")
    order = {each.value: number for number, each in enumerate(markup.OVERVIEW)}
    status = status if status in order else ""
    found = [target_id for target_id, each in followed.roster.targets.items() if not status or each["status"] == status]
    found.sort(key=lambda each: order.get(followed.roster.targets[each]["status"], len(order)))
    pages = max((len(found) + ROWS - 1) // ROWS, 1)
    asked = given.get("page", "1")
    number = min(max(int(asked) if asked.isascii() and asked.isdecimal() else 1, 1), pages)
    return Rows(status, number, found[(number - 1) * ROWS : number * ROWS], pages, len(found))


def summary(followed: Followed) -> h.Node:
    """How many there are in which state, and in service beside the promise."""
    if not followed.seen.total:
        return None
    count, total, minimum = healthy(followed.seen)
    promise = f", at least {minimum:,} promised" if minimum is not None else ""
    return h.div(".figures")[
        h.div[h.h2["Hosts"], markup.progress(followed.seen.info)],
        h.div[h.h2["In service"], h.p[h.strong[f"{count:,}"], f" of {words.counted(total, 'host')}{promise}"]],
    ]


def cells(followed: Followed) -> Cells | None:
    targets, names = followed.roster.targets, followed.seen.names
    if not targets:
        return None
    return Cells(
        names=[plain(names.get(each, each)) for each in followed.order],
        ids=followed.order,
        base=f"{address(markup.DEPLOYMENT, deployment=followed.seen.id)}/targets/",
        states="".join(LETTERS.get(targets[each]["status"], "P") for each in followed.order),
    )


def squares(followed: Followed) -> h.Node:
    """One for each host, which the script draws; the table has the same for who does not see them."""
    if not followed.roster.targets:
        return None
    about = "One square for each host. Arrow keys go from host to host, Enter opens one."
    return [
        h.div("#grid.grid", tabindex="0", role="application", aria_label=about, aria_describedby="cell")[
            h.canvas(data_own=True, aria_hidden="true")
        ],
        h.p(".legend.sub", aria_hidden="true")[
            (h.span(class_=f"key is-{each}")[_word(each)] for each in markup.OVERVIEW)
        ],
        h.p("#cell.sub", role="status", data_own=True),
    ]


def _word(status: TargetStatus) -> str:
    """
    >>> _word(TargetStatus.IN_PROGRESS)
    'in progress'
    """
    return "in progress" if status is TargetStatus.IN_PROGRESS else status.value.lower()


def table(followed: Followed, rows: Rows, given: Given) -> h.Node:
    if not followed.roster.targets:
        return None
    return [
        h.h2["Host by host"],
        _filter(followed, rows, given),
        markup.table("Hosts", _HEADS, [_row(followed, each) for each in rows.ids], kind=".hosts"),
        _pages(rows, given),
    ]


def _filter(followed: Followed, rows: Rows, given: Given) -> h.Node:
    counts = followed.roster.counts
    every = [("", f"All {sum(counts.values()):,}")]
    every += [(each.value, f"{_word(each).capitalize()} {counts[each]:,}") for each in markup.OVERVIEW if counts[each]]
    return h.nav(".filter", aria_label="Which hosts")[
        (
            h.a(href=_here(given, state), aria_current=("true" if state == rows.status else None))[name]
            for state, name in every
        )
    ]


def _pages(rows: Rows, given: Given) -> h.Node:
    if rows.pages == 1:
        return None
    first = (rows.number - 1) * ROWS + 1
    return h.nav(".pages", aria_label="Pages of hosts")[
        h.a(href=_here(given, rows.status, rows.number - 1))["Previous"] if rows.number > 1 else None,
        h.span[f"{first:,} to {first + len(rows.ids) - 1:,} of {rows.total:,}"],
        h.a(href=_here(given, rows.status, rows.number + 1))["Next"] if rows.number < rows.pages else None,
    ]


def _here(given: Given, state: str, page: int = 1) -> str:
    asked = {"state": state, "page": str(page) if page > 1 else ""}
    query = urlencode({name: value for name, value in asked.items() if value})
    path = address(markup.DEPLOYMENT, deployment=given["deployment"])
    return f"{path}{'?' if query else ''}{query}#table"


def _row(followed: Followed, target_id: str) -> h.Renderable:
    summary, target = followed.roster.targets[target_id], followed.seen.targets.get(target_id)
    status = str(target["status"] if target else summary["status"])
    name = followed.seen.names.get(target_id, "")
    event, since = doing(target) if target else ("", None)
    event = event or str((target or {}).get("failure", {}).get("event") or "")
    return h.tr(id=markup.key("host", target_id))[
        h.th(scope="row")[
            markup.target_link(followed.seen.id, target_id, name or target_id),
            h.div(".sub")[plain(target_id)] if name else None,
        ],
        h.td[markup.status(status)],
        h.td[plain(event), [" for ", markup.since(since)] if since else None],
        h.td[words.span(took(target)) if target else "-"],
        h.td[_known(target, summary)],
    ]


def _known(target: Target | None, summary: Mapping[str, object]) -> h.Node:
    """Why it failed or waits, and where it is."""
    said: list[str] = []
    if target and (failure := failure_of(target)):
        why = unsaid(failure) or last_line(target, failure)
        said = [headline(failure), *([plain(why)] if why else [])]
    elif target and target.get("waitingFor"):
        said = [f"waits: {plain(target['waitingFor'])}"]
    zone = summary.get("availabilityZone")
    return [[h.div[each] for each in said], h.div(".sub")[plain(zone)] if zone else None]

"""The small pieces that pages are made of. What others wrote is text here, in the form that a reader can trust."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import htpy as h

from cli.console.page import Part, address
from cli.console.readers import Seen
from cli.view import words
from cli.view.output import plain, plain_log
from cli.view.standing import Health
from functions.core.statuses import DeploymentStatus, TargetStatus

DEPLOYMENT = "/deployments/{deployment}"
TARGET = "/deployments/{deployment}/targets/{target}"
_TONES = {
    DeploymentStatus.SUCCEEDED: "good",
    DeploymentStatus.FAILED: "bad",
    DeploymentStatus.STOPPED: "stopped",
    DeploymentStatus.IN_PROGRESS: "busy",
    DeploymentStatus.CREATED: "busy",
    DeploymentStatus.READY: "odd",
    DeploymentStatus.QUEUED: "idle",
}
_HEALTH = {Health.OK: "good", Health.MIXED: "odd", Health.FAILED: "bad", Health.EMPTY: "idle"}
# In the order in which they are told: what went wrong first.
OVERVIEW = (
    TargetStatus.FAILED,
    TargetStatus.IN_PROGRESS,
    TargetStatus.SUCCEEDED,
    TargetStatus.SKIPPED,
    TargetStatus.PENDING,
)


def key(kind: str, name: str) -> str:
    """The id of an element that stands for something with a name of any letters."""
    return f"{kind}-{hashlib.blake2b(name.encode('utf-8', 'replace'), digest_size=8).hexdigest()}"


def badge(text: str, tone: str) -> h.Renderable:
    """A state: its word, and a mark beside its color."""
    return h.span(class_=f"badge {tone}")[plain(text)]


def status(outcome: str) -> h.Renderable:
    """The status of a deployment, a target or an event, with what a success must not hide after a comma.

    >>> print(status("Succeeded, 2 of 9 hosts failed"))
    <span class="badge odd">Succeeded, 2 of 9 hosts failed</span>
    """
    word, hides, _ = outcome.partition(",")
    tone = next((tone for known, tone in _TONES.items() if word.partition(" ")[0] == known), "idle")
    return badge(outcome, "odd" if hides and tone == "good" else tone)


def age(time: datetime | None) -> h.Node:
    """A time that the script tells as an age; without it, in UTC."""
    if time is None:
        return "-"
    exact = time.astimezone(UTC)
    return h.time(".age", datetime=exact.isoformat(), title=f"{words.moment(time)} UTC")[f"{words.moment(time)} UTC"]


def since(time: datetime) -> h.Renderable:
    """For how long something goes on; without the script, since when."""
    return h.time(".since", datetime=time.astimezone(UTC).isoformat())[f"{words.moment(time)} UTC"]


def clock(time: datetime | None) -> h.Node:
    """When something happened, by the clock of UTC."""
    if time is None:
        return h.span(".sub")["now"]
    exact = time.astimezone(UTC)
    return h.time(".sub", datetime=exact.isoformat(), title=f"{words.moment(time)} UTC")[exact.strftime("%H:%M:%S")]


def deployment_link(deployment_id: str, name: str = "") -> h.Renderable:
    return h.a(href=address(DEPLOYMENT, deployment=deployment_id), title=plain(deployment_id))[
        name or plain(deployment_id)
    ]


def target_link(deployment_id: str, target_id: str, name: str) -> h.Renderable:
    return h.a(href=address(TARGET, deployment=deployment_id, target=target_id))[plain(name)]


def log(lines: Iterable[str], label: str) -> h.Renderable:
    """Lines that scripts have said; one that cannot be seen in whole can be scrolled to by keys."""
    return h.pre(".log", tabindex="0", role="region", aria_label=label)["\n".join(map(plain_log, lines))]


def progress(info: Mapping[str, Any]) -> h.Node:
    """How many hosts are in which state, as one bar and in words."""
    overview = info.get("deploymentOverview") or {}
    total = sum(overview.values())
    if not total:
        return None
    return [
        h.svg(".bar", viewBox=f"0 0 {total} 1", preserveAspectRatio="none", aria_hidden="true")[
            list(_segments(overview))
        ],
        h.div(".sub")[words.targets(overview)],
    ]


def _segments(overview: Mapping[str, int]) -> Any:
    at = 0
    for each in OVERVIEW:
        if count := overview.get(each, 0):
            yield h.Element("rect")(class_=f"is-{each}", x=at, y=0, width=count, height=1)
            at += count


def late(trouble: str) -> h.Node:
    """Why the engine cannot be asked now, while what was seen of a deployment stays."""
    if not trouble:
        return None
    return h.div(".trouble", role="alert")[h.p[f"No answer, asking again: {plain(trouble)}"]]


def health(found: Health) -> h.Renderable:
    """How a group stands."""
    return badge(found, _HEALTH[found])


def table(
    name: str, heads: Sequence[h.Node], rows: Sequence[h.Renderable], *, kind: str = "", caption: str = ""
) -> h.Renderable:
    """Wider than the page it is scrolled, also by keys; on a narrow screen each row is a stack. `name`: plain already;
    `kind`: classes of its own, for example ".hosts"."""
    return h.div(".scroll", tabindex="0", role="region", aria_label=name)[
        h.table(f"{kind}.stack")[
            h.caption(".hidden")[caption] if caption else None,
            h.thead[h.tr[(h.th(scope="col")[each] for each in heads)]],
            h.tbody[rows],
        ]
    ]


def facts(lines: Iterable[tuple[str, str]]) -> h.Renderable:
    """Names and what there is of each, plain already."""
    return h.dl(".facts")[([h.dt[name], h.dd[text]] for name, text in lines)]


def nothing_yet(found: Seen) -> list[Part]:
    """What a page shows before anything was read."""
    return [trouble(found), Part("head", loading(found))]


def trouble(*seen: Seen) -> Part:
    """What is wrong with the readers of a page, with the remedy."""
    found = {each.error.message for each in seen if each.error}
    stale = any(each.value is not None for each in seen if each.error)
    note = "What is shown is older; it is asked for again." if stale else "It is asked for again."
    return Part(
        "trouble", [h.div(".trouble", role="alert")[h.p[plain(each)], h.p(".sub")[note]] for each in sorted(found)]
    )


def loading(seen: Seen) -> h.Node:
    return [h.h1["Nothing can be shown" if seen.error else "Reading"]]

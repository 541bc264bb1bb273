"""A report as one page of HTML that needs nothing else: no script, no font, no request to anywhere."""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator
from statistics import median_low

import htpy as h
from markupsafe import Markup

from cli.view import chart, waits, words
from cli.view.causes import headline, unsaid
from cli.view.facts import facts
from cli.view.output import plain, plain_log
from cli.view.report.gathered import MAX_HOSTS, Host, Report
from cli.view.report.style import STYLE
from functions.core.messages import texts
from functions.core.records import SharedFailure
from functions.core.statuses import DeploymentStatus, TargetStatus

_TONES = {
    DeploymentStatus.SUCCEEDED: "good",
    DeploymentStatus.FAILED: "bad",
    DeploymentStatus.STOPPED: "odd",
    TargetStatus.SKIPPED: "odd",
    "ALARM": "bad",
    "OK": "good",
}
_COMMAND = ": stepdeploy "
_CHART = "Healthy hosts over time"


def page(report: Report) -> str:
    """The whole file."""
    info = report.info
    title = f"{plain(info['deploymentId'])} {words.group_of(info)} {words.outcome(info)}"
    return str(
        h.html(lang="en")[
            h.head[
                h.meta(charset="utf-8"),
                h.meta(http_equiv="Content-Security-Policy", content=_policy()),
                h.meta(name="viewport", content="width=device-width,initial-scale=1"),
                h.meta(name="referrer", content="no-referrer"),
                h.title[title],
                h.style[Markup(STYLE)],  # noqa: S704 -- it is ours
            ],
            h.body[h.main[list(_sections(report))], _footer(report)],
        ]
    )


def _policy() -> str:
    """This one style, and nothing else: whatever a text brings with it does nothing."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _sections(report: Report) -> Iterator[h.Node]:
    yield _head(report)
    yield _numbers(report)
    yield _healthy(report)
    yield _stages(report)
    yield _alarms(report)
    yield _causes(report)
    yield _happened(report)
    yield _rollback(report)
    yield _next(report)
    yield _hosts(report)


def _head(report: Report) -> h.Node:
    info = report.info
    lines = [*facts(info, report.now), ("engine", f"stack {plain(report.stack)} in {plain(report.region)}")]
    failure = info.get("errorInformation")
    return h.header[
        h.h1[f"{words.group_of(info)}: {words.revision_name(info, 80)}"],
        h.p[h.span(class_=f"state {_tone(info['status'])}")[words.outcome(info)], " ", _code(info["deploymentId"])],
        h.p(".notice")[h.strong[plain(failure.get("code"))], ": ", plain(failure.get("message"))] if failure else None,
        h.dl(".facts")[([h.dt[name], h.dd[text]] for name, text in lines)],
    ]


def _numbers(report: Report) -> h.Node:
    found = list(_counted(report))
    return h.dl(".numbers")[
        (h.div[h.dt[name], h.dd[value], h.dd(".note")[note] if note else None] for name, value, note in found)
    ]


def _counted(report: Report) -> Iterator[tuple[str, str, str]]:
    """Names, numbers, and a note where one is needed."""
    info, overview = report.info, report.info.get("deploymentOverview") or {}
    total = sum(overview.values())
    yield "hosts", f"{total:,}", ""
    for status in (TargetStatus.SUCCEEDED, TargetStatus.FAILED, TargetStatus.SKIPPED):
        if overview.get(status) or status is not TargetStatus.SKIPPED:
            yield status.lower(), f"{overview.get(status, 0):,}", ""
    yield "took", words.span(words.duration(info, report.now)), "" if info.get("completeTime") else "and goes on"
    if found := report.healthy:
        yield (
            "fewest in service",
            f"{found.lowest.healthy:,}",
            f"of {found.total:,}, at least {found.promised:,} promised",
        )
    if times := report.out_of_service():
        longest, host = times[-1]
        note = f"the longest: {words.span(longest)} ({plain(report.names.get(host, host))})"
        yield "a host was out for", words.span(median_low(length for length, _ in times)), note


def _healthy(report: Report) -> h.Node:
    if not report.healthy:
        return None
    return [
        h.h2[_CHART],
        h.div(".scroll", tabindex="0", role="region", aria_label=_CHART)[chart.chart(report.healthy, _CHART)],
    ]


def _stages(report: Report) -> h.Node:
    info = report.info
    lines = list(waits.stages(info))
    if not lines:
        return None
    counts = Counter((each.get("stage"), each["status"]) for each in report.targets)
    return [
        h.h2["Stages"],
        h.ol[
            (
                h.li[
                    line.partition(". ")[2],
                    h.div(".quiet")[
                        words.targets({status: counts[number, status] for status in TargetStatus}).partition(": ")[2]
                    ],
                ]
                for number, line in enumerate(lines)
            )
        ],
        (h.p(".quiet")[line] for line in waits.analyses(info)),
    ]


def _alarms(report: Report) -> h.Node:
    if not report.alarms:
        return None
    return [
        h.h2["Alarms"],
        h.p(".quiet")[f"As they were at {words.moment(report.now)} UTC."],
        h.ul[
            (
                h.li[
                    plain(name),
                    " ",
                    h.strong(class_=_TONES.get(state, "odd"))[plain(state)],
                    f" since {words.moment(since)}" if since else None,
                ]
                for name, (state, since) in sorted(report.alarms.items())
            )
        ],
    ]


def _causes(report: Report) -> h.Node:
    if not report.why.found:
        return None
    return [h.h2["Why hosts failed"], (_cause(report, each) for each in report.why.found)]


def _cause(report: Report, cause: SharedFailure) -> h.Node:
    first = cause.target_ids[0]
    message, log = unsaid(cause.failure), report.why.logs.get(first)
    hosts = words.names([report.names.get(each, each) for each in cause.target_ids], most=10, of=cause.count)
    return h.article(".cause")[
        h.h3[f"{words.counted(cause.count, 'host')}: {headline(cause.failure)}"],
        h.p[plain(message)] if message else None,
        h.p(".quiet")[f"on {hosts}"],
        h.p[f"{plain(texts.out_of(cause.out_of))} until a deployment succeeds there"] if cause.out_of else None,
        [
            h.p(".quiet")[f"the end of the log on {plain(report.names.get(first, first))}:"],
            h.pre[h.code["\n".join(map(plain_log, log))]],
        ]
        if log
        else None,
    ]


def _happened(report: Report) -> h.Node:
    return [
        h.h2["What happened"],
        h.table[
            h.caption["Times are in UTC."],
            h.thead[h.tr[h.th(scope="col")["Time"], h.th(scope="col")["What"]]],
            h.tbody[(h.tr[h.td(".whole")[words.moment(each.time)], h.td[each.what]] for each in report.happened())],
        ],
    ]


def _rollback(report: Report) -> h.Node:
    if not report.rollback:
        return None
    info = report.rollback
    found = info["deploymentId"]
    return [
        h.h2["Rollback"],
        h.p[
            _code(found),
            " to ",
            words.revision_name(info, 80),
            ": ",
            h.strong(class_=_tone(info["status"]))[words.outcome(info)],
            f", {words.done(info)}",
        ],
        h.p[_code(f"stepdeploy show {found}"), " ", _code(f"stepdeploy report {found}")],
    ]


def _next(report: Report) -> h.Node:
    if not report.why.steps:
        return None
    return [h.h2["What to do next"], h.ul[(h.li[_step(each)] for each in report.why.steps)]]


def _step(text: str) -> h.Node:
    """A command apart from the sentence before it."""
    before, colon, command = plain(text).rpartition(_COMMAND)
    return [before, ": ", h.code[f"stepdeploy {command}"]] if colon else command


def _hosts(report: Report) -> h.Node:
    if not report.targets:
        return None
    hosts, left = report.hosts, len(report.targets) - MAX_HOSTS
    has_stages = bool(report.info.get("stages"))
    heads = ["Host", "Status", *(["Stage"] if has_stages else []), "Zone", "Out of service", "For", "Why it failed"]
    more = f" {words.counted(left, 'host')} more are left out, none of which failed."
    if left > 0 and any(each["status"] == TargetStatus.FAILED for each in report.targets[MAX_HOSTS:]):
        more = f" {words.counted(left, 'host')} more are left out; those that failed are in the causes above."
    return [
        h.h2["Hosts"],
        h.div(".scroll", tabindex="0", role="region", aria_label="Hosts")[
            h.table[
                h.caption[f"{words.counted(len(hosts), 'host')}, the failed ones first.{more if left > 0 else ''}"],
                h.thead[h.tr[(h.th(scope="col")[each] for each in heads)]],
                h.tbody[(_host(each, has_stages=has_stages) for each in hosts)],
            ]
        ],
    ]


def _host(host: Host, *, has_stages: bool) -> h.Renderable:
    name, is_back = plain(host.name or host.id), host.status == TargetStatus.SUCCEEDED
    length = host.updated - host.out_since if is_back and host.updated and host.out_since else None
    return h.tr[
        h.th(".whole", scope="row")[name, h.div(".quiet")[plain(host.id)] if host.name else None],
        h.td(class_=_tone(host.status))[plain(host.status)],
        h.td["-" if host.stage is None else str(host.stage + 1)] if has_stages else None,
        h.td(".whole")[plain(host.zone or "-")],
        h.td(".whole")[words.moment(host.out_since)],
        h.td(".whole")["still out" if host.status == TargetStatus.FAILED else words.span(length)],
        h.td[host.why or "-"],
    ]


def _footer(report: Report) -> h.Node:
    return h.footer[f"Written at {words.moment(report.now)} UTC by stepdeploy report."]


def _code(text: str) -> h.Node:
    return h.code[plain(text)]


def _tone(status: str) -> str:
    return _TONES.get(status, "busy")

"""All deployment groups: how they stand, what runs there, what is being deployed, and what closes them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Any

import htpy as h

from cli.account.connection import Engine, if_allowed
from cli.account.fleet_now import FleetNow, fleet_now
from cli.account.group_name import Group
from cli.account.groups import Info, group_infos
from cli.console import markup
from cli.console.page import Given, Page, Part, Shown
from cli.console.pages.group import group_address
from cli.console.readers import Pause, Seen, Topic
from cli.view import standing, waits, words
from cli.view.output import plain
from functions.core.records.calendar import EVERYWHERE

_SECONDS, _GROUPS_SECONDS, _FLEET_SECONDS = 3.0, 15.0, 60.0  # between two looks: at deployments, groups, fleets
_FLEETS_AT_ONCE = 6  # of a look


@dataclass(frozen=True, kw_only=True)
class Overview:
    """The groups of an account."""

    groups: Sequence[Info]
    running: Sequence[words.Info]  # DeploymentInfos, the oldest first
    freezes: Sequence[Mapping[str, Any]] = ()
    fleets: Mapping[Group, FleetNow] = field(default_factory=dict)  # as far as they are known already


@dataclass(frozen=True)
class Groups:
    """All of them."""

    def read(self, engine: Engine, pause: Pause) -> Iterator[Overview]:
        fleets = _Fleets(engine)
        groups, freezes, due = list[Info](), list[Mapping[str, Any]](), 0.0
        before: set[str] = set()
        while True:
            running = standing.running(engine.api)
            ids = {each["deploymentId"] for each in running}
            if monotonic() >= due or before - ids:  # one that has ended is its group's last one now
                groups = list(group_infos(engine.api))
                freezes = if_allowed(lambda: engine.api.list_windows()["freezes"], [])
                due = monotonic() + _GROUPS_SECONDS
            before = ids
            yield Overview(groups=groups, running=running, freezes=freezes, fleets=fleets.known)
            if fleets.look(groups):
                yield Overview(groups=groups, running=running, freezes=freezes, fleets=fleets.known)
            pause(_SECONDS)


class _Fleets:
    """What hosts run, read of a few groups at a time: those first of which nothing is known, or that have changed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._since: dict[Group, tuple[float, tuple[Any, ...]]] = {}
        self.known: dict[Group, FleetNow] = {}

    def look(self, infos: Sequence[Info]) -> bool:
        """Whether there was anything to read."""
        due = [info for info in infos if self._is_due(info)][:_FLEETS_AT_ONCE]
        for info in due:
            group = standing.group_name(info)
            self.known = {**self.known, group: fleet_now(self._engine, group, info)}
            self._since[group] = (monotonic(), _last(info))
        return bool(due)

    def _is_due(self, info: Info) -> bool:
        since, last = self._since.get(standing.group_name(info), (None, ()))
        return since is None or last != _last(info) or monotonic() - since > _FLEET_SECONDS


def _last(info: Info) -> tuple[Any, ...]:
    return tuple(
        (info.get(name) or {}).get("deploymentId") for name in ("lastSuccessfulDeployment", "lastAttemptedDeployment")
    )


# -- what is shown


def _show(given: Given, seen: Mapping[Topic, Seen], now: datetime) -> Shown:
    (found,) = seen.values()
    overview: Overview | None = found.value
    return Shown(
        title="Groups · stepdeploy",
        trail=[("Groups", "")],
        parts=[
            markup.trouble(found),
            Part("summary", _summary(overview) if overview else markup.loading(found)),
            Part("groups", _table(overview, now) if overview else None),
        ],
    )


def _summary(overview: Overview) -> h.Node:
    at_work = [each for each in overview.running if each["status"] != "Queued"]
    return [
        h.h1["Groups"],
        h.p(".sub")[
            f"{words.counted(len(overview.groups), 'group')}, "
            f"{words.counted(len(at_work), 'deployment')} running, {len(overview.running) - len(at_work):,} queued"
        ],
    ]


def _table(overview: Overview, now: datetime) -> h.Node:
    if not overview.groups:
        return h.p["There are no deployment groups yet: declare some in deployments.yaml, then run cdk deploy."]
    heads = ("Group", "State", "Live revision", "Hosts", "Now", "Last deployment")
    rows = [_row(info, overview, now) for info in overview.groups]
    return markup.table(
        "Groups", heads, rows, kind=".groups", caption="Every deployment group and what is deployed there"
    )


def _row(info: Info, overview: Overview, now: datetime) -> h.Renderable:
    group = standing.group_name(info)
    fleet = overview.fleets.get(group)
    mine = standing.of_group(list(overview.running), group)
    frozen = [each for each in overview.freezes if _is_frozen(each, group, now)]
    return h.tr(id=markup.key("group", str(group)))[
        h.th(scope="row")[h.a(href=group_address(group))[plain(str(group))]],
        h.td[_state(fleet)],
        h.td[_live(fleet)],
        h.td[_hosts(fleet)],
        h.td[[_running(each) for each in mine], [_freeze(each) for each in frozen]],
        h.td[_last_deployment(info)],
    ]


def _state(fleet: FleetNow | None) -> h.Node:
    if fleet is None:
        return h.span(".quiet")["reading"]
    return markup.health(standing.health(fleet))


def _live(fleet: FleetNow | None) -> h.Node:
    if not fleet or not fleet.wanted:
        return h.span(".quiet")["none yet" if fleet else ""]
    wanted = fleet.wanted
    return [
        markup.deployment_link(wanted["deploymentId"], words.revision_name(wanted)),
        h.div(".sub")[markup.age(wanted.get("completeTime")), " by ", words.asker(wanted)],
    ]


def _hosts(fleet: FleetNow | None) -> h.Node:
    if not fleet:
        return None
    others = standing.elsewhere(fleet)
    return [
        h.div[f"{fleet.current:,} of {words.counted(len(fleet.there), 'host')}"],
        h.div(".sub.drift")[others] if others else None,
    ]


def _running(info: words.Info) -> h.Node:
    why = waits.waiting(info)
    return h.div(".now")[
        markup.status(info["status"]),
        " ",
        markup.deployment_link(info["deploymentId"], words.revision_name(info)),
        markup.progress(info),
        h.div(".sub")[f"waits {why}"] if why else None,
    ]


def _freeze(freeze: Mapping[str, Any]) -> h.Node:
    return h.div(".now")[
        markup.badge("frozen", "odd"), h.div(".sub")[f"{words.lasts(freeze)}: {plain(freeze['reason'])}"]
    ]


def _is_frozen(freeze: Mapping[str, Any], group: Group, now: datetime) -> bool:
    is_mine = freeze["scope"] in (EVERYWHERE, group.application, str(group))
    return is_mine and freeze["from"] <= now and (not freeze.get("to") or now < freeze["to"])


def _last_deployment(info: Info) -> h.Node:
    last = info.get("lastAttemptedDeployment") or {}
    if not last:
        return h.span(".quiet")["none yet"]
    return [
        markup.status(words.with_failed_hosts(last.get("status", "-"), last.get("failedHosts", 0))),
        h.div(".sub")[markup.deployment_link(last["deploymentId"]), " ", markup.age(last.get("endTime"))],
    ]


PAGE = Page(path="/", topics=lambda given: (Groups(),), show=_show)

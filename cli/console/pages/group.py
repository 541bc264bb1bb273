"""One group: what runs there, its deployments, and the revisions that were good; what can be begun."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import htpy as h

from cli.account import deployments
from cli.account.connection import Engine, if_allowed
from cli.account.fleet_now import FleetNow, fleet_now
from cli.account.good_deployments import Good, Goods, good_deployments
from cli.account.group_name import Group
from cli.account.groups import Info, group_info
from cli.console import markup
from cli.console.forms import Link
from cli.console.page import Given, Page, Part, Shown, address
from cli.console.readers import Pause, Seen, Topic
from cli.view import standing, waits, words
from cli.view.output import plain

GROUP = "/groups/{application}/{group}"
_SECONDS, _SHOWN = 10.0, 50


def group_address(group: Group) -> str:
    return address(GROUP, application=group.application, group=group.name)


def group_of(given: Given) -> Group:
    return Group(given["application"], given["group"])


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A group with its past."""

    info: Info
    fleet: FleetNow
    history: Sequence[words.Info]  # DeploymentInfos, the newest first
    goods: Goods
    closed: Mapping[str, Any]  # why nothing may begin there now; empty where it may


@dataclass(frozen=True)
class OneGroup:
    """Now and again."""

    group: Group

    def read(self, engine: Engine, pause: Pause) -> Iterator[Standing]:
        while True:
            info = group_info(engine.api, self.group)
            yield Standing(
                info=info,
                fleet=fleet_now(engine, self.group, info),
                history=list(deployments.newest(engine.api, _SHOWN, **self.group.members)),
                goods=good_deployments(engine, self.group),
                closed=closed(engine, self.group),
            )
            pause(_SECONDS)


def closed(engine: Engine, group: Group) -> Mapping[str, Any]:
    """Empty also where these credentials may not see it."""
    return if_allowed(lambda: engine.api.list_windows(**group.members).get("closed") or {}, {})


def trail(given: Given, *more: tuple[str, str]) -> list[tuple[str, str]]:
    group = group_of(given)
    return [("Groups", "/"), (plain(str(group)), group_address(group) if more else ""), *more]


def _show(given: Given, seen: Mapping[Topic, Seen], now: datetime) -> Shown:
    (found,) = seen.values()
    value: Standing | None = found.value
    group = group_of(given)
    title = f"{plain(str(group))} · stepdeploy"
    if value is None:
        return Shown(title=title, trail=trail(given), parts=markup.nothing_yet(found))
    return Shown(
        title=title,
        trail=trail(given),
        links=list(_links(group)),
        parts=[
            markup.trouble(found),
            Part("head", _head(group, value)),
            Part("history", _history(value)),
            Part("goods", _goods(value.goods), aside=True),
            Part("settings", _settings(value.info), aside=True),
        ],
    )


def _links(group: Group) -> Iterator[Link]:
    here = group_address(group)
    yield Link(f"{here}/deploy", "Deploy", "CreateDeployment")
    yield Link(f"{here}/rollback", "Roll back", "RollBackDeploymentGroup")
    yield Link(f"/windows?scope={address('{scope}', scope=str(group))}", "Freeze", "CreateFreeze")


def _head(group: Group, value: Standing) -> h.Node:
    health, fleet = standing.health(value.fleet), value.fleet
    live = words.revision_name(fleet.wanted) if fleet.wanted else "nothing yet"
    elsewhere = standing.elsewhere(fleet)
    return [
        h.div(".headline")[h.h1[plain(str(group))], markup.health(health)],
        h.p(".sub")[
            f"{live} on {fleet.current:,} of {words.counted(len(fleet.there), 'host')}",
            f"; {elsewhere}" if elsewhere else None,
        ],
        h.div(".notice")[h.p[f"{words.closed(value.closed)}"]] if value.closed else None,
    ]


def _history(value: Standing) -> h.Node:
    if not value.history:
        return h.p["Nothing was deployed there yet."]
    heads = ("Deployment", "Status", "Revision", "Hosts", "Created", "Took", "By")
    return [
        h.h2["Deployments"],
        markup.table(
            "Deployments",
            heads,
            [_row(each) for each in value.history],
            caption=f"The newest {_SHOWN} deployments of the group",
        ),
    ]


def _row(info: words.Info) -> h.Renderable:
    begun, ended = info.get("startTime"), info.get("completeTime")
    why = waits.waiting(info)
    return h.tr(id=markup.key("deployment", info["deploymentId"]))[
        h.th(".whole", scope="row")[markup.deployment_link(info["deploymentId"])],
        h.td[markup.status(words.outcome(info)), h.div(".sub")[why] if why else None],
        h.td[words.revision_name(info)],
        h.td[words.done(info)],
        h.td[markup.age(info.get("createTime"))],
        h.td[words.span(ended - begun) if begun and ended else "-"],
        h.td[words.asker(info)],
    ]


def _goods(goods: Goods) -> h.Node:
    """What a rollback may go to, and where one would go now."""
    return [
        h.h2["Good revisions"],
        h.p(".sub")[plain(goods.reason)],
        h.ul(".plain")[(_good(each) for each in goods.found)],
    ]


def _good(good: Good) -> h.Renderable:
    name = words.revision_name(good.info)
    return h.li[
        markup.deployment_link(good.id, name),
        " ",
        markup.badge("a rollback goes here", "good") if good.is_default else None,
        h.div(".sub")[
            f"succeeded on {good.reached} hosts, ",
            markup.age(good.info.get("completeTime")),
            f"; ruled out: {plain(good.ruled_out)}" if good.ruled_out else None,
        ],
    ]


def _settings(info: Info) -> h.Node:
    rollback = info.get("autoRollbackConfiguration") or {}
    alarms = info.get("alarmConfiguration") or {}
    lines = [
        ("config", plain(info.get("deploymentConfigName", "-"))),
        ("budgets", words.names(info.get("budgets") or ()) or "-"),
        ("rollback on", words.names(rollback.get("events") or ()) if rollback.get("enabled") else "nothing"),
        ("alarms", words.names([each["name"] for each in alarms.get("alarms", ())]) or "-"),
        (
            "declared",
            "in deployments.yaml" if info.get("isDeclared") else plain(info.get("registeredBy") or "no"),
        ),
    ]
    return [h.h2["Settings"], markup.facts(lines)]


PAGE = Page(path=GROUP, topics=lambda given: (OneGroup(group_of(given)),), show=_show)

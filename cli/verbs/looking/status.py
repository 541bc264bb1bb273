"""`stepdeploy status [APPLICATION | APPLICATION/GROUP]`: what runs on every group's hosts, and what is deployed now.

A group is `ok` when all its hosts have the revision of its last successful deployment, `mixed` when some have another,
`failed` when the last deployment failed on some, and `empty` when no deployment ever succeeded or it has no hosts.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import click

from cli.account import deployments
from cli.account.completions import groups
from cli.account.connection import Engine
from cli.account.fleet_now import FleetNow, State, fleet_now
from cli.account.group_name import Group
from cli.account.groups import Info, group_info, group_infos
from cli.view import words
from cli.view.output import json_option, tell_json
from cli.view.tables import Cell, Column, Row, tell_table
from functions.core.statuses import RUNNING, DeploymentStatus

_THREADS = 8
_RUNNING = [*RUNNING, DeploymentStatus.QUEUED]
_HEAD = (
    Column("GROUP", least=16),
    Column("STATE"),
    Column("REVISION", least=12),
    Column("HOSTS", least=20),
    Column("SINCE", is_time=True),
    Column("BY", least=8),
    Column("NOW"),
)


class Health(StrEnum):
    OK = "ok"
    MIXED = "mixed"
    FAILED = "failed"
    EMPTY = "empty"


_COLORS = {Health.OK: "green", Health.MIXED: "yellow", Health.FAILED: "red", Health.EMPTY: "yellow"}


@dataclass(frozen=True, kw_only=True)
class Status:
    """A group as it is now."""

    group: Group
    fleet: FleetNow
    running: list[words.Info]  # DeploymentInfos, the oldest first

    @property
    def health(self) -> Health:
        states = {each.state for each in self.fleet.there}
        if State.FAILED in states:
            return Health.FAILED
        if not self.fleet.wanted or not states - {State.EMPTY}:
            return Health.EMPTY
        return Health.OK if states == {State.CURRENT} else Health.MIXED


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy status
  stepdeploy status shop/web
  stepdeploy status --json | jq -r '.groups[] | select(.state != "ok").group'""",
)
@click.argument("name", required=False, metavar="[APPLICATION | APPLICATION/GROUP]", shell_complete=groups)
@json_option
def command(name: str | None, as_json: bool) -> None:
    engine = Engine()
    running = _running(engine)
    infos = list(_infos(engine.api, name))

    def look(info: Info) -> Status:
        group = Group(info["applicationName"], info["deploymentGroupName"])
        mine = [each for each in running if _is_of(each, group)]
        return Status(group=group, fleet=fleet_now(engine, group, info), running=mine)

    with ThreadPoolExecutor(_THREADS) as threads:
        found = list(threads.map(look, infos))
    if as_json:
        tell_json({"groups": [_plain(each) for each in found]})
    elif found:
        tell_table(_HEAD, [_row(each) for each in found])
    else:
        click.echo("no deployment groups", err=True)


def _infos(api: Any, name: str | None) -> Iterator[Info]:
    application, _, group = (name or "").partition("/")
    return iter([group_info(api, Group(application, group))]) if group else group_infos(api, application or None)


def _running(engine: Engine) -> list[words.Info]:
    pages = engine.api.get_paginator("list_deployments").paginate(includeOnlyStatuses=_RUNNING)
    return sorted(deployments.read(engine.api, pages.search("deployments[]")), key=lambda each: each["createTime"])


def _is_of(info: words.Info, group: Group) -> bool:
    return (info.get("applicationName"), info.get("deploymentGroupName")) == group


def _row(each: Status) -> Row:
    wanted = each.fleet.wanted
    return [
        str(each.group),
        Cell(each.health, _COLORS[each.health]),
        words.revision_name(wanted) if wanted else "-",
        _hosts(each.fleet),
        wanted.get("completeTime"),
        words.asker(wanted) if wanted else "-",
        ", ".join(map(_now, each.running)) or "-",
    ]


def _hosts(fleet: FleetNow) -> str:
    """Those with the wanted revision, and where the others are."""
    others = replace(fleet, hosts=[each for each in fleet.there if each.state is not State.CURRENT])
    return f"{fleet.current:,} of {len(fleet.there):,}" + (f", {others.line()}" if others.hosts else "")


def _now(info: words.Info) -> str:
    overview = info.get("deploymentOverview") or {}
    done, total = overview.get("Succeeded", 0) + overview.get("Failed", 0), sum(overview.values())
    return f"{info['deploymentId']} {info['status']}{f' {done:,}/{total:,}' if total else ''}"


def _plain(each: Status) -> dict[str, Any]:
    wanted = each.fleet.wanted
    return {
        "group": str(each.group),
        "state": each.health,
        "deploymentId": wanted.get("deploymentId"),
        "revision": wanted.get("revision"),
        "revisionName": words.revision_name(wanted) if wanted else None,
        "hosts": len(each.fleet.there),
        "current": each.fleet.current,
        "fleetNow": each.fleet.line(),
        "since": wanted.get("completeTime"),
        "running": [info["deploymentId"] for info in each.running],
    }

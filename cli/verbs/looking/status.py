"""`stepdeploy status [APPLICATION | APPLICATION/GROUP]`: what runs on every group's hosts, and what is deployed now.

A group is `ok` when all its hosts have the revision of its last successful deployment, `mixed` when some have another,
`failed` when the last deployment failed on some, and `empty` when no deployment ever succeeded or it has no hosts.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import click

from cli.account.completions import groups
from cli.account.connection import Engine
from cli.account.fleet_now import FleetNow, fleet_now
from cli.account.group_name import Group
from cli.account.groups import Info, group_info, group_infos
from cli.view import words
from cli.view.output import json_option, tell_json
from cli.view.standing import Health, Status, elsewhere, group_name, of_group, running
from cli.view.tables import Cell, Column, Row, tell_table

_THREADS = 8
_HEAD = (
    Column("GROUP", least=16),
    Column("STATE"),
    Column("REVISION", least=12),
    Column("HOSTS", least=20),
    Column("SINCE", is_time=True),
    Column("BY", least=8),
    Column("NOW"),
)


_COLORS = {Health.OK: "green", Health.MIXED: "yellow", Health.FAILED: "red", Health.EMPTY: "yellow"}


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
    at_work = running(engine.api)
    infos = list(_infos(engine.api, name))

    def look(info: Info) -> Status:
        group = group_name(info)
        return Status(group=group, fleet=fleet_now(engine, group, info), running=of_group(at_work, group))

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
    others = elsewhere(fleet)
    return f"{fleet.current:,} of {len(fleet.there):,}" + (f", {others}" if others else "")


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

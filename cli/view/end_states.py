"""The end states of a group's hosts, as `stepdeploy hosts --verify` tells them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import click

from cli.account.fleet_now import Host, State
from cli.account.verification import Verification
from cli.exits import Exit
from cli.view.output import plain, tell_json
from cli.view.tables import Cell, Column, tell_table
from cli.view.words import counted
from functions.core.end_state import EndState

_COLORS = {EndState.OLD: "yellow", EndState.BROKEN: "red", EndState.UNKNOWN: "yellow"}
_HEAD = (
    Column("HOST"),
    Column("NAME", least=12),
    Column("END STATE"),
    Column("FILES OF"),
    Column("WHY", least=12),
)
_NEVER = "no deployment has reached it"


def tell(hosts: Sequence[Host], found: Verification, *, as_json: bool) -> Exit:
    """The exit status: whether each host is known to stand as some deployment has left it whole."""
    told = [{**_state(each, found), "name": each.name} for each in hosts]
    if as_json:
        tell_json({"deploymentId": found.deployment_id, "hosts": told})
    else:
        click.echo(f"after {found.deployment_id}:")
        tell_table(_HEAD, [_row(each) for each in told])
        for each in told:
            for path in each.get("paths", ()):
                click.echo(plain(f"{each['name'] or each['hostId']}: {path['change']}: {path['path']}"))
        counts = Counter(each["state"] for each in told)
        click.echo(
            f"{counted(len(told), 'host')}: "
            + ", ".join(f"{counts[state]} {state.lower()}" for state in EndState if counts[state])
        )
    bad = any(each["state"] in (EndState.BROKEN, EndState.UNKNOWN) for each in told)
    return Exit.FAILED if bad else Exit.DONE


def _state(host: Host, found: Verification) -> Mapping[str, Any]:
    if host.host in found.hosts:
        return found.hosts[host.host]
    if host.state is State.EMPTY:
        return {"hostId": host.host, "state": EndState.UNTOUCHED, "reason": _NEVER}
    return {"hostId": host.host, "state": EndState.UNKNOWN, "reason": "a deployment has only just reached it"}


def _row(told: Mapping[str, Any]) -> list[Any]:
    state = EndState(told["state"])
    return [
        told["hostId"],
        told["name"] or "-",
        Cell(state.lower(), _COLORS.get(state)),
        told.get("deploymentId") or "-",
        told.get("reason") or _added(told),
    ]


def _added(told: Mapping[str, Any]) -> str:
    """What is no fault of a host that stands as it should."""
    added = (told.get("changes") or {}).get("added", 0)
    return f"{counted(added, 'file')} added since" if added else "-"

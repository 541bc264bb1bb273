"""`stepdeploy hosts APPLICATION/GROUP`: which revision runs on which host, since when, and by which deployment.

A host is `current` when it has the revision of the group's last successful deployment, `newer` when a later one brought
another, `outdated` with an earlier one, `failed` when the last deployment failed there, `empty` when no deployment
reached it yet, though the group's tags select it or it serves in an Auto Scaling group. With --gone also `gone` ones:
on record, and no longer there. Below the hosts: why some failed in the deployments that are named there, and why the
group's last deployment reached some not at all. Without the permission to list the group's instances, their names and
whether SSM reaches them are left out.

With --verify each host looks at itself, changes nothing, and tells how the group's last deployment, however it ended,
has left it: `untouched` (nothing of it ran there), `old` (something ran; the files are those that were installed
before), `new` (all of it succeeded; the files are its own), `broken`, or `unknown`, and why. Files, links and
permissions that have changed since the installation make a host `broken`; what its own scripts changed, or files that
were added, do not.
Exit status 1 when a host is broken or unknown.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import click

from cli.account import verification
from cli.account.connection import Engine
from cli.account.fleet_now import FleetNow, Host, State, fleet_now
from cli.account.group_name import Group, group_argument
from cli.account.groups import group_info
from cli.view import causes, end_states
from cli.view.output import json_option, plain, tell_json
from cli.view.tables import Cell, Column, Row, tell_table
from cli.view.words import counted
from functions.core.messages import texts
from functions.core.selection import ONLINE

_ASKED = 5  # deployments that are asked why hosts failed, the newest
_NOT_SEEN = "not allowed to see the group's instances: execute-api:Invoke on ListGroupInstances is needed"
_COLORS = {
    State.NEWER: "cyan",
    State.OUTDATED: "yellow",
    State.FAILED: "red",
    State.EMPTY: "yellow",
    State.GONE: "bright_black",
}
_HEAD = (
    Column("HOST"),
    Column("NAME", least=12),
    Column("STATE"),
    Column("REVISION", least=12),
    Column("SINCE", is_time=True),
    Column("DEPLOYMENT"),
    Column("SSM"),
)


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy hosts shop/web
  stepdeploy hosts shop/web --verify
  stepdeploy hosts shop/web --json | jq -r '.hosts[] | select(.state != "current").hostId'""",
)
@group_argument
@click.option("--gone", is_flag=True, help="Also hosts on record that no longer match the group's tags.")
@click.option("--verify", is_flag=True, help="Ask each host how it really stands: untouched, old, new or broken.")
@json_option
@click.pass_context
def command(context: click.Context, group: Group, gone: bool, verify: bool, as_json: bool) -> None:
    engine = Engine()
    info = group_info(engine.api, group)
    now = fleet_now(engine, group, info, with_ping=True)
    hosts = now.hosts if gone else now.there
    if not now.is_seen:
        click.echo(_NOT_SEEN, err=True)
    if verify:
        context.exit(end_states.tell(hosts, verification.verify(engine, group), as_json=as_json))
    why = {each["deploymentId"]: causes.causes(engine.api, each) for each in _failed(engine, info, hosts)}
    if as_json:
        told = [{"deploymentId": each, **causes.told(cause)} for each, found in why.items() for cause in found]
        tell_json({"revision": now.wanted.get("revision"), "hosts": [_told(each) for each in hosts], "causes": told})
        return
    _show(hosts, now)
    if left := len(now.hosts) - len(hosts):
        click.echo(f"{counted(left, 'gone host')} left out: --gone lists those, too", err=True)
    for each, found in why.items():
        for line in causes.lines(found):
            click.echo(f"{each}  {line}")


def _failed(engine: Engine, info: Mapping[str, Any], hosts: Sequence[Host]) -> list[Mapping[str, Any]]:
    """The deployments in which hosts failed that have failed since, and the group's last one: it may have reached none
    of a host. DeploymentInfos, the newest first."""
    last = (info.get("lastAttemptedDeployment") or {}).get("deploymentId")
    begun = {each.deployment: each.since for each in hosts if each.state is State.FAILED and each.deployment}
    ids = [last] if last else []
    ids += sorted(begun.keys() - {last}, key=lambda each: str(begun[each]), reverse=True)
    found = [engine.api.get_deployment(deploymentId=each)["deploymentInfo"] for each in ids[:_ASKED]]
    return [each for each in found if causes.failed_targets(each)]


def _told(each: Host) -> dict[str, Any]:
    """With the names that ListHosts has."""
    told = asdict(each)
    out = {"outOfLoadBalancers": list(told.pop("out_of"))}
    return {"hostId": told.pop("host"), "deploymentId": told.pop("deployment"), **told, **out}


def _show(hosts: Sequence[Host], now: FleetNow) -> None:
    tell_table(_HEAD, [_row(each, now) for each in hosts])
    click.echo(_counted(hosts, is_pinged=now.is_seen))
    for each in hosts:
        if each.out_of:
            click.echo(plain(f"{each.host} is {texts.out_of(each.out_of)} until a deployment succeeds there"))


def _row(each: Host, now: FleetNow) -> Row:
    ssm = Cell(each.ping or "not managed", None if each.ping == ONLINE else "yellow") if now.is_seen else Cell("-")
    return [
        each.host,
        each.name or "-",
        Cell(each.state, _COLORS.get(each.state)),
        now.revision_of(each),
        each.since,
        each.deployment or "-",
        ssm,
    ]


def _counted(hosts: Sequence[Host], *, is_pinged: bool) -> str:
    counts = Counter(each.state for each in hosts)
    told = [f"{counts[state]} {state}" for state in State if counts[state]]
    if silent := sum(each.ping != ONLINE for each in hosts if is_pinged):
        told.append(f"{silent} not online")
    return f"{counted(len(hosts), 'host')}{': ' if told else ''}{', '.join(told)}"

"""`stepdeploy list [APPLICATION[/GROUP]]`: the deployments of an account and Region, the newest first."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import islice
from typing import Any

import click

from cli.account.completions import applications, group_names, groups
from cli.account.connection import Engine
from cli.account.deployments import newest
from cli.account.group_name import Group
from cli.account.groups import group_names as names_of
from cli.durations import DURATION
from cli.view import words
from cli.view.output import json_option, tell_json
from cli.view.tables import Column, Row, status_cell, tell_table
from functions.core.statuses import DeploymentStatus

_HEAD = (
    Column("DEPLOYMENT"),
    Column("GROUP", least=16),
    Column("STATUS"),
    Column("STARTED", is_time=True),
    Column("DURATION"),
    Column("BY", least=8),
    Column("REVISION", least=12),
)


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy list
  stepdeploy list shop/web --status Failed --since 7d
  stepdeploy list --since 24h --json | jq -r '.deployments[].deploymentId'""",
)
@click.argument("name", required=False, metavar="[APPLICATION[/GROUP]]", shell_complete=groups)
@click.option("--application", metavar="NAME", shell_complete=applications, help="Only this application.")
@click.option("--group", metavar="NAME", shell_complete=group_names, help="Only this group of the application.")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice([each.value for each in DeploymentStatus], case_sensitive=False),
    help="Only this status; can be repeated.",
)
@click.option("--since", type=DURATION, help="Made in the last 90s, 15m, 24h, 7d. Default: ever.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Show at most this many.")
@json_option
def command(
    name: str | None,
    application: str | None,
    group: str | None,
    statuses: tuple[str, ...],
    since: int | None,
    limit: int,
    as_json: bool,
) -> None:
    if name and (application or group):
        raise click.UsageError("give APPLICATION[/GROUP], or --application and --group")
    if name:
        application, _, group = name.partition("/")
    if group and not application:
        raise click.UsageError("--group needs --application")
    now = datetime.now(UTC)
    asked: dict[str, Any] = {"includeOnlyStatuses": list(statuses)} if statuses else {}
    if since is not None:
        asked["createTimeRange"] = {"start": now - timedelta(seconds=since)}
    infos = list(islice(_found(Engine().api, application, group, asked, limit), limit))
    if as_json:
        tell_json({"deployments": infos})
    elif infos:
        tell_table(_HEAD, [_row(info, now) for info in infos])
    else:
        click.echo("no deployments", err=True)


def _found(
    api: Any, application: str | None, group: str | None, asked: Mapping[str, Any], limit: int
) -> Iterator[words.Info]:
    """The newest first. The API finds those of a group, or all: those of an application are of its groups."""
    if not application:
        return newest(api, limit, **asked)
    names = [group] if group else names_of(api, application)
    of_groups = (newest(api, limit, **asked, **Group(application, name).members) for name in names)
    return merge(*of_groups, key=lambda info: info["createTime"], reverse=True)


def _row(info: words.Info, now: datetime) -> Row:
    return [
        info["deploymentId"],
        words.group_of(info),
        status_cell(words.outcome(info)),
        info.get("startTime"),
        words.span(words.duration(info, now)),
        words.asker(info),
        words.revision_name(info),
    ]

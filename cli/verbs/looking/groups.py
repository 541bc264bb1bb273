"""`stepdeploy groups [APPLICATION]`: the deployment groups, their hosts' tags, and how their last deployment went."""

from collections.abc import Mapping

import click

from cli.account.completions import applications
from cli.account.connection import Engine
from cli.account.groups import Info, group_infos
from cli.view import words
from cli.view.output import json_option, tell_json
from cli.view.tables import Column, Row, status_cell, tell_table

_HEAD = (
    Column("GROUP", least=16),
    Column("LAST DEPLOYMENT"),
    Column("STATUS"),
    Column("ENDED", is_time=True),
    Column("CONFIG", least=16),
    Column("HOSTS", least=12),
)
Filter = Mapping[str, str]  # an EC2TagFilter or TagFilter


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy groups
  stepdeploy groups shop
  stepdeploy groups --json | jq -r '.groups[] | select(.lastAttemptedDeployment.status == "Failed").deploymentGroupName'
""",
)
@click.argument("application", required=False, shell_complete=applications)
@json_option
def command(application: str | None, as_json: bool) -> None:
    infos = list(group_infos(Engine().api, application))
    if as_json:
        tell_json({"groups": infos})
    elif infos:
        tell_table(_HEAD, [_row(info) for info in infos])
    else:
        click.echo("no deployment groups", err=True)


def _row(info: Info) -> Row:
    last = info.get("lastAttemptedDeployment") or {}
    return [
        words.group_of(info),
        last.get("deploymentId", "-"),
        status_cell(words.with_failed_hosts(last.get("status", "-"), last.get("failedHosts", 0))),
        last.get("endTime"),
        info.get("deploymentConfigName", "-"),
        hosts(info),
    ]


def hosts(info: Info) -> str:
    """The tags by which a group finds its hosts.

    >>> hosts({"ec2TagFilters": [{"Key": "role", "Value": "web", "Type": "KEY_AND_VALUE"}]})
    'role=web'
    >>> lists = [[{"Key": "role", "Type": "KEY_ONLY"}], [{"Value": "a", "Type": "VALUE_ONLY"}, {"Key": "b"}]]
    >>> hosts({"ec2TagSet": {"ec2TagSetList": lists}})
    'role and (*=a or b)'
    """
    ec2 = info.get("ec2TagSet", {}).get("ec2TagSetList") or [info.get("ec2TagFilters") or []]
    on_premises = info.get("onPremisesTagSet", {}).get("onPremisesTagSetList")
    on_premises = on_premises or [info.get("onPremisesInstanceTagFilters") or []]
    told = [_tags(ec2), f"on premises {_tags(on_premises)}" if _tags(on_premises) else ""]
    return ", ".join(each for each in told if each) or "-"


def _tags(lists: list[list[Filter]]) -> str:
    any_of = [" or ".join(map(_tag, filters)) for filters in lists if filters]
    if len(any_of) == 1:
        return any_of[0]
    return " and ".join(f"({each})" if " or " in each else each for each in any_of)


def _tag(given: Filter) -> str:
    key, value = given.get("Key", "*"), given.get("Value")
    return key if value is None else f"{key}={value}"

"""`stepdeploy groups [APPLICATION]`: the deployment groups, their hosts' tags, and how their last deployment went."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from cli.account.completions import applications
from cli.account.connection import Engine
from cli.view import words
from cli.view.output import json_option, tell_json
from cli.view.tables import tell_table

_AT_ONCE = 100  # groups of a request
_HEAD = ("GROUP", "LAST DEPLOYMENT", "STATUS", "ENDED (UTC)", "CONFIG", "HOSTS")
Info = Mapping[str, Any]  # a DeploymentGroupInfo
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
    api = Engine().api
    names = [application] if application else api.get_paginator("list_applications").paginate().search("applications[]")
    infos = [info for name in names for info in _of(api, name)]
    if as_json:
        tell_json({"groups": infos})
    elif infos:
        tell_table(_HEAD, [_row(info) for info in infos], statuses=2)
    else:
        click.echo("no deployment groups", err=True)


def _of(api: Any, application: str) -> Iterator[Info]:
    pages = api.get_paginator("list_deployment_groups").paginate(applicationName=application)
    names = list(pages.search("deploymentGroups[]"))
    for first in range(0, len(names), _AT_ONCE):
        some = names[first : first + _AT_ONCE]
        answer = api.batch_get_deployment_groups(applicationName=application, deploymentGroupNames=some)
        yield from answer["deploymentGroupsInfo"]


def _row(info: Info) -> list[str]:
    last = info.get("lastAttemptedDeployment") or {}
    return [
        words.group_of(info),
        last.get("deploymentId", "-"),
        words.with_failed_hosts(last.get("status", "-"), last.get("failedHosts", 0)),
        words.moment(last.get("endTime")),
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

"""The names by which people know the hosts of a group: their Name tags."""

from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

import click

from cli.account.connection import Engine
from cli.account.fleet import Member, fleet
from cli.account.group_name import Group
from cli.view.words import Info, names

Names = Mapping[str, str]  # by instance id
_ID = ("i-", "mi-")  # how an id begins that is no name


def host_names(engine: Engine, info: Info) -> Names:
    """Of the hosts of a deployment's group, where no two have the same; nothing where they cannot be asked for: a host
    has its id, too."""
    from botocore.exceptions import BotoCoreError, ClientError

    application, name = info.get("applicationName"), info.get("deploymentGroupName")
    if not (application and name):
        return {}
    try:
        found = fleet(engine, Group(application, name), with_ping=False)
    except (ClientError, BotoCoreError):
        return {}
    counts = Counter(each.name for each in found)
    return {each.instance_id: each.name for each in found if each.name and counts[each.name] == 1}


def host_ids(engine: Engine, group: Group, given: Sequence[str]) -> list[str]:
    """The ids of hosts of a group that are given by id or by name. Raises UsageError for a name of none or of many."""
    if all(each.startswith(_ID) for each in given):
        return list(given)
    members = fleet(engine, group, with_ping=False)
    return [_id(members, group, each) for each in given]


def _id(members: Sequence[Member], group: Group, given: str) -> str:
    if given.startswith(_ID) or any(each.instance_id == given for each in members):
        return given
    found = [each.instance_id for each in members if each.name == given]
    if len(found) == 1:
        return found[0]
    if found:
        raise click.UsageError(f"{given!r}: {len(found)} hosts of {group} have that name: give an id of {names(found)}")
    close = get_close_matches(given, [each.name for each in members if each.name], 1)
    remedy = f"did you mean {close[0]!r}?" if close else f"see them: stepdeploy hosts {group}"
    raise click.UsageError(f"{given!r}: no host of {group} has that id or name; {remedy}")

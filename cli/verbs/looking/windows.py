"""`stepdeploy windows [APPLICATION/GROUP]`: when deployments may begin, and what is frozen.

With a group: the windows and freezes that count for it, and until when it is closed.
"""

import click

from cli.account.completions import groups
from cli.account.connection import Engine
from cli.account.group_name import GROUP, Group
from cli.view import words
from cli.view.output import json_option, plain, tell_json
from cli.view.tables import Column, tell_table

_HEAD = (
    Column("SCOPE", least=12),
    Column("WHAT"),
    Column("WHEN (UTC)", least=36),
    Column("REASON", least=12),
    Column("BY", least=8),
)


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy windows
  stepdeploy windows shop/web
  stepdeploy windows --json | jq -r '.freezes[].freezeId'""",
)
@click.argument("group", required=False, type=GROUP, metavar="[APPLICATION/GROUP]", shell_complete=groups)
@json_option
def command(group: Group | None, as_json: bool) -> None:
    found = Engine().api.list_windows(**(group.members if group else {}))
    found.pop("ResponseMetadata", None)
    if as_json:
        tell_json(found)
        return
    rows = [
        [each["scope"], "open", words.opens(each), each.get("reason", "-"), each["by"]] for each in found["windows"]
    ]
    rows += [
        [each["scope"], each["freezeId"], words.lasts(each), each["reason"], _who(each)] for each in found["freezes"]
    ]
    if rows:
        tell_table(_HEAD, [[plain(cell) for cell in row] for row in rows])
    else:
        click.echo("no windows and no freezes: deployments begin at any time", err=True)
    if group:
        click.echo(plain(f"{group} is {words.closed(found['closed']) if found.get('closed') else 'open now'}"))


def _who(freeze: words.Info) -> str:
    return words.asker({"requestedBy": freeze["by"]})

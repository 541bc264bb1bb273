"""`stepdeploy unfreeze FREEZE_ID`: lift a freeze; what waited for its end goes on. `stepdeploy windows` lists them."""

import click

from cli.account.connection import Engine
from cli.view.output import json_option, plain, tell_json


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy unfreeze f-0123ABCDE

Exit status: 3 when it is declared in deployments.yaml, or the engine or AWS refuses.""",
)
@click.argument("freeze_id")
@json_option
def command(freeze_id: str, as_json: bool) -> None:
    Engine().api.delete_freeze(freezeId=freeze_id)
    if as_json:
        tell_json({"freezeId": freeze_id, "lifted": True})
    else:
        click.echo(plain(f"{freeze_id}: lifted"))

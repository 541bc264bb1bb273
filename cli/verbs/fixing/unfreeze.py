"""`stepdeploy unfreeze FREEZE_ID`: lift a freeze; what waited for its end goes on. `stepdeploy windows` lists them."""

import click

from cli.account.connection import Engine, Refusal
from cli.view.output import json_option, plain, tell_json
from cli.view.words import of_scope


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy unfreeze f-0123ABCDE

Exit status: 3 when there is no such freeze, it is declared in deployments.yaml, or the engine or AWS refuses.""",
)
@click.argument("freeze_id")
@json_option
def command(freeze_id: str, as_json: bool) -> None:
    lifted = Engine().api.delete_freeze(freezeId=freeze_id).get("freeze")
    if not lifted:
        raise Refusal(plain(f"there is no freeze {freeze_id}; see those that there are: stepdeploy windows"))
    if as_json:
        tell_json({"freezeId": freeze_id, "scope": lifted["scope"], "lifted": True})
    else:
        click.echo(plain(f"{freeze_id}: lifted; {of_scope(lifted['scope'])} may be deployed again"))

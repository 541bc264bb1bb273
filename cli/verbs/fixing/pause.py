"""`stepdeploy pause [DEPLOYMENT_ID | APPLICATION/GROUP]`: let no further host begin until the deployment is resumed.

Hosts that have begun go on to their end; alarms still stop the deployment. Without an id it is the deployment that runs
in the group, or the only one that runs.
"""

import click

from cli.account.connection import Engine
from cli.account.which import to_change, which_argument
from cli.view.output import json_option, plain, tell_json
from functions.core.statuses import RUNNING


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy pause shop/web --reason "errors in the log"
  stepdeploy pause d-0123ABCDE

Exit status: 3 when it has ended, or the engine or AWS refuses.""",
)
@which_argument
@click.option("--reason", metavar="TEXT", help="Why, for the record; up to 256 characters.")
@json_option
def command(which: str | None, reason: str | None, as_json: bool) -> None:
    engine = Engine()
    deployment_id = to_change(engine, which, RUNNING)
    engine.api.pause_deployment(deploymentId=deployment_id, **({"reason": reason} if reason else {}))
    if as_json:
        tell_json({"deploymentId": deployment_id, "paused": True})
    else:
        click.echo(plain(f"{deployment_id}: paused; let it go on with: stepdeploy resume {deployment_id}"))

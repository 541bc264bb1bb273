"""`stepdeploy bypass DEPLOYMENT_ID --reason TEXT`: let one deployment go past windows and freezes.

It has a permission of its own (BypassWindows), stands on the deployment's record, and is told with it.
"""

import click

from cli.account.connection import Engine
from cli.account.which import to_change, which_argument
from cli.view.output import json_option, plain, tell_json
from functions.core.statuses import RUNNING, DeploymentStatus


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy bypass d-0123ABCDE --reason "fixes the outage of OPS-42"

Exit status: 3 when it has ended, or the engine or AWS refuses.""",
)
@which_argument
@click.option("--reason", required=True, metavar="TEXT", help="Why, for the record; up to 256 characters.")
@json_option
def command(which: str | None, reason: str, as_json: bool) -> None:
    engine = Engine()
    deployment_id = to_change(engine, which, (DeploymentStatus.QUEUED, *RUNNING), does="is queued or running")
    engine.api.bypass_windows(deploymentId=deployment_id, reason=reason)
    if as_json:
        tell_json({"deploymentId": deployment_id, "bypassed": True})
    else:
        click.echo(plain(f"{deployment_id}: windows and freezes are bypassed"))

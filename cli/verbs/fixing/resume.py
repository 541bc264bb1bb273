"""`stepdeploy resume [DEPLOYMENT_ID | APPLICATION/GROUP]`: let a paused deployment go on.

Without an id it is the deployment that runs in the group, or the only one that runs.
"""

import click

from cli.account.connection import Engine
from cli.account.which import to_change, which_argument
from cli.exits import Exit
from cli.view.follow import Following, follow_options
from cli.view.output import plain, tell_json
from functions.core.statuses import RUNNING


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy resume shop/web --watch
  stepdeploy resume d-0123ABCDE

Exit status: 3 when it is not paused, has ended, or the engine or AWS refuses.""",
)
@which_argument
@follow_options
def command(which: str | None, following: Following) -> Exit:
    engine = Engine()
    deployment_id = to_change(engine, which, RUNNING)
    engine.api.resume_deployment(deploymentId=deployment_id)
    if following.as_json:
        tell_json({"deploymentId": deployment_id, "paused": False})
    else:
        click.echo(plain(f"{deployment_id}: resumed"))
    return following.to_the_end(engine, deployment_id) if following.watch else Exit.DONE

"""`stepdeploy stop [DEPLOYMENT_ID | APPLICATION/GROUP]`: let no further host begin.

Scripts that run on hosts run to their end, unless --cancel cuts them off. The group's setting decides whether it is
rolled back, unless --rollback or --no-rollback is given. Without an id it is the deployment that runs in the group, or
the only one that runs.
"""

from typing import Any

import click

from cli.account.connection import Engine
from cli.account.which import RUNNING, to_change, which_argument
from cli.exits import Exit
from cli.view.follow import Following, follow_options
from cli.view.output import plain, tell_json


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy stop d-0123ABCDE
  stepdeploy stop shop/web --rollback --watch
  stepdeploy stop d-0123ABCDE --cancel --reason "wrong build"

Exit status: 1 with --watch, because a stopped deployment did not succeed; 3 when it has ended already, or the engine or
AWS refuses.""",
)
@which_argument
@click.option("--rollback/--no-rollback", default=None, help="Whether to deploy the last good revision again.")
@click.option("--cancel", is_flag=True, help="Cut off the scripts that run on hosts; their hosts fail.")
@click.option("--reason", metavar="TEXT", help="Why, for the record and every message; up to 256 characters.")
@follow_options
def command(which: str | None, following: Following, **wishes: Any) -> Exit:
    engine = Engine()
    deployment_id = to_change(engine, which, RUNNING)
    answer = engine.api.stop_deployment(deploymentId=deployment_id, **_asked(**wishes))
    if following.as_json:
        tell_json(
            {"deploymentId": deployment_id, "status": answer["status"], "message": answer.get("statusMessage", "")}
        )
    else:
        click.echo(plain(f"{deployment_id}: {answer['statusMessage']}"))
    return following.to_the_end(engine, deployment_id) if following.watch else Exit.DONE


def _asked(rollback: bool | None, cancel: bool, reason: str | None) -> dict[str, Any]:
    """The members of StopDeployment for what was given."""
    given = {"autoRollbackEnabled": rollback, "cancelScripts": cancel or None, "reason": reason}
    return {name: value for name, value in given.items() if value is not None}

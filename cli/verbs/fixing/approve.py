"""`stepdeploy approve [DEPLOYMENT_ID | APPLICATION/GROUP]`: let a deployment go on that waits for approval.

Who may approve, the stage says; without approvers there it is who may stop the deployment. Without an id it is the
deployment that waits in the group, or the only one that waits.
"""

import click

from cli.account.connection import Engine
from cli.account.turn import may_have_begun, when_interrupted
from cli.account.which import to_change, which_argument
from cli.exits import Exit
from cli.view.follow import Following, follow_options
from cli.view.output import plain, tell_json
from functions.core.statuses import DeploymentStatus


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy approve shop/web --watch
  stepdeploy approve d-0123ABCDE --reason "canary looks good"

Exit status: 3 when it waits for no approval, the caller may not approve, or the engine or AWS refuses.""",
)
@which_argument
@click.option("--reason", metavar="TEXT", help="Why, for the record; up to 256 characters.")
@follow_options
def command(which: str | None, reason: str | None, following: Following) -> Exit:
    engine = Engine()
    deployment_id = to_change(engine, which, (DeploymentStatus.READY,), does="waits for approval")
    with when_interrupted(may_have_begun()):
        engine.api.continue_deployment(deploymentId=deployment_id, **({"reason": reason} if reason else {}))
    if following.as_json:
        tell_json({"deploymentId": deployment_id, "approved": True})
    else:
        click.echo(plain(f"{deployment_id}: approved"))
    return following.to_the_end(engine, deployment_id) if following.watch else Exit.DONE

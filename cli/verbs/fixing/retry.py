"""`stepdeploy retry [DEPLOYMENT_ID | APPLICATION/GROUP]`: deploy again where the deployment did not succeed.

The same revision goes to the hosts that failed and to those that were left out; the others are not touched. Without an
id it is the newest deployment of the group, or of the only group. Its id is printed on standard output.
"""

import click

from cli.account.connection import Engine
from cli.account.turn import may_have_begun, when_interrupted
from cli.account.which import to_change, which_argument
from cli.exits import Exit
from cli.view.follow import Following, follow_options


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy retry shop/web --watch
  stepdeploy retry d-0123ABCDE --watch

Exit status: 1 when, with --watch, the deployment does not succeed; 3 when there is nothing to retry, or the engine or
AWS refuses.""",
)
@which_argument
@follow_options
def command(which: str | None, following: Following) -> Exit:
    engine = Engine()
    deployment_id = to_change(engine, which)
    with when_interrupted(may_have_begun()):
        new = engine.api.retry_deployment(deploymentId=deployment_id)["deploymentId"]
    told = {"deploymentId": new, "retried": deployment_id}
    return following.follow(engine, new, told)

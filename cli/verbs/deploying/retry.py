"""`stepdeploy retry DEPLOYMENT_ID`: deploy the same revision to the hosts on which the deployment did not succeed.

Those are the ones that failed and the ones that were left out; the others are not touched. The new deployment's id is
printed on standard output.
"""

import click

from cli.account.completions import deployment_ids
from cli.account.connection import Engine
from cli.exits import Exit
from cli.view.follow import Following, follow_options


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy retry d-0123ABCDE --watch

Exit status: 1 when, with --watch, the deployment does not succeed; 3 when there is nothing to retry, or the engine or
AWS refuses.""",
)
@click.argument("deployment_id", shell_complete=deployment_ids)
@follow_options
def command(deployment_id: str, following: Following) -> Exit:
    engine = Engine()
    new = engine.api.retry_deployment(deploymentId=deployment_id)["deploymentId"]
    told = {"deploymentId": new, "retried": deployment_id}
    return following.follow(engine, new, told)

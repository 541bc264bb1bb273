"""`stepdeploy rollback APPLICATION/GROUP`: deploy the group's last good revision again.

A deployment of the group that runs is stopped first, and the revision is that of the last one that succeeded;
otherwise it is the one before what the hosts have now. The new deployment's id is printed on standard output.
"""

import click

from cli.engine import Engine
from cli.exits import Exit
from cli.following import check_timeout, follow, watch_options
from cli.group import Group, group_argument
from cli.output import json_option


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy rollback shop/web --watch

Exit status: 1 when, with --watch, the rollback does not succeed; 3 when there is nothing to go back to, or the engine
or AWS refuses.""",
)
@group_argument
@watch_options
@json_option
def command(group: Group, watch: bool, timeout: int | None, as_json: bool) -> Exit:
    check_timeout(timeout, watch)
    engine = Engine()
    answer = engine.api.roll_back_deployment_group(**group.members)
    told = {name: answer[name] for name in ("deploymentId", "stoppedDeploymentId") if answer.get(name)}
    if (stopped := told.get("stoppedDeploymentId")) and not as_json:
        click.echo(f"{stopped} is stopped first", err=True)
    return follow(engine, answer["deploymentId"], told, watch=watch, timeout=timeout, as_json=as_json)

"""`stepdeploy rollback APPLICATION/GROUP`: deploy the group's last good revision again.

That is the last successful deployment of another revision that left no host failed, or else of one that failed on a
few; never of one that has failed since. A deployment of the group that runs is stopped instead, and goes back by
itself. The id of what goes back is printed on standard output, and why it goes there on standard error.
"""

import click

from cli.account.connection import Engine
from cli.account.group_name import Group, group_argument
from cli.exits import Exit
from cli.view.follow import check_timeout, follow, watch_options, watched
from cli.view.output import json_option, plain


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy rollback shop/web --watch

Exit status: 1 when, with --watch, the rollback does not succeed; 3 when there is no earlier successful revision, or the
engine or AWS refuses.""",
)
@group_argument
@watch_options
@json_option
def command(group: Group, watch: bool, timeout: int | None, as_json: bool) -> Exit:
    check_timeout(timeout, watch)
    engine = Engine()
    answer = engine.api.roll_back_deployment_group(**group.members)
    told = {name: answer[name] for name in ("deploymentId", "stoppedDeploymentId", "reason") if answer.get(name)}
    stopped = told.get("stoppedDeploymentId")
    if stopped is None:
        if not as_json and (reason := answer.get("reason")):
            click.echo(plain(reason), err=True)
        return follow(engine, answer["deploymentId"], told, watch=watch, timeout=timeout, as_json=as_json)
    if not as_json:
        click.echo(f"{stopped} is running: it will be stopped and roll back automatically", err=True)
    status = follow(engine, stopped, told, watch=watch, timeout=timeout, as_json=as_json)
    back = _rollback_of(engine, stopped) if watch and status is Exit.FAILED else None
    return watched(engine, back, timeout=timeout, as_json=as_json) if back else status


def _rollback_of(engine: Engine, deployment_id: str) -> str | None:
    """The deployment that goes back, once the stopped one has ended."""
    info = engine.api.get_deployment(deploymentId=deployment_id)["deploymentInfo"].get("rollbackInfo") or {}
    found: str | None = info.get("rollbackDeploymentId")
    return found

"""`stepdeploy stop [DEPLOYMENT_ID | APPLICATION/GROUP]`: let no further host begin.

Scripts that run on hosts run to their end, unless --cancel cuts them off. The group's setting decides whether it is
rolled back, unless --rollback or --no-rollback is given. Without an id it is the deployment that runs in the group, or
the only one that runs.
"""

from datetime import UTC, datetime
from itertools import islice
from typing import Any

import click

from cli.account import targets
from cli.account.connection import Engine, if_allowed
from cli.account.host_names import host_names
from cli.account.requests import AT_ONCE
from cli.account.turn import when_interrupted
from cli.account.which import to_change, which_argument
from cli.exits import Exit
from cli.view.follow import Following, follow_options
from cli.view.output import plain, tell_json
from cli.view.progress import has_begun, still_running
from functions.core.statuses import RUNNING, TargetStatus


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
    see = f"interrupted while asking to stop {deployment_id}: it may be stopping; see stepdeploy show {deployment_id}"
    with when_interrupted(see):
        answer = engine.api.stop_deployment(deploymentId=deployment_id, **_asked(**wishes))
    if following.as_json:
        tell_json(
            {"deploymentId": deployment_id, "status": answer["status"], "message": answer.get("statusMessage", "")}
        )
    else:
        click.echo(plain(f"{deployment_id}: {answer['statusMessage']}"))
        if not following.watch and (left := _left(engine, deployment_id)):
            click.echo(f"{left}{'' if wishes['cancel'] else '; --cancel cuts it off'}", err=True)
    return following.to_the_end(engine, deployment_id) if following.watch else Exit.DONE


def _left(engine: Engine, deployment_id: str) -> str:
    """What still runs on hosts; nothing where these credentials may not see it."""
    running = if_allowed(lambda: _running(engine, deployment_id), "")
    return plain(f"still at work: {running}") if running else ""


def _running(engine: Engine, deployment_id: str) -> str:
    info = engine.api.get_deployment(deploymentId=deployment_id)["deploymentInfo"]
    if not has_begun(info):
        return ""
    ids = islice(targets.listed(engine.api, deployment_id, TargetStatus.IN_PROGRESS), AT_ONCE)
    busy = list(targets.read(engine.api, deployment_id, ids))
    names = host_names(engine, info) if busy else {}
    return still_running(busy, names, datetime.now(UTC))


def _asked(rollback: bool | None, cancel: bool, reason: str | None) -> dict[str, Any]:
    """The members of StopDeployment for what was given."""
    given = {"autoRollbackEnabled": rollback, "cancelScripts": cancel or None, "reason": reason}
    return {name: value for name, value in given.items() if value is not None}

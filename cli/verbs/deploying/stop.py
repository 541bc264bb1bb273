"""`stepdeploy stop DEPLOYMENT_ID`: let no further host begin; scripts that run on hosts run to their end.

Whether the group is rolled back then is the group's setting, unless --rollback or --no-rollback says.
"""

import click

from cli.account.completions import deployment_ids
from cli.account.connection import Engine
from cli.exits import Exit
from cli.view.follow import check_timeout, watch_options, watched
from cli.view.output import json_option, plain, tell_json


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy stop d-0123ABCDE
  stepdeploy stop d-0123ABCDE --rollback --watch

Exit status: 1 with --watch, because a stopped deployment did not succeed; 3 when it has ended already, or the engine or
AWS refuses.""",
)
@click.argument("deployment_id", shell_complete=deployment_ids)
@click.option("--rollback/--no-rollback", default=None, help="Whether to deploy the last good revision again.")
@watch_options
@json_option
def command(deployment_id: str, rollback: bool | None, watch: bool, timeout: int | None, as_json: bool) -> Exit:
    check_timeout(timeout, watch)
    engine = Engine()
    wish = {} if rollback is None else {"autoRollbackEnabled": rollback}
    answer = engine.api.stop_deployment(deploymentId=deployment_id, **wish)
    if as_json:
        tell_json(
            {"deploymentId": deployment_id, "status": answer["status"], "message": answer.get("statusMessage", "")}
        )
    else:
        click.echo(plain(f"{deployment_id}: {answer['statusMessage']}"))
    return watched(engine, deployment_id, timeout=timeout, as_json=as_json) if watch else Exit.DONE

"""`stepdeploy retire`: stop everything that runs, so that the stack can be removed.

Deployments that wait are stopped first, so that none of them begins when the one before it ends; then those that run,
without a rollback. Scripts that run on hosts run to their end, unless --cancel cuts them off. It waits until no
deployment is left, and says what `cdk destroy` will keep. Step Functions does not delete a state machine that still
has executions.
"""

import time

import click

from cli.account.connection import Engine
from cli.durations import DURATION
from cli.exits import Exit
from cli.view.output import json_option, tell_json
from cli.view.words import counted, names
from functions.core.statuses import BEGUN, DeploymentStatus

_WAITING = (DeploymentStatus.QUEUED, DeploymentStatus.CREATED)
_REASON = "stepdeploy retire: the engine is to be removed"
_POLL_SECONDS = 5.0
_SHOWN = 5
_ENDED = "DeploymentAlreadyCompletedException"


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy retire
  stepdeploy --stack staging retire --cancel --timeout 10m

Exit status: 4 when --timeout is over and something still runs.""",
)
@click.option("--cancel", is_flag=True, help="Cut off the scripts that run on hosts; their hosts fail.")
@click.option("--timeout", type=DURATION, default="2h", show_default=True, help="For how long to wait.")
@json_option
def command(cancel: bool, timeout: int, as_json: bool) -> Exit:
    engine, deadline = Engine(), time.monotonic() + timeout
    stopped: list[str] = []
    while left := _left(engine):
        for deployment_id in left:  # an upload may have started one meanwhile
            if deployment_id not in stopped:
                _stop(engine, deployment_id, cancel)
                stopped.append(deployment_id)
        if time.monotonic() > deadline:
            break
        click.echo(f"waiting for {counted(len(left), 'deployment')}: {names(left, _SHOWN)}", err=True)
        time.sleep(_POLL_SECONDS)
    kept = {name: engine.output(f"{name}Name") for name in ("Bucket", "Table")}
    if as_json:
        tell_json({"stopped": stopped, "left": left, "bucket": kept["Bucket"], "table": kept["Table"]})
    elif not left:
        click.echo(f"{counted(len(stopped), 'deployment')} stopped, nothing runs. Remove the stack: cdk destroy")
        click.echo(f"It keeps the bucket {kept['Bucket']} and the table {kept['Table']} (docs/removing.md).")
    return Exit.TOO_LONG if left else Exit.DONE


def _left(engine: Engine) -> list[str]:
    """Deployments that have not ended, those that wait first."""
    pages = engine.api.get_paginator("list_deployments")
    return [
        deployment_id
        for statuses in (_WAITING, BEGUN)
        for deployment_id in pages.paginate(includeOnlyStatuses=[each.value for each in statuses]).search(
            "deployments[]"
        )
    ]


def _stop(engine: Engine, deployment_id: str, cancel: bool) -> None:
    from botocore.exceptions import ClientError

    asked = {"cancelScripts": True} if cancel else {}
    try:
        engine.api.stop_deployment(deploymentId=deployment_id, autoRollbackEnabled=False, reason=_REASON, **asked)
    except ClientError as error:
        if error.response["Error"]["Code"] != _ENDED:
            raise

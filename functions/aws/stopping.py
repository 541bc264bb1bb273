"""Stopping a deployment: set the mark, cancel what is in flight if asked to, wake the bake. Never StopExecution."""

from functions.aws import run_command, tokens
from functions.aws.clock import timestamp
from functions.aws.table import table
from functions.core import texts
from functions.core.records import Deployment, StopMark
from functions.core.statuses import DeploymentStatus, TargetStatus
from functions.core.verdict import stopped
from functions.telemetry import logger


def stop(deployment: Deployment, mark: StopMark) -> bool:
    """Stop a deployment that is not over. False when it is over.

    The first mark stays; a later one that cancels or rolls back makes it do so too. A second call also does again what
    the first may not have lived to do.
    """
    if deployment.status is DeploymentStatus.QUEUED and table().stop_queued(deployment, stopped(mark), timestamp()):
        return True  # else its turn has just come
    marked = table().mark_stop(deployment.deployment_id, mark)
    if marked is None:
        return False
    logger.info("stopping", deployment_id=deployment.deployment_id, by=mark.by, cancel=mark.cancel)
    if marked.bake_token:
        tokens.succeed(marked.bake_token, {"status": "Stopping"})
    if mark.cancel:
        cancel(running_commands(deployment.deployment_id))
    return True


def ask(deployment: Deployment, mark: StopMark) -> dict[str, str] | None:
    """Stop a deployment for somebody who waits for CodeDeploy's answer: Pending while it still ends, Succeeded when it
    has. None when it was over before."""
    if deployment.status.is_final or not stop(deployment, mark):
        return None
    now = table().deployment(deployment.deployment_id)
    over = now is None or now.status.is_final
    return {"status": "Succeeded" if over else "Pending", "statusMessage": texts.STOPPING}


Running = list[tuple[str, str]]  # command id and instance id


def running_commands(deployment_id: str) -> Running:
    """Every command of the deployment that runs, as far as it is on record."""
    return [
        (run.command_id, target.target_id)
        for target in table().targets(deployment_id, (TargetStatus.IN_PROGRESS,))
        for run in target.segments.values()
        if run.command_id and run.status is None
    ]


def cancel(running: Running) -> None:
    """Cancel commands. One that is being sent now is cancelled by its sender; raises what SSM refused, after all."""
    if running:
        run_command.cancel_all(running)

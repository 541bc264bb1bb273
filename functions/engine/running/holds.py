"""What lets a deployment go on that waits between two stages, or that somebody has paused, and what makes it wait."""

from functions.aws import tokens
from functions.core.records import Approved, Deployment, Pause
from functions.engine.running import chain
from functions.store.records import deployments, watching
from functions.telemetry import logger


def wake(deployment: Deployment) -> None:
    """Let the deployment see anew what it waits for: its state between two stages, and targets that a pause holds."""
    waits = deployment.hold.token if deployment.hold else deployment.bake_token
    if waits:
        tokens.succeed(waits, {"status": "Over"})
    if deployment.pause:
        chain.wake(deployment.deployment_id, watching.turn(deployment.deployment_id))


def approve(deployment: Deployment, approved: Approved) -> bool:
    """Let the deployment go on after a stage. False when it does not wait for that any more."""
    if not deployments.approve(deployment, approved):
        return False
    logger.info("approved", deployment_id=deployment.deployment_id, by=approved.by, stage=approved.stage)
    wake(deployment)
    return True


def pause(deployment: Deployment, pause: Pause) -> bool:
    """No target of the deployment begins any more; what has begun runs to its end. False when it is paused or over."""
    return deployments.pause(deployment.deployment_id, pause)


def resume(deployment: Deployment) -> bool:
    """What the pause held goes on. False when the deployment is not paused; what an earlier call may not have lived to
    wake is woken even so."""
    is_mine = deployments.resume(deployment.deployment_id)
    current = deployments.get(deployment.deployment_id)
    if current and not current.status.is_final:
        wake(current)
        chain.wake(current.deployment_id, watching.turn(current.deployment_id))
    return is_mine

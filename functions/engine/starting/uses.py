"""What is noted of a revision when a deployment uses it."""

from functions.core.records import Deployment
from functions.store.records import revisions
from functions.telemetry import logger


def record_use(deployment: Deployment) -> None:
    """Put on record that a new deployment uses its revision. It exists and starts, whatever becomes of this."""
    try:
        revisions.used(
            deployment.application,
            deployment.group,
            deployment.revision,
            deployment.deployment_id,
            deployment.create_time,
        )
    except Exception:
        logger.exception("the use of the revision is not on record", deployment_id=deployment.deployment_id)

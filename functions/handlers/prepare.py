"""Prepare: the first state. Pins and checks the revision, finds the targets, plans the stages, begins.

Everything that can be wrong is found here, before a host is touched: it becomes the deployment's failure or stop mark,
and Finish its end. A second call (the state is retried) plans the same again.
"""

from typing import Any

from functions.aws import alarms, clock, planning, stopping
from functions.aws.table import table
from functions.core import stops
from functions.core.errors import NotDeployable
from functions.core.records import Deployment, Failure
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    deployment = table().deployment(event["deployment_id"])
    if deployment is None or deployment.status.is_final or deployment.stop or _stopped_by_alarm(deployment):
        return {"deployment_id": event["deployment_id"], "proceed": False, "stages": []}
    try:
        planned = planning.plan(deployment)
    except NotDeployable as error:
        table().note_failure(deployment.deployment_id, Failure(code=error.code, message=str(error)))
        planned = []
    return {"deployment_id": deployment.deployment_id, "proceed": bool(planned), "stages": planned}


def _stopped_by_alarm(deployment: Deployment) -> bool:
    """An alarm that is in ALARM now, or cannot be read where that counts, stops the deployment."""
    watched = deployment.settings.alarms.watched
    if not watched:
        return False
    states, now = alarms.read(watched), clock.timestamp()
    if states.active:
        return stopping.stop(deployment, stops.by_alarms(states.active, now))
    if states.unreadable and not deployment.settings.alarms.ignore_poll_alarm_failure:
        return stopping.stop(deployment, stops.by_unreadable_alarms(states.unreadable, now))
    return False

"""Prepare: the first state. Pins and checks the revision, finds the targets, plans the stages, begins.

Everything that can be wrong is found here, before a host is touched: it becomes the deployment's failure or stop mark,
and Finish its end. A second call (the state is retried) plans the same again.
"""

from typing import Any

from functions.aws import weather
from functions.core.errors import Conflict, NotDeployable
from functions.core.records import Deployment, Failure
from functions.core.rollout.stages import Manifest
from functions.core.statuses import DeploymentStatus
from functions.core.text.shapes import to_plain
from functions.engine.ending import stop
from functions.engine.running import chain
from functions.engine.starting import begin
from functions.engine.starting.alarms import Stopped
from functions.store.records import deployments, targets
from functions.telemetry import logger


class NothingBegun(Exception):
    """The deployment to one target alone does not begin: it ends."""


@logger.inject_lambda_context(clear_state=True)
@weather.not_a_failure
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    answer = _prepare(event)
    if target_id := event.get("target_id"):
        if targets.get(event["deployment_id"], target_id) is None:
            raise NothingBegun(event["deployment_id"])
        chain.start(event["deployment_id"])  # no stage does it
    return answer


def _prepare(event: dict[str, Any]) -> dict[str, Any]:
    deployment = deployments.get(event["deployment_id"])
    if deployment is None or _is_decided(deployment):
        return _answer(event["deployment_id"], [])
    planned: list[Manifest] = []
    try:
        planned = begin.run(deployment)
    except Stopped as by_alarm:
        stop.set_mark(deployment, by_alarm.mark)
    except NotDeployable as error:
        if not deployments.note_failure(deployment.deployment_id, Failure(code=error.code, message=str(error))):
            raise Conflict(f"{deployment.deployment_id} was begun by another call: try again") from error
    return _answer(deployment.deployment_id, planned)


def _answer(deployment_id: str, planned: list[Manifest]) -> dict[str, Any]:
    """`proceed` is for executions that began before an update, whose flow asks for it."""
    return {"deployment_id": deployment_id, "proceed": bool(planned), "stages": to_plain(planned)}


def _is_decided(deployment: Deployment) -> bool:
    """It does not begin any more: it has ended, is to stop, or was refused by an earlier call."""
    refused = deployment.status is DeploymentStatus.CREATED and deployment.failure is not None
    return deployment.status.is_final or deployment.stop is not None or refused

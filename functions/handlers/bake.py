"""Bake: as Hold, for executions that an older engine began, whose flow has a state of this name."""

from typing import Any

from functions.aws import clock, tokens, weather
from functions.core.records import Hold, HoldKind
from functions.core.rollout.stages import is_promising
from functions.core.statuses import DeploymentStatus
from functions.store.records import deployments, places
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
@weather.not_a_failure
def handler(event: dict[str, Any], context: Any) -> None:
    hold = Hold(stage=event.get("stage", 0), kinds=(HoldKind.BAKE,), since=clock.timestamp(), token=event["task_token"])
    deployment = deployments.store_hold(event["deployment_id"], hold, DeploymentStatus.IN_PROGRESS)
    if deployment is None or not is_promising(places.counted(deployment)):
        tokens.succeed(event["task_token"], {"status": "Over"})

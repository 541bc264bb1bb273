"""Bake: the wait after a stage. Keeps the token by which a stop ends it at once; running out of time is success.

Called by the deployment's workflow. A stop that came before the token was kept ends it here, and so does
a deployment that has failed: nobody waits to see whether alarms stay quiet about it.
"""

from typing import Any

from functions.aws import tokens, weather
from functions.core.rollout.stages import is_promising
from functions.store.records import deployments, places
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
@weather.not_a_failure
def handler(event: dict[str, Any], context: Any) -> None:
    deployment = deployments.store_bake_token(event["deployment_id"], event["task_token"])
    if deployment is None or not is_promising(places.counted(deployment)):
        tokens.succeed(event["task_token"], {"status": "Stopping"})

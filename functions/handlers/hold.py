"""Hold: the wait between two stages. Keeps the token by which whatever ends the wait wakes it at once; running out of
time is how a bake ends well.

Called by the deployment's workflow. What the deployment waits for is decided again once the token is kept: what ended
it a moment before could not have known the token, and a deployment that has failed waits for nothing.
"""

from dataclasses import replace
from typing import Any

from functions.aws import clock, tokens, weather
from functions.core.records import Deployment, Hold, HoldKind
from functions.core.rollout.holds import needed, waits_for_approval
from functions.core.rollout.stages import is_promising
from functions.core.statuses import DeploymentStatus
from functions.core.text.shapes import from_plain
from functions.engine import calendar
from functions.engine.ending import stop
from functions.store.records import deployments, places
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
@weather.not_a_failure
def handler(event: dict[str, Any], context: Any) -> None:
    hold = replace(from_plain(Hold, event["hold"]), token=event["task_token"])
    status = DeploymentStatus.READY if waits_for_approval(hold) else DeploymentStatus.IN_PROGRESS
    deployment = deployments.store_hold(event["deployment_id"], hold, status)
    if deployment:
        stop.give_way(deployment)
    waits = deployment and is_promising(places.counted(deployment))
    if not deployment or not waits or not _waits_on(deployment, hold):
        tokens.succeed(event["task_token"], {"status": "Over"})


def _waits_on(deployment: Deployment, hold: Hold) -> bool:
    frozen = calendar.frozen(deployment) if HoldKind.FREEZE in hold.kinds else None
    return needed(deployment, hold.stage, hold, clock.now(), frozen) is not None

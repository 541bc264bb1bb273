"""command_status: SSM reports that a command has ended on a host.

Called by EventBridge. Stores first, wakes the waiting state second; a repeat stores nothing new and finds the same
token. An event that comes before the command is on record is dropped: RunSegment looks itself after recording. So
is one that AWS is too busy for: the state looks again.
"""

from typing import Any

from functions.aws import aside, weather
from functions.engine import segments
from functions.store import targets
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> None:
    said = aside.read(event, lambda: (str(event["detail"]["command-id"]), str(event["detail"]["instance-id"])))
    if said is None:
        return
    command_id, instance_id = said
    logger.append_keys(command_id=command_id, target_id=instance_id)
    known = targets.command(command_id, instance_id)
    if known is None:
        logger.info("command not on record yet")
        return
    deployment_id, segment = known
    target = targets.get(deployment_id, instance_id)
    if target:
        told = weather.known(lambda: segments.read_once(target, segment, command_id))
        logger.info("command ended", deployment_id=deployment_id, told=told)

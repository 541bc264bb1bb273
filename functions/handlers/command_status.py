"""command_status: SSM reports that a command has ended on a host.

Called by EventBridge. Stores first, wakes the waiting state second; a repeat stores nothing new and finds the same
token. Of an event that comes before the command is on record a mark is kept, which RunSegment finds when it records the
command. What SSM does not show now, the watch reads soon.
"""

from datetime import timedelta
from typing import Any

from functions.aws import aside, clock
from functions.engine.running import segments
from functions.store.records import targets
from functions.telemetry import logger

_EARLY_KEPT = timedelta(days=1)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> None:
    said = aside.read(event, lambda: (str(event["detail"]["command-id"]), str(event["detail"]["instance-id"])))
    if said is None:
        return
    command_id, instance_id = said
    logger.append_keys(command_id=command_id, target_id=instance_id)
    known = targets.command(command_id, instance_id)
    if known is None:
        expires_at = int((clock.now() + _EARLY_KEPT).timestamp())
        if targets.note_end(command_id, instance_id, expires_at=expires_at):
            logger.info("command not on record yet")
            return
        known = targets.command(command_id, instance_id)
    target = targets.get(known[0], instance_id) if known else None
    if known and target:
        deployment_id, segment = known
        told = segments.read_once(target, segment, command_id)
        logger.info("command ended", deployment_id=deployment_id, told=told)

"""rollback: a person goes back to the last good revision of a group: {"application", "group", "requested_by"?}.

Called by `aws lambda invoke`. While a deployment runs, it is stopped and rolled back; otherwise a new deployment of
the revision before the current one starts.
"""

from typing import Any

from functions.aws import clock, creating, stopping
from functions.aws.table import table
from functions.core import asked, stops
from functions.core.creation import requested_rollback
from functions.core.errors import InvalidInput
from functions.core.statuses import Creator, OnBusy
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, str]:
    application, name = asked.needed(event, "application", "group")
    who = asked.text(event, "requested_by") or "a person"
    group = creating.known_group(application, name)
    holder = table().holder(f"{group.application}/{group.name}")
    running = table().deployment(holder) if holder else None
    if running and not running.status.is_final:
        if running.creator is Creator.ROLLBACK:
            raise InvalidInput(
                f"group {application}/{name}: {running.deployment_id} is a rollback already, and runs: wait for it"
            )
        mark = stops.by_person(who, clock.timestamp(), reason="rollback", cancel=True, auto_rollback=True)
        stopping.stop(running, mark)
        return {"stopped_deployment_id": running.deployment_id}
    deployment = requested_rollback(group, deployment_id=clock.deployment_id(), now=clock.timestamp(), requested_by=who)
    return {"deployment_id": creating.store(deployment, group, OnBusy.REJECT)}

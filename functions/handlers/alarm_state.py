"""alarm_state: a CloudWatch alarm went to ALARM; deployments of the groups that name it stop.

Called by EventBridge. A second call finds them stopping.
"""

from typing import Any

from functions.aws import clock, stopping
from functions.aws.table import table
from functions.core import stops
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> None:
    alarm = event["detail"]["alarmName"]
    mark, failed = stops.by_alarms([alarm], clock.timestamp()), []
    for group_key in table().groups_of_alarm(alarm):
        holder = table().holder(group_key)
        deployment = table().deployment(holder) if holder else None
        # The deployment's own copy of the settings decides: a rollback watches no alarm.
        if deployment and alarm in deployment.settings.alarms.watched:
            try:
                stopping.stop(deployment, mark)
            except Exception as error:  # of one group, which must not keep the others from stopping
                logger.exception("not all of it could be stopped", deployment_id=deployment.deployment_id)
                failed.append(error)
    if failed:
        raise failed[0]

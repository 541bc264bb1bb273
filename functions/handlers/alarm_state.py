"""alarm_state: a CloudWatch alarm went to ALARM; deployments of the groups that name it stop.

Called by EventBridge. A second call finds them stopping.
"""

from typing import Any

from functions.aws import aside, clock
from functions.core import stop_mark
from functions.engine import stop
from functions.store import deployments, groups, lock
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> None:
    alarm = aside.read(event, lambda: str(event["detail"]["alarmName"]))
    if alarm is None:
        return
    failed = []
    for group_key in groups.of_alarm(alarm):
        try:
            _stop(group_key, alarm)
        except Exception as error:  # of one group, which must not keep the others from stopping
            logger.exception("not all of it could be stopped", group=group_key)
            failed.append(error)
    if failed:
        raise failed[0]


def _stop(group_key: str, alarm: str) -> None:
    holder = lock.holder(group_key)
    deployment = deployments.get(holder) if holder else None
    # The deployment's own copy of the settings decides: a rollback watches no alarm.
    if deployment and alarm in deployment.settings.alarms.watched:
        stop.stop(deployment, stop_mark.by_alarms([alarm], clock.timestamp()))

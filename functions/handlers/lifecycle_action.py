"""lifecycle_action: an instance waits in a lifecycle hook, or Auto Scaling has ended one, or is to be answered.

Called by a queue with Auto Scaling's events, and with the engine's answers to it. A message that comes twice finds the
record of the first; what AWS prevents comes back later.
"""

import json
from collections.abc import Mapping
from typing import Any

from functions.aws import sqs
from functions.core.auto_scaling import lifecycle_action
from functions.core.records import LifecycleAction
from functions.engine.auto_scaling import instances, lifecycle
from functions.settings import settings
from functions.telemetry import logger

_TERMINATED = "EC2 Instance Terminate Successful"


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, list[dict[str, str]]]:
    """Answers with the messages that come back (ReportBatchItemFailures)."""
    waiting = list[tuple[sqs.Received, LifecycleAction]]()

    def read(message: sqs.Received) -> None:
        if action := _act(json.loads(message.body)):
            waiting.append((message, action))

    late = sqs.each(event, read)
    if waiting:
        try:
            lifecycle.act([action for _, action in waiting])
            lifecycle.rest()
        except Exception:  # of one of them, or of Auto Scaling: all come again, and find what is done already
            logger.exception("instances wait for longer")
            late += [message for message, _ in waiting]
    return sqs.retry_later(settings().lifecycle_queue_url, late)


def _act(told: Mapping[str, Any]) -> LifecycleAction | None:
    """Do what the message says; an instance that waits is left to do together with the others."""
    if "answer" in told:
        lifecycle.answer(told["answer"])
        return None
    if told["detail-type"] == _TERMINATED:
        instances.note_ended(str(told["detail"]["AutoScalingGroupName"]), str(told["detail"]["EC2InstanceId"]))
        return None
    return lifecycle_action(told)

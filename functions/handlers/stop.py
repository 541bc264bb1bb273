"""stop: a person stops a deployment: {"deployment_id", "reason"?, "cancel"?, "auto_rollback"?, "requested_by"?}.

Called by `aws lambda invoke`. Running scripts end by themselves unless `cancel` is true; nothing more is started.
The answer is CodeDeploy's: Pending while targets still run, Succeeded when nothing does.
"""

from typing import Any

from functions.aws import access, clock, stopping
from functions.aws.table import table
from functions.core import asked, stops
from functions.core.errors import InvalidInput
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, str]:
    (deployment_id,) = asked.needed(event, "deployment_id")
    deployment = table().deployment(deployment_id)
    if deployment is None:
        raise InvalidInput(f"deployment_id {deployment_id!r}: there is no such deployment")
    access.check_stop(deployment, principal=None)
    mark = stops.by_person(
        asked.text(event, "requested_by") or "a person",
        clock.timestamp(),
        reason=asked.text(event, "reason"),
        cancel=bool(asked.flag(event, "cancel")),
        auto_rollback=asked.flag(event, "auto_rollback"),
    )
    answer = stopping.ask(deployment, mark)
    if answer is None:
        raise InvalidInput(f"deployment_id {deployment_id}: already completed")
    return answer

"""stop: a person stops a deployment: {"deployment_id", "reason"?, "cancel"?, "auto_rollback"?, "requested_by"?}.

Called by `aws lambda invoke`. Running scripts end by themselves unless `cancel` is true; nothing more is started.
The answer is CodeDeploy's: Pending while targets still run, Succeeded when nothing does.
"""

from typing import Any

from functions.api.requests import fields
from functions.aws import clock
from functions.core import stop_mark
from functions.core.errors import InvalidInput
from functions.engine import stop, who_may
from functions.store import deployments
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, str]:
    (deployment_id,) = fields.needed(event, "deployment_id")
    deployment = deployments.get(deployment_id)
    if deployment is None:
        raise InvalidInput(f"deployment_id {deployment_id!r}: there is no such deployment")
    who_may.check_stop(deployment, principal=None)
    mark = stop_mark.by_person(
        fields.text(event, "requested_by") or "a person",
        clock.timestamp(),
        reason=fields.text(event, "reason"),
        cancel=bool(fields.flag(event, "cancel")),
        auto_rollback=fields.flag(event, "auto_rollback"),
    )
    answer = stop.ask(deployment, mark)
    if answer is None:
        raise InvalidInput(f"deployment_id {deployment_id}: already completed")
    return answer

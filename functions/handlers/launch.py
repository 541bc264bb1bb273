"""launch: a deployment became Created; its execution starts.

Called with the table's stream, filtered on that status: so whoever creates a deployment (an upload, a person, a
rollback, the end of the deployment before it) only writes a record. A repeat finds the execution running and starts
nothing. A record that cannot be read is set aside; `find_lost` starts what was left out.
"""

from typing import Any

from functions.aws import executions
from functions.core.statuses import DeploymentStatus
from functions.store import stream
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return stream.come_again(stream.each(event, _launch))


def _launch(change: stream.Change) -> None:
    """Only the ids are read: the execution of a deployment that this version cannot read waits for one that can."""
    if change.is_deployment and change.item["status"] == DeploymentStatus.CREATED:
        alone = change.item.get("launch") or {}
        executions.start(change.item["deployment_id"], alone.get("action", {}).get("instance_id"))

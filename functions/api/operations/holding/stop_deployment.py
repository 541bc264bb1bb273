"""Stopping a deployment: nothing more is started on its hosts, and what runs there runs to its end, unless the request
cuts it off."""

from typing import Any

from functions.api.operations import Caller
from functions.api.operations.deployments import known
from functions.core.errors import Refused
from functions.core.rollout import stop_mark
from functions.engine.ending import stop
from functions.engine.starting import who_may


def stop_deployment(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """A second call finds it stopping, or over; it may still say that it rolls back."""
    deployment = known(given["deploymentId"])
    who_may.check_stop(deployment, caller.arn)
    mark = stop_mark.by_person(
        caller.arn,
        caller.now,
        reason=given.get("reason"),
        cancel=given.get("cancelScripts", False),
        auto_rollback=given.get("autoRollbackEnabled"),
    )
    answer = stop.ask(deployment, mark)
    if answer is None:
        what = f"The deployment {deployment.deployment_id} has already ended"
        raise Refused("DeploymentAlreadyCompletedException", what)
    return answer

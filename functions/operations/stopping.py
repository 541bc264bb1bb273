"""Stopping a deployment: nothing more is started on its hosts, and what runs there runs to its end."""

from typing import Any

from functions.aws import access, stopping
from functions.core import stops
from functions.core.errors import NotDeployable, Refused
from functions.operations import Caller
from functions.operations.creating import refused
from functions.operations.deployments import known


def stop_deployment(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """A second call finds it stopping, or over; it may still say that it rolls back."""
    deployment = known(given["deploymentId"])
    try:
        access.check_stop(deployment, caller.arn)
    except NotDeployable as error:
        raise refused(error) from error
    mark = stops.by_person(caller.arn, caller.now, auto_rollback=given.get("autoRollbackEnabled"))
    answer = stopping.ask(deployment, mark)
    if answer is None:
        what = f"The deployment {deployment.deployment_id} has ended already: nothing is left to stop"
        raise Refused("DeploymentAlreadyCompletedException", what)
    return answer

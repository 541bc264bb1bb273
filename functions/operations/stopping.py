"""Stopping a deployment: nothing more is started on its hosts, and what runs there runs to its end."""

from typing import Any

from functions.aws import stopping
from functions.core import principals, stops, texts
from functions.core.errors import Refused
from functions.operations import Caller
from functions.operations.deployments import known


def stop_deployment(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """A second call finds it stopping, or over; it may still say that it rolls back."""
    deployment = known(given["deploymentId"])
    if not principals.may_deploy(deployment.settings.allowed_principals, caller.arn):
        what = texts.not_allowed(deployment.application, deployment.group, caller.arn)
        raise Refused("AccessDeniedException", what)
    mark = stops.by_person(caller.arn, caller.now, auto_rollback=given.get("autoRollbackEnabled"))
    answer = stopping.ask(deployment, mark)
    if answer is None:
        what = f"The deployment {deployment.deployment_id} has ended already: nothing is left to stop"
        raise Refused("DeploymentAlreadyCompletedException", what)
    return answer

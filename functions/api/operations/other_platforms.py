"""What CodeDeploy does for blue/green deployments, Lambda, ECS and CloudFormation. The engine deploys in place."""

from typing import Any

from functions.api.operations import Caller
from functions.api.operations.deployments import given_id, known, running
from functions.core.errors import Refused
from functions.core.records import Deployment

_VERDICTS = ("Succeeded", "Failed")


def skip_wait_time_for_instance_termination(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    raise _in_place(running(given_id(given)), "terminates no instances")


def put_lifecycle_event_hook_execution_status(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    deployment = known(given_id(given))
    if not given.get("lifecycleEventHookExecutionId"):
        what = "lifecycleEventHookExecutionId: is missing"
        raise Refused("InvalidLifecycleEventHookExecutionIdException", what)
    if given.get("status") not in _VERDICTS:
        what = f"status: {given.get('status') or 'it'} is not {' or '.join(_VERDICTS)}"
        raise Refused("InvalidLifecycleEventHookExecutionStatusException", what)
    raise _in_place(deployment, "runs its hooks on its hosts, which report by themselves")


def delete_resources_by_external_id(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Only CloudFormation gives deployments such an id; there is nothing to delete."""
    return {}


def _in_place(deployment: Deployment, why: str) -> Refused:
    what = f"The deployment {deployment.deployment_id} is in place: it {why}"
    return Refused("UnsupportedActionForDeploymentTypeException", what)

"""Holding a deployment: somebody pauses and resumes it, or approves that it goes on after a stage."""

from typing import Any

from functions.api.operations import Caller
from functions.api.operations.deployments import given_id, running
from functions.core.errors import Refused
from functions.core.records import Approved, Deployment, Pause
from functions.core.rollout.holds import waits_for_approval
from functions.engine.running import holds
from functions.engine.starting import who_may

_TERMINATION_WAIT = "TERMINATION_WAIT"


def continue_deployment(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """A deployment that is Ready goes on. A repeat is refused as CodeDeploy refuses it: it is not Ready any more."""
    deployment = running(given_id(given))
    if given.get("deploymentWaitType") == _TERMINATION_WAIT:
        what = f"The deployment {deployment.deployment_id} is in place: it terminates no instances"
        raise Refused("UnsupportedActionForDeploymentTypeException", what)
    hold = deployment.hold
    if hold is None or not waits_for_approval(hold):
        raise _not_ready(deployment)
    who_may.check_approve(deployment, hold.stage, caller.arn)
    if not holds.approve(
        deployment, Approved(stage=hold.stage, by=caller.arn, at=caller.now, why=given.get("reason", ""))
    ):
        raise _not_ready(deployment)
    return {}


def pause_deployment(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Of a deployment that is paused already, the first pause stays."""
    deployment = _mine(given, caller)
    holds.pause(deployment, Pause(by=caller.arn, at=caller.now, why=given.get("reason", "")))
    return {}


def resume_deployment(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    deployment = _mine(given, caller)
    if not holds.resume(deployment):
        what = f"deploymentId: {deployment.deployment_id} is not paused"
        raise Refused("InvalidInputException", what)
    return {}


def _mine(given: dict[str, Any], caller: Caller) -> Deployment:
    """A deployment that runs, and that the caller may stop: then he may hold it, too."""
    deployment = running(given["deploymentId"])
    who_may.check_stop(deployment, caller.arn)
    return deployment


def _not_ready(deployment: Deployment) -> Refused:
    what = f"The deployment {deployment.deployment_id} waits for no approval: it is {deployment.status}"
    return Refused("DeploymentIsNotInReadyStateException", what)

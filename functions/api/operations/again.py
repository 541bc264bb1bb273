"""Deploying again: another try of a deployment, or the last good revision of a group."""

from dataclasses import replace
from typing import Any

from functions.api.operations import Caller
from functions.api.operations.create_deployment import metadata
from functions.api.operations.deployments import known
from functions.aws import clock
from functions.core import new_deployment
from functions.core.errors import InvalidInput, NotDeployable, Refused
from functions.core.statuses import OnBusy
from functions.engine.ending import roll_back
from functions.engine.starting import create, who_may


def retry_deployment(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Only on the targets on which it failed, or that it left out."""
    failed = known(given["deploymentId"])
    if not failed.status.is_final:
        what = f"deploymentId: {failed.deployment_id} is {failed.status}: wait for its end, or stop it"
        raise Refused("InvalidInputException", what)
    if not failed.counts.failed + failed.counts.skipped:
        what = f"deploymentId: {failed.deployment_id} has no failed or skipped targets to retry"
        raise Refused("InvalidInputException", f"{what}; create a new deployment")
    group = who_may.group_to_deploy(failed.application, failed.group, caller.arn)
    again = new_deployment.retry(
        group,
        failed,
        deployment_id=clock.deployment_id(),
        now=caller.now,
        requested_by=caller.arn,
        principal=caller.arn,
    )
    again = replace(again, metadata={**failed.metadata, **metadata(given)})
    return {"deploymentId": create.store(again, group, OnBusy.REJECT)}


def roll_back_deployment_group(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """The running deployment is stopped and goes back by itself; without one a new deployment starts. It goes to the
    last good revision, or to that of the good deployment that the request names."""
    where = given["applicationName"], given["deploymentGroupName"]
    try:
        wish = roll_back.Wish(
            who=caller.arn,
            principal=caller.arn,
            to=given.get("toDeploymentId"),
            cancel=given.get("cancelScripts", False),
        )
        started = roll_back.roll_back(*where, wish)
    except NotDeployable:
        raise
    except InvalidInput as error:
        raise Refused("InvalidInputException", str(error)) from error
    return {
        "deploymentId": started.deployment_id,
        "stoppedDeploymentId": started.stopped_deployment_id,
        "queuedDeploymentId": started.queued_deployment_id,
        "reason": started.reason,
    }

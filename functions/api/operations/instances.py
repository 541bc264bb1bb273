"""The targets of a deployment in the form that CodeDeploy had before targets: instances. Deprecated there, too."""

from typing import Any

from functions.api import responses
from functions.api.operations import Caller
from functions.api.operations.deployments import known
from functions.api.operations.targets import begun, check_id, place
from functions.core.errors import Refused
from functions.engine.running import progress
from functions.store.records import targets

MAX_AT_ONCE = 25
_INVALID = "InvalidInstanceNameException"


def list_deployment_instances(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Ids, of some statuses or all."""
    deployment_id = begun(given)
    if given.get("instanceTypeFilter"):
        what = f"instanceTypeFilter: the deployment {deployment_id} is in place, so its instances are neither"
        raise Refused("InvalidDeploymentInstanceTypeException", f"{what} Blue nor Green: leave it out")
    found, token = targets.page(deployment_id, given.get("instanceStatusFilter") or [], given.get("nextToken"))
    return {"instancesList": [each.target_id for each in found], "nextToken": token}


def get_deployment_instance(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    deployment_id, instance_id = known(given["deploymentId"]).deployment_id, given["instanceId"]
    check_id("instanceId", instance_id, _INVALID)
    target = targets.get(deployment_id, instance_id)
    if target is None:
        raise Refused("InstanceDoesNotExistException", f"The deployment {deployment_id} has no instance {instance_id}")
    (told,) = progress.with_live_progress([target])
    return {"instanceSummary": responses.instance(told, place(caller))}


def batch_get_deployment_instances(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """The known ones of those named, in their order; the message names the others."""
    deployment_id, ids = known(given["deploymentId"]).deployment_id, given["instanceIds"]
    if len(ids) > MAX_AT_ONCE:
        raise Refused("BatchLimitExceededException", f"instanceIds: has {len(ids)} ids, at most {MAX_AT_ONCE}")
    for each in ids:
        check_id("instanceIds", each, _INVALID)
    found = targets.named(deployment_id, ids)
    missing = [each for each in ids if each not in found]
    told = progress.with_live_progress([found[each] for each in ids if each in found])
    return {
        "instancesSummary": [responses.instance(each, place(caller)) for each in told],
        "errorMessage": f"The deployment {deployment_id} has no {', '.join(missing)}" if missing else None,
    }

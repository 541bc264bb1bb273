"""PlanDeployment, in the form of a service model: what CreateDeployment takes, and how it would go."""

from typing import Any

from functions.core.planning.contents import RollbackEffect
from functions.core.rollout.selecting import Standing
from functions.core.stage_shapes import one_of, structure

OPERATION = "PlanDeployment"
ITS_ERRORS = ("InvalidNextTokenException",)  # besides those of CreateDeployment, whose members it takes
LIKE = "CreateDeployment"


def _list(of: str) -> dict[str, Any]:
    return {"type": "list", "member": {"shape": of}}


SHAPES: dict[str, dict[str, Any]] = {
    "Double": {"type": "double"},
    # -- an archive that is not in S3 yet: the plan shows what its AppSpec says, and which hosts have it already
    "AppSpecText": {"type": "string", "min": 1, "max": 200_000},
    "Sha256Digest": {"type": "string", "min": 64, "max": 64, "pattern": "[0-9a-f]{64}"},
    "LocalRevision": structure(("appSpec", "sha256"), appSpec="AppSpecText", sha256="Sha256Digest", size="Bytes"),
    f"{OPERATION}Input": structure(
        ("applicationName", "deploymentGroupName"), localRevision="LocalRevision", nextToken="NextToken"
    ),
    # -- because of `errors` it would not begin, or could not succeed; `warnings` do not keep it from that
    "PlanError": structure(code="ErrorCode", message="Message"),
    "PlanErrorList": _list("PlanError"),
    "PlannedScript": structure(
        event="LifecycleEventName", location="ScriptName", timeoutSeconds="Integer", runAs="Word"
    ),
    "PlannedScriptList": _list("PlannedScript"),
    "PlannedCopy": structure(source="Word", destination="Word"),
    "PlannedCopyList": _list("PlannedCopy"),
    # -- what the AppSpec says is done on each host: the first 50 of both lists; how many there are
    "PlannedContents": structure(
        scripts="PlannedScriptList",
        scriptCount="Integer",
        copies="PlannedCopyList",
        copyCount="Integer",
        permissionCount="Integer",
    ),
    # -- concurrency: hosts at one time; seconds after the start of the deployment, where the past tells
    "PlannedStage": structure(
        name="Message",
        targetCount="Integer",
        concurrency="Integer",
        bakeSeconds="Integer",
        approval="Approval",
        analysis="Analysis",
        beginsAfterSeconds="Integer",
        endsAfterSeconds="Integer",
    ),
    "PlannedStageList": _list("PlannedStage"),
    # -- what hosts have now, by the deployment that brought it: whose scripts stop it, and whether its files go
    "InstalledRevision": structure(
        deploymentId="DeploymentId",
        revision="RevisionLocation",
        pinnedRevision="PinnedRevision",
        targetCount="Integer",
        runs="LifecycleEventNameList",
        isRemoved="Boolean",
        isPlanned="Boolean",
        isRollback="Boolean",
    ),
    "InstalledRevisionList": _list("InstalledRevision"),
    "LifecycleEventNameList": _list("LifecycleEventName"),
    "PlannedLoadBalancers": structure(
        loadBalancers="LoadBalancerIdList", blockSeconds="Integer", allowSeconds="Integer"
    ),
    # -- what would follow a failure: `events` say when by itself; `targetCount` hosts get back what they have now
    "PlannedRollback": structure(
        events="AutoRollbackEventsList",
        deploymentId="DeploymentId",
        revision="RevisionLocation",
        message="Message",
        targetCount="Integer",
    ),
    # -- by list prices, of a run in which nothing goes wrong
    "EstimatedCost": structure(usd="Double", region="Word", year="Integer"),
    "RollbackEffect": one_of(RollbackEffect),
    "Standing": {"type": "string", "enum": [each.name for each in Standing]},
    # -- stage and order from 0, as hosts begin; without a stage it does not. deploymentId: what it has now
    "PlannedHost": structure(
        hostId="InstanceId",
        name="Word",
        availabilityZone="Zone",
        autoScalingGroup="AutoScalingGroupName",
        isStandby="Boolean",
        pingStatus="Word",
        platformType="Word",
        agentVersion="Word",
        stage="Integer",
        order="Integer",
        standing="Standing",
        deploymentId="DeploymentId",
        status="TargetStatus",
        outOfLoadBalancers="LoadBalancerIdList",
        stops="LifecycleEventNameList",
        rollback="RollbackEffect",
        failure="TargetFailure",
    ),
    "PlannedHostList": _list("PlannedHost"),
    f"{OPERATION}Output": structure(
        canBegin="Boolean",
        errors="PlanErrorList",
        warnings="MessageList",
        revision="RevisionLocation",
        pinnedRevision="PinnedRevision",
        previousRevision="RevisionLocation",
        contents="PlannedContents",
        deploymentConfigName="DeploymentConfigName",
        healthyHosts="HealthyHosts",
        mayFail="Integer",
        promises="MessageList",
        stages="PlannedStageList",
        expectedSeconds="Integer",
        hostsTimed="Integer",
        queuedBehind="DeploymentId",
        closed="Closed",
        windows="WindowList",
        freezes="FreezeList",
        budgets="MessageList",
        loadBalancers="PlannedLoadBalancers",
        installed="InstalledRevisionList",
        rollback="PlannedRollback",
        cost="EstimatedCost",
        hosts="PlannedHostList",
        nextToken="NextToken",
    ),
}


def add_to(model: dict[str, Any]) -> dict[str, Any]:
    """The model with the operation: what CreateDeployment takes and how it may be refused."""
    like = model["operations"][LIKE]
    name = f"{OPERATION}Input"
    taken = {**model["shapes"][f"{LIKE}Input"]["members"], **model["shapes"][name]["members"]}
    operation = {
        **like,
        "name": OPERATION,
        "input": {"shape": name},
        "output": {"shape": f"{OPERATION}Output"},
        "errors": [*like["errors"], *({"shape": each} for each in ITS_ERRORS)],
    }
    shapes = {**model["shapes"], name: {**model["shapes"][name], "members": taken}}
    return {**model, "operations": {**model["operations"], OPERATION: operation}, "shapes": shapes}

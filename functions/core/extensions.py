"""What stepdeploy adds to CodeDeploy's service model, in the model's own form (botocore's service-2.json).

Clients that know only CodeDeploy neither send nor see it; the model that `stepdeploy` itself and `aws stepdeploy` use
has it. Whatever the model gets here, `functions/api/operations` does.
"""

from typing import Any

from functions.core import stage_shapes
from functions.core.end_state import EndState
from functions.core.planning import shapes as planning_shapes
from functions.core.stage_shapes import SERVICE, exception, one_of, structure
from functions.core.statuses import OnFreeze

_FAILURES = ("ThrottlingException",)
_NO_GROUP = (
    "ApplicationNameRequiredException",
    "InvalidApplicationNameException",
    "ApplicationDoesNotExistException",
    "DeploymentGroupNameRequiredException",
    "InvalidDeploymentGroupNameException",
    "DeploymentGroupDoesNotExistException",
)
_NO_DEPLOYMENT = ("DeploymentIdRequiredException", "InvalidDeploymentIdException", "DeploymentDoesNotExistException")
_NO_HOLD = ("DeploymentAlreadyCompletedException", "InvalidInputException", *_FAILURES)
_NO_CREATION = ("DeploymentLimitExceededException", "InvalidInputException", *_FAILURES)


def _operation(name: str, errors: tuple[str, ...]) -> dict[str, Any]:
    return {
        "name": name,
        "http": {"method": "POST", "requestUri": "/"},
        "input": {"shape": f"{name}Input"},
        "output": {"shape": f"{name}Output"},
        "errors": [{"shape": error} for error in errors],
    }


_GROUP_SETTINGS = {
    "allowedPrincipals": "PrincipalPatternList",
    "sharedWith": "GroupKeyList",
    "hostBusySeconds": "Integer",
    "budgets": "BudgetNameList",
    "onBusy": "GroupOnBusy",
    "sequence": "Boolean",
    "onFreeze": "OnFreeze",
    "ec2DeploymentOptions": "EC2DeploymentOptions",
    "launchOrder": "Integer",
    "launchesTakePlaces": "Boolean",
    "afterFailedLaunches": "AfterFailedLaunches",
}
# Who has the group, if not requests: deployments.yaml, or a stack (its ARN); and what these alone set.
_ONLY_DECLARED = {
    "isDeclared": "Boolean",
    "registeredBy": "Word",
    "bakeSeconds": "Integer",
    "slackChannel": "Word",
    "fileExistsBehavior": "FileExistsBehavior",
    "ignoreApplicationStopFailures": "Boolean",
    "hostTraffic": "HostTraffic",
}
_FAILURE = {
    "cause": "Message",
    "event": "LifecycleEventName",
    "script": "ScriptName",
    "exitCode": "Integer",
    "signal": "Integer",
    "message": "Message",
}
_GROUP = {"applicationName": "ApplicationName", "deploymentGroupName": "DeploymentGroupName"}

_BUDGET = {
    "budgetName": "BudgetName",
    "ec2TagFilters": "EC2TagFilterList",
    "ec2TagSet": "EC2TagSet",
    "onPremisesInstanceTagFilters": "TagFilterList",
    "onPremisesTagSet": "OnPremisesTagSet",
    "autoScalingGroups": "AutoScalingGroupNameList",
    "maximumOutOfService": "MaximumOutOfService",
}
_NO_BUDGET = ("BudgetDoesNotExistException", "InvalidInputException")

OPERATIONS: dict[str, dict[str, Any]] = {
    "DeleteBudget": _operation("DeleteBudget", ("BudgetInUseException", "InvalidInputException", *_FAILURES)),
    "ListBudgets": _operation("ListBudgets", (*_NO_BUDGET, *_FAILURES)),
    "BypassWindows": _operation("BypassWindows", (*_NO_DEPLOYMENT, *_NO_GROUP, *_NO_HOLD)),
    "CreateFreeze": _operation("CreateFreeze", (*_NO_GROUP, "InvalidInputException", *_FAILURES)),
    "DeleteFreeze": _operation("DeleteFreeze", ("InvalidInputException", *_FAILURES)),
    "ListWindows": _operation("ListWindows", (*_NO_GROUP, "InvalidInputException", *_FAILURES)),
    "ListGroupInstances": _operation("ListGroupInstances", (*_NO_GROUP, *_FAILURES)),
    "ListHosts": _operation("ListHosts", (*_NO_GROUP, "InvalidNextTokenException", *_FAILURES)),
    "PauseDeployment": _operation("PauseDeployment", (*_NO_DEPLOYMENT, *_NO_HOLD)),
    "ResumeDeployment": _operation("ResumeDeployment", (*_NO_DEPLOYMENT, *_NO_HOLD)),
    "PutBudget": _operation(
        "PutBudget",
        (
            "BudgetLimitExceededException",
            "InvalidEC2TagException",
            "InvalidEC2TagCombinationException",
            "InvalidTagException",
            "InvalidOnPremisesTagCombinationException",
            "TagSetListLimitExceededException",
            "InvalidInputException",
            *_FAILURES,
        ),
    ),
    "ReleaseBudgetPlace": _operation("ReleaseBudgetPlace", ("BudgetInUseException", *_NO_BUDGET, *_FAILURES)),
    "VerifyHosts": _operation(
        "VerifyHosts", (*_NO_GROUP, "InvalidNextTokenException", "InvalidInputException", *_FAILURES)
    ),
    "GetHostVerification": _operation("GetHostVerification", (*_NO_GROUP, "InvalidInputException", *_FAILURES)),
    "RetryDeployment": _operation("RetryDeployment", (*_NO_DEPLOYMENT, *_NO_GROUP, *_NO_CREATION)),
    "RollBackDeploymentGroup": _operation("RollBackDeploymentGroup", (*_NO_GROUP, *_NO_CREATION)),
}

SHAPES: dict[str, dict[str, Any]] = {
    # -- what a deployment is for: commit, author, ticket, URL, or what its creator likes; every message tells it
    "MetadataKey": {"type": "string", "min": 1, "max": 64},
    "MetadataValue": {"type": "string", "min": 1, "max": 512},
    "Metadata": {"type": "map", "key": {"shape": "MetadataKey"}, "value": {"shape": "MetadataValue"}},
    # -- a commit of CodeCommit in the engine's account and Region, whose archive it makes and keeps
    "CodeCommitLocation": structure(repository="Repository", commitId="CommitId"),
    "RevisionLocationType": {"type": "string", "enum": ["CodeCommit"]},
    "RevisionLocation": structure(codeCommitLocation="CodeCommitLocation"),
    # -- who did what: IAM identities, or the upload or alarm that it was
    "Actor": {"type": "string"},
    "StopInfo": structure(stoppedBy="Actor", stopTime="Timestamp", message="Message"),
    # -- hosts out of `total` that must stay in service, and that are
    "HealthyHosts": structure(total="Integer", minimum="Integer", healthy="Integer"),
    "Integer": {"type": "integer"},
    # -- the very archive that a deployment installs; its `revision` is the location as the request gave it
    "Sha256": {"type": "string"},
    "Bytes": {"type": "long"},
    "PinnedRevision": structure(
        bucket="S3Bucket", key="S3Key", version="VersionId", eTag="ETag", sha256="Sha256", size="Bytes"
    ),
    "DeploymentInfo": structure(
        metadata="Metadata",
        requestedBy="Actor",
        stopInfo="StopInfo",
        healthyHosts="HealthyHosts",
        pinnedRevision="PinnedRevision",
        causes="FailureCauseList",
        estimatedCost="EstimatedCost",
        queuedBehind="DeploymentId",
        stages="StageList",
        hold="Hold",
        pause="Pause",
        approvals="ApprovedList",
        analyses="StageAnalysisList",
        waitingFor="MessageList",
        supersededBy="DeploymentId",
        closed="Closed",
        bypass="Bypass",
    ),
    # -- hosts that the last deployment of a group left failed, also if it succeeded
    "LastDeploymentInfo": structure(failedHosts="Integer"),
    # -- why a target failed: `cause` is one of few; `event`, `script` and how it ended where one did
    "TargetFailure": structure(**_FAILURE),
    # -- why targets of a deployment failed, once it is over: those that failed alike, and the ids of the first of them
    "FailureCause": structure(
        **_FAILURE,
        targetCount="Integer",
        targetIds="TargetIdList",
        since="Timestamp",
        outOfLoadBalancers="LoadBalancerIdList",
    ),
    "FailureCauseList": {"type": "list", "member": {"shape": "FailureCause"}},
    # -- what a host left and has not come back to: ARNs of target groups, names of Classic Load Balancers
    "LoadBalancerId": {"type": "string"},
    "LoadBalancerIdList": {"type": "list", "member": {"shape": "LoadBalancerId"}},
    # -- onBusy: what becomes of a new deployment while another one of its group runs; without it the group says so.
    # sequence: the group refuses a revision that S3 stored before the one that it accepted last
    "OnBusy": {"type": "string", "enum": ["QUEUE", "SUPERSEDE", "REJECT"]},
    # onFreeze: what a freeze that begins in the middle does to a deployment of the group
    "OnFreeze": one_of(OnFreeze),
    # -- windows, in which deployments may begin, and freezes, in which none does; of a group, an application, all ("*")
    "Scope": {"type": "string", "min": 1, "max": 201},
    "Cron": {"type": "string"},
    "TimeZone": {"type": "string", "min": 1, "max": 64},
    "FreezeId": {"type": "string", "min": 1, "max": 20},
    "Window": structure(
        scope="Scope", cron="Cron", durationSeconds="Integer", timeZone="TimeZone", reason="Message", by="Actor"
    ),
    "WindowList": {"type": "list", "member": {"shape": "Window"}},
    "Freeze": structure(
        freezeId="FreezeId",
        scope="Scope",
        **{"from": "Timestamp"},
        to="Timestamp",
        timeZone="TimeZone",
        reason="Message",
        by="Actor",
    ),
    "FreezeList": {"type": "list", "member": {"shape": "Freeze"}},
    # -- until when no deployment begins; without `until`, until somebody lifts a freeze or changes the windows
    "Closed": structure(until="Timestamp", reason="Message"),
    "Bypass": structure(by="Actor", time="Timestamp", reason="Message"),
    "CreateFreezeInput": structure(
        ("scope", "reason"),
        scope="Scope",
        reason="Reason",
        **{"from": "Timestamp"},
        to="Timestamp",
        timeZone="TimeZone",
    ),
    "CreateFreezeOutput": structure(freezeId="FreezeId"),
    "DeleteFreezeInput": structure(("freezeId",), freezeId="FreezeId"),
    "DeleteFreezeOutput": structure(freeze="Freeze"),  # that was lifted; none if there was none
    "ListWindowsInput": structure(**_GROUP),
    "ListWindowsOutput": structure(windows="WindowList", freezes="FreezeList", closed="Closed"),
    "BypassWindowsInput": structure(("deploymentId", "reason"), deploymentId="DeploymentId", reason="Reason"),
    "BypassWindowsOutput": structure(),
    # -- in whose form a trigger's messages are
    "TriggerFormat": {"type": "string", "enum": ["CodeDeploy", "AmazonQ"]},
    "TriggerConfig": structure(triggerFormat="TriggerFormat"),
    "GroupOnBusy": {"type": "string", "enum": ["queue", "supersede", "reject"]},
    "CreateDeploymentInput": structure(metadata="Metadata", onBusy="OnBusy"),
    # -- `cancelScripts`: scripts that run on hosts are cut off; else they end by themselves
    "Reason": {"type": "string", "max": 256},
    "StopDeploymentInput": structure(reason="Reason", cancelScripts="Boolean"),
    # -- the instances of a deployment by their ids, out of those of its group
    "HostIdList": {"type": "list", "member": {"shape": "InstanceId"}},
    "TargetInstances": structure(instanceIds="HostIdList"),
    # -- ARN patterns (`*`, `?`) of those who may deploy to a group; none: whoever IAM allows
    "PrincipalPattern": {"type": "string", "min": 1, "max": 2048},
    "PrincipalPatternList": {"type": "list", "member": {"shape": "PrincipalPattern"}},
    # -- the groups ("application/group") that may deploy to the hosts of such a group, too, whoever deploys
    "GroupKey": {"type": "string", "min": 3, "max": 201},
    "GroupKeyList": {"type": "list", "member": {"shape": "GroupKey"}},
    # -- hostBusySeconds: for which a target waits while another deployment has its host; 0: it fails at once
    "CreateDeploymentGroupInput": structure(**_GROUP_SETTINGS),
    "UpdateDeploymentGroupInput": structure(**_GROUP_SETTINGS),
    "DeploymentGroupInfo": structure(
        **_GROUP_SETTINGS,
        **_ONLY_DECLARED,
        rollbackChoice="RollbackChoice",
        goodDeployments="GoodDeploymentList",
    ),
    # -- how hosts leave their load balancers and come back
    "HostTraffic": structure(
        propagationSeconds="Integer", drain="Word", healthyTimeoutSeconds="Integer", reregisterOnFailure="Boolean"
    ),
    "Word": {"type": "string"},
    # -- what Auto Scaling is not to do while a deployment runs; launchOrder: of groups with one Auto Scaling group;
    # launchesTakePlaces: a launched instance waits for a place of the deployment that runs; what becomes of it after
    # three failed launches
    "ScalingProcess": {"type": "string"},
    "ScalingProcessList": {"type": "list", "member": {"shape": "ScalingProcess"}},
    "EC2DeploymentOptions": structure(processesToSuspend="ScalingProcessList"),
    "AfterFailedLaunches": {"type": "string", "enum": ["CONTINUE", "ABANDON"]},
    # -- disruption budgets: at most so many hosts of a set are out of service at one time, whoever deploys
    "BudgetName": {"type": "string", "min": 1, "max": 100},
    "BudgetNameList": {"type": "list", "member": {"shape": "BudgetName"}},
    "MaximumOutOfService": structure(type="MinimumHealthyHostsType", value="Integer"),
    # -- `deploymentId`: which works at the host; `failedIn`: the last one that failed on it
    "BudgetHolder": structure(
        hostId="InstanceId", since="Timestamp", deploymentId="DeploymentId", failedIn="DeploymentId"
    ),
    "BudgetHolderList": {"type": "list", "member": {"shape": "BudgetHolder"}},
    "WaitingDeployment": structure(deploymentId="DeploymentId", since="Timestamp"),
    "WaitingDeploymentList": {"type": "list", "member": {"shape": "WaitingDeployment"}},
    # -- hosts that belong to it now, and how many of them may be out of service; the groups that name it
    "Budget": structure(
        **_BUDGET,
        isDeclared="Boolean",
        hosts="Integer",
        places="Integer",
        holders="BudgetHolderList",
        waiting="WaitingDeploymentList",
        deploymentGroups="GroupKeyList",
    ),
    "BudgetList": {"type": "list", "member": {"shape": "Budget"}},
    "PutBudgetInput": structure(("budgetName", "maximumOutOfService"), **_BUDGET),
    "PutBudgetOutput": structure(),
    "ListBudgetsInput": structure(budgetName="BudgetName"),
    "ListBudgetsOutput": structure(budgets="BudgetList"),
    "DeleteBudgetInput": structure(("budgetName",), budgetName="BudgetName"),
    "DeleteBudgetOutput": structure(),
    "ReleaseBudgetPlaceInput": structure(("budgetName", "hostId"), budgetName="BudgetName", hostId="InstanceId"),
    "ReleaseBudgetPlaceOutput": structure(failedIn="DeploymentId"),
    "BudgetDoesNotExistException": exception(),
    "BudgetInUseException": exception(),
    "BudgetLimitExceededException": exception(),
    # -- for what a target waits: a host that another deployment has, or a budget; a deployment's waitingFor: for which
    # budgets
    "MessageList": {"type": "list", "member": {"shape": "Message"}},
    "InstanceTarget": structure(
        waitingFor="Message",
        failure="TargetFailure",
        outOfLoadBalancers="LoadBalancerIdList",
        availabilityZone="Zone",
        autoScalingGroup="AutoScalingGroupName",
        isStandby="Boolean",
        **SERVICE,
    ),
    "Zone": {"type": "string"},
    # -- where a rollback goes and why, or why it can go nowhere
    "RollbackChoice": structure(deploymentId="DeploymentId", revision="RevisionLocation", reason="Message"),
    "RollbackInfo": structure(rollbackReason="Message"),
    # -- what a rollback can be told to go to, newest first; `ruledOut`: why one goes there only if it is told to
    "GoodDeployment": structure(
        deploymentId="DeploymentId",
        revision="RevisionLocation",
        pinnedRevision="PinnedRevision",
        endTime="Timestamp",
        failedHosts="Integer",
        ruledOut="Message",
    ),
    "GoodDeploymentList": {"type": "list", "member": {"shape": "GoodDeployment"}},
    # -- the instances that a group's tags select now, and whether SSM reaches them
    "GroupInstance": structure(instanceId="InstanceId", tags="TagList", pingStatus="Message", platformType="Message"),
    "GroupInstanceList": {"type": "list", "member": {"shape": "GroupInstance"}},
    "ListGroupInstancesInput": structure(
        ("applicationName", "deploymentGroupName"), **_GROUP, omitPingStatus="Boolean", nextToken="NextToken"
    ),
    "ListGroupInstancesOutput": structure(instances="GroupInstanceList", nextToken="NextToken"),
    # -- what each host of a group runs: the revision that was installed last, or that failed to
    "Host": structure(
        hostId="InstanceId",
        deploymentId="DeploymentId",
        revision="RevisionLocation",
        pinnedRevision="PinnedRevision",
        status="TargetStatus",
        since="Timestamp",
        outOfLoadBalancers="LoadBalancerIdList",
    ),
    "HostList": {"type": "list", "member": {"shape": "Host"}},
    "ListHostsInput": structure(("applicationName", "deploymentGroupName"), **_GROUP, nextToken="NextToken"),
    "ListHostsOutput": structure(hosts="HostList", nextToken="NextToken"),
    "PauseDeploymentInput": structure(("deploymentId",), deploymentId="DeploymentId", reason="Reason"),
    "PauseDeploymentOutput": structure(),
    "ResumeDeploymentInput": structure(("deploymentId",), deploymentId="DeploymentId"),
    "ResumeDeploymentOutput": structure(),
    "ContinueDeploymentInput": structure(reason="Reason"),
    **stage_shapes.SHAPES,
    **planning_shapes.SHAPES,
    # -- how hosts really stand after the group's last deployment: each is asked, page by page, and answers in a while
    "VerificationId": {"type": "string", "min": 36, "max": 36},
    "EndState": one_of(EndState),
    "HostChanges": structure(
        changed="Integer", missing="Integer", permissions="Integer", added="Integer", byScripts="Integer"
    ),
    "ChangedPath": structure(change="Word", path="Message"),
    "ChangedPathList": {"type": "list", "member": {"shape": "ChangedPath"}},
    # `deploymentId`: the deployment whose files are there
    "HostEndState": structure(
        hostId="InstanceId",
        state="EndState",
        reason="Message",
        deploymentId="DeploymentId",
        changes="HostChanges",
        paths="ChangedPathList",
    ),
    "HostEndStateList": {"type": "list", "member": {"shape": "HostEndState"}},
    "HostVerification": structure(verificationId="VerificationId", hostIds="HostIdList"),
    "HostVerificationList": {"type": "list", "member": {"shape": "HostVerification"}},
    "VerifyHostsInput": structure(("applicationName", "deploymentGroupName"), **_GROUP, nextToken="NextToken"),
    "VerifyHostsOutput": structure(
        deploymentId="DeploymentId",
        verifications="HostVerificationList",
        hosts="HostEndStateList",
        nextToken="NextToken",
    ),
    "GetHostVerificationInput": structure(
        ("applicationName", "deploymentGroupName", "verificationId"), **_GROUP, verificationId="VerificationId"
    ),
    "GetHostVerificationOutput": structure(hosts="HostEndStateList"),
    "RetryDeploymentInput": structure(("deploymentId",), deploymentId="DeploymentId", metadata="Metadata"),
    "RetryDeploymentOutput": structure(deploymentId="DeploymentId"),
    "RollBackDeploymentGroupInput": structure(
        ("applicationName", "deploymentGroupName"), **_GROUP, toDeploymentId="DeploymentId", cancelScripts="Boolean"
    ),
    "RollBackDeploymentGroupOutput": structure(
        deploymentId="DeploymentId",
        stoppedDeploymentId="DeploymentId",
        queuedDeploymentId="DeploymentId",
        reason="Message",
    ),
}


def added_to(model: dict[str, Any]) -> dict[str, Any]:
    """The service model with all of this. A shape that CodeDeploy has gets the members or words besides its own."""
    shapes = dict(model["shapes"])
    for name, shape in SHAPES.items():
        known = shapes.get(name, {})
        shapes[name] = {**shape, **known}
        if "members" in shape:
            shapes[name]["members"] = {**known.get("members", {}), **shape["members"]}
        if "enum" in shape:
            shapes[name]["enum"] = [*dict.fromkeys([*known.get("enum", ()), *shape["enum"]])]
    return planning_shapes.add_to({**model, "operations": {**model["operations"], **OPERATIONS}, "shapes": shapes})

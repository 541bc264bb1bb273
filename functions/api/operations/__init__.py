"""CodeDeploy's operations: one file for each kind of thing, one function for each operation.

A function takes the request's members, checked by the service model, and who calls; it returns the answer's members, in
the records' own forms (the model shapes them), or raises Refused or NotDeployable. docs/api.md is made from this table.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from functions.api import model
from functions.core.errors import NotDeployable, Refused
from functions.core.statuses import DeploymentErrorCode

TABLE_BEGINS, TABLE_ENDS = "<!-- operations -->", "<!-- end of operations -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, and when."""

    arn: str  # IAM identity
    now: str  # ISO 8601


WORKING = {
    "BatchGetApplications": "applications",
    "CreateApplication": "applications",
    "DeleteApplication": "applications",
    "GetApplication": "applications",
    "ListApplications": "applications",
    "UpdateApplication": "applications",
    "BatchGetDeploymentGroups": "groups",
    "CreateDeploymentGroup": "groups",
    "DeleteDeploymentGroup": "groups",
    "GetDeploymentGroup": "groups",
    "ListDeploymentGroups": "groups",
    "UpdateDeploymentGroup": "groups",
    "ListTagsForResource": "tags",
    "TagResource": "tags",
    "UntagResource": "tags",
    "CreateDeployment": "create_deployment",
    "PlanDeployment": "plan",
    "StopDeployment": "holding.stop_deployment",
    "RetryDeployment": "again",
    "RollBackDeploymentGroup": "again",
    "ListGroupInstances": "instances_of_group",
    "ListHosts": "hosts",
    "DeleteBudget": "holding.budgets",
    "ListBudgets": "holding.budgets",
    "PutBudget": "holding.budgets",
    "ReleaseBudgetPlace": "holding.budgets",
    "VerifyHosts": "verify",
    "GetHostVerification": "verify",
    "BatchGetDeployments": "deployments",
    "GetDeployment": "deployments",
    "ListDeployments": "deployments",
    "BatchGetDeploymentTargets": "targets",
    "GetDeploymentTarget": "targets",
    "ListDeploymentTargets": "targets",
    "BatchGetDeploymentInstances": "instances",
    "GetDeploymentInstance": "instances",
    "ListDeploymentInstances": "instances",
    "AddTagsToOnPremisesInstances": "on_premises",
    "BatchGetOnPremisesInstances": "on_premises",
    "DeregisterOnPremisesInstance": "on_premises",
    "GetOnPremisesInstance": "on_premises",
    "ListOnPremisesInstances": "on_premises",
    "RegisterOnPremisesInstance": "on_premises",
    "RemoveTagsFromOnPremisesInstances": "on_premises",
    "CreateDeploymentConfig": "configs",
    "DeleteDeploymentConfig": "configs",
    "GetDeploymentConfig": "configs",
    "ListDeploymentConfigs": "configs",
    "BatchGetApplicationRevisions": "revisions",
    "GetApplicationRevision": "revisions",
    "ListApplicationRevisions": "revisions",
    "RegisterApplicationRevision": "revisions",
    "DeleteGitHubAccountToken": "github",
    "ListGitHubAccountTokenNames": "github",
    "ContinueDeployment": "holding.holds",
    "PauseDeployment": "holding.holds",
    "CreateFreeze": "holding.windows",
    "DeleteFreeze": "holding.windows",
    "ListWindows": "holding.windows",
    "BypassWindows": "holding.windows",
    "ResumeDeployment": "holding.holds",
    "DeleteResourcesByExternalId": "other_platforms",
    "PutLifecycleEventHookExecutionStatus": "other_platforms",
    "SkipWaitTimeForInstanceTermination": "other_platforms",
}

# What a working operation is, where it is less than CodeDeploy's: the others are as `WORKS`.
WORKS = "works"
_NO_GITHUB = "there are no connections to GitHub; the engine reads it with the one token of its own secret, or without"
_IN_PLACE = (
    "of instances by their tags or Auto Scaling groups, in place, with those, load balancers and topics that"
    " deployments.yaml names"
)
STATES = {
    "RegisterOnPremisesInstance": f"{WORKS}; the instance is the managed node that SSM knows by its name",
    "CreateDeploymentGroup": f"{WORKS}, for groups {_IN_PLACE}",
    "UpdateDeploymentGroup": f"{WORKS}, for groups {_IN_PLACE}; renames while no deployment runs",
    "UpdateApplication": f"{WORKS}, for as many groups as one transaction holds: about ten",
    "CreateDeployment": f"{WORKS}, in place, from the revision bucket, GitHub or CodeCommit, or RESTART of what is"
    " there; refuses RESTART with a revision, autoScalingGroups, and a revision that is a String or an AppSpecContent",
    "DeleteGitHubAccountToken": f"refuses: {_NO_GITHUB}",
    "ListGitHubAccountTokenNames": f"{WORKS}, and answers with none: {_NO_GITHUB}",
    "ContinueDeployment": f"{WORKS}, of a deployment that waits for an approval; refuses TERMINATION_WAIT",
    "DeleteResourcesByExternalId": f"{WORKS}, and deletes nothing: no deployment has an external id",
    "PutLifecycleEventHookExecutionStatus": "refuses: the hooks of a deployment run on its hosts, which report",
    "SkipWaitTimeForInstanceTermination": "refuses: a deployment is in place, and terminates no instances",
}


def state(operation: str) -> str:
    """What stepdeploy does with an operation of CodeDeploy: works, records only, or refuses and why."""
    if operation not in WORKING:
        return "refuses: is not supported"
    return STATES.get(operation, WORKS)


def table() -> str:
    """The states of all operations, as a table of docs/api.md."""
    rows = [f"| {operation} | {state(operation)} |" for operation in model.operations()]
    return "\n".join(["| Operation | State |", "|---|---|", *rows])


def page(text: str) -> str:
    """docs/api.md with the table as it is now, between its two marks."""
    before, _, rest = text.partition(TABLE_BEGINS)
    _, end, after = rest.partition(TABLE_ENDS)
    return f"{before}{TABLE_BEGINS}\n{table()}\n{end}{after}"


# The exceptions for what cannot be deployed, or that somebody may not deploy.
_REFUSALS = {
    DeploymentErrorCode.APPLICATION_MISSING: "ApplicationDoesNotExistException",
    DeploymentErrorCode.DEPLOYMENT_GROUP_MISSING: "DeploymentGroupDoesNotExistException",
    DeploymentErrorCode.INVALID_REVISION: "InvalidRevisionException",  # older than a sequence's last
    DeploymentErrorCode.HEALTH_CONSTRAINTS_INVALID: "InvalidDeploymentConfigNameException",  # nobody could approve it
    DeploymentErrorCode.REVISION_MISSING: "RevisionDoesNotExistException",  # nothing is there to restart
    DeploymentErrorCode.RESOURCE_LIMIT_EXCEEDED: "DeploymentLimitExceededException",
    DeploymentErrorCode.IAM_ROLE_PERMISSIONS: "AccessDeniedException",  # AWS's own word for what IAM does not allow
}


def run(operation: str, given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """The answer of an operation. Raises Refused."""
    if operation not in WORKING:
        raise Refused("OperationNotSupportedException", f"{operation} is not supported by stepdeploy")
    module = import_module(f"functions.api.operations.{WORKING[operation]}")
    try:
        answer: dict[str, Any] = getattr(module, function_name(operation))(given, caller)
    except NotDeployable as error:
        raise Refused(_REFUSALS[error.code], str(error)) from error
    return answer


def function_name(operation: str) -> str:
    """
    >>> function_name("BatchGetOnPremisesInstances")
    'batch_get_on_premises_instances'
    """
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation).lstrip("_")

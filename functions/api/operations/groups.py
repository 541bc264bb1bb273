"""Deployment groups: made by requests, or declared in deployments.yaml, which then alone changes them."""

from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from functions.api import responses
from functions.api.operations import Caller
from functions.api.requests import auto_scaling, resource_tags
from functions.api.requests import groups as requests_groups
from functions.aws import clock
from functions.core.declaration.registrants import owner
from functions.core.errors import InvalidInput, Refused
from functions.core.load_balancers import not_allowed
from functions.core.messages import texts
from functions.core.records import Application, Group, GroupSettings
from functions.core.rollout.health import DEFAULT_CONFIG, PREDEFINED_CONFIGS, DeploymentConfig
from functions.core.statuses import OnBusy
from functions.engine.auto_scaling import hooks
from functions.settings import settings
from functions.store.records import applications, budgets, configs, declared, groups, lock
from functions.store.table.patience import Attempts

MAX = 1000  # of an application
MAX_AT_ONCE = 100
_SHOWN = 10  # names that a message shows
_TRIES = 12  # of a change that met another one


def create_deployment_group(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """In the place of one that was taken out of deployments.yaml it gets that one's id, and so its hosts' state."""
    application, name = given["applicationName"], given["deploymentGroupName"]
    attempts = Attempts(_TRIES, f"{application}/{name} changed {_TRIES} times while making it")
    while True:
        known_application(application)
        before = groups.get(application, name)
        if before and not before.removed_at:
            raise _name_taken("deploymentGroupName", name)
        if sum(1 for _ in groups.of(application)) >= MAX:
            what = f"{application} has {MAX} deployment groups already: delete one first"
            raise Refused("DeploymentGroupLimitExceededException", what)
        new = _new_group(before, given)
        _put_hooks(None, new)
        if groups.create(before, new):
            return {"deploymentGroupId": new.group_id}
        attempts.again()


def _new_group(before: Group | None, given: dict[str, Any]) -> Group:
    """A group that has nothing but what the request gives. It rejects a second deployment, as CodeDeploy's do."""
    new = Group(
        application=given["applicationName"],
        name=given["deploymentGroupName"],
        group_id=before.group_id if before else clock.new_uuid(),
        settings=GroupSettings(on_busy=OnBusy.REJECT),
        changes=before.changes if before else 0,
        tags=resource_tags.given(given.get("tags") or [], "tags"),
    )
    return _updated_group(new, {"deploymentConfigName": DEFAULT_CONFIG, **given})


def get_deployment_group(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    found = known(given["applicationName"], given["deploymentGroupName"])
    return {"deploymentGroupInfo": responses.group(found)}


def batch_get_deployment_groups(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """The known ones of those named, in their order; `errorMessage` names the others."""
    application, names = given["applicationName"], list(dict.fromkeys(given["deploymentGroupNames"]))
    if len(names) > MAX_AT_ONCE:
        what = f"deploymentGroupNames: has {len(names)} names, at most {MAX_AT_ONCE}"
        raise Refused("BatchLimitExceededException", what)
    known_application(application)
    found = groups.named(application, names)
    missing = [name for name in names if name not in found]
    told = f"No Deployment Group found for name: {', '.join(missing[:_SHOWN])}" if missing else None
    infos = [responses.group(found[name]) for name in names if name in found]
    return {"deploymentGroupsInfo": infos, "errorMessage": told}


def list_deployment_groups(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Names, in their order."""
    application = given["applicationName"]
    known_application(application)
    names, token = groups.page(application, given.get("nextToken"))
    return {"applicationName": application, "deploymentGroups": names, "nextToken": token}


def update_deployment_group(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """A deployment that runs keeps the settings with which it was made."""
    application, name = given["applicationName"], given["currentDeploymentGroupName"]
    attempts = Attempts(_TRIES, f"{application}/{name} changed {_TRIES} times while changing it")
    while True:
        before = known(application, name)
        _check_undeclared(before)
        after = _updated_group(before, given)
        if renamed := given.get("newDeploymentGroupName"):
            after = _renamed(before, after, renamed)
        _put_hooks(before, after)
        if after == before or groups.store_change(before, after):
            return {"hooksNotCleanedUp": _clean_up(before, after)}
        attempts.again()


def _renamed(before: Group, after: Group, name: str) -> Group:
    if name == before.name:
        return after
    if groups.get(before.application, name):  # a removed one keeps its name, for the history that it has
        raise _name_taken("newDeploymentGroupName", name)
    if holder := lock.holder(before.key):
        what = f"newDeploymentGroupName: {holder} runs in {before.name}: wait for it, or stop it"
        raise Refused("InvalidInputException", what)
    return replace(after, name=name)


def delete_deployment_group(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Its deployments stay on record, and one that runs goes on. An unknown one is as it should be."""
    application, name = given["applicationName"], given["deploymentGroupName"]
    attempts = Attempts(_TRIES, f"{application}/{name} changed {_TRIES} times while deleting it")
    while True:
        group = groups.get(application, name)
        if group is None or group.removed_at:
            return {"hooksNotCleanedUp": []}
        _check_undeclared(group, "ValidationException")
        if groups.store_change(group, None):
            return {"hooksNotCleanedUp": _clean_up(group, None)}
        attempts.again()


def _put_hooks(before: Group | None, after: Group) -> None:
    """The lifecycle hooks that the group gets, unless something is wrong with its Auto Scaling groups."""
    try:
        hooks.check(before, after)
        hooks.put(before, after)
    except hooks.TooManyHooks as error:
        raise Refused("LifecycleHookLimitExceededException", f"autoScalingGroups: {error}") from error
    except InvalidInput as error:
        raise Refused(auto_scaling.INVALID, f"autoScalingGroups: {error}") from error


def _clean_up(before: Group, after: Group | None) -> list[dict[str, str]]:
    """AutoScalingGroups: the hooks that could not be deleted."""
    return [{"name": each.scaling_group, "hook": each.name} for each in hooks.clean_up(before, after)]


def known(application: str, name: str) -> Group:
    """The group, which is not removed. Raises Refused."""
    found = ever(application, name)
    if found.removed_at:
        raise _missing(name)
    return found


def ever(application: str, name: str) -> Group:
    """The group, also one that was taken out of deployments.yaml. Raises Refused."""
    found = groups.get(application, name)
    if found is None:
        known_application(application)
        raise _missing(name)
    return found


def known_application(name: str) -> Application:
    """The application. Raises Refused."""
    found = applications.get(name)
    if found is None:
        raise missing_application(name)
    return found


def missing_application(name: str) -> Refused:
    return Refused("ApplicationDoesNotExistException", f"No application found for name: {name}")


def known_config(name: str) -> DeploymentConfig:
    """The deployment configuration. Raises Refused."""
    found = configs.get(name)
    if found is None:
        close = get_close_matches(f"CodeDeployDefault.{name.rpartition('.')[2]}", list(PREDEFINED_CONFIGS), 1)
        remedy = f"did you mean {close[0]}? Else create it first" if close else "create it first"
        what = f"deploymentConfigName: there is no deployment configuration {name}: {remedy}, or leave it out"
        raise Refused("DeploymentConfigDoesNotExistException", what)
    return found


def _updated_group(group: Group, given: dict[str, Any]) -> Group:
    name = given.get("deploymentConfigName")
    after = requests_groups.changed(
        group,
        given,
        config=known_config(name) if name else None,
        topics=settings().topic_arns,
        budgets=[each.name for each, _ in budgets.all_of_them()] if given.get("budgets") else (),
    )
    named = after.settings.load_balancers
    is_new = named.are_used and named != group.settings.load_balancers
    if is_new and (unknown := not_allowed(named, declared.load_balancers())):
        what = f"loadBalancerInfo: {texts.undeclared(unknown)}"
        raise Refused("InvalidLoadBalancerInfoException", what)
    return after


def _missing(name: str) -> Refused:
    return Refused("DeploymentGroupDoesNotExistException", f"No Deployment Group found for name: {name}")


def _name_taken(member: str, name: str) -> Refused:
    return Refused("DeploymentGroupAlreadyExistsException", f"{member}: {name} exists already: choose another name")


def _check_undeclared(group: Group, code: str = "InvalidInputException") -> None:
    if words := owner(group):
        raise Refused(code, f"deploymentGroupName: {group.name} of {group.application} {words}")

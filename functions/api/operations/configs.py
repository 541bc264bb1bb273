"""Deployment configurations: the predefined ones, those of deployments.yaml, and those that the API makes."""

from typing import Any

from functions.api import model, responses
from functions.api.operations import Caller
from functions.api.requests.analysis import analysis
from functions.aws import clock
from functions.core.declaration.registrants import owner
from functions.core.errors import InvalidInput, Refused
from functions.core.limits import SHOWN
from functions.core.records import CustomConfig
from functions.core.rollout.health import (
    PREDEFINED_CONFIGS,
    RESERVED_PREFIXES,
    Approval,
    MinimumHealthyHosts,
    MinimumHealthyHostsType,
    Select,
    StageRule,
    ZonalConfig,
    check_stages,
)
from functions.core.text import principals
from functions.store.records import configs
from functions.store.table import pages
from functions.store.table.patience import Attempts

MAX = 50  # custom ones, those of deployments.yaml among them
_SELECTED_BY = {Select.COUNT: "value", Select.PERCENT: "value", Select.ZONE: "zones", Select.TAG: "tag"}
_TRIES = 30  # of a change that met another one


def create_deployment_config(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    name = given["deploymentConfigName"]
    if name.startswith(RESERVED_PREFIXES):
        prefix = " or ".join(RESERVED_PREFIXES)
        what = f"deploymentConfigName: {name}: names that begin with {prefix} are predefined: choose another"
        raise Refused("InvalidDeploymentConfigNameException", what)
    _check_platform(given)
    config = CustomConfig(
        name=name,
        minimum=_minimum(given.get("minimumHealthyHosts")),
        zonal=_zonal(given["zonalConfig"]) if "zonalConfig" in given else None,
        stages=_stages(given),
        order_tag=given.get("orderTag"),
        config_id=clock.new_uuid(),
        create_time=caller.now,
    )
    attempts = Attempts(_TRIES, f"deployment configurations were made {_TRIES} times while making {name}")
    while True:
        _must_be_new(name)
        seen = configs.stored()
        if seen.number >= MAX:
            what = f"there are {seen.number} custom deployment configurations, at most {MAX}: delete one first"
            raise Refused("DeploymentConfigLimitExceededException", what)
        if configs.create(config, seen):
            return {"deploymentConfigId": config.config_id}
        attempts.again()


def get_deployment_config(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    name = given["deploymentConfigName"]
    if predefined := PREDEFINED_CONFIGS.get(name):
        return {"deploymentConfigInfo": responses.predefined_config(predefined)}
    custom = configs.custom(name)
    if custom is None:
        what = f"No deployment configuration found for name: {name}"
        raise Refused("DeploymentConfigDoesNotExistException", what)
    return {"deploymentConfigInfo": responses.custom_config(custom)}


def list_deployment_configs(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Names: the predefined ones, then the others in their order."""
    token = given.get("nextToken")
    first = [] if token else list(PREDEFINED_CONFIGS)
    names, after = configs.page(token, pages.PAGE - len(first))
    return {"deploymentConfigsList": [*first, *names], "nextToken": after}


def delete_deployment_config(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """An unknown one is as it should be."""
    name = given["deploymentConfigName"]
    if name in PREDEFINED_CONFIGS:
        raise Refused("InvalidOperationException", f"deploymentConfigName: {name} is predefined: it cannot be deleted")
    attempts = Attempts(_TRIES, f"groups took {name} and left it {_TRIES} times while deleting it")
    while True:
        config = configs.custom(name)
        if config is None:
            return {}
        if words := owner(config):
            what = f"deploymentConfigName: {name} {words}"
            raise model.refusal("DeleteDeploymentConfig", "InvalidInputException", what)
        seen = configs.uses(name)
        if seen.groups:
            what = f"deploymentConfigName: {name} is used by {', '.join(seen.groups)}"
            raise Refused("DeploymentConfigInUseException", f"{what}: give each of these groups another one first")
        if configs.delete(config, seen):
            return {}
        attempts.again()


def _must_be_new(name: str) -> None:
    if found := configs.custom(name):
        where = "is declared in deployments.yaml" if found.declared else "exists already"
        what = f"deploymentConfigName: {name} {where}: choose another name"
        raise Refused("DeploymentConfigAlreadyExistsException", what)


def _check_platform(given: dict[str, Any]) -> None:
    """What is for other platforms, or done in another way, is not here."""
    if (platform := given.get("computePlatform", responses.PLATFORM)) != responses.PLATFORM:
        what = f"computePlatform: {platform} is not supported: give {responses.PLATFORM}, or leave it out"
        raise Refused("InvalidComputePlatformException", what)
    if "trafficRoutingConfig" in given:
        what = "trafficRoutingConfig: is for Lambda and ECS, which are not supported: leave it out"
        raise Refused("InvalidTrafficRoutingConfigurationException", what)


def _minimum(given: dict[str, Any] | None) -> MinimumHealthyHosts:
    if given is None:
        raise _no_minimum("minimumHealthyHosts", "is missing: give type and value")
    if not given.get("type"):
        raise _no_minimum("minimumHealthyHosts.type", f"is missing: give {' or '.join(MinimumHealthyHostsType)}")
    try:
        return _of_type(given)
    except InvalidInput as error:
        raise _no_minimum("minimumHealthyHosts", str(error)) from error


def _of_type(given: dict[str, Any]) -> MinimumHealthyHosts:
    value = given.get("value", 0)  # clients that leave out zeros, as Go's, cannot say 0 in another way
    return MinimumHealthyHosts(MinimumHealthyHostsType(given["type"]), value)


def _zonal(given: dict[str, Any]) -> ZonalConfig:
    per_zone = given.get("minimumHealthyHostsPerZone")
    try:
        if per_zone is not None and not per_zone.get("type"):
            what = f"is missing: give {' or '.join(MinimumHealthyHostsType)}"
            raise InvalidInput(f"minimumHealthyHostsPerZone.type {what}")
        return ZonalConfig(
            minimum=_of_type(per_zone) if per_zone else None,
            monitor_seconds=given.get("monitorDurationInSeconds", 0),
            first_monitor_seconds=given.get("firstZoneMonitorDurationInSeconds"),
        )
    except InvalidInput as error:
        raise Refused("InvalidZonalDeploymentConfigurationException", f"zonalConfig: {error}") from error


def _stages(given: dict[str, Any]) -> tuple[StageRule, ...]:
    listed = given.get("stages", [])
    if listed and "zonalConfig" in given:
        raise _bad_stages("zonalConfig: give one of them: a stage can select by zone")
    found = []
    for number, each in enumerate(listed):
        try:
            found.append(_stage(each))
        except InvalidInput as error:
            raise _bad_stages(f"[{number}]: {error}") from error
    try:
        check_stages(found)
    except InvalidInput as error:
        raise _bad_stages(f": {error}") from error
    return tuple(found)


def _bad_stages(what: str) -> Refused:
    """Stages are not CodeDeploy's: no exception of its model is for them."""
    return Refused("ValidationException", f"stages{what}")


def _stage(given: dict[str, Any]) -> StageRule:
    select, approval = given.get("select", {}), given.get("approval")
    if not given.get("name") or not select.get("type"):
        raise InvalidInput(f"name and select.type are needed: give one of {', '.join(Select)}")
    least, tag = given.get("minimumHealthyHosts"), select.get("tag", {})
    _check_selection(select)
    return StageRule(
        name=given["name"],
        select=Select(select["type"]),
        value=select.get("value", 0),
        zones=tuple(select.get("zones", ())),
        tag_key=tag.get("Key"),
        tag_value=tag.get("Value"),
        minimum=_of_type(least) if least else None,
        bake_seconds=given.get("bakeSeconds", 0),
        approval=None if approval is None else _approval(approval),
        analysis=analysis(given["analysis"]) if "analysis" in given else None,
    )


def _check_selection(given: dict[str, Any]) -> None:
    """A member that the type takes no notice of would select something else than the caller means."""
    meant = _SELECTED_BY.get(Select(given["type"]))
    for member in ("value", "zones", "tag"):
        if given.get(member) and member != meant:
            what = f"select.{member}: has no effect with {given['type']}"
            raise InvalidInput(f"{what}: leave it out, or select by {_takers(member)}")


def _takers(member: str) -> str:
    return " or ".join(select for select, each in _SELECTED_BY.items() if each == member)


def _approval(given: dict[str, Any]) -> Approval:
    approvers = given.get("approvers", ())
    if approvers == []:
        raise InvalidInput("approval.approvers: leaves no approver: give at least one ARN, or leave it out")
    if len(approvers) > principals.MAX:
        raise InvalidInput(f"approval.approvers: has {len(approvers)}, at most {principals.MAX}")
    for each in approvers:
        if problem := principals.problem(each):
            raise InvalidInput(f"approval.approvers: {each[:SHOWN]!r} {problem}")
    return Approval(approvers=tuple(dict.fromkeys(approvers)), by_another=given.get("byAnother", False))


def _no_minimum(member: str, what: str) -> Refused:
    return Refused("InvalidMinimumHealthyHostValueException", f"{member}: {what}")

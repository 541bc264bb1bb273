"""A deployment group as requests make and change it.

Source: CodeDeploy API model 2014-10-06 (CreateDeploymentGroup, UpdateDeploymentGroup). What a request leaves out stays
as it is; what it gives replaces, and an empty list removes.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from functions.api.requests import settings as requests_settings
from functions.api.requests.auto_scaling import auto_scaling
from functions.api.requests.tags import EC2, ON_PREMISES
from functions.core import quotas
from functions.core.access import without_approver
from functions.core.errors import InvalidInput, Refused
from functions.core.limits import SHOWN
from functions.core.records import Group, LoadBalancers, Trigger
from functions.core.rollout.analysis import check_alarms
from functions.core.rollout.health import DeploymentConfig
from functions.core.statuses import (
    DeploymentOption,
    OnBusy,
    OnFreeze,
    OutdatedInstancesStrategy,
    TriggerEvent,
    TriggerFormat,
)
from functions.core.text import principals
from functions.core.text.names import is_group_key, is_role

_INVALID_TRIGGER = "InvalidTriggerConfigException"
_ONLY_TYPE = "IN_PLACE"

# What is for other platforms: empty, it says nothing.
_UNSUPPORTED = {
    "blueGreenDeploymentConfiguration": (
        "InvalidBlueGreenDeploymentConfigurationException",
        "deployments are in place",
    ),
    "ecsServices": ("InvalidECSServiceException", "deployments go to instances"),
}


def changed(
    group: Group,
    given: Mapping[str, Any],
    *,
    config: DeploymentConfig | None,
    topics: Collection[str],
    budgets: Collection[str] = (),
) -> Group:
    """The group after a request. Raises Refused.

    `config` is the configuration that the request names, `topics` the ARNs to which the engine may publish, `budgets`
    the names of those that there are.
    """
    _check_supported(given)
    settings = group.settings
    if config:
        settings = replace(settings, config=config)
    if "alarmConfiguration" in given:
        settings = replace(settings, alarms=requests_settings.alarms(given["alarmConfiguration"]))
    if "autoRollbackConfiguration" in given:
        settings = requests_settings.auto_rollback(given["autoRollbackConfiguration"]).over(settings)
    if "triggerConfigurations" in given:
        settings = replace(settings, triggers=_triggers(given["triggerConfigurations"], topics))
    settings = replace(settings, auto_scaling=auto_scaling(settings.auto_scaling, given))
    settings = replace(settings, load_balancers=_load_balancers(settings.load_balancers, given))
    if "hostBusySeconds" in given:
        settings = replace(settings, host_busy_seconds=_host_busy(given["hostBusySeconds"]))
    if "budgets" in given:
        settings = replace(settings, budgets=_budgets(given["budgets"], budgets))
    if "onBusy" in given:
        settings = replace(settings, on_busy=OnBusy(given["onBusy"]))
    if "onFreeze" in given:
        settings = replace(settings, on_freeze=OnFreeze(given["onFreeze"]))
    if "sequence" in given:
        settings = replace(settings, is_sequence=bool(given["sequence"]))
    if "allowedPrincipals" in given:
        settings = replace(settings, allowed_principals=_principals(given["allowedPrincipals"]))
    if "sharedWith" in given:
        settings = replace(settings, shared_with=_shared_with(given["sharedWith"]))
    if settings.shared_with and not settings.allowed_principals:
        what = "sharedWith: does not have any effect without allowedPrincipals: give both, or an empty list"
        raise Refused("InvalidInputException", what)
    if problem := without_approver(settings.config, settings.allowed_principals):
        raise Refused("InvalidInputException", f"deploymentConfigName: {problem}")
    try:
        check_alarms(settings)
    except InvalidInput as error:
        raise Refused("InvalidAlarmConfigException", f"alarmConfiguration: {error}") from error
    word = given.get("outdatedInstancesStrategy")
    return replace(
        _with_tags(replace(group, settings=settings), given),
        service_role_arn=_role(given["serviceRoleArn"]) if "serviceRoleArn" in given else group.service_role_arn,
        outdated_instances_strategy=OutdatedInstancesStrategy(word) if word else group.outdated_instances_strategy,
    )


def _host_busy(seconds: int) -> int:
    if not 0 <= seconds <= quotas.LONGEST_DEPLOYMENT_SECONDS:
        what = f"{seconds} is not from 0 (fail at once) to {quotas.LONGEST_DEPLOYMENT_SECONDS}"
        raise Refused("InvalidInputException", f"hostBusySeconds: {what}")
    return seconds


def _budgets(given: list[str], known: Collection[str]) -> tuple[str, ...]:
    if len(given) > quotas.MAX_BUDGETS_OF_GROUP:
        what = f"budgets: has {len(given)}, at most {quotas.MAX_BUDGETS_OF_GROUP}"
        raise Refused("InvalidInputException", what)
    for number, each in enumerate(given):
        if each not in known:
            what = f"budgets[{number}]: there is no budget {each[:SHOWN]!r}: see ListBudgets, or make it by PutBudget"
            raise Refused("InvalidInputException", what)
    return tuple(dict.fromkeys(given))


def _principals(given: list[str]) -> tuple[str, ...]:
    if len(given) > principals.MAX:
        raise Refused("InvalidInputException", f"allowedPrincipals: has {len(given)}, at most {principals.MAX}")
    for number, each in enumerate(given):
        if problem := principals.problem(each):
            what = f"allowedPrincipals[{number}]: {each[:SHOWN]!r} {problem}"
            raise Refused("InvalidInputException", what)
    return tuple(dict.fromkeys(given))


def _shared_with(given: list[str]) -> tuple[str, ...]:
    if len(given) > quotas.MAX_SHARED:
        raise Refused("InvalidInputException", f"sharedWith: has {len(given)}, at most {quotas.MAX_SHARED}")
    for number, each in enumerate(given):
        if not is_group_key(each):
            what = f"{each[:SHOWN]!r} is not a group; write APPLICATION/GROUP, for example shop/tools"
            raise Refused("InvalidInputException", f"sharedWith[{number}]: {what}")
    return tuple(dict.fromkeys(given))


def _check_supported(given: Mapping[str, Any]) -> None:
    for name, (code, remedy) in _UNSUPPORTED.items():
        if _says_something(given.get(name)):
            raise Refused(code, f"{name}: is not supported: leave it out; {remedy}")
    style = (given.get("deploymentStyle") or {}).get("deploymentType") or _ONLY_TYPE
    if style != _ONLY_TYPE:
        what = f"deploymentStyle.deploymentType: {style} is not supported: give {_ONLY_TYPE}, or leave it out"
        raise Refused("InvalidDeploymentStyleException", what)


def _load_balancers(before: LoadBalancers, given: Mapping[str, Any]) -> LoadBalancers:
    after = before
    if "loadBalancerInfo" in given:
        after = requests_settings.load_balancers(before, given["loadBalancerInfo"] or {})
    if option := (given.get("deploymentStyle") or {}).get("deploymentOption"):
        after = replace(after, has_control=option == DeploymentOption.WITH_TRAFFIC_CONTROL)
    if after.has_control and not after.are_used:
        what = "deploymentStyle.deploymentOption: WITH_TRAFFIC_CONTROL needs loadBalancerInfo"
        raise Refused(
            "InvalidLoadBalancerInfoException", f"{what}: name a load balancer there, or give WITHOUT_TRAFFIC_CONTROL"
        )
    return after


def _says_something(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_says_something(each) for each in value.values())
    return bool(value)


def _role(arn: str) -> str:
    """The engine acts by roles of its own; the group's is kept because CodeDeploy's clients give one and read it."""
    if not is_role(arn):
        what = f"{arn[:SHOWN]!r} is not the ARN of a role: give arn:aws:iam::ACCOUNT:role/NAME"
        raise Refused("InvalidRoleException", f"serviceRoleArn: {what}")
    return arn


def _with_tags(group: Group, given: Mapping[str, Any]) -> Group:
    for kind, setting, flag in (
        (EC2, "tag_groups", "has_tag_set"),
        (ON_PREMISES, "on_premises_tag_groups", "has_on_premises_tag_set"),
    ):
        if (tags := kind.selected(given)) is not None:
            has_set: dict[str, Any] = {flag: kind.is_set(given)}
            group = replace(group, settings=replace(group.settings, **{setting: tags}), **has_set)  # type: ignore[arg-type]
    return group


def _triggers(given: list[dict[str, Any]], topics: Collection[str]) -> tuple[Trigger, ...]:
    if len(given) > quotas.MAX_TRIGGERS:
        what = f"triggerConfigurations: has {len(given)}, at most {quotas.MAX_TRIGGERS}"
        raise Refused("TriggerTargetsLimitExceededException", what)
    found: dict[str, Trigger] = {}
    for number, each in enumerate(given):
        trigger = _trigger(each, f"triggerConfigurations[{number}]", topics)
        if trigger.name in found:
            what = f"triggerConfigurations[{number}].triggerName: {trigger.name[:SHOWN]} is used twice: rename one"
            raise Refused(_INVALID_TRIGGER, what)
        found[trigger.name] = trigger
    return tuple(found.values())


def _trigger(given: Mapping[str, Any], place: str, topics: Collection[str]) -> Trigger:
    for name in ("triggerName", "triggerTargetArn", "triggerEvents"):
        if not given.get(name):
            raise Refused(_INVALID_TRIGGER, f"{place}.{name}: is missing")
    topic = given["triggerTargetArn"]
    if topic not in topics:
        what = f"{place}.triggerTargetArn: the engine may not publish to {topic[:SHOWN]!r}"
        remedy = f"give one of {', '.join(sorted(topics))}, or name it in deployments.yaml and run cdk deploy"
        raise Refused(_INVALID_TRIGGER, f"{what}: {remedy}")
    if other := set(given["triggerEvents"]) - set(TriggerEvent):
        what = f"{place}.triggerEvents: {', '.join(sorted(other))}: belong to blue/green deployments"
        raise Refused(_INVALID_TRIGGER, f"{what}, which are not supported; remove them")
    return Trigger(
        name=given["triggerName"],
        topic_arn=topic,
        events=tuple(map(TriggerEvent, dict.fromkeys(given["triggerEvents"]))),
        format=TriggerFormat(given.get("triggerFormat", TriggerFormat.CODEDEPLOY)),
    )

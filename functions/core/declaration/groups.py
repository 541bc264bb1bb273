"""A deployment group of the file.

Source of the limits: CodeDeploy User Guide, "CodeDeploy limits", and the exceptions of API model 2014-10-06.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

import yaml

from functions.core import quotas
from functions.core.access import without_approver
from functions.core.declaration.auto_scaling import auto_scaling
from functions.core.declaration.durations import parsed_seconds, seconds
from functions.core.declaration.load_balancers import load_balancers
from functions.core.declaration.model import ENGINE_TOPIC, DeclaredGroup
from functions.core.declaration.principals import principal_patterns
from functions.core.declaration.tags import SELECTING, tag_groups
from functions.core.declaration.value import Value, did_you_mean
from functions.core.errors import InvalidInput
from functions.core.records import Alarms, AutoRollback, GroupSettings, Trigger
from functions.core.rollout.analysis import check_alarms
from functions.core.rollout.health import DEFAULT_CONFIG, DeploymentConfig
from functions.core.statuses import (
    AutoRollbackEvent,
    FileExistsBehavior,
    OnBusy,
    OnFreeze,
    OutdatedInstancesStrategy,
    TriggerEvent,
    TriggerFormat,
)
from functions.core.text.names import MAX_ROLE_ARN, is_group_key, is_role

_TOPIC_ARN = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}")


def group_of(
    application: str, name: str, value: Value, configs: Mapping[str, DeploymentConfig], budgets: Collection[str]
) -> DeclaredGroup:
    """`configs`, `budgets`: those that there are, by their names."""
    members = value.known(
        "ec2TagFilters",
        "ec2TagSet",
        "onPremisesInstanceTagFilters",
        "onPremisesTagSet",
        "deploymentConfigName",
        "alarmConfiguration",
        "autoRollbackConfiguration",
        "triggerConfigurations",
        "autoScalingGroups",
        "terminationHookEnabled",
        "ec2DeploymentOptions",
        "launchOrder",
        "launchesTakePlaces",
        "afterFailedLaunches",
        "loadBalancerInfo",
        "deploymentStyle",
        "bakeTime",
        "onBusy",
        "sequence",
        "onFreeze",
        "slackChannel",
        "fileExistsBehavior",
        "ignoreApplicationStopFailures",
        "allowedPrincipals",
        "sharedWith",
        "hostBusy",
        "budgets",
        "serviceRoleArn",
        "outdatedInstancesStrategy",
    )
    settings = _settings(value, members, configs, budgets)
    role, strategy = members.get("serviceRoleArn"), members.get("outdatedInstancesStrategy")
    arn = role.text(longest=MAX_ROLE_ARN) if role else None
    if role and arn and not is_role(arn):
        role.refuse(f"{role.shown} is not the ARN of a role: give arn:aws:iam::ACCOUNT:role/NAME")
    return DeclaredGroup(
        application=application,
        name=name,
        settings=settings,
        service_role_arn=arn,
        outdated_instances_strategy=strategy.word(OutdatedInstancesStrategy) if strategy else None,
        has_tag_set="ec2TagSet" in members,
        has_on_premises_tag_set="onPremisesTagSet" in members,
    )


def _settings(
    value: Value, members: dict[str, Value], configs: Mapping[str, DeploymentConfig], budgets: Collection[str]
) -> GroupSettings:
    wanted = AutoRollback()
    read: dict[str, Any] = {
        "tag_groups": tag_groups(members, "ec2TagFilters", "ec2TagSet"),
        "on_premises_tag_groups": tag_groups(members, "onPremisesInstanceTagFilters", "onPremisesTagSet"),
    }
    if not members.keys() & SELECTING:
        value.refuse_key(
            "say which instances belong to the group: ec2TagFilters, ec2TagSet or autoScalingGroups is missing"
        )
    read["auto_scaling"] = auto_scaling(members)
    if config := members.get("deploymentConfigName"):
        read["config"] = _config(config, configs)
    if alarms := members.get("alarmConfiguration"):
        read["alarms"] = _alarms(alarms)
    if rollback := members.get("autoRollbackConfiguration"):
        wanted = _auto_rollback(rollback, read.get("alarms", Alarms()), read.get("config"))
    if triggers := members.get("triggerConfigurations"):
        read["triggers"] = _triggers(triggers)
    if members.keys() & {"loadBalancerInfo", "deploymentStyle"}:
        read["load_balancers"] = load_balancers(members.get("loadBalancerInfo"), members.get("deploymentStyle"))
    if bake := members.get("bakeTime"):
        read["bake_seconds"] = seconds(bake)
    if on_busy := members.get("onBusy"):
        read["on_busy"] = on_busy.word(OnBusy)
    if on_freeze := members.get("onFreeze"):
        read["on_freeze"] = on_freeze.word(OnFreeze)
    if sequence := members.get("sequence"):
        read["is_sequence"] = sequence.flag()
    if channel := members.get("slackChannel"):
        read["slack_channel"] = channel.text(longest=80)
    if behavior := members.get("fileExistsBehavior"):
        read["file_exists_behavior"] = behavior.word(FileExistsBehavior)
    if ignore := members.get("ignoreApplicationStopFailures"):
        read["ignore_application_stop_failures"] = ignore.flag()
    if busy := members.get("hostBusy"):
        read["host_busy_seconds"] = _host_busy_seconds(busy)
    if named := members.get("budgets"):
        read["budgets"] = _budgets(named, budgets)
    if allowed := members.get("allowedPrincipals"):
        read["allowed_principals"] = principal_patterns(
            allowed, nobody="give at least one ARN, or leave it out: then IAM alone decides"
        )
    if shared := members.get("sharedWith"):
        read["shared_with"] = _shared_with(shared)
        if not allowed:
            shared.refuse_key("does not have any effect unless allowedPrincipals says who may deploy")
    settings = wanted.over(GroupSettings(**read))
    if config and (problem := without_approver(settings.config, settings.allowed_principals)):
        config.refuse(problem)
    try:
        check_alarms(settings)
    except InvalidInput as error:
        value.refuse(str(error))
    return settings


def _shared_with(value: Value) -> tuple[str, ...]:
    groups = []
    for each in value.items(most=quotas.MAX_SHARED):
        groups.append(text := each.text(longest=201))
        if text and not is_group_key(text):
            each.refuse(f"{each.shown} is not a group; write APPLICATION/GROUP, for example shop/tools")
    return tuple(dict.fromkeys(groups))


def _budgets(value: Value, known: Collection[str]) -> tuple[str, ...]:
    names: list[str] = []
    for each in value.items(most=quotas.MAX_BUDGETS_OF_GROUP):
        name = each.text(longest=100)
        if name and name not in known:
            hint = did_you_mean(name, known) if known else ""
            each.refuse(f'there is no budget "{name}"{hint} (declare it under budgets)')
        elif name in names:
            each.refuse(f'the budget "{name}" is there twice')
        names.append(name)
    return tuple(names)


def _config(value: Value, configs: Mapping[str, DeploymentConfig]) -> DeploymentConfig:
    name = value.text(longest=100)
    if name and name not in configs:
        value.refuse(
            f'there is no deployment configuration "{name}"{did_you_mean(name, configs)}'
            " (declare your own under deploymentConfigs)"
        )
    return configs.get(name, configs[DEFAULT_CONFIG])


def _alarms(value: Value) -> Alarms:
    members = value.known("enabled", "ignorePollAlarmFailure", "alarms")
    names: list[str] = []
    for alarm in members["alarms"].items(most=quotas.MAX_ALARMS) if "alarms" in members else []:
        if "name" in (body := alarm.known("name", required=["name"])):
            name = body["name"].text(longest=255)
            if name in names:
                body["name"].refuse(f'the alarm "{name}" is there twice')
            names.append(name)
    enabled = members["enabled"].flag() if "enabled" in members else True
    if enabled and not names:
        value.refuse("enabled without alarms: name at least one")
    ignore = members["ignorePollAlarmFailure"].flag() if "ignorePollAlarmFailure" in members else False
    return Alarms(names=tuple(names), enabled=enabled, ignore_poll_alarm_failure=ignore)


def _auto_rollback(value: Value, alarms: Alarms, config: DeploymentConfig | None) -> AutoRollback:
    members = value.known("enabled", "events")
    listed = members["events"].items() if "events" in members else []
    events = tuple(dict.fromkeys(event.word(AutoRollbackEvent) for event in listed))
    if not (members["enabled"].flag() if "enabled" in members else True):
        return AutoRollback(events=events, enabled=False)
    if not events:
        value.refuse("enabled without events: name at least one")
    is_judged = config is not None and any(stage.analysis for stage in config.stages)  # which stops it as an alarm does
    if AutoRollbackEvent.DEPLOYMENT_STOP_ON_ALARM in events and not alarms.watched and not is_judged:
        value.refuse("DEPLOYMENT_STOP_ON_ALARM does not have any effect unless alarmConfiguration names an alarm")
    return AutoRollback(events=events)


def _triggers(value: Value) -> tuple[Trigger, ...]:
    triggers: list[Trigger] = []
    keys = ("triggerName", "triggerTargetArn", "triggerEvents")
    for body in value.items(most=quotas.MAX_TRIGGERS):
        members = body.known(*keys, "triggerFormat", required=keys)
        if not members.keys() >= set(keys):
            continue
        name, arn = members["triggerName"].text(longest=100), members["triggerTargetArn"].text(longest=512)
        if name in [trigger.name for trigger in triggers]:
            members["triggerName"].refuse(f'the trigger "{name}" is there twice')
        if arn and arn != ENGINE_TOPIC and not _TOPIC_ARN.fullmatch(arn):
            members["triggerTargetArn"].refuse(
                f'"{arn}" is neither the ARN of a standard SNS topic nor the word {ENGINE_TOPIC}'
            )
        events = members["triggerEvents"].items()
        if not events:
            members["triggerEvents"].refuse("give at least one event")
        words = dict.fromkeys(event.word(TriggerEvent) for event in events)
        form = members["triggerFormat"].word(TriggerFormat) if "triggerFormat" in members else TriggerFormat.CODEDEPLOY
        triggers.append(Trigger(name=name, topic_arn=arn, events=tuple(words), format=form))
    return tuple(triggers)


def _host_busy_seconds(value: Value) -> int:
    """`fail`, or `wait` and how long."""
    given = value.node.value.split() if isinstance(value.node, yaml.ScalarNode) else []
    if given == ["fail"]:
        return 0
    wait = parsed_seconds(given[1]) if len(given) == 2 and given[0] == "wait" else None
    if not wait:
        value.refuse(f'{value.shown} is neither "fail" nor "wait" and a time, for example "wait 10m"')
        return 0
    if wait > quotas.LONGEST_DEPLOYMENT_SECONDS:
        value.refuse(f"{wait} seconds: at most {quotas.LONGEST_DEPLOYMENT_SECONDS} (12 hours)")
    return wait

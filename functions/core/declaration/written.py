"""A declared group as deployments.yaml says it in the shortest way: the inverse of reading it.

What is as it would be without its key is left out, times are texts, and tag filters have no Type. So two groups that
mean the same are written the same, whoever wrote them.
"""

from typing import Any

from functions.core.declaration.durations import seconds_text
from functions.core.declaration.model import Declaration, DeclaredGroup
from functions.core.declaration.revision_buckets import BucketTrigger
from functions.core.records import (
    Alarms,
    AutoScaling,
    Budget,
    GroupSettings,
    LoadBalancers,
    TagFilter,
    TagGroup,
    Trigger,
)
from functions.core.rollout.analysis_rule import Analysis, MetricRule, OnInconclusive
from functions.core.rollout.health import DeploymentConfig, MinimumHealthyHosts, Select, StageRule
from functions.core.statuses import DeploymentOption, TriggerFormat

_DEFAULTS = GroupSettings()
Keys = dict[str, Any]  # of a group of the file, with their plain values


def written(group: DeclaredGroup) -> Keys:
    """
    >>> from functions.core.declaration import load
    >>> body = "{ec2TagFilters: [{Key: app, Type: KEY_ONLY}], bakeTime: 90, onBusy: queue}"
    >>> written(load("applications: {shop: {groups: {web: %s}}}" % body).groups[0])
    {'ec2TagFilters': [{'Key': 'app'}], 'bakeTime': '1m30s'}
    """
    settings = group.settings
    busy = settings.host_busy_seconds
    keys: Keys = {
        **_tags(settings.tag_groups, "ec2TagFilters", "ec2TagSet", is_set=group.has_tag_set),
        **_tags(
            settings.on_premises_tag_groups,
            "onPremisesInstanceTagFilters",
            "onPremisesTagSet",
            is_set=group.has_on_premises_tag_set,
        ),
        **_scaling(settings.auto_scaling),
        "deploymentConfigName": settings.config.name if settings.config != _DEFAULTS.config else None,
        "alarmConfiguration": _alarms(settings.alarms),
        "autoRollbackConfiguration": _auto_rollback(settings),
        "triggerConfigurations": [_trigger(each) for each in settings.triggers],
        **_load_balancers(settings.load_balancers),
        "bakeTime": seconds_text(settings.bake_seconds) if settings.bake_seconds else None,
        "onBusy": settings.on_busy.value if settings.on_busy != _DEFAULTS.on_busy else None,
        "sequence": settings.is_sequence,
        "onFreeze": settings.on_freeze.value if settings.on_freeze != _DEFAULTS.on_freeze else None,
        "hostBusy": host_busy(busy) if busy != _DEFAULTS.host_busy_seconds else None,
        "budgets": list(settings.budgets),
        "slackChannel": settings.slack_channel,
        "fileExistsBehavior": settings.file_exists_behavior.value
        if settings.file_exists_behavior != _DEFAULTS.file_exists_behavior
        else None,
        "ignoreApplicationStopFailures": settings.ignore_application_stop_failures,
        "allowedPrincipals": list(settings.allowed_principals),
        "sharedWith": list(settings.shared_with),
        "serviceRoleArn": group.service_role_arn,
        "outdatedInstancesStrategy": group.outdated_instances_strategy,
    }
    return {key: value for key, value in keys.items() if value}


def config_written(config: DeploymentConfig) -> Keys:
    """A deployment configuration of the file, likewise."""
    keys: Keys = {"minimumHealthyHosts": _minimum(config.minimum)} if config.minimum else {}
    if zonal := config.zonal:
        first, each = zonal.first_monitor_seconds, zonal.monitor_seconds
        zones = {
            "firstZoneMonitorDuration": seconds_text(first) if first is not None else None,
            "monitorDuration": seconds_text(each) if each else None,
            "minimumHealthyHostsPerZone": _minimum(zonal.minimum) if zonal.minimum else None,
        }
        keys["zonalConfig"] = {key: value for key, value in zones.items() if value}
    if config.stages:
        keys["stages"] = [_stage(each) for each in config.stages]
    if config.order_tag:
        keys["orderTag"] = config.order_tag
    return keys


def _stage(given: StageRule) -> Keys:
    tag = {"Key": given.tag_key, **({} if given.tag_value is None else {"Value": given.tag_value})}
    selects: dict[Select, Any] = {
        Select.COUNT: {"count": given.value},
        Select.PERCENT: {"percent": given.value},
        Select.ZONE: {"zone": list(given.zones)} if given.zones else "zone",
        Select.TAG: {"tag": tag},
        Select.REST: "rest",
    }
    keys: Keys = {"name": given.name, "select": selects[given.select]}
    if given.minimum:
        keys["minimumHealthyHosts"] = _minimum(given.minimum)
    if given.bake_seconds:
        keys["bake"] = seconds_text(given.bake_seconds)
    if approval := given.approval:
        named = {"approvers": list(approval.approvers), "byAnother": approval.by_another}
        keys["approval"] = {key: value for key, value in named.items() if value} or True
    if given.analysis:
        keys["analysis"] = _analysis(given.analysis)
    return keys


def _analysis(given: Analysis) -> Keys:
    keys: Keys = {"metrics": [_metric(each) for each in given.metrics]} if given.metrics else {}
    if given.alarm_points:
        keys["alarms"] = {"minimumDataPoints": given.alarm_points}
    if given.on_inconclusive is not OnInconclusive.HOLD:
        keys["onInconclusive"] = given.on_inconclusive.value
    return keys


def _metric(given: MetricRule) -> Keys:
    tolerance = given.tolerance
    keys: Keys = {
        "name": given.name,
        "namespace": given.namespace,
        "metricName": given.metric_name,
        "dimensions": {each.name: each.value for each in given.dimensions} or None,
        "statistic": given.statistic,
        "period": seconds_text(given.period_seconds),
        "compare": given.compare.value,
        "failOn": given.fail_on.value,
        "limit": given.limit,
        "tolerance": {"percent": tolerance.percent, "value": tolerance.value} if tolerance else None,
        "minimumDataPoints": given.minimum_points,
    }
    return {key: value for key, value in keys.items() if value is not None}


def budget_written(budget: Budget) -> Keys:
    """A budget of the file, likewise."""
    return {
        **_tags(budget.tag_groups, "ec2TagFilters", "ec2TagSet", is_set=False),
        **_tags(budget.on_premises_tag_groups, "onPremisesInstanceTagFilters", "onPremisesTagSet", is_set=False),
        **({"autoScalingGroups": list(budget.scaling_groups)} if budget.scaling_groups else {}),
        "maximumOutOfService": {"type": budget.maximum.type.value, "value": budget.maximum.value},
    }


def buckets_written(declaration: Declaration) -> dict[str, Keys]:
    """What the file says of each of `revisionBuckets`, by name: nothing of one in the short form."""
    found: dict[str, Keys] = {name: {} for name in declaration.revision_buckets}
    for each in declaration.upload_triggers:
        prefix = {"prefix": each.prefix} if each.prefix else {}
        found[each.bucket] = {"trigger": BucketTrigger.UPLOADS.value, **prefix}
    return found


def repositories_written(declaration: Declaration) -> dict[str, Keys]:
    """What the file says of each of `codeCommitRepositories`, by name: the groups of its branches."""
    return {
        each.name: {branch: list(groups) for branch, groups in each.branches.items()}
        for each in declaration.repositories
    }


def _minimum(given: MinimumHealthyHosts) -> Keys:
    return {"type": given.type.value, "value": given.value}


def host_busy(seconds: int) -> str:
    """
    >>> host_busy(600), host_busy(0)
    ('wait 10m', 'fail')
    """
    return f"wait {seconds_text(seconds)}" if seconds else "fail"


def _tags(groups: tuple[TagGroup, ...], filters: str, tag_set: str, *, is_set: bool) -> Keys:
    lists = [[_tag_filter(each) for each in group.filters] for group in groups]
    if is_set or len(lists) > 1:
        return {tag_set: {f"{tag_set}List": lists}}
    return {filters: lists[0]} if lists else {}


def _tag_filter(given: TagFilter) -> dict[str, str]:
    parts = {"Key": given.key, "Value": given.value}
    return {name: part for name, part in parts.items() if part is not None}


def _scaling(given: AutoScaling) -> Keys:
    after = given.after_failed_launches
    return {
        "autoScalingGroups": list(given.groups),
        "terminationHookEnabled": given.has_termination_hook,
        "ec2DeploymentOptions": {"processesToSuspend": list(given.suspended)} if given.suspended else None,
        "launchOrder": given.order,
        "launchesTakePlaces": given.takes_places,
        "afterFailedLaunches": after.value if after != _DEFAULTS.auto_scaling.after_failed_launches else None,
    }


def _alarms(given: Alarms) -> Keys:
    """Nothing of alarms that are not watched for want of a name."""
    if not given.names:
        return {}
    return {
        **({} if given.enabled else {"enabled": False}),
        **({"ignorePollAlarmFailure": True} if given.ignore_poll_alarm_failure else {}),
        "alarms": [{"name": name} for name in given.names],
    }


def _auto_rollback(settings: GroupSettings) -> Keys:
    if settings.auto_rollback:
        return {"events": [each.value for each in settings.auto_rollback]}
    idle = [each.value for each in settings.idle_auto_rollback]
    return {"enabled": False, "events": idle} if idle else {}


def _trigger(given: Trigger) -> Keys:
    events = [each.value for each in given.events]
    form = {} if given.format is TriggerFormat.CODEDEPLOY else {"triggerFormat": given.format.value}
    return {"triggerName": given.name, "triggerTargetArn": given.topic_arn, "triggerEvents": events, **form}


def _load_balancers(given: LoadBalancers) -> Keys:
    named = {"targetGroupInfoList": given.target_groups, "elbInfoList": given.classic}
    info: Keys = {key: [{"name": each} for each in names] for key, names in named.items() if names}
    if not info:
        return {}
    usual = _DEFAULTS.load_balancers
    if given.propagation_seconds is not None:
        info["propagationTime"] = seconds_text(given.propagation_seconds)
    if given.drain != usual.drain:
        info["drain"] = given.drain.value
    if given.healthy_timeout_seconds != usual.healthy_timeout_seconds:
        info["healthyTimeout"] = seconds_text(given.healthy_timeout_seconds)
    if given.reregister_on_failure:
        info["reregisterOnFailure"] = True
    style = {"deploymentOption": DeploymentOption.WITHOUT_TRAFFIC_CONTROL.value}
    return {"loadBalancerInfo": info, **({} if given.has_control else {"deploymentStyle": style})}

"""A DeploymentGroupInfo, of the engine or of CodeDeploy, as the keys that a group of deployments.yaml has.

What is as it would be without its key is left out, as `functions.core.declaration.written` does of a declared group.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from functions.core.declaration.durations import seconds_text
from functions.core.declaration.written import Keys, host_busy
from functions.core.records import GroupSettings
from functions.core.rollout.analysis_rule import OnInconclusive
from functions.core.rollout.health import DEFAULT_CONFIG, Select

Info = Mapping[str, Any]
_USUAL = GroupSettings()
_WITHOUT = "WITHOUT_TRAFFIC_CONTROL"


def keys_of(info: Info) -> Keys:
    """
    >>> keys_of({"ec2TagFilters": [{"Key": "app", "Type": "KEY_ONLY"}], "bakeSeconds": 0, "onBusy": "reject"})
    {'ec2TagFilters': [{'Key': 'app'}], 'onBusy': 'reject'}
    """
    bake, busy = info.get("bakeSeconds"), info.get("hostBusySeconds", _USUAL.host_busy_seconds)
    keys: Keys = {
        **_tags(info, "ec2TagFilters", "ec2TagSet"),
        **_tags(info, "onPremisesInstanceTagFilters", "onPremisesTagSet"),
        "autoScalingGroups": [each["name"] for each in info.get("autoScalingGroups", ())],
        "terminationHookEnabled": info.get("terminationHookEnabled"),
        "ec2DeploymentOptions": info.get("ec2DeploymentOptions"),
        "launchOrder": info.get("launchOrder"),
        "launchesTakePlaces": info.get("launchesTakePlaces"),
        "afterFailedLaunches": _unless(info, "afterFailedLaunches", _USUAL.auto_scaling.after_failed_launches),
        "deploymentConfigName": _unless(info, "deploymentConfigName", DEFAULT_CONFIG),
        "alarmConfiguration": _alarms(info.get("alarmConfiguration", {})),
        "autoRollbackConfiguration": _auto_rollback(info.get("autoRollbackConfiguration", {})),
        "triggerConfigurations": [dict(each) for each in info.get("triggerConfigurations", ())],
        **_load_balancers(info),
        "bakeTime": seconds_text(bake) if bake else None,
        "onBusy": _unless(info, "onBusy", _USUAL.on_busy),
        "sequence": info.get("sequence"),
        "onFreeze": _unless(info, "onFreeze", _USUAL.on_freeze),
        "hostBusy": host_busy(busy) if busy != _USUAL.host_busy_seconds else None,
        "budgets": info.get("budgets"),
        "slackChannel": info.get("slackChannel"),
        "fileExistsBehavior": _unless(info, "fileExistsBehavior", _USUAL.file_exists_behavior),
        "ignoreApplicationStopFailures": info.get("ignoreApplicationStopFailures"),
        "allowedPrincipals": info.get("allowedPrincipals"),
        "sharedWith": info.get("sharedWith"),
        "serviceRoleArn": info.get("serviceRoleArn"),
        "outdatedInstancesStrategy": info.get("outdatedInstancesStrategy"),
    }
    return {key: value for key, value in keys.items() if value}


def config_keys(info: Info) -> Keys:
    """A DeploymentConfigInfo as deployments.yaml has it under its name."""
    zonal = info.get("zonalConfig", {})
    first, each = zonal.get("firstZoneMonitorDurationInSeconds"), zonal.get("monitorDurationInSeconds")
    zones: Keys = {
        "firstZoneMonitorDuration": seconds_text(first) if first is not None else None,
        "monitorDuration": seconds_text(each) if each else None,
        "minimumHealthyHostsPerZone": dict(zonal.get("minimumHealthyHostsPerZone") or {}),
    }
    kept = {key: value for key, value in zones.items() if value}
    minimum = {"minimumHealthyHosts": dict(info["minimumHealthyHosts"])}
    keys: Keys = {**minimum, **({"zonalConfig": kept} if "zonalConfig" in info else {})}
    if "stages" in info:
        keys["stages"] = [_stage_keys(each) for each in info["stages"]]
    return {**keys, **({"orderTag": info["orderTag"]} if "orderTag" in info else {})}


def _stage_keys(stage: Info) -> Keys:
    """A StageRule as deployments.yaml has it."""
    select, approval = stage["select"], stage.get("approval")
    match Select(select["type"]):
        case Select.COUNT | Select.PERCENT as kind:
            chosen: Any = {kind.lower(): select["value"]}
        case Select.ZONE:
            chosen = {"zone": list(select["zones"])} if select.get("zones") else "zone"
        case Select.TAG:
            chosen = {"tag": dict(select["tag"])}
        case Select.REST:
            chosen = "rest"
    keys: Keys = {"name": stage["name"], "select": chosen}
    if "minimumHealthyHosts" in stage:
        keys["minimumHealthyHosts"] = dict(stage["minimumHealthyHosts"])
    if stage.get("bakeSeconds"):
        keys["bake"] = seconds_text(stage["bakeSeconds"])
    if approval is not None:
        keys["approval"] = {name: value for name, value in approval.items() if value} or True
    if analysis := stage.get("analysis"):
        keys["analysis"] = _analysis_keys(analysis)
    return keys


def _analysis_keys(analysis: Info) -> Keys:
    """An Analysis as deployments.yaml has it."""
    keys: Keys = dict(analysis)
    if keys.get("onInconclusive") == OnInconclusive.HOLD:
        del keys["onInconclusive"]
    if "metrics" in keys:
        keys["metrics"] = [_metric_keys(each) for each in keys["metrics"]]
    return keys


def _metric_keys(metric: Info) -> Keys:
    return {
        "period" if name == "periodSeconds" else name: seconds_text(value) if name == "periodSeconds" else value
        for name, value in metric.items()
    }


def budget_keys(info: Info) -> Keys:
    """A Budget of ListBudgets as deployments.yaml has it under its name."""
    keys: Keys = {
        **_tags(info, "ec2TagFilters", "ec2TagSet"),
        **_tags(info, "onPremisesInstanceTagFilters", "onPremisesTagSet"),
        "autoScalingGroups": info.get("autoScalingGroups"),
        "maximumOutOfService": dict(info["maximumOutOfService"]),
    }
    return {key: value for key, value in keys.items() if value}


def one_line(value: Any) -> str:
    """A value, or a key, as one line of YAML.

    >>> one_line([{"Key": "app", "Value": "on"}])
    "[{Key: app, Value: 'on'}]"
    """
    text: str = yaml.safe_dump(value, default_flow_style=True, width=float("inf"), sort_keys=False, allow_unicode=True)
    return text.removesuffix("...\n").strip()


def _unless(info: Info, member: str, usual: str) -> str | None:
    given: str | None = info.get(member)
    return None if given == usual else given


def _tags(info: Info, filters: str, tag_set: str) -> Keys:
    if lists := info.get(tag_set, {}).get(f"{tag_set}List"):
        return {tag_set: {f"{tag_set}List": [_without_type(each) for each in lists]}}
    return {filters: _without_type(info.get(filters) or [])}


def _without_type(filters: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Key and Value say the type. CodeDeploy keeps a Value with KEY_ONLY, and does not use it."""
    unused = {"KEY_ONLY": "Value", "VALUE_ONLY": "Key"}
    return [{name: part for name, part in each.items() if name not in ("Type", unused.get(each.get("Type", "")))}
            for each in filters]  # fmt: skip


def _alarms(given: Info) -> Keys:
    if not given.get("alarms"):
        return {}
    return {
        **({} if given.get("enabled") else {"enabled": False}),
        **({"ignorePollAlarmFailure": True} if given.get("ignorePollAlarmFailure") else {}),
        "alarms": [{"name": each["name"]} for each in given["alarms"]],
    }


def _auto_rollback(given: Info) -> Keys:
    if not given.get("events"):
        return {}
    return {**({} if given.get("enabled") else {"enabled": False}), "events": list(given["events"])}


def _load_balancers(info: Info) -> Keys:
    given, traffic = info.get("loadBalancerInfo", {}), info.get("hostTraffic", {})
    lists = ("targetGroupInfoList", "elbInfoList")
    found: Keys = {key: [{"name": each["name"]} for each in given[key]] for key in lists if given.get(key)}
    if not found:
        return {}
    usual = _USUAL.load_balancers
    if (propagation := traffic.get("propagationSeconds")) is not None:
        found["propagationTime"] = seconds_text(propagation)
    if drain := _unless(traffic, "drain", usual.drain):
        found["drain"] = drain
    if (healthy := traffic.get("healthyTimeoutSeconds")) not in (None, usual.healthy_timeout_seconds):
        found["healthyTimeout"] = seconds_text(healthy)
    if traffic.get("reregisterOnFailure"):
        found["reregisterOnFailure"] = True
    idle = info.get("deploymentStyle", {}).get("deploymentOption") == _WITHOUT
    return {"loadBalancerInfo": found, **({"deploymentStyle": {"deploymentOption": _WITHOUT}} if idle else {})}

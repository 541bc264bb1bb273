"""What a group is and how its deployments went, as far as a simulation asks: by the control API, which reads only."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from cli.account.connection import Engine
from cli.account.fleet import fleet
from cli.account.group_name import Group
from cli.account.groups import group_info
from cli.account.targets import listed, read
from functions.core.rollout.health import (
    DEFAULT_CONFIG,
    PREDEFINED_CONFIGS,
    DeploymentConfig,
    MinimumHealthyHosts,
    MinimumHealthyHostsType,
)
from functions.core.statuses import DeploymentOption, DeploymentStatus, LifecycleEventStatus, TargetStatus

_DEPLOYMENTS, _TARGETS = 3, 50  # the newest successful ones that are read, and targets of each


@dataclass(frozen=True, kw_only=True)
class History:
    """`seconds`: of each lifecycle event on the targets of the last deployments, by its name."""

    host_ids: tuple[str, ...]
    config: DeploymentConfig
    seconds: Mapping[str, tuple[float, ...]]
    targets: int  # whose events those are
    load_balancers: int = 0  # that each host is in


NONE = History(host_ids=(), config=PREDEFINED_CONFIGS[DEFAULT_CONFIG], seconds={}, targets=0)


def of(engine: Engine, group: Group) -> History:
    info = group_info(engine.api, group)
    seconds, targets = dict[str, list[float]](), 0
    for target in _succeeded(engine, group):
        targets += 1
        for event in target.get("lifecycleEvents", ()):
            if event["status"] == LifecycleEventStatus.SUCCEEDED and "startTime" in event and "endTime" in event:
                took = (event["endTime"] - event["startTime"]).total_seconds()
                seconds.setdefault(event["lifecycleEventName"], []).append(took)
    return History(
        host_ids=tuple(each.instance_id for each in fleet(engine, group)),
        config=_config(engine, info["deploymentConfigName"]),
        seconds={name: tuple(found) for name, found in seconds.items()},
        targets=targets,
        load_balancers=_load_balancers(info),
    )


def _succeeded(engine: Engine, group: Group) -> Iterator[Mapping[str, Any]]:
    """InstanceTargets of the last deployments that succeeded."""
    pages = engine.api.get_paginator("list_deployments").paginate(
        **group.members, includeOnlyStatuses=[DeploymentStatus.SUCCEEDED]
    )
    for deployment_id in islice(pages.search("deployments[]"), _DEPLOYMENTS):
        ids = islice(listed(engine.api, deployment_id, TargetStatus.SUCCEEDED), _TARGETS)
        yield from read(engine.api, deployment_id, ids)


def _load_balancers(info: Mapping[str, Any]) -> int:
    """How many a group names and uses."""
    if info.get("deploymentStyle", {}).get("deploymentOption") != DeploymentOption.WITH_TRAFFIC_CONTROL:
        return 0
    named = info.get("loadBalancerInfo") or {}
    return len(named.get("targetGroupInfoList", ())) + len(named.get("elbInfoList", ()))


def _config(engine: Engine, name: str) -> DeploymentConfig:
    found = engine.api.get_deployment_config(deploymentConfigName=name)["deploymentConfigInfo"]
    minimum = found["minimumHealthyHosts"]
    if minimum["type"] not in set(MinimumHealthyHostsType):  # one at a time
        return DeploymentConfig(name)
    return DeploymentConfig(name, MinimumHealthyHosts(MinimumHealthyHostsType(minimum["type"]), minimum["value"]))

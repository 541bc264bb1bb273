"""How deployment groups stand: what their hosts run, and what is being deployed there."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cli.account import deployments
from cli.account.fleet_now import FleetNow, State
from cli.account.group_name import Group
from cli.view import words
from functions.core.statuses import RUNNING, DeploymentStatus

_RUNNING = [*RUNNING, DeploymentStatus.QUEUED]


class Health(StrEnum):
    OK = "ok"
    MIXED = "mixed"
    FAILED = "failed"
    EMPTY = "empty"


def health(fleet: FleetNow) -> Health:
    states = {each.state for each in fleet.there}
    if State.FAILED in states:
        return Health.FAILED
    if not fleet.wanted or not states - {State.EMPTY}:
        return Health.EMPTY
    return Health.OK if states == {State.CURRENT} else Health.MIXED


@dataclass(frozen=True, kw_only=True)
class Status:
    """A group as it is now."""

    group: Group
    fleet: FleetNow
    running: list[words.Info]  # DeploymentInfos, the oldest first

    @property
    def health(self) -> Health:
        return health(self.fleet)


def running(api: Any) -> list[words.Info]:
    """What goes on or waits in all groups, the oldest first."""
    pages = api.get_paginator("list_deployments").paginate(includeOnlyStatuses=_RUNNING)
    return sorted(deployments.read(api, pages.search("deployments[]")), key=lambda each: each["createTime"])


def of_group(infos: list[words.Info], group: Group) -> list[words.Info]:
    return [each for each in infos if group_name(each) == group]


def group_name(info: words.Info) -> Group:
    """Of a deployment, or of a group itself."""
    return Group(info.get("applicationName", ""), info.get("deploymentGroupName", ""))


def elsewhere(fleet: FleetNow) -> str:
    """Where the hosts are that do not have the wanted revision."""
    others = FleetNow(
        hosts=[each for each in fleet.there if each.state is not State.CURRENT],
        wanted=fleet.wanted,
        brought=fleet.brought,
        is_seen=fleet.is_seen,
    )
    return others.line() if others.hosts else ""

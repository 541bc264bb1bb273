"""The deployment groups of an account, or of an application."""

from collections.abc import Iterator, Mapping
from typing import Any

from cli.account.group_name import Group
from functions.core.limits import batches

Info = Mapping[str, Any]  # a DeploymentGroupInfo
_AT_ONCE = 100  # groups of a request


def group_infos(api: Any, application: str | None = None) -> Iterator[Info]:
    every = api.get_paginator("list_applications").paginate().search("applications[]")
    for each in [application] if application else every:
        for some in batches(group_names(api, each), _AT_ONCE):
            answer = api.batch_get_deployment_groups(applicationName=each, deploymentGroupNames=some)
            yield from answer["deploymentGroupsInfo"]


def group_info(api: Any, group: Group) -> Info:
    found: Info = api.get_deployment_group(**group.members)["deploymentGroupInfo"]
    return found


def group_names(api: Any, application: str) -> Iterator[str]:
    pages = api.get_paginator("list_deployment_groups").paginate(applicationName=application)
    found: Iterator[str] = pages.search("deploymentGroups[]")
    return found

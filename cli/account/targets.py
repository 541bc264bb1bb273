"""The targets of a deployment, read page by page."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cli.account.requests import AT_ONCE
from cli.view.progress import Target
from functions.core.limits import batches


def listed(api: Any, deployment_id: str, status: str) -> Iterator[str]:
    """The ids of those of one status."""
    filters = {"TargetStatus": [status]}
    pages = api.get_paginator("list_deployment_targets").paginate(deploymentId=deployment_id, targetFilters=filters)
    found: Iterator[str] = pages.search("targetIds[]")
    return found


def summaries(api: Any, deployment_id: str, statuses: Sequence[str] = ()) -> Iterator[Mapping[str, Any]]:
    """The TargetSummaries of all, or of those of some statuses; a hundred in a request."""
    filters = {"TargetStatus": list(statuses)} if statuses else {}
    pages = api.get_paginator("list_deployment_targets").paginate(deploymentId=deployment_id, targetFilters=filters)
    found: Iterator[Mapping[str, Any]] = pages.search("targetSummaries[]")
    return found


def read(api: Any, deployment_id: str, ids: Iterable[str]) -> Iterator[Target]:
    """InstanceTargets, with their lifecycle events."""
    for some in batches(ids, AT_ONCE):
        answer = api.batch_get_deployment_targets(deploymentId=deployment_id, targetIds=some)
        yield from (each["instanceTarget"] for each in answer["deploymentTargets"])

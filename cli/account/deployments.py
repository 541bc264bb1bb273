"""Deployments, read by their ids."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from cli.account.connection import Refusal
from cli.account.requests import AT_ONCE
from cli.view.words import Info
from functions.core.limits import batches

ID = re.compile(r"d-[A-Z0-9]{9}")


def checked_id(text: str) -> str:
    """Raises Refusal for a text that is not the id of a deployment."""
    if not ID.fullmatch(text):
        raise Refusal(f"{text[:40]!r} is not a deployment's id, for example d-0123ABCDE")
    return text


def read(api: Any, ids: Iterable[str]) -> Iterator[Info]:
    """DeploymentInfos, request by request as far as they are wanted."""
    for some in batches(ids, AT_ONCE):
        yield from api.batch_get_deployments(deploymentIds=some)["deploymentsInfo"]


def newest(api: Any, most: int, **asked: Any) -> Iterator[Info]:
    """DeploymentInfos of those that ListDeployments finds, the newest first."""
    pages = api.get_paginator("list_deployments").paginate(**asked)
    return read(api, islice(pages.search("deployments[]"), most))

"""How a deployment would go, as the engine plans it; its hosts may come in several pages."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from cli.account.connection import Engine
from cli.account.group_name import Group

Planned = Mapping[str, Any]  # a PlanDeploymentOutput
_TRIES = 3  # of a plan that changes between two of its pages


def plan(engine: Engine, group: Group, asked: Mapping[str, Any]) -> Planned:
    """`asked`: the revision, and other members of CreateDeployment. Nothing is written."""
    request = {**group.members, **asked}
    for _ in range(_TRIES - 1):
        with suppress(engine.api.exceptions.InvalidNextTokenException):
            return _plan(engine, request)
    return _plan(engine, request)


def _plan(engine: Engine, asked: Mapping[str, Any]) -> Planned:
    first: dict[str, Any] = engine.api.plan_deployment(**asked)
    first.pop("ResponseMetadata", None)
    token = first.pop("nextToken", None)
    while token:
        page = engine.api.plan_deployment(**asked, nextToken=token)
        first["hosts"] += page["hosts"]
        token = page.get("nextToken")
    return first

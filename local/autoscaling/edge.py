"""Auto Scaling in front of the emulator, whose groups launch nothing, hold no instance and tell no event.

Every request about groups is answered here, authorized as AWS does. Launch configurations, scaling policies and
scheduled actions stay the emulator's: it keeps them, and nothing follows from the last two.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from local.authorization import denied
from local.autoscaling.fleet import World
from local.autoscaling.operations.tags import refuse_reserved
from local.autoscaling.service import API, AutoScaling, find_operation
from local.autoscaling.settings import Settings
from local.counters import Records, is_administrator
from local.faults import Faults
from local.query import QueryError, answer, error_answer, fields, parameters, parsed, service_model
from local.weather import Outside

XML = {"Content-Type": "text/xml"}
_FAULTS = {
    "SuspendProcesses": ("refused_suspensions", "ResourceInUse"),
    "ResumeProcesses": ("refused_resumptions", "ResourceInUse"),
    "RecordLifecycleActionHeartbeat": ("throttled_heartbeats", "Throttling"),
    "CompleteLifecycleAction": ("throttled_completions", "Throttling"),
}
_WORDS = {
    "ResourceInUse": "The operation can't be performed because the resource is in use.",
    "Throttling": "Rate exceeded",
}

Answer = tuple[int, dict[str, str], bytes]
Handler = Callable[[str, str, dict[str, str], bytes, dict[str, Any]], Awaitable[Answer]]


def install(world: World, settings: Settings, *, faults: Faults, outside: Outside, records: Records) -> AutoScaling:
    """Take the operations that are ours; the others go on to the emulator."""
    from ministack import app
    from ministack.core import iam_actions

    scaling = AutoScaling(world, settings)
    others: Handler = app.SERVICE_HANDLERS[API]
    action_of = iam_actions.extract_iam_action

    async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Answer:
        form = fields(body, query)
        name = form.get("Action", "")
        operation = find_operation(name)
        try:
            if not is_administrator(headers):
                records.autoscaling[name] += 1
                _strike(name)
            if operation is None:
                return await others(method, path, headers, body, query)
            await asyncio.to_thread(_authorize, name, parsed(operation, form), headers, query)
            asked = parameters(operation, form)
            refuse_reserved(asked)
            return 200, dict(XML), answer(operation, await asyncio.to_thread(scaling.call, name, asked))
        except QueryError as error:
            status, xml = error_answer(operation, error, service_model(API).metadata["xmlNamespace"])
            return status, dict(XML), xml

    def _strike(name: str) -> None:
        """What goes wrong now."""
        if outside.throttles(API, name):
            raise QueryError("Throttling", _WORDS["Throttling"])
        fault, code = _FAULTS.get(name, ("", ""))
        if fault and faults.strike(fault):
            raise QueryError(code, _WORDS[code])

    def _authorize(name: str, asked: dict[str, Any], headers: dict[str, str], query: dict[str, Any]) -> None:
        if message := denied(API, scaling.checks(name, asked), headers, query):
            raise QueryError("AccessDenied", message)

    def action(service: str, method: str, path: str, headers: dict[str, str], body: bytes, *rest: Any) -> Any:
        """The emulator's own check knows no tags of groups: of ours it asks for a signature only."""
        if service == API and find_operation(fields(body, rest[0] if rest else {}).get("Action", "")):
            return None
        return action_of(service, method, path, headers, body, *rest)

    app.SERVICE_HANDLERS[API] = handle
    iam_actions.extract_iam_action = action
    return scaling

"""A service of AWS's JSON protocol that the emulator does not have: every request is authorized and answered here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from local.authorization import Check, denied
from local.json_model import JsonError, check_answer, check_request, operation_model

Answer = tuple[int, dict[str, str], bytes]
Operation = Callable[[dict[str, Any]], dict[str, Any]]
_JSON = {"Content-Type": "application/x-amz-json-1.1"}


def install(
    service: str, operations: Mapping[str, Operation], checks: Callable[[str, Mapping[str, Any]], Sequence[Check]]
) -> None:
    """Take the service: `operations` by AWS's names, `checks` are what IAM is asked before one of them."""
    from ministack import app

    async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Answer:
        name = headers.get("x-amz-target", "").rpartition(".")[2]
        try:
            return 200, dict(_JSON), json.dumps(await asyncio.to_thread(_answer, name, body, headers, query)).encode()
        except JsonError as error:
            return error.status, dict(_JSON), json.dumps(error.body()).encode()

    def _answer(name: str, body: bytes, headers: dict[str, str], query: dict[str, Any]) -> dict[str, Any]:
        operation_model(service, name)
        if name not in operations:
            raise JsonError("InvalidAction", f"the local cloud does not have {name} of {service}")
        asked = json.loads(body or b"{}")
        if message := denied(service, checks(name, asked), headers, query):
            raise JsonError("AccessDeniedException", message)
        check_request(service, name, asked)
        answer = operations[name](asked)
        check_answer(service, name, answer)
        return answer

    app.SERVICE_HANDLERS[service] = handle

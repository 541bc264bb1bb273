"""SSM's command and document operations in front of the emulator: authorized as AWS does, answered by RunCommand.

ministack 1.5.33 answers SendCommand by running a shell line on its own machine and knows no documents. Its IAM asks
about "*" for them; AWS asks about the document and about every instance, whose tags are condition keys.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from local.authorization import denied
from local.counters import Records, is_administrator
from local.faults import Faults
from local.hosts.instances import Instances
from local.ssm.documents import Documents
from local.ssm.model import SsmError
from local.ssm.permissions import checks
from local.ssm.run_command import RunCommand
from local.weather import Outside

Answer = tuple[int, dict[str, str], bytes]
Handler = Callable[[str, str, dict[str, str], bytes, dict[str, Any]], Awaitable[Answer]]
JSON = {"Content-Type": "application/x-amz-json-1.1"}
PREFIX = "AmazonSSM."
THROTTLED = SsmError("ThrottlingException", "Rate exceeded")  # of every operation
SLOW_SECONDS = 4.0  # longer than the example revisions take


class SenderKilled(BaseException):
    """The function that sent a command dies before it has the answer. Nobody on the way may answer instead."""


def install(
    run_command: RunCommand,
    instances: Instances,
    documents: Documents,
    *,
    faults: Faults,
    outside: Outside,
    records: Records,
) -> None:
    """Take the operations that are ours; the others go on to the emulator."""
    from ministack import app
    from ministack.core import iam_actions

    others: Handler = app.SERVICE_HANDLERS["ssm"]
    resource_of = iam_actions.extract_resource_arn

    async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Answer:
        operation = headers.get("x-amz-target", "").removeprefix(PREFIX)
        asked = _parsed(body)
        if not is_administrator(headers):
            records.ssm[operation] += 1
            if outside.throttles("ssm", operation):
                return THROTTLED.status, dict(JSON), json.dumps(THROTTLED.body()).encode()
        if denied := _denied(operation, asked, headers, query):
            return denied
        answer = await run_command.answer(operation, asked)
        if answer is None:
            return await others(method, path, headers, body, query)
        status, plain = answer
        return status, dict(JSON), json.dumps(plain).encode()

    def _denied(operation: str, asked: dict[str, Any], headers: dict[str, str], query: dict[str, Any]) -> Answer | None:
        """AWS's refusal when any of the request's resources may not be used; None when all may."""
        message = denied("ssm", checks(operation, asked, instances, documents), headers, query)
        if message is None:
            return None
        return 400, dict(JSON), json.dumps({"__type": "AccessDeniedException", "message": message}).encode()

    def resource(service: str, method: str, path: str, headers: dict[str, str], body: bytes, *rest: Any) -> str:
        """What the emulator's own check asks about: the first of ours, so that both agree."""
        operation = headers.get("x-amz-target", "").removeprefix(PREFIX)
        if service == "ssm" and (found := checks(operation, _parsed(body), instances, documents)):
            return found[0].resource
        return str(resource_of(service, method, path, headers, body, *rest))

    async def after(operation: str, body: dict[str, Any]) -> None:
        if operation == "SendCommand" and faults.strike("killed_senders"):
            raise SenderKilled
        if operation == "SendCommand" and faults.strike("slow_sends"):
            await asyncio.sleep(SLOW_SECONDS)

    run_command.after_answer = after
    app.SERVICE_HANDLERS["ssm"] = handle
    iam_actions.extract_resource_arn = resource


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}

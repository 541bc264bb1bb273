"""Task tokens: waking the state that waits. Whoever comes second to a completed token is too late, which is fine."""

import json
from typing import Any

from functions.aws import clock
from functions.aws.clients import client
from functions.settings import settings
from functions.telemetry import logger

_TOO_LATE = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})


def ask_again_seconds() -> int:
    """After how many seconds a target that must wait asks again."""
    return clock.jittered(settings().ask_again_seconds)


def succeed(token: str, output: dict[str, Any]) -> bool:
    """Complete a waiting task; False when nobody waits for this token any more."""
    from botocore.exceptions import ClientError

    try:
        client("stepfunctions").send_task_success(taskToken=token, output=json.dumps(output))
    except ClientError as error:
        if error.response["Error"]["Code"] not in _TOO_LATE:
            raise
        logger.info("token already completed", error=error.response["Error"]["Code"])
        return False
    return True

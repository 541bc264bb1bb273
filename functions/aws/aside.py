"""Setting aside: what can never be read or done goes to the dead-letter queue at once, and the rest goes on.

Only what may pass later (AWS is down, throttles or refuses) comes again: what is wrong with a record, a message or an
event is still wrong the next time, and would hold up everything behind it.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from functions.aws.clients import client
from functions.core.errors import InvalidInput
from functions.settings import settings
from functions.telemetry import logger

T = TypeVar("T")
_MAX = 50_000  # characters of a message that was set aside; SQS takes 256 KB
_WRONG = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
_WRONG_REQUESTS = frozenset({"ValidationException", "InvalidName", "InvalidExecutionInput"})  # made of what was read


def is_hopeless(error: Exception) -> bool:
    """Whether a repeat would fail in the same way."""
    from botocore.exceptions import ClientError, ParamValidationError

    if isinstance(error, ClientError):
        return error.response["Error"]["Code"] in _WRONG_REQUESTS
    return isinstance(error, (*_WRONG, InvalidInput, ParamValidationError))


def read(event: Mapping[str, Any], parse: Callable[[], T]) -> T | None:
    """What an event says; None when it is not the event that it should be: it is set aside then."""
    try:
        return parse()
    except Exception as error:
        if not is_hopeless(error):
            raise
        put({"event": json.dumps(event, default=str)}, error)
        return None


def put(what: Mapping[str, str], error: Exception) -> None:
    """Put what cannot be read into the dead-letter queue, with the reason. Raises what SQS refused."""
    why = f"{type(error).__name__}: {error}"
    logger.error("set aside: it cannot be read", exc_info=error, extra=dict(what))
    told = {"why": why[:_MAX], **{name: text[:_MAX] for name, text in what.items()}}
    client("sqs").send_message(QueueUrl=settings().undelivered_queue_url, MessageBody=json.dumps(told))

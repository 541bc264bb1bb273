"""Weather: what AWS refuses now and takes later. It makes the engine late and never fails a target.

A throttled call, a write that met others again and again, a service that is away for a moment: a state that waits with
a token gets the answer to ask again later; every other function raises `Busy`, for which the state machines have a
retrier of its own, so that none of it counts as a crash. A read that AWS does not answer now is "not known".
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from functions.aws import clock
from functions.core.errors import Conflict
from functions.telemetry import logger

P = ParamSpec("P")
T = TypeVar("T")

# Sources: botocore's standard retry mode; DynamoDB Developer Guide, "Error handling"; KMS and S3 API references.
_PASSING_CODES = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "LimitExceededException",
        "BandwidthLimitExceeded",
        "SlowDown",
        "EC2ThrottledException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
_PASSING_REASONS = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
_SERVER_ERROR = 500
_TRIES = 6
_LONGEST_PAUSE = 8.0  # seconds


class Busy(Exception):
    """AWS takes the work later: the state machine calls again, for hours (statemachines/, the retrier of this name)."""


def passes(error: BaseException) -> bool:
    """Whether an error goes by itself: AWS throttles, is away, or others write the same item."""
    from botocore import exceptions

    if isinstance(error, (Busy, Conflict, exceptions.ConnectionError, exceptions.HTTPClientError)):
        return True
    if not isinstance(error, exceptions.ClientError):
        return False
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return is_throttled(error.response) or int(status) >= _SERVER_ERROR


def is_throttled(response: Mapping[str, Any]) -> bool:
    """Whether AWS's error response is of throttling, or of writes that met."""
    reasons = {each.get("Code") for each in response.get("CancellationReasons", ())}
    if "ConditionalCheckFailed" in reasons:
        return False
    return bool(response["Error"]["Code"] in _PASSING_CODES or reasons & _PASSING_REASONS)


def not_a_failure(handler: Callable[P, T]) -> Callable[P, T]:
    """A handler that a state machine calls: raises Busy instead of what passes."""

    @wraps(handler)
    def late(*given: P.args, **named: P.kwargs) -> T:
        try:
            return handler(*given, **named)
        except Exception as error:
            if passes(error):
                raise Busy(f"{type(error).__name__}: {error}") from error
            raise

    return late


def known(read: Callable[[], T]) -> T | None:
    """What AWS answers; None when it does not answer now."""
    try:
        return read()
    except Exception as error:
        if not passes(error):
            raise
        logger.info("AWS does not answer now", error=repr(error))
        return None


def patiently(call: Callable[[], T], *, until: datetime | None = None) -> T:
    """What AWS answers, if need be after some tries: for what nobody does again soon; none of them begins after
    `until`. Raises the last try's error."""
    for attempt in range(_TRIES - 1):
        try:
            return call()
        except Exception as error:
            if not passes(error) or (until and clock.now() >= until):
                raise
            clock.sleep(clock.jitter(min(_LONGEST_PAUSE, 0.5 * 2**attempt)))
    return call()

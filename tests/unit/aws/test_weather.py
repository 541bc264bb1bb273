"""What passes by itself, and what does not."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from functions.aws import weather
from functions.core.errors import Conflict, InvalidInput


def refused(code: str, status: int = 400, *reasons: str) -> ClientError:
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    answer["CancellationReasons"] = [{"Code": each} for each in reasons]
    return ClientError(answer, "Anything")


@pytest.mark.parametrize(
    ("error", "does"),
    [
        (refused("ThrottlingException"), True),
        (refused("Throttling"), True),
        (refused("ProvisionedThroughputExceededException"), True),
        (refused("TransactionCanceledException", 400, "None", "TransactionConflict"), True),
        (refused("TransactionCanceledException", 400, "ConditionalCheckFailed", "TransactionConflict"), False),
        (refused("InternalServerError", 500), True),
        (refused("ServiceUnavailable", 503), True),
        (refused("AccessDeniedException"), False),
        (refused("ValidationException"), False),
        (EndpointConnectionError(endpoint_url="https://ssm"), True),
        (ReadTimeoutError(endpoint_url="https://ssm"), True),
        (Conflict("met"), True),
        (InvalidInput("no"), False),
        (KeyError("bug"), False),
    ],
)
def test_what_passes(error: Exception, does: bool) -> None:
    assert weather.passes(error) is does

    @weather.not_a_failure
    def handler() -> None:
        raise error

    with pytest.raises(weather.Busy if does else type(error)):
        handler()
    if does:
        assert weather.known(handler) is None

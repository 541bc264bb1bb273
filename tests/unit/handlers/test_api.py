"""api: how API Gateway's event is read, and what every answer has."""

import base64
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.api import operations
from functions.api.protocol import MAX_BYTES
from functions.handlers.api import handler
from tests.conftest import LambdaContext


def call(body: Any, context: LambdaContext, operation: str = "GetDeployment", *, encoded: bool) -> tuple[int, str]:
    event = {
        "requestContext": {
            "http": {"method": "POST", "path": f"/stage/{operation}"},
            "authorizer": {"iam": {"userArn": "arn:aws:iam::123456789012:user/ann"}},
        },
        "body": body,
        "isBase64Encoded": encoded,
    }
    answer = handler(event, context)
    return answer["statusCode"], json.loads(answer["body"])["__type"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"deploymentId": "d-1"}', "InvalidDeploymentIdException"),
        ('{"deploymentId": "d-€"}'.encode(), "InvalidDeploymentIdException"),
        (b'{"deploymentId": "\xff\xfe"}', "SerializationException"),
        (b"\x00\x01\x02", "SerializationException"),
        (b"", "DeploymentIdRequiredException"),
        (b'{"deploymentId": "d-1"}'.ljust(MAX_BYTES), "InvalidDeploymentIdException"),
        (b'{"deploymentId": "d-1"}'.ljust(MAX_BYTES + 1), "RequestEntityTooLargeException"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_body_as_api_gateway_encodes_what_is_no_text(context: LambdaContext, body: bytes, code: str) -> None:
    assert call(base64.b64encode(body).decode(), context, encoded=True) == (400, code)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (None, "DeploymentIdRequiredException"),
        ('{"deploymentId": "d-1"}', "InvalidDeploymentIdException"),
        ('{"deploymentId": "\ud800"}', "SerializationException"),
        ("{} ".ljust(MAX_BYTES + 1), "RequestEntityTooLargeException"),
        ('{"deploymentId": "' + "€" * (MAX_BYTES // 2) + '"}', "RequestEntityTooLargeException"),
    ],
    ids=lambda value: str(value)[:20].encode("ascii", "replace").decode(),
)
def test_a_body_that_is_text(context: LambdaContext, body: str | None, code: str) -> None:
    assert call(body, context, encoded=False) == (400, code)


@pytest.mark.parametrize(
    ("code", "reasons"),
    [("ThrottlingException", ()), ("TransactionCanceledException", ("TransactionConflict", "None"))],
)
def test_what_aws_takes_later_the_client_asks_again(
    context: LambdaContext, monkeypatch: pytest.MonkeyPatch, code: str, reasons: tuple[str, ...]
) -> None:
    """As throttling, which every client of AWS tries again; no error of the API's, which would ring."""

    def busy(*request: Any) -> Any:
        response = {"Error": {"Code": code}, "CancellationReasons": [{"Code": each} for each in reasons]}
        raise ClientError(response, "GetItem")  # type: ignore[arg-type]

    monkeypatch.setattr(operations, "run", busy)
    assert call('{"deploymentId": "d-1"}', context, encoded=False) == (400, "ThrottlingException")


def test_what_is_no_operation_is_refused_before_its_body_is_read(context: LambdaContext) -> None:
    for name in ("", "getDeployment", "GetDeployment ", "../GetDeployments", "%00"):
        assert call("{", context, name, encoded=False) == (400, "UnknownOperationException")

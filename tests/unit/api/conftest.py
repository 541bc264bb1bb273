"""The control API as API Gateway calls it, over the store in memory; every answer is held against the service model."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.model import Shape
from botocore.parsers import create_parser
from botocore.validate import ParamValidator

from functions.api import model
from tests.conftest import LambdaContext
from tests.gateway import handler_of
from tests.store import Store

OF_ANY_OPERATION = {"SerializationException", "ValidationException", "AccessDeniedException"}
ARN = "arn:aws:iam::123456789012:user/ann"


class RefusedCall(Exception):
    """What the API answers with an error; `code` is the exception's name."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


@dataclass
class Api:
    """Calls operations as somebody; answers are parsed as boto3 parses them (times are datetimes)."""

    context: LambdaContext
    arn: str = ARN

    def __call__(self, operation: str, **members: Any) -> dict[str, Any]:
        answer = self.raw(operation, json.dumps(members))
        if answer["statusCode"] != 200:
            told = json.loads(answer["body"])
            assert answer["headers"]["x-amzn-ErrorType"] == told["__type"]
            raise RefusedCall(told["__type"], told["message"])
        shape = model.service().operation_model(operation).output_shape
        parsed: dict[str, Any] = create_parser("json").parse(
            {"body": answer["body"].encode(), "headers": {}, "status_code": 200}, shape
        )
        del parsed["ResponseMetadata"]
        if shape:
            _check(parsed, shape)
        return parsed

    def raw(self, operation: str, body: str) -> dict[str, Any]:
        """What API Gateway gets."""
        event = {
            "rawPath": f"/{operation}",
            "requestContext": {
                "http": {"method": "POST", "path": f"/{operation}"},
                "authorizer": {"iam": {"userArn": self.arn}},
            },
            "headers": {"content-type": "application/x-amz-json-1.1"},
            "body": body,
            "isBase64Encoded": False,
        }
        return handler_of(operation)(event, self.context)

    def refuses(self, code: str, operation: str, **members: Any) -> str:
        """The message with which the operation refuses, by this exception of its model."""
        with pytest.raises(RefusedCall) as error:
            self(operation, **members)
        assert error.value.code == code, error.value
        assert code in {*model.errors(operation), *OF_ANY_OPERATION}
        return str(error.value)


def _check(parsed: dict[str, Any], shape: Shape) -> None:
    """As boto3 would check a request: types, required members, ranges."""
    report = ParamValidator().validate(parsed, shape)
    assert not report.has_errors(), report.generate_report()


@pytest.fixture
def api(store: Store, context: LambdaContext) -> Api:
    return Api(context)


@pytest.fixture
def requests(store: Store) -> Callable[[], list[str]]:
    """The requests that were made of the store since now, by their operations."""
    store.operations.clear()
    return lambda: store.operations


@pytest.fixture
def before_writes(store: Store) -> Callable[[Callable[[], object]], None]:
    """Does something when the next write is about to be sent: after what decides it was read."""
    return store.before_next_write

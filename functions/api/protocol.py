"""A request of the control API as API Gateway brings it, and the answer that it takes back."""

import base64
import json
from collections.abc import Collection
from typing import Any

from functions.api import model, operations
from functions.api.operations import Caller
from functions.aws import clock, weather
from functions.core.errors import Refused
from functions.telemetry import logger

MAX_BYTES = 256 * 1024  # of a request


def answer(event: dict[str, Any], request_id: str, mine: Collection[str]) -> dict[str, Any]:
    """`mine`: the operations that the function answers, which its rights are for."""
    asked = event["requestContext"]
    operation = asked["http"]["path"].rpartition("/")[2]
    caller = Caller(arn=asked["authorizer"]["iam"]["userArn"], now=clock.timestamp())
    try:
        body = model.write(operation, operations.run(operation, _given(operation, event, mine), caller))
        return _answer(200, body, request_id)
    except Refused as refused:
        return _error(400, refused.code, str(refused), request_id)
    except Exception as error:  # what it was is for the log alone
        if weather.passes(error):
            logger.warning("AWS is busy: the client asks again", operation=operation, error=repr(error))
            return _error(400, "ThrottlingException", "AWS is busy: try again in a moment", request_id)
        logger.exception("an operation failed", operation=operation, caller=caller.arn)
        message = f"The request {request_id} failed; see the engine's log"
        return _error(500, "InternalFailure", message, request_id)


def _given(operation: str, event: dict[str, Any], mine: Collection[str]) -> dict[str, Any]:
    if operation not in mine:
        raise Refused("UnknownOperationException", f"{operation!r} is not an operation of CodeDeploy")
    body = event.get("body") or ""
    raw = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode(errors="surrogatepass")
    if len(raw) > MAX_BYTES:
        raise Refused("RequestEntityTooLargeException", f"the request has {len(raw)} bytes, at most {MAX_BYTES}")
    return model.read(operation, raw)


def _error(status: int, code: str, message: str, request_id: str) -> dict[str, Any]:
    answer = _answer(status, json.dumps({"__type": code, "message": message}), request_id)
    return {**answer, "headers": {**answer["headers"], "x-amzn-ErrorType": code}}


def _answer(status: int, body: str, request_id: str) -> dict[str, Any]:
    """With the id by which the log has the request; AWS's clients show it with an error."""
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": request_id}
    return {"statusCode": status, "headers": headers, "body": body}

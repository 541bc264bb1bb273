"""What a caller is told when the engine fails: a plain sentence, never AWS's text."""

import json

import pytest

from functions.core.messages.engine_errors import EngineError

DENIED = (
    "An error occurred (AccessDeniedException) when calling the BatchGetItem operation: User:"
    " arn:aws:sts::123456789012:assumed-role/stepdeploy-EnginePrepareRole/stepdeploy-prepare is not authorized to"
    " perform: dynamodb:BatchGetItem on resource: arn:aws:dynamodb:us-east-1:123456789012:store/stepdeploy"
)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("ClientError", DENIED, "AWS denied one of its calls"),
        ("ClientError", "An error occurred (UnauthorizedOperation) when calling ...", "AWS denied one of its calls"),
        ("ClientError", "An error occurred (ThrottlingException) ...: Rate exceeded", "AWS throttled it"),
        ("Lambda.TooManyRequestsException", "", "AWS throttled it"),
        ("States.Timeout", "", "it took too long"),
        ("Sandbox.Timedout", "RequestId: 1 Error: Task timed out after 30.00 seconds", "it took too long"),
        ("KeyError", "'x'", "an unexpected error"),
        ("", "", "an unexpected error"),
    ],
)
def test_the_kind_of_an_error_is_told_and_what_to_do(name: str, text: str, says: str) -> None:
    told = EngineError(name=name, text=text).told("d-000000001")
    assert told.startswith(f"The engine failed: {says}")
    assert "d-000000001" in told and "log" in told


def test_whatever_aws_says_none_of_it_is_told() -> None:
    trace = [f'  File "/var/task/functions/x.py", line {line}, in secret_{line}\n' for line in range(500)]
    cause = json.dumps({"errorMessage": DENIED, "errorType": "ClientError", "stackTrace": trace})
    told = EngineError(name="ClientError", text=cause).told("d-000000001")
    assert len(told) < 400
    assert not any(word in told for word in ("arn:", "BatchGetItem", "/var/task", "secret_", "123456789012"))


def test_a_name_that_is_no_name_is_left_out() -> None:
    assert "arn:" not in EngineError(name="arn:aws:iam::123456789012:role/x said\nno", text="").told("d-000000001")

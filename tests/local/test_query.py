"""AWS's query protocol on the local cloud: what botocore sends is read, what it reads is written."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.model import OperationModel
from botocore.parsers import QueryParser
from botocore.serialize import QuerySerializer

from local.query import QueryError, answer, error_answer, fields, parameters, service_model

V2 = service_model("elbv2")


def operation(name: str) -> OperationModel:
    return V2.operation_model(name)


def read(name: str, body: bytes, status: int = 200) -> Any:
    """What botocore makes of an answer."""
    shape = operation(name).output_shape
    assert shape
    found = QueryParser().parse({"status_code": status, "headers": {}, "body": body}, shape)
    del found["ResponseMetadata"]
    return found


def test_what_botocore_sends_is_read() -> None:
    asked = {
        "Name": "web",
        "Port": 80,
        "HealthCheckEnabled": True,
        "Matcher": {"HttpCode": "200"},
        "Tags": [{"Key": f"key-{number}", "Value": "ü & ="} for number in range(12)],
    }
    sent = QuerySerializer().serialize_to_request(asked, operation("CreateTargetGroup"))["body"]
    assert parameters(operation("CreateTargetGroup"), fields(urlencode(sent).encode(), {})) == asked


def test_what_is_written_botocore_reads() -> None:
    told = {
        "LoadBalancers": [
            {
                "LoadBalancerName": "a<b>&",
                "CreatedTime": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
                "SecurityGroups": [],
            },
            {"State": {"Code": "active"}, "SecurityGroups": ["sg-1", "sg-2"]},
        ],
        "NextMarker": "7",
    }
    assert read("DescribeLoadBalancers", answer(operation("DescribeLoadBalancers"), told)) == told


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"LoadBalancer": []}, KeyError),
        ({"LoadBalancers": [{"Name": "web"}]}, KeyError),
        ({"LoadBalancers": [{"LoadBalancerName": 7}]}, TypeError),
        ({"NextMarker": True}, TypeError),
    ],
)
def test_an_answer_that_the_model_does_not_have_is_an_error(wrong: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        answer(operation("DescribeLoadBalancers"), wrong)


def test_an_operation_refuses_only_as_the_model_says() -> None:
    status, body = error_answer(operation("DescribeTargetHealth"), QueryError("HealthUnavailable", "later"), "x")
    error = read("DescribeTargetHealth", body, status)["Error"]
    assert (status, error["Code"], error["Message"]) == (500, "HealthUnavailable", "later")
    with pytest.raises(KeyError, match="RuleNotFound"):
        error_answer(operation("DescribeTargetHealth"), QueryError("RuleNotFound", "none"), "x")


@pytest.mark.parametrize(
    ("form", "part"),
    [
        ({}, "Value null at 'name'"),
        ({"Name": "web", "Port": "eighty"}, "Value 'eighty' at 'port'"),
        ({"Name": "web", "HealthCheckEnabled": "maybe"}, "Value 'maybe' at 'healthCheckEnabled'"),
        ({"Name": "web", "Tags.member.1.Value": "x"}, "at 'tags.1.member.Key'"),
    ],
)
def test_a_request_that_the_model_does_not_have_is_refused(form: dict[str, str], part: str) -> None:
    with pytest.raises(QueryError, match="ValidationError") as refused:
        parameters(operation("CreateTargetGroup"), form)
    assert part in str(refused.value)

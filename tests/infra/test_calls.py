"""The comparison of grants with calls says each difference, in both directions."""

from copy import deepcopy
from typing import Any

import pytest

from tests.calls.compare import differences, functions
from tests.calls.recording import Call

TABLE = "dynamodb table/${TABLE_NAME}"


@pytest.fixture
def bake(template: dict[str, Any]) -> dict[str, Any]:
    """The stack with one function, Bake, which may read and write the table and complete tokens."""
    resources = {name: each for name, each in deepcopy(template["Resources"]).items() if name.startswith("EngineBake")}
    return {"Resources": resources}


USED = [
    Call("Bake", "dynamodb:BatchGetItem", TABLE),
    Call("Bake", "dynamodb:GetItem", TABLE),
    Call("Bake", "dynamodb:UpdateItem", TABLE),
    Call("Bake", "states:SendTaskSuccess", ""),
]


def test_grants_that_fit_differ_in_nothing(bake: dict[str, Any]) -> None:
    assert differences(bake, USED) == []


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (Call("Bake", "dynamodb:PutItem", TABLE), "Bake may not dynamodb:PutItem on <StoreRecords.Arn>, which"),
        (Call("Bake", "dynamodb:GetItem", f"{TABLE}/index/by_time"), "on <StoreRecords.Arn>/index/by_time, which"),
        (Call("Bake", "dynamodb:GetItem", "dynamodb table/other"), "dynamodb:GetItem on dynamodb table/other, which"),
        (Call("Bake", "s3:GetObject", "s3 ${BUCKET_NAME}/k"), "s3:GetObject on s3 ${BUCKET_NAME}/k, which"),
        (Call("Bake", "ec2:DescribeInstances", ""), "Bake may not ec2:DescribeInstances, which its code calls"),
    ],
)
def test_a_call_without_a_grant_is_a_difference(bake: dict[str, Any], more: Call, says: str) -> None:
    (found,) = differences(bake, [*USED, more])
    assert says in found


@pytest.mark.parametrize("unused", USED)
def test_a_grant_without_a_call_is_a_difference(bake: dict[str, Any], unused: Call) -> None:
    (found,) = differences(bake, set(USED) - {unused})
    assert found.startswith(f"Bake may {unused.action} on ") and "which nothing calls" in found


def test_what_lambda_calls_needs_no_call_of_the_code_but_its_grant(bake: dict[str, Any]) -> None:
    for resource in bake["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function":
            del resource["Properties"]["TracingConfig"]
    found = differences(bake, USED)
    assert len(found) == 2 and all("xray:Put" in each and "which nothing calls" in each for each in found)


def test_sources_and_destinations_of_a_function_are_lambdas_to_call(template: dict[str, Any]) -> None:
    found = functions(template)
    assert ("sqs:ReceiveMessage", "<RevisionsUploads.Arn>") in found["Start"].by_lambda
    assert ("dynamodb:GetRecords", "<StoreRecords.StreamArn>") in found["Launch"].by_lambda
    for name in ("Launch", "CommandStatus"):
        assert ("sqs:SendMessage", "<StoreUndelivered.Arn>") in found[name].by_lambda
    assert not any(action.startswith(("sqs:", "dynamodb:")) for action, _ in found["Bake"].by_lambda)

"""What the service model takes of a request and makes of an answer."""

import json
from typing import Any

import pytest

from functions.api import model
from functions.core.errors import Refused
from functions.core.extensions import SHAPES

CREATE = {"applicationName": "shop", "deploymentGroupName": "web", "serviceRoleArn": "arn:aws:iam::123456789012:role/a"}


def read(operation: str, **members: Any) -> dict[str, Any]:
    return model.read(operation, json.dumps(members).encode())


def refusal(operation: str, body: bytes) -> tuple[str, str]:
    with pytest.raises(Refused) as refused:
        model.read(operation, body)
    return refused.value.code, str(refused.value)


def refused(operation: str, **members: Any) -> tuple[str, str]:
    return refusal(operation, json.dumps(members).encode())


# -- requests


def test_members_come_back_as_they_are_without_the_unknown_and_the_empty_ones() -> None:
    group: dict[str, Any] = {
        **CREATE,
        "ec2TagFilters": [{"Key": "role", "Value": "", "Type": "KEY_AND_VALUE"}],
        "autoRollbackConfiguration": {"enabled": False, "events": []},
        "autoScalingGroups": [],
    }
    unknown: dict[str, Any] = {"tomorrow": {"deep": [1]}, "tags": None}
    filters = [{**group["ec2TagFilters"][0], "tomorrow": 1}]
    assert read("CreateDeploymentGroup", **{**group, **unknown, "ec2TagFilters": filters}) == group


@pytest.mark.parametrize("body", [b"", b"{}", b' {"tomorrow": 1}'])
def test_a_body_without_members(body: bytes) -> None:
    assert model.read("ListApplications", body) == {}


@pytest.mark.parametrize(
    "body",
    [
        b"null",
        b"[]",
        b'"x"',
        b"{",
        b'{"applicationName": "shop"} more',
        b'{"applicationName": NaN}',
        b'{"applicationName": -Infinity}',
        b'{"tomorrow": NaN}',
        b'{"tomorrow": ' + b"9" * 5_000 + b"}",
        b'{"applicationName": "\xff"}',
        b'{"applicationName": "\xed\xa0\x80"}',
        '{"applicationName": "shop"}'.encode("utf-16"),
        '{"applicationName": "shop"}'.encode("utf-8-sig"),
        b'{"applicationName": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 50_000,
    ],
    ids=lambda body: body[:24],
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    assert refusal("GetApplication", body)[0] == "SerializationException"


@pytest.mark.parametrize("depth", [100, 500, 900, 950, 990])
def test_deep_values_are_named_and_not_shown(depth: int) -> None:
    body = b'{"applicationName": ' + b"[" * depth + b"]" * depth + b"}"
    code, message = refusal("GetApplication", body)
    assert code == "SerializationException" and len(message) < 300


@pytest.mark.parametrize(
    ("operation", "members", "message"),
    [
        ("GetApplication", {"applicationName": 7}, "applicationName: 7 is not a text"),
        ("GetApplication", {"applicationName": True}, "applicationName: true is not a text"),
        ("GetApplication", {"applicationName": {"a": 1}}, "applicationName: an object is not a text"),
        ("GetApplication", {"applicationName": ["a"]}, "applicationName: a list is not a text"),
        ("GetApplication", {"applicationName": "\ud800"}, "applicationName: has half of a surrogate pair"),
        ("GetDeployment", {"deploymentId": "a\udfffb"}, "deploymentId: has half of a surrogate pair"),
        ("BatchGetApplications", {"applicationNames": "shop"}, 'applicationNames: "shop" is not a list'),
        ("BatchGetApplications", {"applicationNames": ["shop", None]}, "applicationNames[1]: null is not a text"),
        (
            "StopDeployment",
            {"deploymentId": "d", "autoRollbackEnabled": 1},
            "autoRollbackEnabled: 1 is not true or false",
        ),
        ("ListDeployments", {"createTimeRange": "now"}, 'createTimeRange: "now" is not an object'),
        (
            "ListDeployments",
            {"createTimeRange": {"start": "now"}},
            'createTimeRange.start: "now" is not a time in seconds',
        ),
        ("ListDeployments", {"createTimeRange": {"end": True}}, "createTimeRange.end: true is not a time in seconds"),
        ("ListDeploymentTargets", {"deploymentId": "d", "targetFilters": []}, "targetFilters: a list is not an object"),
        (
            "ListDeploymentTargets",
            {"deploymentId": "d", "targetFilters": {"TargetStatus": "Failed"}},
            'targetFilters.TargetStatus: "Failed" is not a list',
        ),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_its_place(operation: str, members: Any, message: str) -> None:
    code, told = refused(operation, **members)
    assert code == "SerializationException" and told.startswith(message)


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 10**400, 1.0, 1.5, True, "1", [], {}])
def test_whole_numbers_fit_their_bits(value: Any) -> None:
    for given, taken in ((2**31 - 1, True), (-(2**31), True), (value, False)):
        members = {"deploymentConfigName": "Half", "minimumHealthyHosts": {"type": "HOST_COUNT", "value": given}}
        if taken:
            assert read("CreateDeploymentConfig", **members) == members
        else:
            assert refused("CreateDeploymentConfig", **members)[0] == "SerializationException"


def test_long_ones_have_64_bits() -> None:
    members = {"deploymentConfigName": "Half", "zonalConfig": {"monitorDurationInSeconds": 2**63 - 1}}
    assert read("CreateDeploymentConfig", **members) == members
    members["zonalConfig"] = {"monitorDurationInSeconds": 2**63}
    code, message = refused("CreateDeploymentConfig", **members)
    assert code == "SerializationException" and message.endswith("is not a whole number of 64 bits")


@pytest.mark.parametrize("moment", ["1e999", "-1e999", "1e300", "253402300800", "-62135596801", "9" * 400])
def test_times_lie_in_the_years_that_there_are(moment: str) -> None:
    body = f'{{"createTimeRange": {{"start": {moment}}}}}'.encode()
    code, message = refusal("ListDeployments", body)
    assert code == "InvalidTimeRangeException" and message.endswith("is not a time of the years 1 to 9999")
    for fine in (0, -1, 1.5, -62_135_596_800, 253_402_300_799):
        assert read("ListDeployments", createTimeRange={"end": fine}) == {"createTimeRange": {"end": fine}}


@pytest.mark.parametrize(
    ("operation", "members", "code", "message"),
    [
        ("GetApplication", {}, "ApplicationNameRequiredException", "applicationName: is missing"),
        (
            "GetApplication",
            {"applicationName": None},
            "ApplicationNameRequiredException",
            "applicationName: is missing",
        ),
        ("GetApplication", {"applicationName": ""}, "ApplicationNameRequiredException", "applicationName: is missing"),
        ("BatchGetDeployments", {"deploymentIds": []}, "DeploymentIdRequiredException", "deploymentIds: is missing"),
        ("UntagResource", {"ResourceArn": "arn", "TagKeys": []}, "TagRequiredException", "TagKeys: is missing"),
        (
            "GetApplication",
            {"applicationName": "a" * 101},
            "InvalidApplicationNameException",
            "applicationName: has 101 characters: give 1 to 100",
        ),
        (
            "GetApplication",
            {"applicationName": "sh/op"},
            "InvalidApplicationNameException",
            "applicationName: 'sh/op' does not match",
        ),
        (
            "GetApplication",
            {"applicationName": "shop\n"},
            "InvalidApplicationNameException",
            "applicationName: 'shop\\n'",
        ),
        ("ListDeployments", {"applicationName": ""}, "InvalidApplicationNameException", "applicationName: has 0"),
        (
            "BatchGetApplications",
            {"applicationNames": ["shop", "sh op"]},
            "InvalidApplicationNameException",
            "applicationNames[1]: 'sh op'",
        ),
        (
            "ListDeployments",
            {"includeOnlyStatuses": ["Failed", "Fine"]},
            "InvalidDeploymentStatusException",
            "includeOnlyStatuses[1]: 'Fine' is not one of Created, Queued",
        ),
        (
            "ListDeploymentTargets",
            {"deploymentId": "d", "targetFilters": {"Color": []}},
            "InvalidTargetFilterNameException",
            "targetFilters: 'Color' is not one of TargetStatus",
        ),
        (
            "CreateDeploymentGroup",
            {**CREATE, "ec2TagSet": {"ec2TagSetList": [[{"Key": "a", "Type": "SOME"}]]}},
            "InvalidEC2TagException",
            "ec2TagSet.ec2TagSetList[0][0].Type: 'SOME' is not one of",
        ),
        ("TagResource", {"ResourceArn": "a" * 1012, "Tags": [{}]}, "InvalidArnException", "ResourceArn: has 1012"),
        (
            "GetDeploymentGroup",
            {"applicationName": "shop", "deploymentGroupName": "we b"},
            "InvalidDeploymentGroupNameException",
            "deploymentGroupName: 'we b'",
        ),
    ],
)
def test_a_wrong_value_is_refused_by_the_exception_of_its_member(
    operation: str, members: dict[str, Any], code: str, message: str
) -> None:
    given, told = refused(operation, **members)
    assert (given, told[: len(message)]) == (code, message)
    assert code in model.errors(operation)


def test_a_value_for_which_the_operation_has_no_exception_is_a_validation_exception() -> None:
    members = {"deploymentConfigName": "x", "minimumHealthyHosts": {"type": "SOME"}, "computePlatform": "Server"}
    assert refused("CreateDeploymentConfig", **members)[0] == "InvalidMinimumHealthyHostValueException"
    assert model.refusal("ListApplications", "InvalidInputException", "x").code == "ValidationException"


def test_messages_stay_short_however_long_the_value() -> None:
    for members in ({"applicationName": ["a" * 99_999]}, {"applicationName": "/" * 100}, {"applicationName": 10**4000}):
        assert len(refused("GetApplication", **members)[1]) < 400
    assert len(refused("ListDeployments", includeOnlyStatuses=["x" * 99_999])[1]) < 400


# -- answers


def test_an_answer_has_what_is_known_and_its_times_as_seconds() -> None:
    info = {"deploymentId": "d-1", "createTime": "2026-11-23T10:00:00.500Z", "startTime": None, "completeTime": 7.5}
    told = json.loads(model.write("GetDeployment", {"deploymentInfo": info}))
    assert told == {"deploymentInfo": {"deploymentId": "d-1", "createTime": 1795428000.5, "completeTime": 7.5}}


def test_an_operation_that_answers_nothing_answers_an_empty_object() -> None:
    assert model.write("ContinueDeployment", {}) == model.write("DeleteResourcesByExternalId", {}) == "{}"


def test_a_member_that_the_model_does_not_have_is_a_bug_of_ours() -> None:
    with pytest.raises(ValueError, match=r"GetDeployment\.deploymentInfo has no member deploymentID"):
        model.write("GetDeployment", {"deploymentInfo": {"deploymentID": "d-1"}})


def test_the_words_of_an_answer_are_in_the_model() -> None:
    """Clients that are made from it know no others."""
    assert SHAPES["HoldKind"]["enum"] == ["BAKE", "APPROVAL", "PAUSE", "FREEZE", "INCONCLUSIVE"]
    assert SHAPES["EndState"]["enum"] == ["UNTOUCHED", "OLD", "NEW", "BROKEN", "UNKNOWN"]

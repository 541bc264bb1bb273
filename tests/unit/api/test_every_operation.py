"""Every operation of the model, with what clients may send and what they may not: the answer is one of the model's.

The requests are made from the model's shapes: the required members alone, with each optional one, all of them, and then
all of them with each place of the request, however deep, replaced by what does not belong there.
"""

import json
import math
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.model import Shape
from botocore.parsers import create_parser

from functions.api import model, operations
from functions.core.records import Target
from functions.core.statuses import DeploymentStatus
from functions.core.text.shapes import to_plain
from functions.store.keys import target_key
from tests.conftest import BUCKET, put_group, put_item
from tests.soak import some
from tests.store import Store
from tests.unit.api.conftest import OF_ANY_OPERATION, Api, RefusedCall, _check
from tests.unit.api.test_deployments import put

RUNNING = "d-000000001"
USER = "arn:aws:iam::123456789012:user/rack-7"
LONGEST = 3_000  # characters of a message

# What a member of this name is, so that requests get far; others get the least that their shape allows.
SAMPLES: dict[str, Any] = {
    "applicationName": "shop",
    "newApplicationName": "store",
    "deploymentGroupName": "web",
    "currentDeploymentGroupName": "web",
    "newDeploymentGroupName": "api",
    "deploymentConfigName": "Half",
    "deploymentId": RUNNING,
    "instanceId": "i-1",
    "targetId": "i-1",
    "instanceName": "rack-7",
    "iamUserArn": USER,
    "iamSessionArn": "arn:aws:sts::123456789012:assumed-role/hosts/rack-8",
    "ResourceArn": "arn:aws:codedeploy:us-east-1:123456789012:application:shop",
    "serviceRoleArn": "arn:aws:iam::123456789012:role/deploy",
    "triggerTargetArn": "arn:aws:sns:us-east-1:123456789012:news",
    "bucket": BUCKET,
    "key": "shop/web/v1.zip",
    "bundleType": "zip",
    "computePlatform": "Server",
}
LISTS = {
    "applicationNames": "shop",
    "deploymentGroupNames": "web",
    "deploymentIds": RUNNING,
    "instanceIds": "i-1",
    "targetIds": "i-1",
    "instanceNames": "rack-7",
}

# Bytes that a key of the table or of an index may have; `:key` is a value that a query compares one with.
KEYS = {"pk": 2048, "sk": 1024, ":key": 1024, "group_key": 2048, "kind": 2048, "created": 1024}

# One of each kind of value, and the extremes of each kind; None is a member that is left out.
STRANGE: list[Any] = [
    None,
    True,
    0,
    -1,
    2**31,
    2**63,
    10**400,
    1.5,
    -1e300,
    "",
    " ",
    "a\n",
    "ü€😀",
    "\x00",
    "\ud800",
    "#/../{}%$",
    "d-000000009",
    "x" * 3_000,
    [],
    [None],
    [[]],
    ["a"] * 150,
    {},
    {"unknown": {"member": 1}},
]
TRIED = some(12, STRANGE)


def sample(shape: Any, name: str = "") -> Any:
    """A value that the shape allows, with all of its members."""
    if name in SAMPLES:
        return SAMPLES[name]
    match shape.type_name:
        case "structure":
            return {each: sample(member, each) for each, member in shape.members.items()}
        case "list":
            return [LISTS.get(name) or sample(shape.member)]
        case "map":
            return {sample(shape.key): sample(shape.value)}
        case "boolean":
            return True
        case "integer" | "long":
            return 1
        case "timestamp":
            return 1_795_000_000.5
        case _:
            return shape.metadata["enum"][0] if "enum" in shape.metadata else "a"


def broken(value: Any) -> Iterator[Any]:
    """The value with each place in it replaced by strange values, and each list by a long one."""
    yield from TRIED
    if isinstance(value, dict):
        for name, each in value.items():
            for other in broken(each):
                yield {**value, name: other}
    elif isinstance(value, list):
        yield value * 150
        for other in broken(value[0]):
            yield [other]


def bodies(shape: Shape) -> Iterator[Any]:
    full = sample(shape)
    needed = {name: full[name] for name in shape.required_members}
    yield needed
    for name, value in full.items():
        yield {**needed, name: value}
    unpaged = {name: value for name, value in full.items() if name.lower() != "nexttoken"}
    yield from (unpaged, full)
    for name, value in full.items():
        for other in broken(value):
            yield {**needed, name: other}


def seed(api: Api) -> None:
    """Something of everything, made by the API itself as far as it does."""
    try:
        api("CreateApplication", applicationName="shop")
        group = {"applicationName": "shop", "deploymentGroupName": "web", "serviceRoleArn": SAMPLES["serviceRoleArn"]}
        api("CreateDeploymentGroup", **group, ec2TagFilters=[{"Key": "role", "Value": "web"}])
    except RefusedCall as refused:
        assert refused.code == "OperationNotSupportedException"
        put_group("web")
    api("RegisterOnPremisesInstance", instanceName="rack-7", iamUserArn=USER)
    put(1, status=DeploymentStatus.IN_PROGRESS)
    target = Target(deployment_id=RUNNING, target_id="i-1")
    put_item({**target_key(RUNNING, "i-1").item, **to_plain(target)})


@pytest.fixture
def strict(store: Store) -> None:
    """DynamoDB's limits on requests: one beyond them is refused, as the real one refuses it."""
    store.before_request = keep_limits


def keep_limits(operation: str, params: dict[str, Any]) -> None:
    conditions = params.get("KeyConditionExpression", "")
    values = params.get("ExpressionAttributeValues", {})
    asked = [(":key", value) for name, value in values.items() if re.search(rf"{name}\b", conditions)]
    for name, value in [*asked, *attributes(params)]:
        content = value.get("S", "key")
        limit = KEYS.get(name, math.inf)
        if not (0 < len(content.encode()) <= limit or limit is math.inf) or len(value.get("N", "").strip("-")) > 38:
            raise beyond(operation, f"{name} = {str(value)[:100]}")
    batches = [each["Keys"] for each in params.get("RequestItems", {}).values() if "Keys" in each]
    for batch in [*batches, *([params["TransactItems"]] if "TransactItems" in params else [])]:
        if not 0 < len(batch) <= 100:
            raise beyond(operation, f"{len(batch)} in one request")
    for expression in (params.get(f"{kind}Expression", "") for kind in ("Filter", "Update", "Condition")):
        if len(expression) > 4096 or any(found.count(",") > 99 for found in re.findall(r" IN \(([^)]*)", expression)):
            raise beyond(operation, expression[:100])


def attributes(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every attribute of the request, however deep, in DynamoDB's typed form."""
    if isinstance(value, dict):
        for name, each in value.items():
            if isinstance(each, dict) and each.keys() & {"S", "N"}:
                yield name, each
            else:
                yield from attributes(each)
    elif isinstance(value, list):
        for each in value:
            yield from attributes(each)


def beyond(operation: str, what: str) -> ClientError:
    return ClientError({"Error": {"Code": "ValidationException", "Message": f"beyond a limit: {what}"}}, operation)


def check(operation: str, body: str, answer: dict[str, Any]) -> None:
    """The answer is the model's, whatever it is."""
    told = json.loads(answer["body"])
    if answer["statusCode"] == 200:
        shape = model.service().operation_model(operation).output_shape
        response = {"body": answer["body"].encode(), "headers": {}, "status_code": 200}
        parsed = create_parser("json").parse(response, shape)
        del parsed["ResponseMetadata"]
        if shape:
            _check(parsed, shape)
        return
    assert answer["statusCode"] == 400, (body[:500], answer)
    own = {*model.errors(operation), *OF_ANY_OPERATION}
    allowed = own if operation in operations.WORKING else {*own, "OperationNotSupportedException"}
    assert told["__type"] in allowed, (body[:500], told)
    assert answer["headers"]["x-amzn-ErrorType"] == told["__type"]
    assert 0 < len(told["message"]) <= LONGEST, body[:500]


@pytest.mark.parametrize("operation", model.operations())
def test_every_request_has_an_answer_of_the_model(api: Api, services: None, strict: None, operation: str) -> None:
    seed(api)
    seen: set[str] = set()
    for each in bodies(model.service().operation_model(operation).input_shape):
        body = json.dumps(each)
        if body not in seen:
            check(operation, body, api.raw(operation, body))
        seen.add(body)


@pytest.mark.parametrize("operation", sorted(operations.WORKING))
def test_what_works_is_an_operation_and_has_a_function(operation: str) -> None:
    assert operation in model.operations()
    module = import_module(f"functions.api.operations.{operations.WORKING[operation]}")
    assert callable(getattr(module, operations.function_name(operation)))


def test_an_operation_that_is_none(api: Api) -> None:
    answer = api.raw("MakeCoffee", "{}")
    assert (answer["statusCode"], json.loads(answer["body"])["__type"]) == (400, "UnknownOperationException")


def test_every_answer_has_the_requests_id(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> None:
        raise RuntimeError("broken")

    for status, operation, body in ((200, "ListApplications", "{}"), (400, "GetDeployment", "{}"), (400, "No", "{}")):
        answer = api.raw(operation, body)
        assert (answer["statusCode"], answer["headers"]["x-amzn-RequestId"]) == (status, "request")
    monkeypatch.setattr("functions.api.operations.run", breaks)
    answer = api.raw("ListApplications", "{}")
    assert (answer["statusCode"], answer["headers"]["x-amzn-RequestId"]) == (500, "request")

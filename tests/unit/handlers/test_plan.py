"""plan: the one operation of the control API that a function of its own answers."""

import json
from typing import Any

from functions.handlers.plan import handler
from tests.conftest import LambdaContext, put_group
from tests.store import Store


def call(operation: str, context: LambdaContext, **asked: Any) -> dict[str, Any]:
    event = {
        "requestContext": {
            "http": {"method": "POST", "path": f"/stage/{operation}"},
            "authorizer": {"iam": {"userArn": "arn:aws:iam::123456789012:user/ann"}},
        },
        "body": json.dumps(asked),
        "isBase64Encoded": False,
    }
    answer = handler(event, context)
    return {"status": answer["statusCode"], **json.loads(answer["body"])}


def test_it_plans(store: Store, services: None, context: LambdaContext) -> None:
    put_group()
    answer = call("PlanDeployment", context, applicationName="shop", deploymentGroupName="web")
    assert answer["status"] == 200
    assert [each["code"] for each in answer["errors"]] == ["NO_INSTANCES"]


def test_no_other_operation_reaches_it(context: LambdaContext) -> None:
    answer = call("GetDeployment", context, deploymentId="d-000000001")
    assert (answer["status"], answer["__type"]) == (400, "UnknownOperationException")

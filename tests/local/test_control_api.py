"""CodeDeploy's clients at the cloud's endpoint reach the HTTP API of the stack, through IAM."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.control_api import NAME
from local.server import ACCOUNT, REGION
from tests.local.emulator import Account, Function, refusal


@pytest.fixture
def api(cloud: Account) -> Iterator[tuple[str, Function]]:
    """The ARN below which the routes of a small HTTP API of the stack's name lie, and the function behind them."""
    function = cloud.function(answer={"statusCode": 200, "body": '{"deploymentInfo": {"deploymentId": "d-1"}}'})
    client = cloud.client("apigatewayv2")
    api = client.create_api(Name=NAME, ProtocolType="HTTP")["ApiId"]
    cloud.at_end(client.delete_api, ApiId=api)
    integration = client.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=function.arn, PayloadFormatVersion="2.0"
    )["IntegrationId"]
    for operation in ("GetDeployment", "StopDeployment"):
        route = {"RouteKey": f"POST /{operation}", "Target": f"integrations/{integration}"}
        client.create_route(ApiId=api, AuthorizationType="AWS_IAM", **route)
    client.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    yield f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}/$default/POST", function


def test_a_client_of_codedeploy_reaches_the_route_of_its_operation(cloud: Account, api: tuple[str, Function]) -> None:
    answer = cloud.client("codedeploy").get_deployment(deploymentId="d-1")
    assert answer["deploymentInfo"]["deploymentId"] == "d-1"
    (event,) = api[1].calls()
    asked = event["requestContext"]
    assert (asked["http"]["method"], asked["http"]["path"]) == ("POST", "/GetDeployment")
    assert asked["authorizer"]["iam"]["userArn"].startswith(f"arn:aws:iam::{ACCOUNT}:")


def test_iam_allows_single_operations(cloud: Account, api: tuple[str, Function]) -> None:
    caller = cloud.caller("codedeploy", may="execute-api:Invoke", on=f"{api[0]}/GetDeployment")
    assert caller.get_deployment(deploymentId="d-1")
    with pytest.raises(ClientError) as error:
        caller.stop_deployment(deploymentId="d-1")
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert len(api[1].calls()) == 1


def test_an_operation_without_a_route_is_not_found(cloud: Account, api: tuple[str, Function]) -> None:
    assert refusal(cloud.client("codedeploy").list_applications)
    assert api[1].calls() == []


def test_the_emulator_still_does_not_know_codedeploy(bare: Account) -> None:
    client: Any = bare.client("codedeploy")
    assert refusal(client.get_deployment, deploymentId="d-1")

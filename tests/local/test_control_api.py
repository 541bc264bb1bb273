"""The control API on the local cloud, beside the emulator without local/shims/control_api.py."""

import json
from dataclasses import dataclass

import pytest

from local.server import ACCOUNT, REGION
from local.shims.control_api import API, TARGET
from tests.local.emulator import Account, Function, refusal
from tests.signed import post

ANSWER = {
    "statusCode": 200,
    "headers": {"Content-Type": "application/x-amz-json-1.1"},
    "body": json.dumps({"deployments": ["d-ANSWERED0"]}),
}


@dataclass(frozen=True)
class Api:
    """An HTTP API that a stack has made, with the routes ListDeployments and CreateDeployment."""

    address: str
    api_id: str
    function: Function

    def route(self, operation: str) -> str:
        return f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{self.api_id}/$default/POST/{operation}"

    def here(self, operation: str) -> str:
        """Where the emulator serves the API, whatever its address is."""
        return f"/_aws/execute-api/{self.api_id}/{operation}"


def made(account: Account) -> Api:
    function = account.function(answer=ANSWER)
    api = {"ApiId": {"Ref": "Api"}}
    integration = {"IntegrationType": "AWS_PROXY", "IntegrationUri": function.arn, "PayloadFormatVersion": "2.0"}
    route = {"AuthorizationType": "AWS_IAM", "Target": {"Fn::Sub": "integrations/${Integration}"}}
    resources = {
        "Api": ("Api", {"Name": API, "ProtocolType": "HTTP"}),
        "Integration": ("Integration", {**api, **integration}),
        "List": ("Route", {**api, **route, "RouteKey": "POST /ListDeployments"}),
        "Create": ("Route", {**api, **route, "RouteKey": "POST /CreateDeployment"}),
        "Stage": ("Stage", {**api, "StageName": "$default", "AutoDeploy": True}),
    }
    template = {
        "Resources": {
            name: {"Type": f"AWS::ApiGatewayV2::{kind}", "Properties": properties}
            for name, (kind, properties) in resources.items()
        },
        "Outputs": {"Address": {"Value": {"Fn::GetAtt": ["Api", "ApiEndpoint"]}}, "Id": {"Value": {"Ref": "Api"}}},
    }
    client, name = account.client("cloudformation"), account.name()
    client.create_stack(StackName=name, TemplateBody=json.dumps(template))
    account.at_end(client.delete_stack, StackName=name)
    client.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    (stack,) = client.describe_stacks(StackName=name)["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    return Api(outputs["Address"], outputs["Id"], function)


def endpoint(account: Account) -> str:
    return str(account.client("sts").meta.endpoint_url)


@pytest.fixture
def api(cloud: Account) -> Api:
    return made(cloud)


FORBIDDEN = (403, {"message": "Forbidden"})


def test_an_api_answers_at_its_address_whom_iam_allows_and_knows_who_asks(cloud: Account, api: Api) -> None:
    caller = cloud.caller("codedeploy", may="execute-api:Invoke", on=api.route("ListDeployments"))
    assert post(f"{api.address}/ListDeployments", caller) == (200, {"deployments": ["d-ANSWERED0"]})
    assert post(f"{api.address}/CreateDeployment", caller) == FORBIDDEN
    (event,) = api.function.calls()
    asked = event["requestContext"]
    assert asked["http"]["path"] == "/ListDeployments" and asked["stage"] == "$default"
    assert asked["authorizer"]["iam"]["userArn"].startswith(f"arn:aws:iam::{ACCOUNT}:user/shim-")


def test_a_client_of_codedeploy_reaches_the_api_at_the_clouds_endpoint(cloud: Account, api: Api) -> None:
    caller = cloud.caller("codedeploy", may="execute-api:Invoke", on=api.route("ListDeployments"))
    assert caller.list_deployments()["deployments"] == ["d-ANSWERED0"]
    assert refusal(caller.create_deployment, applicationName="shop") == "403"
    (event,) = api.function.calls()
    assert event["routeKey"] == "POST /ListDeployments"


def test_codedeploys_own_actions_allow_nothing_here(cloud: Account, api: Api) -> None:
    caller = cloud.caller("codedeploy", may="codedeploy:*", on="*")
    assert refusal(caller.list_deployments) == "403"


def test_a_wrong_signature_is_refused_at_both_addresses(cloud: Account, api: Api) -> None:
    caller = cloud.caller("codedeploy", may="execute-api:Invoke", on="*")
    caller._get_credentials().secret_key = "not the secret"
    target = {"X-Amz-Target": f"{TARGET}ListDeployments"}
    assert post(f"{api.address}/ListDeployments", caller) == FORBIDDEN
    assert post(f"{endpoint(cloud)}/", caller, service="codedeploy", **target) == FORBIDDEN
    assert api.function.calls() == []


def test_an_unsigned_request_and_one_signed_for_another_service_are_refused(cloud: Account, api: Api) -> None:
    target = {"X-Amz-Target": f"{TARGET}ListDeployments"}
    administrator = cloud.client("codedeploy")
    assert post(f"{api.address}/ListDeployments") == FORBIDDEN
    assert post(f"{api.address}/ListDeployments", administrator, service="codedeploy", **target) == FORBIDDEN
    assert post(f"{endpoint(cloud)}/", **target) == FORBIDDEN
    assert post(f"{endpoint(cloud)}/", administrator, **target) == FORBIDDEN


def test_what_has_no_route_is_not_found_whoever_asks(cloud: Account, api: Api) -> None:
    nobody = cloud.caller("codedeploy", may="s3:GetObject", on="*")
    assert post(f"{api.address}/DropEverything", nobody) == (404, {"message": "Not Found"})
    target = {"X-Amz-Target": f"{TARGET}DropEverything"}
    assert post(f"{endpoint(cloud)}/", nobody, service="codedeploy", **target) == (404, {"message": "Not Found"})


def test_the_emulator_still_gives_an_api_a_name_that_nobody_resolves(bare: Account) -> None:
    assert made(bare).address.removeprefix("http://").partition(".")[2].startswith("execute-api.127.0.0.1:")


def test_the_emulator_still_knows_no_codedeploy(bare: Account) -> None:
    made(bare)
    assert refusal(bare.client("codedeploy").list_deployments) != ""


def test_the_emulator_still_tells_whom_it_refuses_why_and_takes_any_service(bare: Account) -> None:
    api = made(bare)
    nobody = bare.caller("codedeploy", may="s3:GetObject", on="*")
    address = endpoint(bare) + api.here("ListDeployments")
    assert post(address, nobody)[1] != {"message": "Forbidden"}
    assert post(endpoint(bare) + api.here("DropEverything"), nobody)[0] == 403
    assert post(address, bare.client("codedeploy"), service="codedeploy")[0] == 200

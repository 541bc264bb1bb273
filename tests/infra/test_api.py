"""The control API's address: a route for each operation, each for IAM to allow, and one function behind all."""

import json
from typing import Any

from functions.aws import model
from tests.infra.conftest import only, resources


def test_each_operation_has_a_route_and_nothing_else_has_one(template: dict[str, Any]) -> None:
    keys = [route["RouteKey"] for route in routes(template)]
    assert sorted(keys) == sorted(f"POST /{operation}" for operation in model.operations())


def test_iam_decides_at_every_route(template: dict[str, Any]) -> None:
    assert {route["AuthorizationType"] for route in routes(template)} == {"AWS_IAM"}
    assert not resources(template, "AWS::ApiGatewayV2::Authorizer")


def test_every_route_leads_to_the_one_function_by_the_one_integration(template: dict[str, Any]) -> None:
    ((name, integration),) = resources(template, "AWS::ApiGatewayV2::Integration").items()
    for route in routes(template):
        assert route["Target"] == {"Fn::Join": ["", ["integrations/", {"Ref": name}]]}
    properties = integration["Properties"]
    assert (properties["IntegrationType"], properties["PayloadFormatVersion"]) == ("AWS_PROXY", "2.0")
    function = template["Resources"][properties["IntegrationUri"]["Fn::GetAtt"][0]]["Properties"]
    assert function["FunctionName"] == "stepdeploy-api"
    assert function["Timeout"] < 30, "API Gateway waits no longer"


def test_api_gateway_may_call_the_function_for_this_api_by_one_permission(template: dict[str, Any]) -> None:
    permission = only(template, "AWS::Lambda::Permission", Principal="apigateway.amazonaws.com")
    _, (*_, api, path) = permission["SourceArn"]["Fn::Join"]
    assert (api, path) == (api_id(template), "/*/POST/*")


def test_requests_are_throttled_and_logged_with_their_caller(template: dict[str, Any]) -> None:
    stage = only(template, "AWS::ApiGatewayV2::Stage")
    assert (stage["StageName"], stage["AutoDeploy"], stage["ApiId"]) == ("$default", True, api_id(template))
    limits = stage["DefaultRouteSettings"]
    assert 0 < limits["ThrottlingRateLimit"] <= limits["ThrottlingBurstLimit"] <= 100
    logged = json.loads(stage["AccessLogSettings"]["Format"])
    assert {"$context.identity.userArn", "$context.routeKey", "$context.status"} <= set(logged.values())
    group = template["Resources"][stage["AccessLogSettings"]["DestinationArn"]["Fn::GetAtt"][0]]
    assert group["Type"] == "AWS::Logs::LogGroup"


def test_the_stage_waits_for_the_routes_so_that_the_first_deployment_has_them_all(template: dict[str, Any]) -> None:
    (stage,) = resources(template, "AWS::ApiGatewayV2::Stage").values()
    assert set(resources(template, "AWS::ApiGatewayV2::Route")) <= set(stage["DependsOn"])


def test_browsers_of_other_sites_get_no_leave_and_the_default_address_stays(template: dict[str, Any]) -> None:
    api = only(template, "AWS::ApiGatewayV2::Api")
    assert api["ProtocolType"] == "HTTP"
    assert not {"CorsConfiguration", "DisableExecuteApiEndpoint"} & set(api)


def test_the_output_is_the_address(template: dict[str, Any]) -> None:
    name = api_id(template)["Ref"]
    assert template["Outputs"]["ApiEndpoint"]["Value"] == {"Fn::GetAtt": [name, "ApiEndpoint"]}


def test_the_functions_errors_alarm_and_are_on_the_dashboard(template: dict[str, Any]) -> None:
    assert only(template, "AWS::CloudWatch::Alarm", AlarmName="stepdeploy-ApiErrors")["Namespace"] == "AWS/Lambda"
    assert '"label":"Api"' in json.dumps(only(template, "AWS::CloudWatch::Dashboard")).replace("\\", "")


def routes(template: dict[str, Any]) -> list[dict[str, Any]]:
    return [each["Properties"] for each in resources(template, "AWS::ApiGatewayV2::Route").values()]


def api_id(template: dict[str, Any]) -> dict[str, str]:
    (name,) = resources(template, "AWS::ApiGatewayV2::Api")
    return {"Ref": name}

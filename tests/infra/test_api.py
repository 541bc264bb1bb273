"""The control API's address: a route for each operation, none of them open."""

import json
from typing import Any

from functions.api import model
from infra.checks.permissions import grants
from tests.infra.conftest import OTHER_TOPIC, resources


def only(template: dict[str, Any], type: str) -> dict[str, Any]:
    (found,) = resources(template, type).values()
    properties: dict[str, Any] = found["Properties"]
    return properties


def test_every_operation_has_a_route_of_its_own_and_nothing_else_has(template: dict[str, Any]) -> None:
    routes = [each["Properties"] for each in resources(template, "AWS::ApiGatewayV2::Route").values()]
    assert sorted(route["RouteKey"] for route in routes) == [f"POST /{name}" for name in sorted(model.operations())]


def test_routes_are_made_one_after_another_and_the_stage_after_all(template: dict[str, Any]) -> None:
    """API Gateway takes few changes a second; CloudFormation gives up after some refusals."""
    routes = resources(template, "AWS::ApiGatewayV2::Route")
    before = {name: [each for each in route.get("DependsOn", ()) if each in routes] for name, route in routes.items()}
    (first,) = [name for name, others in before.items() if not others]
    made = [first]
    while following := [name for name, others in before.items() if others == [made[-1]]]:
        (following_one,) = following
        made.append(following_one)
    assert len(made) == len(routes)
    (stage,) = resources(template, "AWS::ApiGatewayV2::Stage").values()
    assert set(routes) <= set(stage["DependsOn"])


def test_every_route_wants_a_signature_that_iam_allows(template: dict[str, Any]) -> None:
    for route in resources(template, "AWS::ApiGatewayV2::Route").values():
        assert route["Properties"]["AuthorizationType"] == "AWS_IAM"
    assert not resources(template, "AWS::ApiGatewayV2::Authorizer")
    assert "CorsConfiguration" not in only(template, "AWS::ApiGatewayV2::Api")


def test_a_function_of_its_own_plans_and_one_does_all_else_each_by_one_permission(template: dict[str, Any]) -> None:
    integrations = resources(template, "AWS::ApiGatewayV2::Integration")
    permissions = [each["Properties"] for each in resources(template, "AWS::Lambda::Permission").values()]
    ours = [each for each in permissions if each["Principal"] == "apigateway.amazonaws.com"]
    paths = {str(each["FunctionName"]): json.dumps(each["SourceArn"]) for each in ours}
    routes = [each["Properties"] for each in resources(template, "AWS::ApiGatewayV2::Route").values()]
    assert len(integrations) == len(ours) == 2
    for name, integration in integrations.items():
        found = integration["Properties"]
        assert (found["IntegrationType"], found["PayloadFormatVersion"]) == ("AWS_PROXY", "2.0")
        behind = [each["RouteKey"] for each in routes if name in json.dumps(each["Target"])]
        is_plan = behind == ["POST /PlanDeployment"]
        assert paths[str(found["IntegrationUri"])].endswith(
            f'"/$default/POST/{"PlanDeployment" if is_plan else "*"}"]]}}'
        )
        assert is_plan or len(behind) == len(routes) - 1


def test_the_function_that_plans_may_only_read(template: dict[str, Any]) -> None:
    """Whatever its code does, it changes nothing."""
    writes_its_own = {"logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords", "xray:PutTraceSegments"}
    actions = {action for each in grants(template) if each.role == "Plan" for action in each.actions}
    assert actions >= {"dynamodb:Query", "s3:GetObjectVersion", "ec2:DescribeInstances"}
    reads = ("BatchGet", "Describe", "Get", "List", "Query", "Decrypt")
    assert {each for each in actions - writes_its_own if not each.partition(":")[2].startswith(reads)} == set()


def test_the_stage_is_throttled_and_logs_who_asked_for_what(template: dict[str, Any]) -> None:
    stage = only(template, "AWS::ApiGatewayV2::Stage")
    assert (stage["StageName"], stage["AutoDeploy"]) == ("$default", True)
    limits = stage["DefaultRouteSettings"]
    assert 0 < limits["ThrottlingRateLimit"] <= limits["ThrottlingBurstLimit"]
    logged = json.loads(stage["AccessLogSettings"]["Format"])
    assert {logged["route"], logged["caller"], logged["status"]} == {
        "$context.routeKey",
        "$context.identity.userArn",
        "$context.status",
    }


def test_the_function_knows_the_topics_that_the_engine_may_publish_to(template: dict[str, Any]) -> None:
    functions = resources(template, "AWS::Lambda::Function").values()
    (api,) = [each["Properties"] for each in functions if each["Properties"]["FunctionName"] == "stepdeploy-api"]
    told = json.dumps(api["Environment"]["Variables"]["TOPIC_ARNS"])
    assert "NotificationsTopic" in told and OTHER_TOPIC in told


def test_the_address_is_an_output(template: dict[str, Any]) -> None:
    assert list(template["Outputs"]["ApiEndpoint"]["Value"]["Fn::GetAtt"])[1] == "ApiEndpoint"

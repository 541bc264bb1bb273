"""The control API's address: an HTTP API of API Gateway with a route for each operation, and the function behind all.

An operation is a route of its own, so that IAM decides who may do what: execute-api:Invoke on
`<api>/$default/POST/<Operation>` (docs/api-policies.md).
"""

import json

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_apigatewayv2 as gateway
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from functions.aws import model
from infra.engine import Engine
from infra.function import Function, Shape
from infra.store import Store

# A pipeline that goes wild is told to wait before it takes the account's concurrent functions from the engine.
_REQUESTS_PER_SECOND, _BURST = 25, 50
_LOGGED = {
    "time": "$context.requestTime",
    "requestId": "$context.requestId",
    "route": "$context.routeKey",
    "status": "$context.status",
    "caller": "$context.identity.userArn",
    "sourceIp": "$context.identity.sourceIp",
    "milliseconds": "$context.responseLatency",
    "error": "$context.error.message",
    "integrationError": "$context.integrationErrorMessage",
}


class Api(Construct):
    """API Gateway -> IAM -> `api`; `endpoint` is where `POST /<Operation>` goes."""

    def __init__(self, scope: Construct, id: str, *, shape: Shape, store: Store, engine: Engine) -> None:
        super().__init__(scope, id)
        self.function = self._function(shape, store, engine)
        # The stack's name, by which the local cloud finds it too. Without CORS: no browser signs requests.
        api = gateway.CfnApi(
            self,
            "Http",
            name=Stack.of(self).stack_name,
            description="The control API of stepdeploy: CodeDeploy's operations",
            protocol_type="HTTP",
        )
        self.endpoint = api.attr_api_endpoint
        routes = self._routes(api.ref)
        stage = self._stage(api.ref, shape)
        stage.node.add_dependency(routes)  # else each route that is made would be a deployment of its own
        lambda_.CfnPermission(
            self,
            "Permission",
            action="lambda:InvokeFunction",
            function_name=self.function.function_arn,
            principal="apigateway.amazonaws.com",
            source_arn=Stack.of(self).format_arn(service="execute-api", resource=api.ref, resource_name="*/POST/*"),
        )

    def _function(self, shape: Shape, store: Store, engine: Engine) -> Function:
        function = Function(
            self,
            "Api",
            shape=shape,
            description="Answers the control API: CodeDeploy's operations, each a route of API Gateway",
            environment={"TABLE_NAME": store.table.table_name, "BUCKET_NAME": store.bucket.bucket_name},
            timeout=Duration.seconds(29),  # API Gateway waits for 30
            # 60 MB are used, but somebody waits: the first request reads the service model and makes clients, 0.35
            # seconds of a whole CPU. Here it has 0.6 of one, with 256 MB 0.15, and for work it costs the same.
            memory_mb=1024,
        )
        table = store.table.table_arn
        function.allow(
            "dynamodb:GetItem",
            "dynamodb:BatchGetItem",
            "dynamodb:Query",
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
            "dynamodb:DeleteItem",
            "dynamodb:ConditionCheckItem",
            on=table,
        )
        indexes = ("by_group", "by_status", "by_time")
        function.allow("dynamodb:Query", on=[f"{table}/index/{name}" for name in indexes])
        engine.let_cancel(function)
        engine.let_answer(function)  # of a deployment that bakes
        return function

    def _routes(self, api_id: str) -> Construct:
        """A route for each operation, to one integration."""
        integration = gateway.CfnIntegration(
            self,
            "Integration",
            api_id=api_id,
            integration_type="AWS_PROXY",
            integration_uri=self.function.function_arn,
            payload_format_version="2.0",
        )
        routes = Construct(self, "Routes")
        for operation in model.operations():
            gateway.CfnRoute(
                routes,
                operation,
                api_id=api_id,
                route_key=f"POST /{operation}",
                authorization_type="AWS_IAM",
                target=f"integrations/{integration.ref}",
            )
        return routes

    def _stage(self, api_id: str, shape: Shape) -> gateway.CfnStage:
        log_group = logs.LogGroup(
            self,
            "AccessLogs",
            log_group_name=f"/aws/vendedlogs/apis/{Stack.of(self).stack_name}",  # the prefix needs no resource policy
            retention=shape.log_retention,
            removal_policy=RemovalPolicy.DESTROY,
        )
        return gateway.CfnStage(
            self,
            "Stage",
            api_id=api_id,
            stage_name="$default",
            auto_deploy=True,
            access_log_settings=gateway.CfnStage.AccessLogSettingsProperty(
                destination_arn=log_group.log_group_arn, format=json.dumps(_LOGGED, separators=(",", ":"))
            ),
            default_route_settings=gateway.CfnStage.RouteSettingsProperty(
                throttling_burst_limit=_BURST, throttling_rate_limit=_REQUESTS_PER_SECOND
            ),
        )

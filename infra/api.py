"""The control API's address: an HTTP API with a route for each operation, and the functions behind them: one for
planning a deployment, and one for all others."""

import json
from collections.abc import Sequence

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from functions.core.extensions import added_to
from functions.core.planning.shapes import OPERATION
from infra.checks import whole_account
from infra.engine import Engine
from infra.function import Function, FunctionDefaults
from infra.store import Store

_SECONDS = 30  # the longest that an HTTP API waits
# A pipeline that goes wild is told to wait before it takes the account's concurrent functions from the engine.
_BURST, _RATE = 100, 50  # requests at once, and a second
_STAGE = "$default"
# What happened at the door, also to those who were not let in. No body: it may hold what nobody should read.
_LOGGED = {
    "time": "$context.requestTime",
    "requestId": "$context.requestId",
    "route": "$context.routeKey",
    "status": "$context.status",
    "caller": "$context.identity.userArn",
    "ip": "$context.identity.sourceIp",
    "milliseconds": "$context.responseLatency",
    "error": "$context.error.message",
    "integrationError": "$context.integrationErrorMessage",
}


def operations() -> list[str]:
    """The operations of the API: CodeDeploy's, as botocore knows them, and our own."""
    from botocore.loaders import Loader

    return list(added_to(Loader().load_service_model("codedeploy", "service-2"))["operations"])


class Api(Construct):
    """`POST /<Operation>` for every operation, each allowed by IAM on its own, none without a signature."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        defaults: FunctionDefaults,
        store: Store,
        engine: Engine,
        topic_arns: Sequence[str],
        revision_buckets: Sequence[str],
    ) -> None:
        """`topic_arns`: the topics that triggers may name, because the engine may publish to them; `revision_buckets`:
        those from which it may read besides its own."""
        super().__init__(scope, id)
        self.function = self._function(defaults, store, engine, topic_arns, revision_buckets)
        self.plan = self._plan(defaults, store, engine, revision_buckets)
        name = Stack.of(self).stack_name
        self._api = apigateway.CfnApi(
            self,
            "Http",
            name=name,
            description="CodeDeploy's own operations, at POST /<Operation>",
            protocol_type="HTTP",
        )
        routes = self._routes()
        self._stage(name, defaults).node.add_dependency(routes)  # else each route would be a deployment of its own

    @property
    def api_id(self) -> str:
        return self._api.ref

    @property
    def endpoint(self) -> str:
        return self._api.attr_api_endpoint

    def _function(
        self,
        defaults: FunctionDefaults,
        store: Store,
        engine: Engine,
        topic_arns: Sequence[str],
        revision_buckets: Sequence[str],
    ) -> Function:
        function = Function(
            self,
            "Api",
            defaults=defaults,
            description="Answers the control API: CodeDeploy's own operations",
            environment={
                "TABLE_NAME": store.table.table_name,
                "BUCKET_NAME": store.bucket.bucket_name,
                "TOPIC_ARNS": ",".join(topic_arns),
                "REVISION_BUCKETS": ",".join(revision_buckets),
            },
            # 60 MB are used, but somebody waits: the first request reads the service model and makes clients, 0.35
            # seconds of a whole CPU. Here it has 0.6 of one, with 256 MB 0.15, and for work it costs the same.
            memory_mb=1024,
        )
        engine.let_stop(function)  # what that writes is what every operation does
        function.allow("dynamodb:Query", on=[store.index_arn(name) for name in ("by_group", "by_status", "by_time")])
        whole_account.let_read_commands(function)  # how far they have come
        whole_account.let_see_fleet(function)
        return function

    def _plan(
        self, defaults: FunctionDefaults, store: Store, engine: Engine, revision_buckets: Sequence[str]
    ) -> Function:
        """PlanDeployment, by a function that can see all that Prepare sees, and write nothing."""
        function = Function(
            self,
            "Plan",
            defaults=defaults,
            description="Tells how a deployment would go; may only read",
            environment={
                "TABLE_NAME": store.table.table_name,
                "BUCKET_NAME": store.bucket.bucket_name,
                "REVISION_BUCKETS": ",".join(revision_buckets),
                **engine.send_rate,
            },
            # Less than 512 MB are used for 10,000 hosts (python -m bench plan), but somebody waits, and no longer than
            # 30 seconds: here it has a whole CPU.
            memory_mb=1769,
        )
        engine.let_plan(function)
        function.allow("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", on=store.table.table_arn)
        function.allow("dynamodb:Query", on=store.index_arn("by_group"))
        return function

    def _stage(self, name: str, defaults: FunctionDefaults) -> apigateway.CfnStage:
        log = logs.LogGroup(
            self,
            "Requests",
            log_group_name=f"/aws/vendedlogs/apis/{name}",  # the prefix that needs no resource policy
            retention=defaults.log_retention,
            removal_policy=RemovalPolicy.DESTROY,
        )
        return apigateway.CfnStage(
            self,
            "Stage",
            api_id=self._api.ref,
            stage_name=_STAGE,
            auto_deploy=True,
            default_route_settings=apigateway.CfnStage.RouteSettingsProperty(
                throttling_burst_limit=_BURST, throttling_rate_limit=_RATE, detailed_metrics_enabled=True
            ),
            access_log_settings=apigateway.CfnStage.AccessLogSettingsProperty(
                destination_arn=log.log_group_arn, format=json.dumps(_LOGGED)
            ),
        )

    def _routes(self) -> Construct:
        """One integration and one permission for each function: who may call which operation is for IAM to say."""
        integration = self._integration("Integration", "Invoke", self.function, "*")
        plan = self._integration("PlanIntegration", "InvokePlan", self.plan, OPERATION)
        routes = Construct(self, "Routes")
        before: apigateway.CfnRoute | None = None
        for operation in operations():
            route = apigateway.CfnRoute(
                routes,
                operation,
                api_id=self._api.ref,
                route_key=f"POST /{operation}",
                authorization_type="AWS_IAM",
                target=f"integrations/{(plan if operation == OPERATION else integration).ref}",
            )
            # One after another: API Gateway takes few changes a second, and CloudFormation would make all at once.
            if before:
                route.add_resource_dependency(before)
            before = route
        return routes

    def _integration(self, id: str, permission: str, function: Function, operation: str) -> apigateway.CfnIntegration:
        lambda_.CfnPermission(
            self,
            permission,
            action="lambda:InvokeFunction",
            function_name=function.function_arn,
            principal="apigateway.amazonaws.com",
            source_arn=Stack.of(self).format_arn(
                service="execute-api", resource=self._api.ref, resource_name=f"{_STAGE}/POST/{operation}"
            ),
        )
        return apigateway.CfnIntegration(
            self,
            id,
            api_id=self._api.ref,
            integration_type="AWS_PROXY",
            integration_uri=function.function_arn,
            payload_format_version="2.0",
            timeout_in_millis=_SECONDS * 1000,
        )

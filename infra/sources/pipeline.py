"""The action of CodePipeline: a pipeline's role calls `pipeline_job`, nobody else does."""

from aws_cdk import Duration, Size, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from functions.core.revision import PIPELINE_PREFIX
from infra.engine import Engine
from infra.function import Function, FunctionDefaults, patience
from infra.store import Store


class Pipelines(Construct):
    """`pipeline_job`, and who answers its jobs: `finish`, else `publish`, at the end, `find_lost` in between."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        defaults: FunctionDefaults,
        store: Store,
        engine: Engine,
        answering: tuple[Function, ...],
        stop: Function,
    ) -> None:
        super().__init__(scope, id)
        self.function = Function(
            self,
            "PipelineJob",
            defaults=defaults,
            description="Deploys the artifact of a pipeline, which waits for the end",
            environment={"TABLE_NAME": store.table.table_name, "BUCKET_NAME": store.bucket.bucket_name},
            timeout=Duration.minutes(5),
            memory_mb=512,
            disk=Size.gibibytes(5),  # an artifact of up to 4 GiB is copied
        )
        # Its event holds credentials, which no queue may keep; after 15 minutes the action has nearly been given up.
        self.function.drop_failed_events(retries=2, max_age=Duration.minutes(15))
        self.function.allow(
            "dynamodb:GetItem",
            "dynamodb:Query",
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
            "dynamodb:ConditionCheckItem",
            on=store.table.table_arn,
        )
        engine.grant_answer(self.function)  # of a deployment that is held and gives way
        engine.let_wake(self.function)
        self.function.allow(
            "s3:PutObject",
            on=store.bucket.arn_for_objects(f"{PIPELINE_PREFIX}*"),
            why_wildcard="Artifacts have pipeline and execution in their key.",
        )
        self._let_see(self.function)
        self.function.allow(
            "codepipeline:GetJobDetails", on="*", why_wildcard="codepipeline:GetJobDetails knows no resources."
        )
        for each in (self.function, *answering):
            _let_answer(each)
        self._let_see(stop)
        events.Rule(
            self,
            "Abandoned",
            description="Somebody stopped a pipeline while an action waited for a function",
            event_pattern=events.EventPattern(
                source=["aws.codepipeline"],
                detail_type=["CodePipeline Action Execution State Change"],
                detail={"state": ["ABANDONED"], "type": {"category": ["Invoke"], "provider": ["Lambda"]}},
            ),
            targets=[targets.LambdaFunction(stop, **patience(defaults.undelivered))],
        )

    def _let_see(self, function: Function) -> None:
        """Lets a function ask for the execution of a pipeline."""
        function.allow(
            "codepipeline:GetPipelineExecution",
            on=Stack.of(self).format_arn(service="codepipeline", resource="*"),
            why_wildcard="Any pipeline of the account and Region may deploy.",
        )


def _let_answer(function: Function) -> None:
    for action in ("codepipeline:PutJobSuccessResult", "codepipeline:PutJobFailureResult"):
        function.allow(action, on="*", why_wildcard=f"{action} knows no resources.")

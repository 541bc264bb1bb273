"""The defaults of a Lambda function, and the ways in which work reaches one: a rule, the stream, a queue."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import Duration, RemovalPolicy, Size, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.checks.nag import acknowledge, acknowledge_wildcard
from infra.rights.encryption import key_actions, via


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionDefaults:
    """What all functions of the engine share."""

    code: lambda_.Code
    log_retention: logs.RetentionDays
    undelivered: sqs.IQueue
    key_arn: str | None = None  # of the key at rest, where the account has its own


def patience(undelivered: sqs.IQueue) -> dict[str, Any]:
    """How long EventBridge tries to deliver an event to a target, and where it puts what it could not deliver."""
    return {"dead_letter_queue": undelivered, "max_event_age": Duration.hours(6), "retry_attempts": 100}


class Function(lambda_.Function):
    """A handler of functions/handlers as a function with a role, a name and a log group of its own.

    The construct's id is the handler's name in CamelCase: `RunSegment` runs functions/handlers/run_segment.py and is
    called `<stack>-run_segment`. Names are fixed so that people can call functions and find logs by them.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        defaults: FunctionDefaults,
        description: str,
        environment: Mapping[str, str],
        timeout: Duration | None = None,  # default 30 seconds
        memory_mb: int = 256,
        disk: Size | None = None,  # of /tmp, default 512 MiB
    ) -> None:
        handler = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", id).lower()
        name = f"{Stack.of(scope).stack_name}-{handler}"
        log_group = logs.LogGroup(
            scope,
            f"{id}Logs",
            log_group_name=f"/aws/lambda/{name}",
            retention=defaults.log_retention,
            removal_policy=RemovalPolicy.DESTROY,  # the table keeps the history; a kept group would block a new stack
        )
        role = iam.Role(scope, f"{id}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        # AWSLambdaBasicExecutionRole would allow every log group of the account.
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[log_group.log_group_arn]
            )
        )
        super().__init__(
            scope,
            id,
            function_name=name,
            description=description,
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            code=defaults.code,
            handler=f"functions.handlers.{handler}.handler",
            role=role,
            log_group=log_group,
            tracing=lambda_.Tracing.ACTIVE,
            timeout=timeout or Duration.seconds(30),
            memory_size=memory_mb,
            ephemeral_storage_size=disk,
            environment={
                "POWERTOOLS_SERVICE_NAME": Stack.of(scope).stack_name,
                "POWERTOOLS_LOG_LEVEL": "INFO",
                **environment,
            },
        )
        self._defaults = defaults
        self._role = role
        self._wildcards: dict[str, list[str]] = {}
        # For the alarms: what is lost for good, and when, depends on who calls the function.
        self.keeps_failures = False  # what it cannot do is sent to `undelivered` by Lambda
        self.reads_stream = False
        self.is_scheduled = False
        self.drops_failures = False
        self._answer_for("*", "X-Ray's write actions know no resources.")
        acknowledge(
            self,
            "L1",
            "Lambda supports Python 3.13 until 2029. The version is raised on purpose, not whenever a newer cdk-nag "
            "knows a newer runtime.",
        )

    def allow(
        self,
        *actions: str,
        on: str | Sequence[str],
        when: Mapping[str, Mapping[str, str | Sequence[str]]] | None = None,
        why_wildcard: str | None = None,
    ) -> None:
        """Grants actions on ARNs, under conditions if any, and what they need of the key at rest. An ARN with `*` needs
        a reason."""
        resources = [on] if isinstance(on, str) else list(on)
        self._role.add_to_policy(
            iam.PolicyStatement(actions=list(actions), resources=resources, conditions=dict(when or {}))
        )
        if key_arn := self._defaults.key_arn:
            for service, needed in key_actions(actions).items():
                self._role.add_to_policy(
                    iam.PolicyStatement(
                        actions=list(needed), resources=[key_arn], conditions=via(service, Stack.of(self).region)
                    )
                )
        if why_wildcard:
            for arn in (each for each in resources if "*" in each):
                self._answer_for(arn, why_wildcard)

    def _answer_for(self, arn: str, reason: str) -> None:
        """cdk-nag has one finding for an ARN, however many statements name it: the reasons add up."""
        self._wildcards.setdefault(arn, []).append(reason)
        acknowledge_wildcard(self._role, arn, " ".join(self._wildcards[arn]))

    def on_schedule(self, every: Duration, *, description: str) -> None:
        """Runs the function again and again. A run that fails is not repeated: the next one does its work."""
        self.is_scheduled = True
        self.drop_failed_events(retries=0, max_age=every)
        events.Rule(
            self,
            "Rule",
            description=description,
            schedule=events.Schedule.rate(every),
            targets=[
                targets.LambdaFunction(
                    self, dead_letter_queue=self._defaults.undelivered, max_event_age=every, retry_attempts=1
                )
            ],
        )

    def _let_set_aside(self) -> None:
        """Lets the function put what it can never take into `undelivered` (functions/aws/aside.py)."""
        self.allow("sqs:SendMessage", on=self._defaults.undelivered.queue_arn)
        self.add_environment("UNDELIVERED_QUEUE_URL", self._defaults.undelivered.queue_url)

    def on_event(self, *, description: str, pattern: events.EventPattern) -> events.Rule:
        """Runs the function on events of the default bus; what it cannot take or cannot do goes to `undelivered`."""
        self.keep_failed_events()
        self.add_environment("UNDELIVERED_QUEUE_URL", self._defaults.undelivered.queue_url)
        return events.Rule(
            self,
            "Rule",
            description=description,
            event_pattern=pattern,
            targets=[targets.LambdaFunction(self, **patience(self._defaults.undelivered))],
        )

    def drop_failed_events(self, *, retries: int, max_age: Duration) -> None:
        """An asynchronous call that fails is kept nowhere."""
        self.drops_failures = True
        lambda_.CfnEventInvokeConfig(
            self,
            "Asynchronous",
            function_name=self.function_name,
            qualifier="$LATEST",
            maximum_retry_attempts=retries,
            maximum_event_age_in_seconds=int(max_age.to_seconds()),
        )

    def keep_failed_events(self) -> None:
        """An asynchronous call that fails three times lands in `undelivered` with its event and its error."""
        self.keeps_failures = True
        self.allow("sqs:SendMessage", on=self._defaults.undelivered.queue_arn)
        lambda_.CfnEventInvokeConfig(
            self,
            "Asynchronous",
            function_name=self.function_name,
            qualifier="$LATEST",
            maximum_retry_attempts=2,
            maximum_event_age_in_seconds=6 * 3600,
            destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
                on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(
                    destination=self._defaults.undelivered.queue_arn
                )
            ),
        )

    def on_stream(
        self, table: dynamodb.Table, *, new_image: Mapping[str, Any], batch_size: int, window_seconds: int
    ) -> None:
        """Runs the function on records of the table's stream whose new image matches, in order per item.

        The function sets aside a record that it can never read. A batch on which it dies is halved until the bad record
        stands alone; after two hours it is given up to `undelivered`, so that one record can never hold up the
        deployments behind it for longer.
        """
        self.keeps_failures = self.reads_stream = True
        stream = table.table_stream_arn
        assert stream  # noqa: S101  # the table is made with a stream
        self.allow("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", on=stream)
        self.allow("dynamodb:ListStreams", on="*", why_wildcard="dynamodb:ListStreams knows no resources.")
        self._let_set_aside()
        lambda_.CfnEventSourceMapping(
            self,
            "Stream",
            function_name=self.function_name,
            event_source_arn=stream,
            starting_position="TRIM_HORIZON",  # records written while the stack is being made count too
            batch_size=batch_size,
            maximum_batching_window_in_seconds=window_seconds,
            filter_criteria=lambda_.CfnEventSourceMapping.FilterCriteriaProperty(
                filters=[
                    lambda_.CfnEventSourceMapping.FilterProperty(
                        pattern=json.dumps({"dynamodb": {"NewImage": new_image}}, separators=(",", ":"))
                    )
                ]
            ),
            function_response_types=["ReportBatchItemFailures"],
            bisect_batch_on_function_error=True,
            maximum_retry_attempts=1000,
            maximum_record_age_in_seconds=2 * 3600,
            destination_config=lambda_.CfnEventSourceMapping.DestinationConfigProperty(
                on_failure=lambda_.CfnEventSourceMapping.OnFailureProperty(
                    destination=self._defaults.undelivered.queue_arn
                )
            ),
        )

    def on_queue(self, queue: sqs.IQueue, *, batch_size: int, window_seconds: int, at_once: int = 2) -> None:
        """Runs the function on messages of a queue; those it reports as failed come back, and what is no message at all
        it sets aside.

        `at_once`: calls at one time. Two are the least that Lambda allows: whoever is told of something prefers a
        digest to a flood."""
        self._let_set_aside()
        self.allow(
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ChangeMessageVisibility",
            on=queue.queue_arn,
        )
        lambda_.CfnEventSourceMapping(
            self,
            "Messages",
            function_name=self.function_name,
            event_source_arn=queue.queue_arn,
            batch_size=batch_size,
            maximum_batching_window_in_seconds=window_seconds,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config=lambda_.CfnEventSourceMapping.ScalingConfigProperty(maximum_concurrency=at_once),
        )

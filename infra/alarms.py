"""The engine's own alarms, for whoever runs it: what they watch is what docs/operate.md tells how to mend."""

from collections.abc import Iterable, Mapping

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.function import Function

_FIVE_MINUTES = Duration.minutes(5)


class Alarms(Construct):
    """One topic, `operators`, and the alarms that tell it."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        functions: Iterable[Function],
        stream_readers: Iterable[Function],
        dead_letters: Mapping[str, sqs.IQueue],
        waiting: Mapping[str, sqs.IQueue],
        machine: sfn.IStateMachine,
    ) -> None:
        super().__init__(scope, id)
        stack = Stack.of(self)
        self._name = stack.stack_name
        self.operators = sns.Topic(self, "Operators", topic_name=f"{self._name}-operators", enforce_ssl=True)
        self.operators.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sns:Publish"],
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                resources=[self.operators.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
            )
        )
        self._action = actions.SnsAction(self.operators)
        for function in functions:
            self._alarm(
                f"{function.node.id}Errors",
                f"The function {function.node.id} fails: read its log group",
                function.metric_errors(period=_FIVE_MINUTES, statistic="Sum"),
            )
        for function in stream_readers:
            self._alarm(
                f"{function.node.id}Late",
                f"The function {function.node.id} is five minutes behind the table's stream",
                function.metric("IteratorAge", period=_FIVE_MINUTES, statistic="Maximum"),
                above=5 * 60 * 1000,  # milliseconds
            )
        for what, queue in dead_letters.items():
            self._alarm(
                what,
                f"Dead letters in {what}: read them, fix the cause, send them back",
                queue.metric_approximate_number_of_messages_visible(period=_FIVE_MINUTES, statistic="Maximum"),
            )
        for what, queue in waiting.items():
            self._alarm(
                what,
                f"Messages have waited in {what} for half an hour: nothing processes them",
                queue.metric_approximate_age_of_oldest_message(period=_FIVE_MINUTES, statistic="Maximum"),
                above=30 * 60,  # seconds
            )
        for what, metric in (
            ("ExecutionsFailed", machine.metric_failed(period=_FIVE_MINUTES)),
            ("ExecutionsTimedOut", machine.metric_timed_out(period=_FIVE_MINUTES)),
            ("ExecutionsAborted", machine.metric_aborted(period=_FIVE_MINUTES)),
        ):
            self._alarm(what, "An execution did not end by itself; its deployment was closed as Failed", metric)

    def _alarm(self, id: str, description: str, metric: cloudwatch.IMetric, *, above: float = 0) -> None:
        alarm = cloudwatch.Alarm(
            self,
            id,
            alarm_name=f"{self._name}-{id}",
            alarm_description=description,
            metric=metric,
            threshold=above,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(self._action)

"""The engine's own alarms, for whoever runs it: what they watch is what docs/operate.md tells how to mend.

They ring for what is lost for good or waits for too long, never for an error that a state machine, an event source or
an asynchronous call tries again: AWS that throttles makes many of those, and all of them pass. So no alarm watches the
errors of a function. What becomes of them is watched: executions and targets that failed, dead letters, and what did
not even become one.
"""

from collections.abc import Iterable, Mapping

from aws_cdk import Duration, Fn, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from functions.core.messages.measures import Measure
from infra.function import Function

_FIVE_MINUTES = Duration.minutes(5)
_MISSED_RUNS = 3  # periods of five minutes in which a schedule's function failed, one after another


class Alarms(Construct):
    """One topic, `operators`, and the alarms that tell it."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        functions: Iterable[Function],
        rules: Iterable[events.CfnRule],
        dead_letters: Mapping[str, sqs.IQueue],
        waiting: Mapping[str, sqs.IQueue],
        machine: sfn.IStateMachine,
        api_id: str,
        key: kms.IKey | None,
    ) -> None:
        super().__init__(scope, id)
        stack = Stack.of(self)
        self._name = stack.stack_name
        self.operators = sns.Topic(
            self, "Operators", topic_name=f"{self._name}-operators", enforce_ssl=True, master_key=key
        )
        self.operators.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sns:Publish"],
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                resources=[self.operators.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
            )
        )
        self._action = actions.SnsAction(self.operators)
        self._of_deployments(machine)
        self._of_functions(list(functions))
        self._of_rules(rules)
        self._of_queues(dead_letters, waiting)
        self._alarm(
            "ApiErrors",
            "The control API fails: read the log group of Api",
            cloudwatch.Metric(
                namespace="AWS/ApiGateway",
                metric_name="5xx",
                dimensions_map={"ApiId": api_id},
                period=_FIVE_MINUTES,
                statistic="Sum",
            ),
        )

    def _of_deployments(self, machine: sfn.IStateMachine) -> None:
        for what, metric in (
            ("ExecutionsFailed", machine.metric_failed(period=_FIVE_MINUTES)),
            ("ExecutionsTimedOut", machine.metric_timed_out(period=_FIVE_MINUTES)),
            ("ExecutionsAborted", machine.metric_aborted(period=_FIVE_MINUTES)),
        ):
            self._alarm(what, "An execution did not end by itself; its deployment was closed as Failed", metric)
        # An error of the engine that outlives its retries ends a target, or the deployment; the execution succeeds.
        self._alarm(
            "EngineFailures",
            "The engine failed targets or a deployment, not their scripts: the cause is ENGINE, its message says where",
            cloudwatch.Metric(
                namespace="stepdeploy",
                metric_name=Measure.ENGINE_FAILURES,
                dimensions_map={"service": self._name},
                period=_FIVE_MINUTES,
                statistic="Sum",
            ),
        )

    def _of_functions(self, functions: list[Function]) -> None:
        for function in functions:
            name = function.node.id
            if function.keeps_failures:
                self._alarm(
                    f"{name}Lost",
                    f"What {name} could not take did not reach the dead-letter queue either: it is lost",
                    function.metric("DestinationDeliveryFailures", period=_FIVE_MINUTES, statistic="Sum"),
                )
            if function.reads_stream:
                self._alarm(
                    f"{name}Late",
                    f"The function {name} is five minutes behind the table's stream",
                    function.metric("IteratorAge", period=_FIVE_MINUTES, statistic="Maximum"),
                    above=5 * 60 * 1000,  # milliseconds
                )
            if function.drops_failures:
                when = "at each of its runs" if function.is_scheduled else "for good, and what it was called for waits"
                self._alarm(
                    f"{name}Dropped",
                    f"The function {name} fails {when}: read its log group",
                    function.metric("AsyncEventsDropped", period=_FIVE_MINUTES, statistic="Sum"),
                    periods=_MISSED_RUNS if function.is_scheduled else 1,
                )

    def _of_rules(self, rules: Iterable[events.CfnRule]) -> None:
        """An event that a rule could not deliver, nor put into its dead-letter queue."""
        for rule in rules:
            name = "".join(each.node.id for each in rule.node.scopes[-3:-1])  # its construct, behind whose it is
            which = {"RuleName": rule.ref}
            if rule.event_bus_name:  # of such a rule, Ref is its bus and its name
                which = {"EventBusName": rule.event_bus_name, "RuleName": Fn.select(2, Fn.split("/", rule.attr_arn))}
            self._alarm(
                f"{name}Lost",
                f"Events of the rule {name} reached neither their target nor the dead-letter queue",
                cloudwatch.Metric(
                    namespace="AWS/Events",
                    metric_name="InvocationsFailedToBeSentToDlq",
                    dimensions_map=which,
                    period=_FIVE_MINUTES,
                    statistic="Sum",
                ),
            )

    def _of_queues(self, dead_letters: Mapping[str, sqs.IQueue], waiting: Mapping[str, sqs.IQueue]) -> None:
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

    def _alarm(
        self, id: str, description: str, metric: cloudwatch.IMetric, *, above: float = 0, periods: int = 1
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            id,
            alarm_name=f"{self._name}-{id}",
            alarm_description=description,
            metric=metric,
            threshold=above,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=periods,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(self._action)

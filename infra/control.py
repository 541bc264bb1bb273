"""What may be done to a deployment: stop it, go back. Both are functions to call, by name; alarms call `stop`, too."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from constructs import Construct

from infra.checks import whole_account
from infra.engine import Engine
from infra.function import Function, FunctionDefaults
from infra.store import Store


class Control(Construct):
    """`stop` and `rollback`."""

    def __init__(self, scope: Construct, id: str, *, defaults: FunctionDefaults, store: Store, engine: Engine) -> None:
        super().__init__(scope, id)
        table = {"TABLE_NAME": store.table.table_name}
        self.stop = Function(
            self,
            "Stop",
            defaults=defaults,
            description="Stops a deployment on request, or the deployments that watch an alarm",
            environment=table,
            timeout=Duration.minutes(5),  # one CancelCommand for each command in flight
        )
        self.rollback = Function(
            self,
            "Rollback",
            defaults=defaults,
            description="Deploys the last good revision of a group again",
            environment=table,
            timeout=Duration.minutes(5),
        )
        for function in (self.stop, self.rollback):
            engine.let_stop(function)
        whole_account.let_read_alarms(self.stop)
        self.stop.allow(
            "cloudwatch:DescribeAlarmHistory",
            on="*",
            why_wildcard="CloudWatch shows the history of composite alarms only to callers that may see that of all.",
        )
        self.stop.on_event(
            description="A CloudWatch alarm went to ALARM",
            pattern=events.EventPattern(
                source=["aws.cloudwatch"],
                detail_type=["CloudWatch Alarm State Change"],
                detail={"state": {"value": ["ALARM"]}},
            ),
        )

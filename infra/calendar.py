"""Windows and freezes: a schedule for each deployment that waits -> a queue -> wake."""

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from infra.engine import Engine
from infra.function import Function, FunctionDefaults
from infra.rights.encryption import key_actions, via
from infra.store import Store, work_queue


class Windows(Construct):
    """The function, its queue, and the group of schedules that may send to that queue and nothing else."""

    def __init__(self, scope: Construct, id: str, *, defaults: FunctionDefaults, store: Store, engine: Engine) -> None:
        super().__init__(scope, id)
        stack = Stack.of(self)
        name = stack.stack_name
        self.queue = queue = work_queue(self, "Due", letters=store.undelivered, key=store.key)
        scheduler.CfnScheduleGroup(self, "Schedules", name=name)
        role = iam.Role(
            self,
            "ScheduleRole",
            # Of this account alone: else another one's schedule could take this role ("confused deputy").
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": stack.account}}
            ),
        )
        role.add_to_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[queue.queue_arn]))
        if store.key:
            for service, actions in key_actions(["sqs:SendMessage"]).items():
                role.add_to_policy(
                    iam.PolicyStatement(
                        actions=list(actions), resources=[store.key.key_arn], conditions=via(service, stack.region)
                    )
                )
        self.function = Function(
            self,
            "Wake",
            defaults=defaults,
            description="Gives deployments that wait for a window their turn when it opens",
            environment={
                "TABLE_NAME": store.table.table_name,
                "SCHEDULE_GROUP": name,
                "SCHEDULE_ROLE_ARN": role.role_arn,
                "WAKE_QUEUE_ARN": queue.queue_arn,
                "WAKE_QUEUE_URL": queue.queue_url,
            },
        )
        self.function.allow("dynamodb:GetItem", "dynamodb:Query", "dynamodb:UpdateItem", on=store.table.table_arn)
        schedules = stack.format_arn(service="scheduler", resource="schedule", resource_name=f"{name}/*")
        self.function.allow(
            "scheduler:CreateSchedule",
            "scheduler:UpdateSchedule",
            on=schedules,
            why_wildcard="A schedule has its deployment's id as its name.",
        )
        self.function.allow(
            "iam:PassRole",
            on=role.role_arn,
            when={"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}},
        )
        self.function.on_stream(
            store.table,
            new_image={"sk": {"S": ["DEPLOYMENT"]}, "status": {"S": ["Queued"]}},
            batch_size=10,
            window_seconds=0,
        )
        self.function.on_queue(queue, batch_size=1, window_seconds=0)

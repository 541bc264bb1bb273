"""The signals that reach a running deployment from outside: SSM and Step Functions itself; alarms reach `stop`."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from constructs import Construct

from functions.core.rollout.looks import FIND_LOST_SECONDS
from infra.checks import whole_account
from infra.engine import Engine
from infra.function import Function, FunctionDefaults
from infra.store import Store

# A command invocation that has one of these never changes again. Events carry the plain statuses ("TimedOut"); the
# detailed ones are listed too, because the guide says of neither that an event cannot carry it.
# Source: Systems Manager User Guide, "Understanding command statuses".
FINAL_COMMAND_STATUSES = (
    "Success",
    "Failed",
    "TimedOut",
    "DeliveryTimedOut",
    "ExecutionTimedOut",
    "Cancelled",
    "Undeliverable",
    "Terminated",
    "InvalidPlatform",
    "AccessDenied",
)


class CommandStatus(Construct):
    """SSM's command events -> command_status -> the waiting state."""

    def __init__(self, scope: Construct, id: str, *, defaults: FunctionDefaults, store: Store, engine: Engine) -> None:
        super().__init__(scope, id)
        self.function = Function(
            self,
            "CommandStatus",
            defaults=defaults,
            description="Records how a command ended on a host and wakes the state that waits for it",
            environment={"TABLE_NAME": store.table.table_name, **engine.ask_again},
        )
        self.function.allow("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", on=store.table.table_arn)
        whole_account.let_read_commands(self.function)
        engine.grant_answer(self.function)
        engine.let_wake(self.function)
        engine.reserve(self.function)
        self.function.on_event(
            description="A command with our document ended on a host",
            pattern=events.EventPattern(
                source=["aws.ssm"],
                detail_type=["EC2 Command Invocation Status-change Notification"],
                detail={"document-name": [engine.document_name], "status": list(FINAL_COMMAND_STATUSES)},
            ),
        )


class ExecutionStatus(Construct):
    """Executions that did not end by themselves -> execution_status -> their deployment ends all the same."""

    def __init__(self, scope: Construct, id: str, *, defaults: FunctionDefaults, store: Store, engine: Engine) -> None:
        super().__init__(scope, id)
        self.function = Function(
            self,
            "ExecutionStatus",
            defaults=defaults,
            description="Ends the deployment of an execution that failed, timed out or was aborted",
            environment={"TABLE_NAME": store.table.table_name},
            timeout=Duration.minutes(5),  # up to 10,000 targets to be given an end
        )
        engine.grant_end(self.function)
        whole_account.let_cancel(self.function)
        self.function.on_event(
            description="An execution of the engine failed, timed out or was aborted",
            pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                # Exactly this ARN: children of the Distributed Map carry their label behind it.
                detail={"stateMachineArn": [engine.machine_arn], "status": ["FAILED", "TIMED_OUT", "ABORTED"]},
            ),
        )


class FindLost(Construct):
    """A schedule -> find_lost -> deployments whose event never came go on, or end.

    EventBridge gets the events of executions and alarms as best effort, so nothing may wait for one alone.
    """

    def __init__(self, scope: Construct, id: str, *, defaults: FunctionDefaults, store: Store, engine: Engine) -> None:
        super().__init__(scope, id)
        self.function = Function(
            self,
            "FindLost",
            defaults=defaults,
            description="Finds deployments that wait for an event that never came",
            environment={"TABLE_NAME": store.table.table_name},
            timeout=Duration.minutes(5),  # up to 10,000 targets to be given an end
        )
        self.function.allow("dynamodb:Query", on=store.index_arn("by_status"))
        engine.let_stop(self.function)
        self.function.allow("states:ListExecutions", "states:StartExecution", on=engine.machine_arn)
        whole_account.let_read_alarms(self.function)
        engine.let_wake(self.function)
        engine.let_follow(self.function)
        engine.let_read_commands(self.function)  # what a deployment's watch leaves to it
        self.function.on_schedule(
            Duration.seconds(FIND_LOST_SECONDS), description="Deployments that wait for an event that never came"
        )

"""The Auto Scaling groups that deployment groups name: their events, and the engine's hooks there."""

from collections.abc import Mapping

from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct, IDependable

from functions.core.auto_scaling import (
    DEFAULT_RESULTS,
    HEARTBEAT_SECONDS,
    HOOK_PREFIX,
    TRANSITIONS,
    hook_kinds,
    hook_name,
)
from functions.core.declaration import Declaration
from infra.engine import Engine
from infra.function import Function, FunctionDefaults, patience
from infra.rights.scaling_grants import NamedScalingGroups
from infra.store import Store

_LIFECYCLE = ["EC2 Instance-launch Lifecycle Action", "EC2 Instance-terminate Lifecycle Action"]
_AT_ONCE = 2  # calls: with the rest that each takes, five requests of Auto Scaling a second


class LifecycleAction(Construct):
    """Auto Scaling's events -> a queue -> lifecycle_action -> a deployment to the instance; and the answers."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        defaults: FunctionDefaults,
        store: Store,
        engine: Engine,
        scaling_groups: NamedScalingGroups,
    ) -> None:
        super().__init__(scope, id)
        queue = engine.lifecycle
        self.function = Function(
            self,
            "LifecycleAction",
            defaults=defaults,
            description="Deploys to instances that wait in a lifecycle hook, and answers Auto Scaling",
            environment={
                "TABLE_NAME": store.table.table_name,
                "LIFECYCLE_QUEUE_URL": queue.queue_url,
                **engine.ask_again,
            },
        )
        store.let_change_records(self.function)
        self.function.allow("sqs:SendMessage", on=queue.queue_arn)
        engine.grant_answer(self.function)  # of a target whose instance has ended
        scaling_groups.grant_see_instances(self.function)
        scaling_groups.grant_answer(self.function)
        self.function.on_queue(queue, batch_size=10, window_seconds=0, at_once=_AT_ONCE)
        to_queue = targets.SqsQueue(queue, **patience(store.undelivered))
        events.Rule(
            self,
            "Waiting",
            description="An instance waits in one of the engine's lifecycle hooks",
            event_pattern=events.EventPattern(
                source=["aws.autoscaling"],
                detail_type=_LIFECYCLE,
                # By group, too: an engine beside this one may have a deployment group of the same name.
                detail={
                    "LifecycleHookName": [{"prefix": HOOK_PREFIX}],
                    "AutoScalingGroupName": list(scaling_groups.names),
                },
            ),
            targets=[to_queue],
        )
        events.Rule(
            self,
            "Ended",
            description="An Auto Scaling group that the engine uses has ended an instance",
            event_pattern=events.EventPattern(
                source=["aws.autoscaling"],
                detail_type=["EC2 Instance Terminate Successful"],
                detail={"AutoScalingGroupName": list(scaling_groups.names)},
            ),
            targets=[to_queue],
        )


class Hooks(Construct):
    """The lifecycle hooks of the groups of deployments.yaml: they go with their group, or with the stack."""

    def __init__(self, scope: Construct, id: str, *, declaration: Declaration, made: Mapping[str, IDependable]) -> None:
        """`made`: Auto Scaling groups of the same app, by the names of the file, which have to be there first."""
        super().__init__(scope, id)
        for group in declaration.groups:
            for name in group.settings.auto_scaling.groups:
                for kind in hook_kinds(group.settings.auto_scaling):
                    hook = autoscaling.CfnLifecycleHook(
                        self,
                        f"{group.key}-{name}-{kind}".replace("/", "-"),
                        auto_scaling_group_name=name,
                        lifecycle_hook_name=hook_name(kind, group.key),
                        lifecycle_transition=TRANSITIONS[kind],
                        notification_metadata=group.key,
                        heartbeat_timeout=HEARTBEAT_SECONDS,
                        default_result=DEFAULT_RESULTS[kind].value,
                    )
                    if name in made:
                        hook.node.add_dependency(made[name])

"""deployments.yaml as a resource of the stack: a change of the file is applied by `cdk deploy`."""

from collections.abc import Mapping, Sequence

from aws_cdk import CustomResource, Duration
from aws_cdk import aws_sns as sns
from constructs import Construct

from functions.core.declaration import Declaration, packed
from infra.function import Function, FunctionDefaults
from infra.rights.stacks import let_see_stacks
from infra.store import Store

_GUARD_INDEX = "1"  # a new number makes the next `cdk deploy` rebuild the index of guarded groups


class Declared(Construct):
    """The declaration in a resource of its own, and `declare`, which CloudFormation calls when it changed.

    The custom resource's properties: Declaration (packed), TopicArn of the engine's own topic, TargetGroupArns (by the
    names of the file, of those that the same app makes), and GuardIndex. The declaration travels in the template and
    not as an asset, because a function cannot read a bootstrap bucket that has a key of its own.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        defaults: FunctionDefaults,
        store: Store,
        topic: sns.ITopic,
        declaration: Declaration,
        target_groups: Mapping[str, str],
        after: Sequence[Construct],
    ) -> None:
        """`after`: the functions that change groups as well."""
        super().__init__(scope, id)
        self.function = Function(
            self,
            "Declare",
            defaults=defaults,
            description="Writes the declared applications and groups to the table",
            environment={"TABLE_NAME": store.table.table_name},
            timeout=Duration.minutes(5),
        )
        store.let_change_records(self.function)
        let_see_stacks(self.function)
        self.function.keep_failed_events()
        resource = CustomResource(
            self,
            "Resource",
            resource_type="Custom::Declaration",
            service_token=self.function.function_arn,
            service_timeout=Duration.minutes(15),
            properties={
                "Declaration": packed(declaration),
                "TopicArn": topic.topic_arn,
                "GuardIndex": _GUARD_INDEX,
                **({"TargetGroupArns": dict(target_groups)} if target_groups else {}),
            },
        )
        # The index is whole only when no older version of a function changes groups without it any more.
        resource.node.add_dependency(*after)

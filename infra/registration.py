"""What stacks of the same account and Region register groups with: stepdeploy.cdk names this function."""

from collections.abc import Sequence

from aws_cdk import Duration
from constructs import Construct

from infra.function import Function, FunctionDefaults
from infra.rights.stacks import let_see_stacks
from infra.store import Store


class Registration(Construct):
    """`register`, the service token of custom resources in stacks of users.

    No resource policy lets anybody call it: CloudFormation calls with the rights of who deploys the user's stack, who
    therefore needs lambda:InvokeFunction on it.
    """

    def __init__(
        self, scope: Construct, id: str, *, defaults: FunctionDefaults, store: Store, topic_arns: Sequence[str]
    ) -> None:
        """`topic_arns`: to which the engine may publish, its own one first."""
        super().__init__(scope, id)
        self.function = Function(
            self,
            "Register",
            defaults=defaults,
            description="Registers applications, groups and configurations of other stacks",
            environment={"TABLE_NAME": store.table.table_name, "TOPIC_ARNS": ",".join(topic_arns)},
            timeout=Duration.minutes(1),
        )
        store.let_change_records(self.function)
        let_see_stacks(self.function)
        self.function.keep_failed_events()

"""Telling: the engine's bus and topic, `publish` which announces every change, and the ways to SNS and Slack."""

from collections.abc import Sequence

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.function import Function, FunctionDefaults, patience
from infra.secret import unset_secret
from infra.store import Store, dead_letter_queue, work_queue


class Notifications(Construct):
    """The bus, the topic that triggers call `notifications`, the secret of chats, and three functions."""

    def __init__(
        self, scope: Construct, id: str, *, defaults: FunctionDefaults, store: Store, other_topics: Sequence[str]
    ) -> None:
        """`other_topics`: ARNs of the topics outside this stack that triggers name."""
        super().__init__(scope, id)
        name = Stack.of(self).stack_name
        self._defaults = defaults
        self._store = store
        self._table = {"TABLE_NAME": store.table.table_name}
        self.bus = events.EventBus(self, "Bus", event_bus_name=name, description="What happens to deployments")
        self.topic = sns.Topic(
            self, "Topic", topic_name=f"{name}-notifications", enforce_ssl=True, master_key=store.key
        )
        self._others = list(other_topics)
        self.unsent = dead_letter_queue(self, "Unsent", key=store.key)
        self.trigger_queue = work_queue(self, "TriggerQueue", letters=self.unsent, key=store.key)
        self.slack_queue = work_queue(self, "SlackQueue", letters=self.unsent, key=store.key)
        self.secret_arn = self._secret()
        self.publish = self._publish()
        self.trigger = self._trigger()
        self.slack = self._slack()

    def _secret(self) -> str:
        """The ARN of the secret that says where chats are."""
        return unset_secret(
            self,
            "SlackWebhook",
            description="Where chats are: the URL of a webhook, or a JSON object (docs/notifications.md)",
            why_no_rotation="Only Slack and Teams can create a new URL or token; nothing could rotate it.",
        )

    def _publish(self) -> Function:
        function = Function(
            self,
            "Publish",
            defaults=self._defaults,
            description="Announces changed deployments and targets on the bus and to SNS triggers",
            environment={
                **self._table,
                "BUS_NAME": self.bus.event_bus_name,
                "TRIGGER_QUEUE_URL": self.trigger_queue.queue_url,
            },
            timeout=Duration.minutes(1),
        )
        function.allow("dynamodb:GetItem", on=self._store.table.table_arn)
        function.allow("events:PutEvents", on=self.bus.event_bus_arn)
        self._let_tell(function)
        function.allow("sqs:SendMessage", on=self.trigger_queue.queue_arn)
        function.on_stream(
            self._store.table,
            new_image={"news": {"BOOL": [True]}},  # deployments and targets whose status changed
            batch_size=100,
            window_seconds=1,  # a fleet's changes come together; one call tells of many
        )
        return function

    def _let_tell(self, function: Function) -> None:
        """Lets a function publish to all topics that triggers name, encrypted ones among them."""
        function.allow("sns:Publish", on=[self.topic.topic_arn, *self._others])
        if self._others:
            stack = Stack.of(self)
            function.allow(
                "kms:Decrypt",
                "kms:GenerateDataKey",
                on=stack.format_arn(service="kms", region="*", account="*", resource="key", resource_name="*"),
                when={
                    "StringLike": {"kms:ViaService": "sns.*.amazonaws.com*"},
                    "StringEquals": {"kms:EncryptionContext:aws:sns:topicArn": self._others},
                },
                why_wildcard="A topic does not tell its key; the condition fences it to messages to these topics.",
            )

    def _trigger(self) -> Function:
        function = Function(
            self,
            "Trigger",
            defaults=self._defaults,
            description="Publishes trigger messages that SNS did not accept at first",
            environment={"TRIGGER_QUEUE_URL": self.trigger_queue.queue_url},
            timeout=Duration.minutes(1),
        )
        self._let_tell(function)
        function.on_queue(self.trigger_queue, batch_size=10, window_seconds=0)
        return function

    def _slack(self) -> Function:
        function = Function(
            self,
            "Slack",
            defaults=self._defaults,
            description="Tells Slack or Microsoft Teams how deployments go",
            environment={
                **self._table,
                "SLACK_SECRET_ARN": self.secret_arn,
                "SLACK_QUEUE_URL": self.slack_queue.queue_url,
            },
            timeout=Duration.minutes(1),
        )
        function.allow(
            "dynamodb:GetItem",
            "dynamodb:BatchGetItem",
            "dynamodb:Query",
            "dynamodb:PutItem",  # what a bot has told
            on=self._store.table.table_arn,
        )
        function.allow("sqs:SendMessage", on=self.slack_queue.queue_arn)  # looks at what a bot shows
        function.allow("secretsmanager:GetSecretValue", on=self.secret_arn)
        function.on_queue(self.slack_queue, batch_size=100, window_seconds=5)  # a burst becomes a digest
        events.Rule(
            self,
            "SlackRule",
            event_bus=self.bus,
            description="A deployment started or ended; instances have no message of their own",
            event_pattern=events.EventPattern(
                source=["stepdeploy"], detail_type=["CodeDeploy Deployment State-change Notification"]
            ),
            targets=[targets.SqsQueue(self.slack_queue, **patience(self._store.undelivered))],
        )
        return function

"""The engine: the state machine that is one deployment, and the functions its states call."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aws_cdk import Duration, Size, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from functions.core.revision import GITHUB_PREFIX, RUNNER_PREFIX
from infra.checks import whole_account
from infra.flow import ask_again_seconds, definition
from infra.function import Function, FunctionDefaults
from infra.hosts import Hosts
from infra.load_balancers import NamedLoadBalancers
from infra.machine import deployment_machine, states_arn
from infra.rights.other_buckets import OtherBuckets
from infra.scaling_grants import NamedScalingGroups
from infra.secret import unset_secret
from infra.store import LOGS, MANIFESTS, Store, work_queue


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineLimits:
    """How fast and how much at one time (docs/operate.md, "When AWS throttles")."""

    reconcile_seconds: int
    connection_lost_seconds: int
    ssm_send_rate: int
    map_concurrency: int
    reserved_concurrency: int  # of each function that works for targets; 0: none is kept for it


class Engine(Construct):
    """The state machine with its functions (`functions`, by construct id), and `launch` which starts it.

    `machine_arn` is made from a name: the machine calls functions that answer it, and references both ways would be a
    circle.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        defaults: FunctionDefaults,
        store: Store,
        statemachines: Path,
        hosts: Hosts,
        limits: EngineLimits,
        github_url: str,
        load_balancers: NamedLoadBalancers,
        scaling_groups: NamedScalingGroups,
        revision_buckets: Sequence[str],
    ) -> None:
        """`github_url`: of the REST API; `revision_buckets`: that revisions may lie in besides the store's."""
        super().__init__(scope, id)
        stack = Stack.of(self)
        self._defaults = defaults
        self._store = store
        self._limits = limits
        self.ask_again = {"ASK_AGAIN_SECONDS": str(ask_again_seconds(limits.reconcile_seconds))}
        self.send_rate = {"SSM_SEND_RATE": str(limits.ssm_send_rate)}
        self._reconcile = {"RECONCILE_SECONDS": str(limits.reconcile_seconds)}
        self._table = {"TABLE_NAME": store.table.table_name}
        self._name = stack.stack_name
        self._load_balancers, self._scaling_groups = load_balancers, scaling_groups
        self._other_buckets = OtherBuckets(stack, revision_buckets)
        self.machine_arn = states_arn(stack, "stateMachine", self._name)
        self.document_name = hosts.document_name
        self.github_secret_arn = unset_secret(
            self,
            "GitHubToken",
            description="A GitHub token that may read the private repositories that revisions come from",
            why_no_rotation="Only GitHub can create a new token; nothing could rotate it.",
        )
        self.turns = self._queue("Turns")
        self.moments = self._queue("Moments")
        self.lifecycle = self._queue("Lifecycle")
        self.functions = {
            "Prepare": self._prepare(github_url),
            "NextStage": self._next_stage(),
            "RunSegment": self._run_segment(hosts),
            "TargetDone": self._target_done(),
            "Hold": self._hold("Hold"),
            "Finish": self._finish(),
        }
        self.machine = deployment_machine(
            self,
            definition(statemachines),
            self.functions,
            store=store,
            log_retention=defaults.log_retention,
        )
        self._hold("Bake")  # executions that an older engine began call it
        self.launch = self._launch()
        self.watch = self._watch()
        for each in (self.functions["RunSegment"], self.functions["TargetDone"], self.watch):
            self.reserve(each)

    def reserve(self, function: Function) -> None:
        """Keep a share of the account's concurrency for a function, which it cannot exceed either; none by default."""
        if self._limits.reserved_concurrency:
            part: lambda_.CfnFunction = function.node.default_child  # type: ignore[assignment]
            part.reserved_concurrent_executions = self._limits.reserved_concurrency

    def let_wake(self, function: Function) -> None:
        """Lets a function wake the watch of a deployment."""
        function.add_environment("WATCH_QUEUE_URL", self.turns.queue_url)
        function.allow("sqs:SendMessage", on=self.turns.queue_arn)

    def grant_answer(self, function: Function) -> None:
        """Lets a function complete this machine's task tokens.

        The IAM reference lists no resource for SendTaskSuccess, yet AWS has refused calls by the ARN of the token's
        state machine. No page says which ARN that is for a child of a Distributed Map: the machine's, or one with the
        map's label behind it. The wildcard covers both, and names this machine only.
        """
        function.allow(
            "states:SendTaskSuccess",
            on=f"{self.machine_arn}*",
            why_wildcard="AWS does not document the ARN that children of a Distributed Map have; it begins with this.",
        )

    def _prepare(self, github_url: str) -> Function:
        function = Function(
            self,
            "Prepare",
            defaults=self._defaults,
            description="Pins the revision, finds the targets and writes the manifests of the stages",
            environment={
                **self._table,
                **self._reconcile,
                "BUCKET_NAME": self._store.bucket.bucket_name,
                "GITHUB_URL": github_url,
                "GITHUB_SECRET_ARN": self.github_secret_arn,
            },
            timeout=Duration.minutes(5),
            memory_mb=1769,  # a whole CPU: 10,000 instances are read, and their targets written
            disk=Size.gibibytes(5),  # a revision of up to 4 GiB is unpacked as far as its AppSpec
        )
        self._store.let_change_records(function, "dynamodb:BatchGetItem", "dynamodb:PartiQLInsert")
        self.let_plan(function)
        function.allow(
            "s3:PutObject",
            on=self._store.bucket.arn_for_objects(f"{MANIFESTS}*"),
            why_wildcard="Manifests have the deployment's id in their key.",
        )
        function.allow(
            "s3:PutObject",
            on=self._store.bucket.arn_for_objects(f"{GITHUB_PREFIX}*"),
            why_wildcard="Archives from GitHub have repository and commit in their key.",
        )
        function.allow("secretsmanager:GetSecretValue", on=self.github_secret_arn)
        self._scaling_groups.grant_suspend(function)
        self.let_wake(function)
        return function

    def let_plan(self, function: Function) -> None:
        """Lets a function see what preflight looks at besides records: it may write nothing."""
        self.let_find_revisions(function)
        whole_account.let_see_fleet(function)
        whole_account.let_read_alarms(function)
        self._load_balancers.grant_see(function)
        self._scaling_groups.grant_see_groups(function)
        self._scaling_groups.grant_count(function)

    def _next_stage(self) -> Function:
        function = Function(
            self,
            "NextStage",
            defaults=self._defaults,
            description="Decides whether a stage is run, a wait begins or the deployment ends",
            environment={**self._table, **self._reconcile, "MAP_CONCURRENCY": str(self._limits.map_concurrency)},
            timeout=Duration.seconds(80),  # CloudWatch is asked for half a minute and one call more
        )
        function.allow(
            "dynamodb:GetItem",
            "dynamodb:BatchGetItem",
            "dynamodb:Query",  # windows and freezes
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
            on=self._store.table.table_arn,
        )
        whole_account.let_read_alarms(function)  # and their data and those of hosts, when a stage has baked
        whole_account.let_read_metrics(function)
        self.let_wake(function)
        return function

    def _watch(self) -> Function:
        """Each turn looks, hands out moments to send at, and sends the message of the next one."""
        function = Function(
            self,
            "Watch",
            defaults=self._defaults,
            description="Looks for everything that a deployment waits for, in bulk",
            environment={
                **self._table,
                **self.send_rate,
                "SEND_QUEUE_URL": self.moments.queue_url,
            },
            timeout=Duration.minutes(1),
            memory_mb=512,
        )
        function.allow(
            "dynamodb:GetItem",
            "dynamodb:BatchGetItem",
            "dynamodb:Query",
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
            "dynamodb:DeleteItem",
            on=self._store.table.table_arn,
        )
        self.let_wake(function)
        function.allow("sqs:SendMessage", on=self.moments.queue_arn)
        self.let_read_commands(function)
        whole_account.let_cancel(function)
        self.grant_answer(function)
        self._load_balancers.grant_move(function)  # of many hosts at a time
        self._scaling_groups.grant_beat(function)
        function.on_queue(self.turns, batch_size=1, window_seconds=0, at_once=20)
        return function

    def _queue(self, id: str) -> sqs.Queue:
        return work_queue(self, id, letters=self._store.undelivered, key=self._store.key)

    def _run_segment(self, hosts: Hosts) -> Function:
        bucket = self._store.bucket
        function = Function(
            self,
            "RunSegment",
            defaults=self._defaults,
            description="Takes a place, sends a segment to a host once and reads its result",
            environment={
                **self._table,
                "BUCKET_NAME": bucket.bucket_name,
                "DOCUMENT_NAME": hosts.document_name,
                "DOCUMENT_VERSION": hosts.document_version,
                "DOCUMENT_HASH": hosts.document_hash,
                "RUNNER_SHA256": hosts.runner_sha256,
                "SIGNING_KEY_ARN": hosts.key_arn,
                **self.ask_again,
                **self.send_rate,
                **self._reconcile,
                "SEND_QUEUE_URL": self.moments.queue_url,
            },
        )
        function.allow(
            "dynamodb:GetItem",
            "dynamodb:BatchGetItem",
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
            on=self._store.table.table_arn,
        )
        self.let_wake(function)
        function.allow("sqs:SendMessage", on=self.moments.queue_arn)  # what one call has no time for
        function.on_queue(self.moments, batch_size=1, window_seconds=0, at_once=50)  # targets whose moment has come
        # Our document only, and only to hosts that carry the tag. What a host then does is what this function alone can
        # sign: whoever else may send the document can make a host refuse, and nothing more.
        hosts.let_send(function, hosts.document_arn)
        hosts.let_sign(function)
        whole_account.let_read_commands(function)
        whole_account.let_cancel(function)
        whole_account.let_ping(function)  # of an instance that has only begun to run
        self.grant_answer(function)
        self._load_balancers.grant_move(function)
        # A presigned URL can do what its signer may do: what hosts fetch and where they put their logs. Prepare has
        # pinned the version.
        self.let_read_revisions(function, "s3:GetObjectVersion")
        function.allow(
            "s3:GetObject",
            on=bucket.arn_for_objects(f"{RUNNER_PREFIX}*"),
            why_wildcard="Runners have their digest in their key; commands in flight name the one before an update.",
        )
        function.allow(
            "s3:PutObject",
            on=bucket.arn_for_objects(f"{LOGS}*"),
            why_wildcard="Logs have the deployment and the target in their key.",
        )
        return function

    def _target_done(self) -> Function:
        function = Function(
            self,
            "TargetDone",
            defaults=self._defaults,
            description="Gives a target its terminal status, then gives its place back",
            environment=self._table,
        )
        function.allow("dynamodb:GetItem", "dynamodb:UpdateItem", on=self._store.table.table_arn)
        whole_account.let_cancel(function)  # of a target whose workflow failed
        self._load_balancers.grant_bring_in(function)
        self._scaling_groups.grant_see_instances(function)
        return function

    def _hold(self, id: str) -> Function:
        function = Function(
            self,
            id,
            defaults=self._defaults,
            description="Stores the token with which whatever ends the wait between two stages wakes it",
            environment=self._table,
        )
        function.allow(
            "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:UpdateItem", on=self._store.table.table_arn
        )
        if id == "Hold":
            function.allow("dynamodb:Query", "dynamodb:PutItem", on=self._store.table.table_arn)  # freezes, the watch
            self.let_wake(function)  # of a deployment that gives way to a newer one while it is paused
        self.grant_answer(function)
        return function

    def _finish(self) -> Function:
        function = Function(
            self,
            "Finish",
            defaults=self._defaults,
            description="Decides how the deployment ended, frees its group's lock, starts a rollback",
            environment=self._table,
            timeout=Duration.minutes(5),  # an engine that failed may leave 10,000 targets to be given an end
        )
        self.grant_end(function)
        self.let_follow(function)
        return function

    def grant_end(self, function: Function) -> None:
        """Lets a function end a deployment, its targets and its lock."""
        self._store.let_change_records(function, "dynamodb:BatchGetItem")

    def let_follow(self, function: Function) -> None:
        """Lets a function do what follows the end of a deployment in Auto Scaling."""
        function.add_environment("LIFECYCLE_QUEUE_URL", self.lifecycle.queue_url)
        function.allow("sqs:SendMessage", on=self.lifecycle.queue_arn)
        self._scaling_groups.grant_see_groups(function)
        self._scaling_groups.grant_resume(function)

    def let_read_commands(self, function: Function) -> None:
        """Lets a function look at the commands that run, and at their hosts."""
        environment = {
            **self.ask_again,
            **self._reconcile,
            "CONNECTION_LOST_SECONDS": str(self._limits.connection_lost_seconds),
            "DOCUMENT_NAME": self.document_name,
        }
        for name, value in environment.items():
            function.add_environment(name, value)
        whole_account.let_read_commands(function)
        whole_account.let_ping(function)

    def let_look(self, function: Function) -> None:
        """Lets a function ask how the execution of a deployment fares."""
        arn = states_arn(Stack.of(self), "execution", f"{self._name}:*")
        function.add_environment("STATE_MACHINE_ARN", self.machine_arn)
        function.allow(
            "states:DescribeExecution", on=arn, why_wildcard="An execution has its deployment's id as its name."
        )

    def let_stop(self, function: Function) -> None:
        """Lets a function stop a deployment, and end it where its execution is over."""
        self.grant_end(function)
        self.let_look(function)
        whole_account.let_cancel(function)
        self.grant_answer(function)  # of a deployment that waits between two stages
        self.let_wake(function)  # and targets that a pause holds

    def _launch(self) -> Function:
        function = Function(
            self,
            "Launch",
            defaults=self._defaults,
            description="Starts the execution of a deployment that became Created",
            environment={"STATE_MACHINE_ARN": self.machine_arn},
        )
        function.allow("states:StartExecution", on=self.machine_arn)
        function.on_stream(
            self._store.table,
            new_image={"sk": {"S": ["DEPLOYMENT"]}, "status": {"S": ["Created"]}, "news": {"BOOL": [True]}},
            batch_size=10,
            window_seconds=0,
        )
        return function

    def let_find_revisions(self, function: Function, others: OtherBuckets | None = None) -> None:
        """To read revisions, in `others` besides the engine's own bucket (None: in all that are declared), and be told
        of one that is gone: without ListBucket S3 answers 403, not 404."""
        others = others or self._other_buckets
        self.let_read_revisions(function, "s3:GetObject", "s3:GetObjectVersion", others=others)
        function.allow("s3:ListBucket", on=self._store.bucket.bucket_arn)
        others.grant_list(function)

    def let_read_revisions(self, function: Function, *actions: str, others: OtherBuckets | None = None) -> None:
        """`s3:GetObjectVersion` where the request names a version, `s3:GetObject` where it does not."""
        function.allow(
            *actions,
            on=self._store.bucket.arn_for_objects("*"),
            why_wildcard="Any object of the revision bucket may be a revision.",
        )
        (others or self._other_buckets).grant_read(function)

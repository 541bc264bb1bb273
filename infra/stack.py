"""The stack: it puts the parts together and defines nothing itself."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aws_cdk import CfnOutput, Stack, Tags
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct, IConstruct, IDependable, Node

from functions.core.declaration import Declaration, buckets_written, repositories_written
from functions.core.errors import InvalidInput
from functions.core.rollout.stages import MAX_CONCURRENCY
from infra.api import Api
from infra.auto_scaling import Hooks, LifecycleAction
from infra.calendar import Windows
from infra.control import Control
from infra.declaration import Declared
from infra.engine import Engine
from infra.function import Function, FunctionDefaults
from infra.hosts import Hosts, MakeDocument
from infra.load_balancers import NamedLoadBalancers
from infra.machine import EngineLimits
from infra.monitoring.alarms import Alarms
from infra.monitoring.dashboard import Dashboard
from infra.notifications import Notifications
from infra.registration import Registration
from infra.revisions import Revisions
from infra.rights.other_buckets import OtherBuckets
from infra.rights.scaling_grants import NamedScalingGroups
from infra.signals import CommandStatus, ExecutionStatus, FindLost
from infra.sources.pipeline import Pipelines
from infra.store import Store

_RETENTION = {
    7: logs.RetentionDays.ONE_WEEK,
    30: logs.RetentionDays.ONE_MONTH,
    90: logs.RetentionDays.THREE_MONTHS,
    180: logs.RetentionDays.SIX_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
    731: logs.RetentionDays.TWO_YEARS,
    3653: logs.RetentionDays.TEN_YEARS,
}
STACK = "stepdeploy"  # an account that has one engine calls it so
_STACK_NAME = r"(?!aws|amazon|amzn)[A-Za-z][A-Za-z0-9-]{0,39}"  # with a handler behind it, still a function's name
_HOUR = 3600  # a lost event should not cost more than a script may take


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What cdk.json's context, or `cdk -c key=value`, may choose."""

    stack_name: str = STACK  # all names derive from it: several engines in one account and Region
    local: bool = False  # for a local cloud: nothing outlives the stack, and the caller's own credentials deploy it
    declaration: Path = Path("deployments.yaml")
    reconcile_seconds: int = 120  # how late a lost event can make a target
    connection_lost_seconds: int = 300  # without a sign of a host until its command counts as lost
    ssm_send_rate: int = 20  # commands a second, of all deployments together
    map_concurrency: int = MAX_CONCURRENCY  # targets of a deployment that have a workflow at one time
    reserved_concurrency: int = 0  # of each function that works for targets; 0: none
    host_tag: tuple[str, str] = (STACK, "enabled")  # key and value that a host must carry to be sent commands
    log_retention_days: int = 90
    tier_revisions: bool = False  # what nobody reads any more goes to a cheaper tier of S3 (docs/cost.md)
    kms_key_arn: str | None = None  # of the key that encrypts bucket, table, queues and topics; none: AWS's own
    bucket_name: str | None = None  # of a stack before: bucket and table that are adopted (docs/removing.md)
    table_name: str | None = None
    github_url: str = "https://api.github.com"  # of the REST API; of GitHub Enterprise Server https://HOST/api/v3

    @classmethod
    def from_context(cls, node: Node) -> "Options":
        """Raises InvalidInput for a value that cannot be."""

        def text(key: str, default: str) -> str:
            given = node.try_get_context(key)
            return default if given is None else str(given)

        def number(key: str, default: int) -> int:
            if not (given := text(key, str(default))).isdecimal():
                raise InvalidInput(f'context {key}: "{given}" is not a whole number')
            return int(given)

        def between(key: str, default: int, least: int, most: int) -> int:
            if not least <= (given := number(key, default)) <= most:
                raise InvalidInput(f"context {key}: {given} is not from {least} to {most}")
            return given

        def flag(key: str) -> bool:
            if (given := text(key, "false").lower()) not in ("true", "false"):
                raise InvalidInput(f'context {key}: "{given}" is neither true nor false')
            return given == "true"

        usual, local = cls(), flag("local")
        if (days := number("logRetentionDays", usual.log_retention_days)) not in _RETENTION:
            known = ", ".join(str(each) for each in _RETENTION)
            raise InvalidInput(f"context logRetentionDays: {days} is not one of {known}")
        github = text("githubUrl", usual.github_url).rstrip("/")
        if not github.startswith("https://") and not local:
            raise InvalidInput(f'context githubUrl: "{github}" does not begin with https://')
        name = text("stackName", usual.stack_name)
        if not re.fullmatch(_STACK_NAME, name, re.IGNORECASE):
            raise InvalidInput(f'context stackName: "{name}" is not 1 to 40 letters, digits and hyphens')
        # One key for all engines: a host has one value of it, so one engine commands it.
        mark = usual.host_tag[1] if name == usual.stack_name else name
        key_arn = text("kmsKeyArn", "") or None
        if key_arn and not re.fullmatch(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+", key_arn):
            raise InvalidInput(f'context kmsKeyArn: "{key_arn}" is not the ARN of a KMS key')
        bucket, table = (text(key, "") or None for key in ("bucketName", "tableName"))
        if (bucket is None) != (table is None):
            raise InvalidInput("context bucketName and tableName: the records name objects of the bucket: give both")
        return cls(
            stack_name=name,
            local=local,
            declaration=Path(text("declaration", str(usual.declaration))),
            reconcile_seconds=between("reconcileSeconds", usual.reconcile_seconds, 1, _HOUR),
            connection_lost_seconds=between("connectionLostSeconds", usual.connection_lost_seconds, 1, _HOUR),
            ssm_send_rate=between("ssmSendRate", usual.ssm_send_rate, 1, 1000),
            map_concurrency=between("mapConcurrency", usual.map_concurrency, 1, MAX_CONCURRENCY),
            reserved_concurrency=between("reservedConcurrency", usual.reserved_concurrency, 0, 1000),
            host_tag=(text("hostTagKey", usual.host_tag[0]), text("hostTagValue", mark)),
            log_retention_days=days,
            tier_revisions=flag("tierRevisions"),
            github_url=github,
            kms_key_arn=key_arn,
            bucket_name=bucket,
            table_name=table,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the other folders of the repository give to the stack."""

    code: Path  # the functions' package, with the host's runner in it: a folder
    runner_sha256: str
    document: MakeDocument
    verify_document: Mapping[str, Any]
    statemachines: Path
    declaration: Declaration
    target_groups: Mapping[str, str] = field(default_factory=dict)  # of the same app: ARNs by the names of the file
    scaling_groups: Mapping[str, IDependable] = field(default_factory=dict)  # of the same app, by the names of the file


class StepDeploy(Stack):
    """The engine: everything between an uploaded revision and the hosts."""

    def __init__(self, scope: Construct, id: str, *, parts: Parts, options: Options, **stack: Any) -> None:
        super().__init__(scope, id, description="stepdeploy: deployments to EC2 and on-premises hosts", **stack)
        Tags.of(self).add("application", "stepdeploy")
        store = Store(
            self,
            "Store",
            keep=not options.local,
            key_arn=options.kms_key_arn,
            tier_revisions=options.tier_revisions,
            bucket_name=options.bucket_name,
            table_name=options.table_name,
        )
        defaults = FunctionDefaults(
            code=lambda_.Code.from_asset(str(parts.code)),
            log_retention=_RETENTION[options.log_retention_days],
            undelivered=store.undelivered,
            key_arn=options.kms_key_arn,
        )
        hosts = Hosts(
            self,
            "Hosts",
            defaults=defaults,
            store=store,
            runner_sha256=parts.runner_sha256,
            document=parts.document,
            verify_document=parts.verify_document,
            managed_tag=options.host_tag,
        )
        are_counted = any(budget.scaling_groups for budget in parts.declaration.budgets)
        scaling_groups = NamedScalingGroups(names=parts.declaration.scaling_groups, are_counted=are_counted)
        engine = Engine(
            self,
            "Engine",
            defaults=defaults,
            store=store,
            statemachines=parts.statemachines,
            hosts=hosts,
            limits=EngineLimits(
                reconcile_seconds=options.reconcile_seconds,
                connection_lost_seconds=options.connection_lost_seconds,
                ssm_send_rate=options.ssm_send_rate,
                map_concurrency=options.map_concurrency,
                reserved_concurrency=options.reserved_concurrency,
            ),
            github_url=options.github_url,
            scaling_groups=scaling_groups,
            revision_buckets=parts.declaration.revision_buckets,
            repositories=[each.name for each in parts.declaration.repositories],
            load_balancers=NamedLoadBalancers(named=parts.declaration.load_balancers, arns=parts.target_groups),
        )
        triggers = parts.declaration.upload_triggers
        revisions = Revisions(
            self,
            "Revisions",
            defaults=defaults,
            store=store,
            upload_triggers=triggers,
            repositories=parts.declaration.repositories,
        )
        # When S3 stored what a sequence is to take.
        engine.let_find_revisions(revisions.start, OtherBuckets(self, [each.bucket for each in triggers]))
        engine.grant_answer(revisions.start)  # of a deployment that is held and gives way
        engine.let_wake(revisions.start)
        for signal in (CommandStatus, ExecutionStatus):
            signal(self, signal.__name__, defaults=defaults, store=store, engine=engine)
        find_lost = FindLost(self, "FindLost", defaults=defaults, store=store, engine=engine)
        windows = Windows(self, "Windows", defaults=defaults, store=store, engine=engine)
        if scaling_groups.names:
            LifecycleAction(
                self, "AutoScaling", defaults=defaults, store=store, engine=engine, scaling_groups=scaling_groups
            )
        Hooks(self, "Hooks", declaration=parts.declaration, made=parts.scaling_groups)
        told = Notifications(
            self, "Notifications", defaults=defaults, store=store, other_topics=parts.declaration.topic_arns
        )
        topic_arns = [told.topic.topic_arn, *parts.declaration.topic_arns]
        Registration(self, "Registration", defaults=defaults, store=store, topic_arns=topic_arns)
        control = Control(self, "Control", defaults=defaults, store=store, engine=engine)
        pipelines = Pipelines(
            self,
            "Pipelines",
            defaults=defaults,
            store=store,
            engine=engine,
            answering=(engine.functions["Finish"], told.publish, find_lost.function),
            stop=control.stop,
        )
        api = Api(
            self,
            "ControlApi",
            defaults=defaults,
            store=store,
            engine=engine,
            topic_arns=topic_arns,
            revision_buckets=parts.declaration.revision_buckets,
        )
        engine.let_find_revisions(api.function)
        scaling_groups.grant_hooks(api.function)
        scaling_groups.grant_count(api.function)
        hosts.let_verify(api.function)
        Declared(
            self,
            "Declaration",
            defaults=defaults,
            store=store,
            topic=told.topic,
            declaration=parts.declaration,
            target_groups=parts.target_groups,
            after=[api.function],
        )
        functions = _functions(self)
        declared = [(each.application, each.name) for each in parts.declaration.groups]
        Dashboard(self, "Dashboard", machine=engine.machine, functions=functions, groups=declared)
        Alarms(
            self,
            "Alarms",
            functions=functions,
            rules=[each for each in self.node.find_all() if isinstance(each, events.CfnRule)],
            dead_letters={"Undelivered": store.undelivered, "Unsent": told.unsent},
            waiting={
                "Uploads": revisions.uploads,
                "SlackQueue": told.slack_queue,
                "TriggerQueue": told.trigger_queue,
                "Turns": engine.turns,
                "Moments": engine.moments,
                "Lifecycle": engine.lifecycle,
                "Due": windows.queue,
            },
            machine=engine.machine,
            api_id=api.api_id,
            key=store.key,
        )
        others, repositories = buckets_written(parts.declaration), repositories_written(parts.declaration)
        for name, value in {
            "ApiEndpoint": api.endpoint,
            "BucketName": store.bucket.bucket_name,
            "TableName": store.table.table_name,
            "StateMachineArn": engine.machine.state_machine_arn,
            "DocumentName": hosts.document_name,
            "DocumentVersion": hosts.document_version,
            "BusName": told.bus.event_bus_name,
            "TopicArn": told.topic.topic_arn,
            "SlackSecretArn": told.secret_arn,
            "GitHubSecretArn": engine.github_secret_arn,
            "StartFunctionName": revisions.start.function_name,
            "StopFunctionName": control.stop.function_name,
            "RollbackFunctionName": control.rollback.function_name,
            "PipelineFunctionName": pipelines.function.function_name,
            "HostTag": "=".join(options.host_tag),
            **({"KeyArn": options.kms_key_arn} if options.kms_key_arn else {}),
            **({"RevisionBuckets": json.dumps(others)} if others else {}),
            **({"CodeCommitRepositories": json.dumps(repositories)} if repositories else {}),
        }.items():
            CfnOutput(self, name, value=value)


def _functions(root: IConstruct) -> list[Function]:
    return [each for each in root.node.find_all() if isinstance(each, Function)]

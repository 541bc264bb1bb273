"""What must not be lost: revisions (S3), records (DynamoDB), and signals that no function could take (SQS)."""

from typing import Any

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.checks.nag import acknowledge
from infra.function import Function

MANIFESTS = ".stepdeploy/manifests/"
LOGS = ".stepdeploy/logs/"
# By reads, not by age: no rule of S3 knows which revision a group runs or goes back to, and an instance may be launched
# years after its revision came. S3 moves what was not read for 30 and 90 days, and gives it at once, free of charge.
_TIERS = s3.LifecycleRule(
    id="Tiers",
    object_size_greater_than=128 * 1024,  # smaller ones it does not move
    transitions=[
        s3.Transition(storage_class=s3.StorageClass.INTELLIGENT_TIERING, transition_after=Duration.days(0)),
    ],
)


class Store(Construct):
    """The revision bucket, the table and the dead-letter queue of the engine."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        keep: bool,
        key_arn: str | None = None,
        tier_revisions: bool = False,
        bucket_name: str | None = None,
        table_name: str | None = None,
    ) -> None:
        """`keep`: bucket and table outlive the stack, as an account wants it and a local cloud does not. A stack whose
        first creation fails takes them with it all the same: they are empty, and a second try makes new ones.
        `tier_revisions`: what nobody reads any more is stored for less. `key_arn`: what encrypts them and the queues,
        if the account has a key of its own for that. `bucket_name` and `table_name`: those of a stack before, which
        CloudFormation adopts because of their names; they are kept whatever happens."""
        super().__init__(scope, id)
        self.key = kms.Key.from_key_arn(self, "Key", key_arn) if key_arn else None
        own = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if keep else RemovalPolicy.DESTROY
        removal = RemovalPolicy.RETAIN if bucket_name else own
        self.bucket = self._revisions(removal, bucket_name, [_TIERS] if tier_revisions else [])
        self.table = self._records(removal, table_name)
        self.undelivered = dead_letter_queue(self, "Undelivered", key=self.key)
        acknowledge(self.undelivered, "SQS3", "This is a dead-letter queue itself, and an alarm watches it.")

    def index_arn(self, name: str) -> str:
        """The ARN of one of the table's indexes."""
        return f"{self.table.table_arn}/index/{name}"

    def let_change_records(self, function: Function, *also: str) -> None:
        """Lets a function find records and change them in transactions; `also`: more actions on the table."""
        function.allow(
            "dynamodb:GetItem",
            *also,
            "dynamodb:Query",
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
            "dynamodb:DeleteItem",
            "dynamodb:ConditionCheckItem",
            on=self.table.table_arn,
        )

    def _revisions(self, removal: RemovalPolicy, name: str | None, also: list[s3.LifecycleRule]) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            "Revisions",
            bucket_name=name,
            versioned=True,
            # SSE-S3 unless the account wants a KMS key: whoever may upload needs no right on one, and there is no key
            # to lose. Hosts fetch by presigned URL, for which the signer's right counts.
            encryption=s3.BucketEncryption.KMS if self.key else s3.BucketEncryption.S3_MANAGED,
            encryption_key=self.key,
            bucket_key_enabled=True if self.key else None,  # one call of KMS for many objects
            enforce_ssl=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            removal_policy=removal,
            # None is for PUSHED_PREFIX (functions/core/revision.py): what people pushed stays until they delete it.
            lifecycle_rules=[
                _expires("Manifests", MANIFESTS, days=30),
                _expires("HookLogs", LOGS, days=90),
                s3.LifecycleRule(
                    id="OldRevisions",
                    # A rollback needs the exact version that last succeeded, also when its key was overwritten since.
                    noncurrent_version_expiration=Duration.days(365),
                    noncurrent_versions_to_retain=20,
                    expired_object_delete_marker=True,
                    abort_incomplete_multipart_upload_after=Duration.days(7),
                ),
                *also,
            ],
        )
        resource = bucket.node.default_child
        assert isinstance(resource, s3.CfnBucket)  # noqa: S101  # narrows jsii's IConstruct
        # The L2's event_bridge_enabled brings a Lambda function of its own that edits the bucket; this is one property.
        resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
        )
        acknowledge(
            bucket,
            "S1",
            "Each deployment records which object version it took and who asked; an account that wants every request "
            "has CloudTrail data events, so a second bucket of access logs would only repeat them.",
        )
        return bucket

    def _records(self, removal: RemovalPolicy, name: str | None) -> dynamodb.Table:
        table = dynamodb.Table(
            self,
            "Records",
            table_name=name,
            partition_key=_text("pk"),
            sort_key=_text("sk"),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            # Else the account's own aws/dynamodb key: its use is in CloudTrail, and no principal needs a grant for it.
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED if self.key else dynamodb.TableEncryption.AWS_MANAGED,
            encryption_key=self.key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
            time_to_live_attribute="expires_at",
            # No deletion protection: with it, DynamoDB does not let CloudFormation roll back a failed first deployment.
            # CloudFormation keeps the table in all other cases; if a person deletes it, point-in-time recovery leaves a
            # backup for 35 days. docs/operate.md says how to protect it afterwards.
            removal_policy=removal,
        )
        table.add_global_secondary_index(
            index_name="by_group", partition_key=_text("group_key"), sort_key=_text("created")
        )
        # Only deployments have `created`, so only they are in this index although targets have a status too.
        table.add_global_secondary_index(
            index_name="by_status", partition_key=_text("status"), sort_key=_text("created")
        )
        # All deployments by time. Few attributes, because every change of one that is in here is a write to one place.
        table.add_global_secondary_index(
            index_name="by_time",
            partition_key=_text("kind"),
            sort_key=_text("created"),
            projection_type=dynamodb.ProjectionType.INCLUDE,
            non_key_attributes=["status"],
        )
        return table


def dead_letter_queue(scope: Construct, id: str, *, key: kms.IKey | None) -> sqs.Queue:
    """Where messages end that nobody could take; two weeks to look at them and to send them back."""
    return sqs.Queue(
        scope,
        id,
        **_at_rest(key),
        enforce_ssl=True,
        retention_period=Duration.days(14),
    )


def work_queue(scope: Construct, id: str, *, letters: sqs.Queue, key: kms.IKey | None) -> sqs.Queue:
    """Messages that come back until a function takes them, and at last go to `letters`.

    The functions wait up to 15 minutes between two tries, so a hundred tries are about a day.
    """
    return sqs.Queue(
        scope,
        id,
        **_at_rest(key),
        enforce_ssl=True,
        retention_period=Duration.days(14),
        visibility_timeout=Duration.minutes(6),  # six times what the functions may take, as Lambda asks
        dead_letter_queue=sqs.DeadLetterQueue(queue=letters, max_receive_count=100),
    )


def _at_rest(key: kms.IKey | None) -> dict[str, Any]:
    """How a queue is encrypted."""
    if key is None:
        return {"encryption": sqs.QueueEncryption.SQS_MANAGED}
    return {"encryption": sqs.QueueEncryption.KMS, "encryption_master_key": key, "data_key_reuse": Duration.hours(1)}


def _expires(id: str, prefix: str, *, days: int) -> s3.LifecycleRule:
    """Objects below `prefix` go after some days, for good: in a versioned bucket the first step only hides them."""
    return s3.LifecycleRule(
        id=id, prefix=prefix, expiration=Duration.days(days), noncurrent_version_expiration=Duration.days(1)
    )


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)

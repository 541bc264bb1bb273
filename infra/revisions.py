"""Starting: an object arrives in the revision bucket, or a person names one."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from functions.core.revision import ENGINE_PREFIX
from infra.function import Function, FunctionDefaults, patience
from infra.store import Store, work_queue


class Revisions(Construct):
    """S3's "Object Created" -> a queue -> start -> a deployment on record, which the table's stream launches.

    The queue is for the pipeline gone wild: a thousand uploads in a minute would be as many functions at a time that
    fight for the lock of one group, and Lambda gives up an event after three of them have lost.
    """

    def __init__(self, scope: Construct, id: str, *, defaults: FunctionDefaults, store: Store) -> None:
        super().__init__(scope, id)
        self.uploads = work_queue(self, "Uploads", letters=store.undelivered, key=store.key)
        self.start = Function(
            self,
            "Start",
            defaults=defaults,
            description="Creates the deployment of an uploaded or named revision",
            environment={
                "TABLE_NAME": store.table.table_name,
                "BUCKET_NAME": store.bucket.bucket_name,
                "UPLOAD_QUEUE_URL": self.uploads.queue_url,
            },
            timeout=Duration.minutes(1),
        )
        store.let_change_records(self.start)
        self.start.on_queue(self.uploads, batch_size=10, window_seconds=0)
        events.Rule(
            self,
            "UploadRule",
            description="An object was put into the revision bucket",
            # What lies below .stepdeploy/ the engine has put there, a host its logs, or `push`. What the others are
            # `start` decides, by functions/core/uploads.py alone.
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [store.bucket.bucket_name]},
                    "object": {"key": [{"anything-but": {"prefix": ENGINE_PREFIX}}]},
                },
            ),
            targets=[targets.SqsQueue(self.uploads, **patience(store.undelivered))],
        )

"""Starting: an object arrives in the revision bucket, or a person names one."""

from aws_cdk import aws_events as events
from constructs import Construct

from infra.function import Function, Shape
from infra.store import Store

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")


class Revisions(Construct):
    """S3's "Object Created" -> start -> a deployment on record, which the table's stream launches."""

    def __init__(self, scope: Construct, id: str, *, shape: Shape, store: Store) -> None:
        super().__init__(scope, id)
        self.start = Function(
            self,
            "Start",
            shape=shape,
            description="Creates the deployment of an uploaded revision, or of one that a person names",
            environment={"TABLE_NAME": store.table.table_name, "BUCKET_NAME": store.bucket.bucket_name},
        )
        self.start.allow("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", on=store.table.table_arn)
        self.start.on_event(
            description="An archive was put into the revision bucket",
            # Nothing that the engine itself keeps below .stepdeploy/ ends like an archive.
            pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [store.bucket.bucket_name]},
                    "object": {"key": [{"suffix": suffix} for suffix in SUFFIXES]},
                },
            ),
        )

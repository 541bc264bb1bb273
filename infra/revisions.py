"""Starting: an object arrives in a bucket, or a person names one."""

import json
from collections.abc import Sequence
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from functions.core.declaration import Repository, UploadTrigger
from functions.core.revision import ENGINE_PREFIX
from infra.function import Function, FunctionDefaults, patience
from infra.store import Store, work_queue


class Revisions(Construct):
    """S3's "Object Created" -> a queue -> start -> a deployment on record, which the table's stream launches.

    The queue is for the pipeline gone wild: a thousand uploads in a minute would be as many functions at a time that
    fight for the lock of one group, and Lambda gives up an event after three of them have lost.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        defaults: FunctionDefaults,
        store: Store,
        upload_triggers: Sequence[UploadTrigger],
        repositories: Sequence[Repository],
    ) -> None:
        """`upload_triggers`: buckets besides the store's whose uploads start deployments; `repositories`: of
        CodeCommit, with the branches whose pushes do."""
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
                "UPLOAD_PREFIXES": json.dumps({each.bucket: each.prefix for each in upload_triggers}),
                "PUSHED_BRANCHES": json.dumps(_groups_by_branch(repositories)),
                "UPLOAD_QUEUE_URL": self.uploads.queue_url,
            },
            timeout=Duration.minutes(1),
        )
        store.let_change_records(self.start)
        self.start.on_queue(self.uploads, batch_size=10, window_seconds=0)
        # One rule for all: each has a statement in the policy of its queue and in that of the dead letters, and SQS
        # takes twenty in a policy.
        buckets = [
            _uploads(store.bucket.bucket_name, ""),
            *(_uploads(each.bucket, each.prefix) for each in upload_triggers),
        ]
        events.Rule(
            self,
            "UploadRule",
            description="An object was put into a bucket whose uploads start deployments",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail=buckets[0] if len(buckets) == 1 else {"$or": buckets},
            ),
            targets=[targets.SqsQueue(self.uploads, **patience(store.undelivered))],
        )
        if any(each.branches for each in repositories):
            self._hear_pushes(repositories, store)

    def _hear_pushes(self, repositories: Sequence[Repository], store: Store) -> None:
        """One rule for all, as for uploads; a branch that another repository alone has starts nothing in `start`."""
        pushed = [each for each in repositories if each.branches]
        events.Rule(
            self,
            "PushRule",
            description="Somebody pushed to a branch of CodeCommit that is deployed",
            event_pattern=events.EventPattern(
                source=["aws.codecommit"],
                detail_type=["CodeCommit Repository State Change"],
                detail={
                    "event": ["referenceCreated", "referenceUpdated"],
                    "referenceType": ["branch"],
                    "repositoryName": [each.name for each in pushed],
                    "referenceName": sorted({branch for each in pushed for branch in each.branches}),
                },
            ),
            targets=[targets.SqsQueue(self.uploads, **patience(store.undelivered))],
        )


def _groups_by_branch(repositories: Sequence[Repository]) -> dict[str, Sequence[str]]:
    return {f"{each.name}@{branch}": groups for each in repositories for branch, groups in each.branches.items()}


def _uploads(bucket: str, prefix: str) -> dict[str, Any]:
    """Those that `start` hears of; what they are it decides itself, by functions/core/uploads.py. What lies below
    .stepdeploy/ an engine has put there, a host its logs, or `push`."""
    key = {"prefix": prefix} if prefix else {"anything-but": {"prefix": ENGINE_PREFIX}}
    return {"bucket": {"name": [bucket]}, "object": {"key": [key]}}

"""A person's hands on an engine that is deployed to the local cloud: for the demo, the benchmark and the tests.

It does what a person would do (upload, invoke, watch the records), with boto3 against the cloud's endpoint.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from functions.core.records import Deployment, ShardState, Target
from functions.core.rollout.places import tally
from functions.core.statuses import DeploymentStatus
from functions.core.text.shapes import from_plain
from functions.store.keys import deployment_key, lock_key, shard_key, upload_key
from functions.store.table.values import Key
from functions.store.table.wire import from_wire, to_wire

T = TypeVar("T")
POLL_SECONDS = 0.1  # at first; who has waited long may wait a tenth longer
LONGEST_POLL_SECONDS = 1.0
_RECORD_SECONDS = 0.2  # between two looks at what is on record, each a request or more to the cloud
PATIENCE = 300.0  # seconds until what is waited for counts as never coming, on the slowest machine


class Clients(Protocol):
    """Whoever makes boto3 clients for the cloud."""

    def client(self, service: str) -> Any: ...


class Engine:
    """The deployed stack, by the outputs of its template."""

    def __init__(self, cloud: Clients, outputs: Mapping[str, str]) -> None:
        self.bucket = outputs["BucketName"]
        self.table = outputs["TableName"]
        self.machine = outputs["StateMachineArn"]
        self.outputs = outputs
        self._cloud = cloud

    def upload(self, key: str, archive: bytes) -> str:
        """Put a revision into the bucket, which starts its deployment; the deployment's id."""
        version = self._cloud.client("s3").put_object(Bucket=self.bucket, Key=key, Body=archive)["VersionId"]
        return self.started_by(key, version)

    def started_by(self, key: str, version: str) -> str:
        """The deployment that an upload has started."""

        def marked() -> str | None:
            item = self._item(upload_key(self.bucket, key, version))
            return str(item["deployment_id"]) if item else None

        return wait_for(marked, f"an upload of {key} to start a deployment")

    def invoke(self, function: str, payload: Mapping[str, Any]) -> Any:
        """Call one of the functions a person may call (Start, Stop, Rollback). Raises RuntimeError with its error."""
        name = self.outputs[f"{function}FunctionName"]
        answer = self._cloud.client("lambda").invoke(FunctionName=name, Payload=json.dumps(payload))
        body = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise RuntimeError(body.get("errorMessage", body))
        return body

    def deployment(self, deployment_id: str) -> Deployment:
        """The deployment as it is on record, with the counts of this moment."""
        found = from_plain(Deployment, self._record(deployment_id))
        if found.status.is_final or not found.places:
            return found
        items = [self._item(shard_key(shard.of, shard.number)) for shard in found.places[0].shards]
        states = [from_plain(ShardState, item or {}) for item in items]
        return replace(found, counts=tally(found.counts, states))

    def targets(self, deployment_id: str) -> list[Target]:
        """The deployment's targets, in the order of their ids."""
        pages = (
            self._cloud.client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self.table,
                KeyConditionExpression="pk = :pk AND begins_with(sk, :target)",
                ExpressionAttributeValues=to_wire({":pk": f"DEPLOYMENT#{deployment_id}", ":target": "TARGET#"}),
                ConsistentRead=True,
            )
        )
        return [from_plain(Target, from_wire(item)) for page in pages for item in page["Items"]]

    def deployments(self, group_key: str) -> list[Deployment]:
        """The group's deployments, newest first."""
        pages = (
            self._cloud.client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self.table,
                IndexName="by_group",
                KeyConditionExpression="group_key = :group",
                ExpressionAttributeValues=to_wire({":group": group_key}),
                ScanIndexForward=False,
            )
        )
        return [from_plain(Deployment, from_wire(item)) for page in pages for item in page["Items"]]

    def holder(self, group_key: str) -> str | None:
        """The deployment that holds the group's lock."""
        return (self._item(lock_key(group_key)) or {}).get("holder")

    def wait(self, deployment_id: str) -> Deployment:
        """The deployment once it has ended."""

        def has_ended() -> bool:
            return DeploymentStatus(self._record(deployment_id)["status"]).is_final

        wait_for(has_ended, f"{deployment_id} to end", every=_RECORD_SECONDS)
        return self.deployment(deployment_id)

    def wait_until(self, deployment_id: str, holds: Callable[[Deployment], bool]) -> Deployment:
        """The deployment once something holds of it."""

        def check() -> Deployment | None:
            one = self.deployment(deployment_id)
            return one if holds(one) else None

        return wait_for(check, f"{deployment_id} to get there", every=_RECORD_SECONDS)

    def wait_in_progress(self, deployment_id: str) -> Deployment:
        """The deployment once it has begun."""
        return self.wait_until(deployment_id, lambda one: one.status is DeploymentStatus.IN_PROGRESS)

    def _record(self, deployment_id: str) -> dict[str, Any]:
        """Raises LookupError."""
        if (item := self._item(deployment_key(deployment_id))) is None:
            raise LookupError(deployment_id)
        return item

    def _item(self, key: Key) -> dict[str, Any] | None:
        answer = self._cloud.client("dynamodb").get_item(
            TableName=self.table, Key=to_wire(key.item), ConsistentRead=True
        )
        return from_wire(answer["Item"]) if "Item" in answer else None


def wait_for(check: Callable[[], T | None], what: str, timeout: float = PATIENCE, every: float = POLL_SECONDS) -> T:
    """What `check` finds, asked again and again. Raises TimeoutError naming what was waited for."""
    began = time.monotonic()
    while (waited := time.monotonic() - began) < timeout:
        found = check()
        if found:
            return found
        time.sleep(max(every, min(waited / 10, LONGEST_POLL_SECONDS)))
    raise TimeoutError(f"waited {timeout:.0f} s for {what}")

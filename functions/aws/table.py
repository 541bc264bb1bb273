"""The table: every record is read and written here, each status change by one conditional write.

The table's stream announces the changes (`publish`) and starts executions (`launch`), so nothing here tells anybody
anything: what is written is what happened. A lost condition raises Conflict or is answered by the return value.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from functions.aws.clients import client
from functions.aws.items import (
    Item,
    command_key,
    deployment_indexes,
    deployment_key,
    from_wire,
    group_item_key,
    lock_key,
    target_key,
    to_wire,
    upload_key,
)
from functions.core.creation import summary
from functions.core.errors import Conflict
from functions.core.health import PREDEFINED_CONFIGS, DeploymentConfig
from functions.core.records import (
    Deployment,
    Failure,
    Group,
    SegmentResult,
    SegmentRun,
    StopMark,
    Target,
    TargetFailure,
)
from functions.core.shapes import from_plain, to_plain
from functions.core.statuses import DeploymentErrorCode, DeploymentStatus, TargetStatus
from functions.settings import settings

COMMAND_DAYS = 30  # how long a command's record is kept (TTL)
_BATCH = 25  # BatchWriteItem's limit
_TRANSACTION = 100  # TransactWriteItems' limit
_TRIES = 12  # of a write that met another one on the same item
_LOCK_TRIES = 30  # of taking or handing over a group's lock: about 8 s

_STATUS_CHANGE = "SET #status = "  # how every expression begins that changes the status of a deployment or target
_RUNNING = [DeploymentStatus.CREATED.value, DeploymentStatus.IN_PROGRESS.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """What became of a request: the deployment it made (or had made before), or the one that is in its way."""

    deployment_id: str | None = None
    busy_with: str | None = None


class Table:
    """One table. All methods raise botocore's ClientError for what AWS refuses."""

    def __init__(self, name: str) -> None:
        self.name = name

    # -- reading

    def deployment(self, deployment_id: str) -> Deployment | None:
        """The deployment, read consistently."""
        item = self._get(deployment_key(deployment_id))
        return from_plain(Deployment, item) if item else None

    def target(self, deployment_id: str, target_id: str) -> Target | None:
        """The target, read consistently."""
        item = self._get(target_key(deployment_id, target_id))
        return from_plain(Target, item) if item else None

    def group(self, application: str, group: str) -> Group | None:
        """The deployment group, also a removed one."""
        item = self._get(group_item_key(application, group))
        return from_plain(Group, item) if item else None

    def has_application(self, application: str) -> bool:
        return self._get({"pk": f"APPLICATION#{application}", "sk": "APPLICATION"}) is not None

    def config(self, name: str) -> DeploymentConfig | None:
        """A deployment configuration by name, predefined or declared."""
        if predefined := PREDEFINED_CONFIGS.get(name):
            return predefined
        item = self._get({"pk": "CONFIG", "sk": f"CONFIG#{name}"})
        return from_plain(DeploymentConfig, item) if item else None

    def holder(self, group_key: str) -> str | None:
        """The deployment that holds the group's lock."""
        lock = self._get(lock_key(group_key)) or {}
        return lock.get("holder")

    def groups_of_alarm(self, alarm: str) -> list[str]:
        """Keys (application/group) of the groups that name the alarm."""
        items = self._query(f"ALARM#{alarm}", "GROUP#")
        return [str(item["sk"]).removeprefix("GROUP#") for item in items]

    def targets(self, deployment_id: str, statuses: Sequence[TargetStatus] = ()) -> Iterator[Target]:
        """The deployment's targets in the order of their ids, of some statuses or all."""
        for item in self._query(f"DEPLOYMENT#{deployment_id}", "TARGET#", statuses):
            yield from_plain(Target, item)

    def failed_targets(self, deployment_id: str, limit: int | None = None) -> list[Target]:
        """The failed targets, in the order of their ids."""
        failed: list[Target] = []
        for target in self.targets(deployment_id, (TargetStatus.FAILED,)):
            if limit is not None and len(failed) == limit:
                break
            failed.append(target)
        return failed

    def command(self, command_id: str, instance_id: str) -> tuple[str, int] | None:
        """The deployment and segment that sent the command to the instance."""
        item = self._get(command_key(command_id, instance_id))
        return (item["deployment_id"], item["segment"]) if item else None

    # -- a deployment's life

    def refuse(self, deployment: Deployment, upload: tuple[str, str, str] | None = None) -> None:
        """Record a deployment that has ended as it was created. A repeat of the same upload changes nothing."""
        writes = [self._put_new(deployment), *self._mark(upload, deployment.deployment_id)]
        try:
            self._transact(writes)
        except Conflict:
            return

    def create(self, deployment: Deployment, upload: tuple[str, str, str] | None, *, queue: bool) -> "Creation":
        """Create a deployment: Created with the group's lock, or Queued behind the deployment that holds it.

        `upload` (bucket, key, version) makes a repeat harmless. A newer waiting deployment supersedes an older one.
        When the group is busy and `queue` is false nothing is created.
        """
        lock = lock_key(deployment.group_key)
        mark = self._mark(upload, deployment.deployment_id)
        for attempt in range(_LOCK_TRIES):
            if upload and (known := self._get(upload_key(*upload))):
                return Creation(deployment_id=known["deployment_id"])
            held = self._get(lock) or {}
            holder, waiting = held.get("holder"), held.get("waiting")
            if holder is None:
                writes = [
                    self._put_new(deployment),
                    self._update(
                        lock, "SET holder = :id", "attribute_not_exists(holder)", {":id": deployment.deployment_id}
                    ),
                    *mark,
                ]
            elif not queue:
                return Creation(busy_with=str(holder))
            else:
                writes = [*self._enqueue(deployment, str(holder), waiting), *mark]
            try:
                self._transact(writes)
            except Conflict:
                _pause(attempt)
                continue
            return Creation(deployment_id=deployment.deployment_id)
        raise Conflict(
            f"the lock of {deployment.group_key} changed hands {_LOCK_TRIES} times while creating a deployment"
        )

    def _enqueue(self, deployment: Deployment, holder: str, waiting: str | None) -> list[Any]:
        """The newest upload waits; the one that waited, or this one if it is older, ends Stopped: superseded."""
        lock = lock_key(deployment.group_key)
        queued = replace(deployment, status=DeploymentStatus.QUEUED)
        if waiting is None:
            condition = "holder = :holder AND attribute_not_exists(waiting)"
            values = {":id": deployment.deployment_id, ":holder": holder}
            return [self._put_new(queued), self._update(lock, "SET waiting = :id", condition, values)]
        older = self.deployment(waiting)
        if older and older.create_time > deployment.create_time:
            ended = replace(deployment, status=DeploymentStatus.STOPPED, **_superseded(waiting, deployment.create_time))
            return [self._put_new(ended)]
        condition = "holder = :holder AND waiting = :waiting"
        values = {":id": deployment.deployment_id, ":holder": holder, ":waiting": waiting}
        return [
            self._put_new(queued),
            self._update(lock, "SET waiting = :id", condition, values),
            self._end(
                waiting,
                DeploymentStatus.STOPPED,
                [DeploymentStatus.QUEUED],
                **_superseded(deployment.deployment_id, deployment.create_time),
            ),
        ]

    def begin(self, deployment: Deployment, targets: Sequence[Target], now: str) -> bool:
        """Created -> InProgress with its pinned revision and counters; its targets are written first.

        False when it was stopped in the meantime or has begun before (a repeated Prepare).
        """
        # An empty map of segments, because a later update can set a key of a map but not make the map.
        self._write_all(
            {**target_key(t.deployment_id, t.target_id), "segments": {}, **to_plain(t), "news": t.status.is_final}
            for t in targets
        )
        plain = to_plain(deployment)
        update = self._update(
            deployment_key(deployment.deployment_id),
            "SET #status = :in_progress, start_time = :now, revision = :revision, #counters = :counters",
            "#status = :created AND attribute_not_exists(#stop)",
            {
                ":in_progress": DeploymentStatus.IN_PROGRESS.value,
                ":created": DeploymentStatus.CREATED.value,
                ":now": now,
                ":revision": plain["revision"],
                ":counters": plain["counters"],
            },
        )
        return self._try(update)

    def note_failure(self, deployment_id: str, failure: Failure) -> None:
        """Why a deployment cannot begin; Finish makes it the verdict."""
        running = {":created": DeploymentStatus.CREATED.value, ":failure": to_plain(failure)}
        self._try(self._update(deployment_key(deployment_id), "SET failure = :failure", "#status = :created", running))

    def mark_stop(self, deployment_id: str, mark: StopMark) -> Deployment | None:
        """Set the stop mark of a running deployment; of a second one only that it cancels. None when it is over."""
        key, statuses = deployment_key(deployment_id), {":created": _RUNNING[0], ":in_progress": _RUNNING[1]}
        running = "#status IN (:created, :in_progress)"
        first = self._update(
            key,
            "SET #stop = :mark",
            f"{running} AND attribute_not_exists(#stop)",
            {":mark": to_plain(mark), **statuses},
        )
        if not self._try(first) and mark.cancel:
            again = f"{running} AND attribute_exists(#stop)"
            self._try(
                self._update(
                    key, "SET #stop.#cancel = :cancel", again, {":cancel": True, **statuses}, {"#cancel": "cancel"}
                )
            )
        marked = self.deployment(deployment_id)
        return marked if marked and not marked.status.is_final else None

    def stop_queued(self, deployment: Deployment, failure: Failure, now: str) -> bool:
        """End a deployment that waits for its group. False when it does not wait any more."""
        lock = self._update(
            lock_key(deployment.group_key), "REMOVE waiting", "waiting = :id", {":id": deployment.deployment_id}
        )
        end = self._end(
            deployment.deployment_id,
            DeploymentStatus.STOPPED,
            [DeploymentStatus.QUEUED],
            failure=failure,
            complete_time=now,
        )
        try:
            self._transact([lock, end])
        except Conflict:
            return False
        return True

    def store_bake_token(self, deployment_id: str, token: str) -> Deployment | None:
        """Keep the token of the Bake state; the deployment as it is now, None when it is not running."""
        update = self._update(
            deployment_key(deployment_id),
            "SET bake_token = :token",
            "#status = :in_progress",
            {":token": token, ":in_progress": DeploymentStatus.IN_PROGRESS.value},
        )
        return self.deployment(deployment_id) if self._try(update) else None

    def close(self, deployment: Deployment, group: Group | None, rollback: Deployment | None) -> bool:
        """End the deployment that holds its group's lock, and hand the lock over in the same transaction.

        `deployment` carries the terminal status, failure, rollback info and complete time. The lock goes to
        `rollback` if there is one, else to the waiting deployment, else it is free. False when somebody else closed it.
        """
        deployment_id, lock = deployment.deployment_id, lock_key(deployment.group_key)
        for attempt in range(_LOCK_TRIES):
            current = self.deployment(deployment_id)
            if current is None or current.status.is_final:
                return False
            if current.stop and not deployment.stop:
                raise Conflict(f"{deployment_id} was stopped while its end was decided: decide again")
            held = self._get(lock) or {}
            fields = {
                name: value
                for name, value in to_plain(deployment).items()
                if name in ("failure", "rollback", "complete_time", "start_time")
            }
            running = [DeploymentStatus.CREATED, DeploymentStatus.IN_PROGRESS]
            end = self._end(deployment_id, deployment.status, running, unstopped=not deployment.stop, **fields)
            writes = [end, *self._hand_over(lock, deployment_id, held, rollback), *self._remember(deployment, group)]
            try:
                self._transact(writes)
            except Conflict:
                _pause(attempt)
                continue
            return True
        raise Conflict(
            f"the lock of {deployment.group_key} changed hands {_LOCK_TRIES} times while closing {deployment_id}"
        )

    def _hand_over(self, lock: Item, holder: str, held: Item, rollback: Deployment | None) -> list[Any]:
        waiting = held.get("waiting")
        if held.get("holder") != holder:
            return []
        if rollback:
            values = {":id": holder, ":next": rollback.deployment_id}
            return [self._put_new(rollback), self._update(lock, "SET holder = :next", "holder = :id", values)]
        if waiting:
            values = {":id": holder, ":next": waiting}
            promoted = self._update(
                deployment_key(waiting),
                "SET #status = :created",
                "#status = :queued",
                {":created": DeploymentStatus.CREATED.value, ":queued": DeploymentStatus.QUEUED.value},
            )
            condition = "holder = :id AND waiting = :next"
            return [self._update(lock, "SET holder = :next REMOVE waiting", condition, values), promoted]
        condition = "holder = :id AND attribute_not_exists(waiting)"
        return [self._update(lock, "REMOVE holder", condition, {":id": holder})]

    def _remember(self, deployment: Deployment, group: Group | None) -> list[Any]:
        """The group's last attempted and last successful deployment."""
        if group is None:
            return []
        values = {":last": to_plain(summary(deployment))}
        expression = "SET last_attempted = :last"
        if deployment.status is DeploymentStatus.SUCCEEDED:
            expression += ", last_successful = :last"
            if group.last_successful:
                expression += ", previous_successful = :previous"
                values[":previous"] = to_plain(group.last_successful)
        return [self._update(group_item_key(group.application, group.name), expression, "attribute_exists(pk)", values)]

    # -- a target's life

    def go(self, deployment_id: str, target: Target, now: str) -> bool:
        """Take the target out of service: the write that keeps invariant 1. False when the gate is shut."""
        try:
            self._transact(
                [
                    self._update(
                        deployment_key(deployment_id),
                        "ADD #counters.#out :one, #counters.started :one",
                        "#status = :in_progress AND attribute_not_exists(#stop) AND #counters.#out < #counters.allowed",
                        {":one": 1, ":in_progress": DeploymentStatus.IN_PROGRESS.value},
                    ),
                    self._update(
                        target_key(deployment_id, target.target_id),
                        "SET #status = :in_progress, last_updated_at = :now",
                        "#status = :pending",
                        {
                            ":now": now,
                            ":in_progress": TargetStatus.IN_PROGRESS.value,
                            ":pending": TargetStatus.PENDING.value,
                        },
                    ),
                ]
            )
        except Conflict:
            return False
        return True

    def store_command(self, target: Target, segment: int, command_id: str, run: SegmentRun, *, expires_at: int) -> None:
        """Remember the command that carries a segment, and the token that waits for it. Raises Conflict on a second."""
        command = {
            **command_key(command_id, target.target_id),
            "deployment_id": target.deployment_id,
            "segment": segment,
            "expires_at": expires_at,
        }
        store = self._update(
            target_key(target.deployment_id, target.target_id),
            "SET #segments.#n = :run",
            "attribute_not_exists(#segments.#n.command_id)",
            {":run": to_plain(run)},
            {"#n": str(segment), "#segments": "segments"},
        )
        self._transact([store, {"Put": {"TableName": self.name, "Item": to_wire(command)}}])

    def store_token(self, target: Target, segment: int, token: str) -> None:
        """The state waits with a new token: a later reconcile of the same command."""
        self._try(
            self._update(
                target_key(target.deployment_id, target.target_id),
                "SET #segments.#n.task_token = :token",
                "attribute_exists(#segments.#n)",
                {":token": token},
                {"#n": str(segment), "#segments": "segments"},
            )
        )

    def record_segment(self, target: Target, segment: int, result: SegmentResult, now: str) -> Target:
        """Store how a segment ended, once, and return the target with the token that waits for it.

        A repeat stores nothing and returns the same.
        """
        values: Item = {":events": to_plain(result.events), ":now": now}
        if str(segment) in target.segments:
            condition = "attribute_not_exists(#segments.#n.#status)"
            expression = "SET #segments.#n.#status = :status"
            values[":status"] = result.status.value
        else:  # it never got as far as a command
            condition = "attribute_not_exists(#segments.#n)"
            expression = "SET #segments.#n = :run"
            values[":run"] = {"status": result.status.value}
        expression += ", events = :events, last_updated_at = :now"
        if result.failure:
            expression += ", failure = :failure"
            values[":failure"] = to_plain(result.failure)
        key = target_key(target.deployment_id, target.target_id)
        update = self._update(key, expression, condition, values, {"#n": str(segment), "#segments": "segments"})[
            "Update"
        ]
        dynamodb = client("dynamodb")
        try:
            answer = dynamodb.update_item(
                **update, ReturnValues="ALL_NEW", ReturnValuesOnConditionCheckFailure="ALL_OLD"
            )
            stored = answer["Attributes"]
        except dynamodb.exceptions.ConditionalCheckFailedException as failed:
            stored = failed.response["Item"]
        found = from_plain(Target, from_wire(stored))
        run = found.segments.get(str(segment))
        if run and run.status:
            return found
        return self.record_segment(found, segment, result, now)  # `target` was read before its command was stored

    def finish_target(
        self, target: Target, status: TargetStatus, now: str, failure: TargetFailure | None = None
    ) -> bool:
        """The target's terminal status and the counters that follow from it, in one transaction.

        False when it had ended before.
        """
        return self.finish_targets([(target, status, failure)], now)

    def finish_targets(self, endings: Sequence[tuple[Target, TargetStatus, TargetFailure | None]], now: str) -> bool:
        """As finish_target, for many targets of one deployment (at most 99), all or none."""
        counted: Item = {}
        writes = []
        for target, status, failure in endings:
            for counter, change in _changes(target.status, status).items():
                counted[counter] = counted.get(counter, 0) + change
            values: Item = {":status": status.value, ":was": target.status.value, ":now": now}
            expression = "SET #status = :status, last_updated_at = :now"
            if failure:
                expression += ", failure = :failure"
                values[":failure"] = to_plain(failure)
            key = target_key(target.deployment_id, target.target_id)
            writes.append(self._update(key, expression, "#status = :was", values))
        adds = ", ".join(f"#counters.#{counter} :{counter}" for counter in counted)
        writes.append(
            self._update(
                deployment_key(endings[0][0].deployment_id),
                f"ADD {adds}",
                "attribute_exists(pk)",
                {f":{counter}": change for counter, change in counted.items()},
                {f"#{counter}": counter for counter in counted} | {"#counters": "counters"},
            )
        )
        try:
            self._transact(writes)
        except Conflict:
            return False
        return True

    # -- DynamoDB

    def _get(self, key: Item) -> Item | None:
        answer = client("dynamodb").get_item(TableName=self.name, Key=to_wire(key), ConsistentRead=True)
        return from_wire(answer["Item"]) if "Item" in answer else None

    def _query(self, pk: str, prefix: str, statuses: Sequence[str] = ()) -> Iterator[Item]:
        values = {":pk": {"S": pk}, ":prefix": {"S": prefix}}
        filters: dict[str, Any] = {}
        if statuses:
            names = {f":status{number}": {"S": str(status)} for number, status in enumerate(statuses)}
            values |= names
            filters = {
                "FilterExpression": f"#status IN ({', '.join(names)})",
                "ExpressionAttributeNames": {"#status": "status"},
            }
        pages = (
            client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self.name,
                KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
                ExpressionAttributeValues=values,
                ConsistentRead=True,
                **filters,
            )
        )
        for page in pages:
            yield from map(from_wire, page["Items"])

    def _put_new(self, deployment: Deployment) -> dict[str, Any]:
        item = {**deployment_key(deployment.deployment_id), **deployment_indexes(deployment), **to_plain(deployment)}
        item["news"] = True
        return {
            "Put": {"TableName": self.name, "Item": to_wire(item), "ConditionExpression": "attribute_not_exists(pk)"}
        }

    def _mark(self, upload: tuple[str, str, str] | None, deployment_id: str) -> list[Any]:
        if upload is None:
            return []
        item = to_wire({**upload_key(*upload), "deployment_id": deployment_id})
        return [{"Put": {"TableName": self.name, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}}]

    def _end(
        self,
        deployment_id: str,
        status: DeploymentStatus,
        before: Sequence[DeploymentStatus],
        *,
        unstopped: bool = False,
        **fields: Any,
    ) -> Any:
        """A deployment's move to a terminal status out of one of `before`; `unstopped`: only without a stop mark."""
        plain = {name: to_plain(value) for name, value in fields.items() if value is not None}
        values = {":status": status.value, **{f":was{n}": was.value for n, was in enumerate(before)}}
        values |= {f":{name}": value for name, value in plain.items()}
        sets = ", ".join(["#status = :status", *(f"#{name} = :{name}" for name in plain)])
        condition = f"#status IN ({', '.join(f':was{n}' for n in range(len(before)))})"
        condition += " AND attribute_not_exists(#stop)" if unstopped else ""
        names = {f"#{name}": name for name in plain}
        return self._update(deployment_key(deployment_id), f"SET {sets}", condition, values, names)

    def _update(
        self,
        key: Item,
        expression: str,
        condition: str,
        values: Item | None = None,
        names: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """One Update of a transaction. The reserved words of the records are named for every expression.

        A deployment or target whose status this changes is `news`: the stream's readers get only such records.
        """
        if key["pk"].startswith("DEPLOYMENT#"):
            if expression.startswith(_STATUS_CHANGE):
                expression = f"SET news = :news, {expression.removeprefix('SET ')}"
                values = {**(values or {}), ":news": True}
            else:
                expression = f"{expression} REMOVE news"
        text = f"{expression} {condition}"
        known = {"#status": "status", "#stop": "stop", "#counters": "counters", "#out": "out", **(names or {})}
        update: dict[str, Any] = {
            "TableName": self.name,
            "Key": to_wire(key),
            "UpdateExpression": expression,
            "ConditionExpression": condition,
        }
        if used := {name: attribute for name, attribute in known.items() if name in text}:
            update["ExpressionAttributeNames"] = used
        if values:
            update["ExpressionAttributeValues"] = to_wire(values)
        return {"Update": update}

    def _try(self, write: dict[str, Any]) -> bool:
        """One conditional update; False when its condition did not hold."""
        dynamodb = client("dynamodb")
        try:
            dynamodb.update_item(**write["Update"])
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _transact(self, writes: Sequence[dict[str, Any]]) -> None:
        """All writes or none. Raises Conflict when a condition did not hold; waits out writes that merely met."""
        dynamodb = client("dynamodb")
        for attempt in range(_TRIES):
            try:
                dynamodb.transact_write_items(TransactItems=list(writes))
                return
            except dynamodb.exceptions.TransactionCanceledException as canceled:
                reasons = {reason.get("Code") for reason in canceled.response.get("CancellationReasons", ())}
                if "ConditionalCheckFailed" in reasons:
                    raise Conflict("a condition of the transaction did not hold") from canceled
                if (
                    not reasons & {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
                    or attempt == _TRIES - 1
                ):
                    raise
                _pause(attempt)

    def _write_all(self, items: Iterable[Item]) -> None:
        """Put many items, 25 at a time; what DynamoDB leaves unprocessed is sent again."""
        from concurrent.futures import ThreadPoolExecutor

        dynamodb = client("dynamodb")

        def write(batch: list[Any]) -> None:
            request = {self.name: batch}
            for attempt in range(_TRIES):
                request = dynamodb.batch_write_item(RequestItems=request).get("UnprocessedItems") or {}
                if not request:
                    return
                _pause(attempt)
            raise Conflict(f"DynamoDB left items unprocessed {_TRIES} times")

        puts = [{"PutRequest": {"Item": to_wire(item)}} for item in items]
        batches = [puts[start : start + _BATCH] for start in range(0, len(puts), _BATCH)]
        with ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(write, batches))


def _changes(was: TargetStatus, status: TargetStatus) -> dict[str, int]:
    """How a target's ending moves the counters: only one that was started is out of service."""
    if status is TargetStatus.SUCCEEDED:
        return {"succeeded": 1, "out": -1}
    in_flight = was is TargetStatus.IN_PROGRESS
    if status is TargetStatus.FAILED:
        return {"failed": 1} if in_flight else {"failed": 1, "out": 1}
    return {"skipped": 1, "out": -1} if in_flight else {"skipped": 1}


def _superseded(by: str, now: str) -> dict[str, Any]:
    failure = Failure(code=DeploymentErrorCode.MANUAL_STOP, message=f"Superseded by the newer deployment {by}.")
    return {"failure": failure, "complete_time": now}


def _pause(attempt: int = 0, sleep: Callable[[float], None] = time.sleep) -> None:
    """Full jitter, at most 0.8 s: two writers that met do not meet again."""
    sleep(random.uniform(0, min(0.8, 0.025 * 2**attempt)))  # noqa: S311 - jitter, not a secret


@cache
def table() -> Table:
    """The engine's table."""
    return Table(settings().table_name)

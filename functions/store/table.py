"""The table: every record is read and written here, each status change by one conditional write.

The table's stream announces the changes (`publish`) and starts executions (`launch`), so nothing here tells anybody
anything: what is written is what happened. A lost condition raises Conflict or is answered by the return value.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any, TypeVar

from functions.aws import clock
from functions.aws.clients import client
from functions.core import rollback_choice
from functions.core.command_result import closed_events
from functions.core.errors import Conflict, Unreadable
from functions.core.health import PREDEFINED_CONFIGS, DeploymentConfig
from functions.core.new_deployment import summary
from functions.core.order import Accepted, Judgement, Order, Upload, after, judge
from functions.core.records import (
    Deployment,
    Failure,
    Group,
    Host,
    HostWait,
    SegmentResult,
    SegmentRun,
    StopMark,
    Target,
    TargetFailure,
)
from functions.core.statuses import DeploymentErrorCode, DeploymentStatus, OwnSetting, TargetStatus
from functions.core.text.shapes import from_plain, to_plain
from functions.settings import settings
from functions.store.keys import (
    Item,
    application_key,
    command_key,
    deployment_indexes,
    deployment_key,
    from_wire,
    group_item_key,
    host_key,
    lock_key,
    own_alarm_key,
    preparing_key,
    target_key,
    to_wire,
    upload_key,
)
from functions.store.transactions import ConditionalTable, pause

T = TypeVar("T")

COMMAND_DAYS = 30  # how long a command's record is kept (TTL)
_ALARM_KEPT = timedelta(days=COMMAND_DAYS)  # an alarm of one deployment, from its creation on
_LOCK_TRIES = 30  # of taking or handing over a group's lock: about 8 s

_TARGETS_AT_ONCE = 99  # in one transaction, which holds at most 100 writes: these, and the check of the claim
_NO_MORE = "no more"  # the claim on a deployment that ends before it began: nobody prepares it any more

_RUNNING = [DeploymentStatus.CREATED.value, DeploymentStatus.IN_PROGRESS.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """What became of a request: the deployment it made (or had made before), or the one that is in its way."""

    deployment_id: str | None = None
    busy_with: str | None = None
    superseded: bool = False  # the deployment is on record, but a newer request was there before it


class Table(ConditionalTable):
    """The engine's table, record by record. All methods raise botocore's ClientError for what AWS refuses."""

    # -- reading

    def deployment(self, deployment_id: str) -> Deployment | None:
        """The deployment, read consistently."""
        item = self.get(deployment_key(deployment_id))
        return _record(Deployment, item) if item else None

    def deployments(self, deployment_ids: Sequence[str]) -> dict[str, Deployment]:
        """Those that there are, by id; at most 100, in one request."""
        found = self.get_all([deployment_key(each) for each in dict.fromkeys(deployment_ids)])
        return {item["deployment_id"]: _record(Deployment, item) for item in found}

    def targets_named(self, deployment_id: str, target_ids: Sequence[str]) -> dict[str, Target]:
        """Those of a deployment that there are, by id; at most 100, in one request."""
        found = self.get_all([target_key(deployment_id, each) for each in dict.fromkeys(target_ids)])
        return {item["target_id"]: _record(Target, item) for item in found}

    def target(self, deployment_id: str, target_id: str) -> Target | None:
        """The target, read consistently."""
        item = self.get(target_key(deployment_id, target_id))
        return _record(Target, item) if item else None

    def group(self, application: str, group: str) -> Group | None:
        """The deployment group, also a removed one."""
        item = self.get(group_item_key(application, group))
        return _record(Group, item) if item else None

    def has_application(self, application: str) -> bool:
        return self.get(application_key(application)) is not None

    def config(self, name: str) -> DeploymentConfig | None:
        """A deployment configuration by name, predefined or declared."""
        if predefined := PREDEFINED_CONFIGS.get(name):
            return predefined
        item = self.get({"pk": "CONFIG", "sk": f"CONFIG#{name}"})
        return _record(DeploymentConfig, item) if item else None

    def holder(self, group_key: str) -> str | None:
        """The deployment that holds the group's lock."""
        lock = self.get(lock_key(group_key)) or {}
        return lock.get("holder")

    def groups_of_alarm(self, alarm: str) -> list[str]:
        """Keys (application/group) of the groups that name the alarm, or of which a deployment named it."""
        return sorted({str(item["sk"]).partition("#")[2] for item in self.query(f"ALARM#{alarm}")})

    def targets(self, deployment_id: str, statuses: Sequence[TargetStatus] = ()) -> Iterator[Target]:
        """The deployment's targets in the order of their ids, of some statuses or all."""
        for item in self.query(f"DEPLOYMENT#{deployment_id}", "TARGET#", statuses):
            yield _record(Target, item)

    def deployments_in(self, status: DeploymentStatus) -> Iterator[Deployment]:
        """The deployments of a status, the oldest first, as an index knows them: a moment late. Those that this
        version cannot read are left out."""
        pages = (
            client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self.name,
                IndexName="by_status",
                KeyConditionExpression="#status = :status",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues=to_wire({":status": status.value}),
            )
        )
        for page in pages:
            for item in map(from_wire, page["Items"]):
                try:
                    yield _record(Deployment, item)
                except Unreadable as unreadable:
                    from functions.telemetry import logger  # slow to import, and the command line reads, too

                    logger.error("a deployment is left out", reason=str(unreadable))

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
        item = self.get(command_key(command_id, instance_id))
        return (item["deployment_id"], item["segment"]) if item else None

    # -- a deployment's life

    def refuse(self, deployment: Deployment, upload: Upload | None = None) -> None:
        """Record a deployment that has ended as it was created. A repeat of the same upload changes nothing."""
        writes = [self._put_new(deployment), *self._mark(upload, deployment.deployment_id)]
        try:
            self.transact(writes)
        except Conflict:
            return

    def create(self, deployment: Deployment, upload: Upload | None, *, queue: bool) -> "Creation":
        """Create a deployment: Created with the group's lock, or Queued behind the deployment that holds it.

        `upload` makes a repeat harmless. An upload that is older than what the group accepted last (functions/core/
        order.py) ends at once, Stopped: superseded; a newer one supersedes the one that waits. When the group is busy
        and `queue` is false nothing is created.
        """
        lock = lock_key(deployment.group_key)
        besides = [*self._mark(upload, deployment.deployment_id), *self._own_alarms(deployment)]
        for attempt in range(_LOCK_TRIES):
            if upload and (known := self.get(upload_key(upload.bucket, upload.key, upload.version))):
                return Creation(deployment_id=known["deployment_id"], superseded=known.get("superseded", False))
            held = self.get(lock) or {}
            holder = held.get("holder")
            accepted = self._accepted(held)
            found = judge(deployment, upload, accepted)
            if superseded := accepted is not None and found.order is Order.OLDER:
                mark = self._mark(upload, deployment.deployment_id, superseded=True)
                writes = [self._put_new(_ended(deployment, accepted, found)), *mark]
            elif holder is not None and not queue:
                return Creation(busy_with=str(holder))
            else:
                writes = [*self._take(deployment, upload, held, accepted, found), *besides]
            try:
                self.transact(writes)
            except Conflict:
                pause(attempt)
                continue
            return Creation(deployment_id=deployment.deployment_id, superseded=superseded)
        raise Conflict(
            f"the lock of {deployment.group_key} changed hands {_LOCK_TRIES} times while creating a deployment"
        )

    def _accepted(self, held: Item) -> Accepted | None:
        """What the group of a lock accepted last. An engine that kept no record of it left only who waits."""
        if known := held.get("accepted"):
            return from_plain(Accepted, known)
        waits = self.deployment(held["waiting"]) if "waiting" in held else None
        return Accepted(deployment_id=waits.deployment_id, time=waits.create_time) if waits else None

    def _take(
        self, deployment: Deployment, upload: Upload | None, held: Item, accepted: Accepted | None, found: Judgement
    ) -> list[Any]:
        """The lock for a deployment, or the place behind its holder; who waited there ends Stopped: superseded.

        What the group accepted last changes with it, on the condition that it is as it was read.
        """
        is_busy, replaced = "holder" in held, held.get("waiting")
        role, status = ("waiting", DeploymentStatus.QUEUED) if is_busy else ("holder", DeploymentStatus.CREATED)
        values: Item = {":id": deployment.deployment_id}
        sets, conditions = [f"{role} = :id"], ["attribute_not_exists(accepted)"]
        if "accepted" in held:
            conditions, values[":last"] = ["accepted.deployment_id = :last"], held["accepted"]["deployment_id"]
        if not deployment.has_own_targets:  # which says nothing of what the group's other instances are to run
            sets.append("accepted = :accepted")
            values[":accepted"] = to_plain(after(deployment, upload, accepted))
        for name in ("holder", "waiting") if is_busy else ("holder",):
            conditions.append(f"{name} = :{name}" if name in held else f"attribute_not_exists({name})")
            values |= {f":{name}": held[name]} if name in held else {}
        lock = lock_key(deployment.group_key)
        writes = [
            self._put_new(replace(deployment, status=status)),
            self.update(lock, f"SET {', '.join(sets)}", " AND ".join(conditions), values),
        ]
        if is_busy and replaced:
            ended = _superseded(deployment.deployment_id, deployment.create_time)
            writes.append(self._end(replaced, DeploymentStatus.STOPPED, [DeploymentStatus.QUEUED], **ended))
        return writes

    def begin(self, deployment: Deployment, targets: Sequence[Target], now: str) -> bool:
        """Created -> InProgress with its pinned revision and counters; its targets are written first.

        False when it was stopped, refused, begun or ended meanwhile, or when another call prepares it now. Whoever
        prepares claims that first, and the last claim counts: only under it are targets written and the deployment
        begun, so nobody writes a target of a deployment that has begun. 10,000 targets are 102 transactions one after
        another, about 20 seconds: DynamoDB takes 1,000 units a second below one key, and two for each of them.
        """
        deployment_id, attempt = deployment.deployment_id, clock.new_uuid()
        claim = preparing_key(deployment_id)
        mine = self._check(claim, "attempt = :attempt", {":attempt": attempt})
        fleet = [target_key(deployment_id, each.target_id) for each in targets]
        key, plain = deployment_key(deployment_id), to_plain(deployment)
        pinned = {":revision": plain["revision"], ":counters": plain["counters"]}
        created = {":created": DeploymentStatus.CREATED.value}
        begun = self.update(
            key,
            "SET #status = :in_progress, start_time = :now, revision = :revision, #counters = :counters",
            "#status = :created AND attribute_not_exists(#stop) AND attribute_not_exists(failure)",
            {":in_progress": DeploymentStatus.IN_PROGRESS.value, ":now": now, **pinned, **created},
        )
        stopped = self.update(
            key, "SET revision = :revision, #counters = :counters", "#status = :created", {**pinned, **created}
        )
        try:
            self.transact(self._claim(deployment_id, attempt))
            known = {item["sk"] for item in self.query(claim["pk"], "TARGET#")}  # of a call that did not begin
            strays = sorted(known - {key["sk"] for key in fleet})
            writes = [self._delete({"pk": claim["pk"], "sk": sk}) for sk in strays]
            # An empty map of segments, because a later update can set a key of a map but not make the map.
            writes += [
                self._put({**key, "segments": {}, **to_plain(each), "news": each.status.is_final})
                for key, each in zip(fleet, targets, strict=True)
            ]
            for first in range(0, len(writes), _TARGETS_AT_ONCE):
                self.transact([mine, *writes[first : first + _TARGETS_AT_ONCE]])
            try:
                self.transact([mine, begun])
            except Conflict:
                self.transact([mine, stopped])  # its end is to count the targets that are on record now
                return False
        except Conflict:
            return False
        return True

    def end_preparing(self, deployment_id: str) -> None:
        """From now on nobody writes targets of a deployment that has not begun: it ends."""
        self.transact([self._put({**preparing_key(deployment_id), "attempt": _NO_MORE})])

    def _claim(self, deployment_id: str, attempt: str) -> list[Any]:
        """To prepare the deployment. An item of its own, so that a stop does not meet all the transactions on it."""
        put = self._put({**preparing_key(deployment_id), "attempt": attempt})["Put"]
        values = to_wire({":over": _NO_MORE})
        condition = "attribute_not_exists(attempt) OR attempt <> :over"
        created = {":created": DeploymentStatus.CREATED.value}
        return [
            {"Put": {**put, "ConditionExpression": condition, "ExpressionAttributeValues": values}},
            self._check(deployment_key(deployment_id), "#status = :created AND attribute_not_exists(#stop)", created),
        ]

    def note_failure(self, deployment_id: str, failure: Failure) -> bool:
        """Why a deployment cannot begin; Finish makes it the verdict. False when it has begun, or has ended."""
        running = {":created": DeploymentStatus.CREATED.value, ":failure": to_plain(failure)}
        return self.attempt(
            self.update(deployment_key(deployment_id), "SET failure = :failure", "#status = :created", running)
        )

    def mark_stop(self, deployment_id: str, mark: StopMark) -> Deployment | None:
        """Set the stop mark of a running deployment; of a second one only that it cancels or rolls back.

        None when it is over.
        """
        key, statuses = deployment_key(deployment_id), {":created": _RUNNING[0], ":in_progress": _RUNNING[1]}
        running = "#status IN (:created, :in_progress)"
        first = self.update(
            key,
            "SET #stop = :mark",
            f"{running} AND attribute_not_exists(#stop)",
            {":mark": to_plain(mark), **statuses},
        )
        more = {f"#{wish}": wish for wish in ("cancel", "auto_rollback") if getattr(mark, wish)}
        if not self.attempt(first) and more:
            sets = ", ".join(f"#stop.{name} = :true" for name in more)
            again = f"{running} AND attribute_exists(#stop)"
            self.attempt(self.update(key, f"SET {sets}", again, {":true": True, **statuses}, more))
        marked = self.deployment(deployment_id)
        return marked if marked and not marked.status.is_final else None

    def stop_queued(self, deployment: Deployment, failure: Failure, now: str) -> bool:
        """End a deployment that waits for its group. False when it does not wait any more."""
        lock = self.update(
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
            self.transact([lock, end])
        except Conflict:
            return False
        return True

    def promote(self, waiting: Deployment) -> bool:
        """Give a waiting deployment its turn when its group's lock is free, or held by a deployment that has ended.
        False when it is another one's turn, or it does not wait any more."""
        lock, me = lock_key(waiting.group_key), waiting.deployment_id
        held = self.get(lock) or {}
        holder, first = held.get("holder"), held.get("waiting")
        running = self.deployment(holder) if holder else None
        if (running and not running.status.is_final) or first not in (None, me):
            return False
        was = {":holder": holder} if holder else {}
        conditions = ["holder = :holder" if holder else "attribute_not_exists(holder)"]
        conditions.append("waiting = :id" if first else "attribute_not_exists(waiting)")
        take = self.update(lock, "SET holder = :id REMOVE waiting", " AND ".join(conditions), {":id": me, **was})
        try:
            self.transact([take, self._turn(me)])
        except Conflict:
            return False
        return True

    def store_bake_token(self, deployment_id: str, token: str) -> Deployment | None:
        """Keep the token of the Bake state; the deployment as it is now, None when it is not running."""
        update = self.update(
            deployment_key(deployment_id),
            "SET bake_token = :token",
            "#status = :in_progress",
            {":token": token, ":in_progress": DeploymentStatus.IN_PROGRESS.value},
        )
        return self.deployment(deployment_id) if self.attempt(update) else None

    def close(
        self,
        deployment: Deployment,
        group: Group | None,
        rollback: Deployment | None,
        *,
        has_revision_failed: bool = False,
    ) -> bool:
        """End the deployment that holds its group's lock, and hand the lock over in the same transaction.

        `deployment` carries the terminal status, failure, rollback info and complete time. The lock goes to
        `rollback` if there is one, else to the waiting deployment, else it is free. False when somebody else closed it.
        `has_revision_failed`: the group remembers that its end speaks against its revision.
        """
        deployment_id, lock = deployment.deployment_id, lock_key(deployment.group_key)
        for attempt in range(_LOCK_TRIES):
            current = self.deployment(deployment_id)
            if current is None or current.status.is_final:
                return False
            if current.stop and not deployment.stop:
                raise Conflict(f"{deployment_id} was stopped while its end was decided: decide again")
            held = self.get(lock) or {}
            fields = {
                name: value
                for name, value in to_plain(deployment).items()
                if name in ("failure", "rollback", "complete_time", "start_time")
            }
            running = [DeploymentStatus.CREATED, DeploymentStatus.IN_PROGRESS]
            end = self._end(deployment_id, deployment.status, running, unstopped=not deployment.stop, **fields)
            remembered = self._remember(deployment, group, has_revision_failed)
            writes = [end, *self._hand_over(lock, deployment_id, held, rollback), *remembered]
            try:
                self.transact(writes)
            except Conflict:
                pause(attempt)
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
            return [self._put_new(rollback), self.update(lock, "SET holder = :next", "holder = :id", values)]
        if waiting:
            values = {":id": holder, ":next": waiting}
            condition = "holder = :id AND waiting = :next"
            return [self.update(lock, "SET holder = :next REMOVE waiting", condition, values), self._turn(waiting)]
        condition = "holder = :id AND attribute_not_exists(waiting)"
        return [self.update(lock, "REMOVE holder", condition, {":id": holder})]

    def _remember(self, deployment: Deployment, group: Group | None, has_revision_failed: bool) -> list[Any]:
        """The group's last attempted and last successful deployment, and its good ones: what there is to go back to.

        A success on other instances than the group's says nothing of what those run; one that found nothing to do
        says nothing of its revision.
        """
        if group is None:
            return []
        last = summary(deployment)
        is_success = deployment.status is DeploymentStatus.SUCCEEDED and not deployment.has_own_targets
        is_evidence = is_success and not (deployment.outdated_only and not deployment.counters.total)
        good = rollback_choice.after(group, last, is_success=is_evidence, has_failed=has_revision_failed)
        values = {":last": to_plain(last), ":good": to_plain(good), ":group_id": group.group_id}
        expression = "SET last_attempted = :last, good_deployments = :good"
        if is_success:
            expression += ", last_successful = :last"
        return [self.update(group_item_key(group.application, group.name), expression, "group_id = :group_id", values)]

    # -- a target's life

    def go(self, deployment_id: str, target: Target, now: str) -> bool:
        """Take the target out of service: the write that keeps invariant 1. False when the gate is shut."""
        try:
            self.transact(
                [
                    self.update(
                        deployment_key(deployment_id),
                        "ADD #counters.#out :one, #counters.started :one",
                        "#status = :in_progress AND attribute_not_exists(#stop) AND #counters.#out < #counters.allowed",
                        {":one": 1, ":in_progress": DeploymentStatus.IN_PROGRESS.value},
                    ),
                    self.update(
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
        store = self.update(
            target_key(target.deployment_id, target.target_id),
            "SET #segments.#n = :run",
            "attribute_not_exists(#segments.#n.command_id)",
            {":run": to_plain(run)},
            {"#n": str(segment), "#segments": "segments"},
        )
        self.transact([store, {"Put": {"TableName": self.name, "Item": to_wire(command)}}])

    def wait_for_host(
        self, target: Target, segment: int, command_id: str, wait: HostWait, now: str
    ) -> SegmentRun | None:
        """The segment's command found the host busy: another one will be sent. The run that this ends, None when
        that, or the segment's end, is on record already."""
        run = target.segments[str(segment)]
        update = self.update(
            target_key(target.deployment_id, target.target_id),
            "SET #segments.#n = :again, host_wait = :wait, last_updated_at = :now",
            "#segments.#n.command_id = :command_id AND attribute_not_exists(#segments.#n.#status)",
            {
                ":again": to_plain(SegmentRun(attempt=run.attempt + 1)),
                ":wait": to_plain(wait),
                ":command_id": command_id,
                ":now": now,
            },
            {"#n": str(segment), "#segments": "segments"},
        )
        return run if self.attempt(update) else None

    def store_token(self, target: Target, segment: int, token: str) -> None:
        """The state waits with a new token: a later reconcile of the same command."""
        self.attempt(
            self.update(
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
        update = self.update(key, expression, condition, values, {"#n": str(segment), "#segments": "segments"})
        try:
            answer = self.update_now(update, ReturnValues="ALL_NEW", ReturnValuesOnConditionCheckFailure="ALL_OLD")
            stored = answer["Attributes"]
        except client("dynamodb").exceptions.ConditionalCheckFailedException as failed:
            stored = failed.response["Item"]
        found = _record(Target, from_wire(stored))
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
        """As finish_target, for many targets of one deployment (at most 49), all or none.

        What a target's host runs now changes with it, if it had begun.
        """
        counted: Item = {}
        writes = []
        for target, status, failure in endings:
            for counter, change in _changes(target.status, status).items():
                counted[counter] = counted.get(counter, 0) + change
            values: Item = {":status": status.value, ":was": target.status.value, ":now": now}
            expression, condition = "SET #status = :status, last_updated_at = :now", "#status = :was"
            if failure:
                expression += ", failure = :failure"
                values[":failure"] = to_plain(failure)
            is_sent = any(run.command_id for run in target.segments.values())
            if (events := closed_events(target.events, now, is_sent=is_sent)) != target.events:
                expression += ", events = :events"
                condition += " AND events = :before"  # what a command reported meanwhile is not overwritten
                values |= {":events": to_plain(events), ":before": to_plain(target.events)}
            key = target_key(target.deployment_id, target.target_id)
            writes.append(self.update(key, expression, condition, values))
            if target.group_id and target.status is TargetStatus.IN_PROGRESS:
                writes.append(self._host(target.group_id, target, status, now))
        adds = ", ".join(f"#counters.#{counter} :{counter}" for counter in counted)
        writes.append(
            self.update(
                deployment_key(endings[0][0].deployment_id),
                f"ADD {adds}",
                "attribute_exists(pk)",
                {f":{counter}": change for counter, change in counted.items()},
                {f"#{counter}": counter for counter in counted} | {"#counters": "counters"},
            )
        )
        try:
            self.transact(writes)
        except Conflict:
            return False
        return True

    # -- parts of a transaction

    def _host(self, group_id: str, target: Target, status: TargetStatus, now: str) -> dict[str, Any]:
        """One deployment at a time holds a group's lock, so the last one that a host took part in is the newest."""
        host = Host(target_id=target.target_id, deployment_id=target.deployment_id, status=status, since=now)
        plain = to_plain(host)
        update = {
            "TableName": self.name,
            "Key": to_wire(host_key(group_id, target.target_id)),
            "UpdateExpression": f"SET {', '.join(f'#{name} = :{name}' for name in plain)}",
            "ExpressionAttributeNames": {f"#{name}": name for name in plain},
            "ExpressionAttributeValues": to_wire({f":{name}": value for name, value in plain.items()}),
        }
        return {"Update": update}

    def _turn(self, deployment_id: str) -> dict[str, Any]:
        """A waiting deployment has its turn."""
        statuses = {":created": DeploymentStatus.CREATED.value, ":queued": DeploymentStatus.QUEUED.value}
        return self.update(deployment_key(deployment_id), "SET #status = :created", "#status = :queued", statuses)

    def _put(self, item: Item) -> dict[str, Any]:
        return {"Put": {"TableName": self.name, "Item": to_wire(item)}}

    def _delete(self, key: Item) -> dict[str, Any]:
        return {"Delete": {"TableName": self.name, "Key": to_wire(key)}}

    def _check(self, key: Item, condition: str, values: Item) -> dict[str, Any]:
        """That an item is as it should be, where it is not written itself."""
        check = self.update(key, "", condition, values)["Update"]
        del check["UpdateExpression"]
        return {"ConditionCheck": check}

    def _put_new(self, deployment: Deployment) -> dict[str, Any]:
        item = {**deployment_key(deployment.deployment_id), **deployment_indexes(deployment), **to_plain(deployment)}
        item["news"] = True
        return {
            "Put": {"TableName": self.name, "Item": to_wire(item), "ConditionExpression": "attribute_not_exists(pk)"}
        }

    def _mark(self, upload: Upload | None, deployment_id: str, *, superseded: bool = False) -> list[Any]:
        if upload is None:
            return []
        key, more = upload_key(upload.bucket, upload.key, upload.version), {"superseded": True} if superseded else {}
        item = to_wire({**key, "deployment_id": deployment_id, **more})
        return [{"Put": {"TableName": self.name, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}}]

    def _own_alarms(self, deployment: Deployment) -> list[Any]:
        """Where `alarm_state` finds the alarms that are not the group's. Which deployment of the group watches them the
        deployment itself says, so they may stay; they go when it is surely over."""
        if OwnSetting.ALARMS not in deployment.own:
            return []
        expires_at = int((datetime.fromisoformat(deployment.create_time) + _ALARM_KEPT).timestamp())
        keys = [own_alarm_key(alarm, deployment.group_key) for alarm in deployment.settings.alarms.watched]
        return [{"Put": {"TableName": self.name, "Item": to_wire({**key, "expires_at": expires_at})}} for key in keys]

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
        return self.update(deployment_key(deployment_id), f"SET {sets}", condition, values, names)


def _record(kind: type[T], item: Item) -> T:
    """The record that an item is. Raises Unreadable."""
    try:
        return from_plain(kind, item)
    except (LookupError, TypeError, ValueError) as error:
        raise Unreadable(
            f"{item.get('pk')} {item.get('sk')} is no {kind.__name__} that this version of stepdeploy knows"
            f" ({type(error).__name__}: {error}): a newer version may have written it, which can go on with it"
        ) from error


def _changes(was: TargetStatus, status: TargetStatus) -> dict[str, int]:
    """How a target's ending moves the counters: only one that was started is out of service."""
    if status is TargetStatus.SUCCEEDED:
        return {"succeeded": 1, "out": -1}
    in_flight = was is TargetStatus.IN_PROGRESS
    if status is TargetStatus.FAILED:
        return {"failed": 1} if in_flight else {"failed": 1, "out": 1}
    return {"skipped": 1, "out": -1} if in_flight else {"skipped": 1}


def _ended(deployment: Deployment, accepted: Accepted, found: Judgement) -> Deployment:
    """A deployment that was superseded before it was created."""
    ended = _superseded(accepted.deployment_id, deployment.create_time, found.reason)
    return replace(deployment, status=DeploymentStatus.STOPPED, **ended)


def _superseded(by: str, now: str, reason: str = "") -> dict[str, Any]:
    message = f"Superseded by the newer deployment {by}. {reason}".rstrip()
    return {"failure": Failure(code=DeploymentErrorCode.MANUAL_STOP, message=message), "complete_time": now}


@cache
def table() -> Table:
    """The engine's table."""
    return Table(settings().table_name)

"""What the hosts of a group run since their last deployment to the group ended on them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from functions.core.records import Deployment, Host, Revision, Target
from functions.core.statuses import TargetStatus
from functions.core.text.shapes import from_plain, to_plain
from functions.store.keys import host_key
from functions.store.records import deployments
from functions.store.table import pages
from functions.store.table.items import items
from functions.store.table.values import AtMost, Missing, Query, Update, Write, any_of


def running(group_id: str, revision: Revision) -> set[str]:
    """The ids of the hosts that run this pinned revision."""
    good = [host for host in of(group_id) if host.status is TargetStatus.SUCCEEDED]
    return {host.target_id for host, deployment in _with_deployments(good) if deployment.revision.is_same(revision)}


def restartable(group_id: str, revision: Revision) -> set[str]:
    """The ids of the hosts that have this pinned revision, whether it runs or has failed to start again there."""
    return {
        host.target_id
        for host, deployment in _with_deployments(of(group_id))
        if deployment.revision.is_same(revision) and (host.status is TargetStatus.SUCCEEDED or deployment.is_restart)
    }


def _with_deployments(hosts: Sequence[Host]) -> Iterator[tuple[Host, Deployment]]:
    brought = deployments_of(hosts)
    return ((host, brought[host.deployment_id]) for host in hosts if host.deployment_id in brought)


def of(group_id: str) -> list[Host]:
    """All hosts of a group that a deployment has begun on, by their ids."""
    return [from_plain(Host, item) for item in items().query(_all_of(group_id))]


def get(group_id: str, target_id: str) -> Host | None:
    """The host, read consistently."""
    item = items().get(host_key(group_id, target_id))
    return from_plain(Host, item) if item else None


def page(group_id: str, token: str | None) -> tuple[list[Host], str | None]:
    """A page of a group's hosts, by their ids, and the token of the next."""
    found, after = pages.page(_all_of(group_id), token)
    return [from_plain(Host, item) for item in found], after


def deployments_of(hosts: Iterable[Host]) -> dict[str, Deployment]:
    """The deployments that brought what hosts run, by id, in as few requests as can be: they are few."""
    return deployments.named(sorted({host.deployment_id for host in hosts}))


def changes(target: Target, status: TargetStatus, now: str) -> list[Write]:
    """A part of the transaction that ends a target as it is: what that makes of its host. One that was skipped was not
    touched, and runs what it ran.

    One deployment at a time holds a group's lock, so the last one that a host took part in is the newest.
    """
    if target.group_id is None or target.status is not TargetStatus.IN_PROGRESS or status is TargetStatus.SKIPPED:
        return []
    return [_change(target, target.group_id, status, now)]


def record_end(target: Target) -> None:
    """What the end of a target that has ended makes of its host; a repeat may come when a later deployment has ended
    there."""
    since, was_touched = target.last_updated_at, target.started_at and target.status is not TargetStatus.SKIPPED
    if target.group_id and since and was_touched:
        is_newest = any_of(Missing("since"), AtMost("since", since))
        items().write(replace(_change(target, target.group_id, target.status, since), condition=is_newest))


def _change(target: Target, group_id: str, status: TargetStatus, since: str) -> Update:
    """What it was left out of before stays on record until it succeeds, or this deployment took it out, too."""
    host = Host(target_id=target.target_id, deployment_id=target.deployment_id, status=status, since=since)
    if status is TargetStatus.SUCCEEDED or target.traffic is not None:
        left_out = () if status is TargetStatus.SUCCEEDED else target.out_of
        return Update(
            host_key(group_id, target.target_id),
            sets=to_plain(replace(host, out_of=left_out)),
            removes=() if left_out else ("out_of",),
        )
    return Update(host_key(group_id, target.target_id), sets=to_plain(host))


def _all_of(group_id: str) -> Query:
    return Query(host_key(group_id, "").pk)

"""What the hosts of a group run, as `targets.finish_all` writes it together with each target's end."""

from collections.abc import Iterable

from functions.core.records import Deployment, Host, Revision, Target
from functions.core.statuses import TargetStatus
from functions.core.text.shapes import from_plain, to_plain
from functions.store import deployments
from functions.store.keys import host_key
from functions.store.table import pages
from functions.store.table.items import items
from functions.store.table.values import MAX_KEYS, Query, Update


def running(group_id: str, revision: Revision) -> set[str]:
    """The ids of the hosts that run this pinned revision."""
    found = of(group_id)
    good = [host for host in found if host.status is TargetStatus.SUCCEEDED]
    brought = deployments_of(good)
    same = {each for each, deployment in brought.items() if deployment.revision.is_same(revision)}
    return {host.target_id for host in good if host.deployment_id in same}


def of(group_id: str) -> list[Host]:
    """All hosts of a group that a deployment has begun on, by their ids."""
    return [from_plain(Host, item) for item in items().query(_all_of(group_id))]


def page(group_id: str, token: str | None) -> tuple[list[Host], str | None]:
    """A page of a group's hosts, by their ids, and the token of the next."""
    found, after = pages.page(_all_of(group_id), token)
    return [from_plain(Host, item) for item in found], after


def deployments_of(hosts: Iterable[Host]) -> dict[str, Deployment]:
    """The deployments that brought what hosts run, by id, in as few requests as can be: they are few."""
    wanted, found = sorted({host.deployment_id for host in hosts}), dict[str, Deployment]()
    for start in range(0, len(wanted), MAX_KEYS):
        found |= deployments.named(wanted[start : start + MAX_KEYS])
    return found


def change(target: Target, group_id: str, status: TargetStatus, now: str) -> Update:
    """A part of a transaction: what a target's end makes of its host.

    One deployment at a time holds a group's lock, so the last one that a host took part in is the newest.
    """
    host = Host(target_id=target.target_id, deployment_id=target.deployment_id, status=status, since=now)
    return Update(host_key(group_id, target.target_id), sets=to_plain(host))


def _all_of(group_id: str) -> Query:
    return Query(host_key(group_id, "").pk)

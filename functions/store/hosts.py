"""What the hosts of a group run, as Table.finish_targets writes it together with each target's end."""

from collections.abc import Iterable

from functions.core.records import Deployment, Host, Revision
from functions.core.statuses import TargetStatus
from functions.core.text.shapes import from_plain
from functions.store.keys import host_key
from functions.store.table import table

_AT_ONCE = 100  # of BatchGetItem


def running(group_id: str, revision: Revision) -> set[str]:
    """The ids of the hosts that run this pinned revision."""
    found = [from_plain(Host, item) for item in table().query(host_key(group_id, "")["pk"])]
    good = [host for host in found if host.status is TargetStatus.SUCCEEDED]
    brought = deployments(host.deployment_id for host in good)
    same = {each for each, deployment in brought.items() if deployment.revision.is_same(revision)}
    return {host.target_id for host in good if host.deployment_id in same}


def deployments(ids: Iterable[str]) -> dict[str, Deployment]:
    """Deployments by id, in as few requests as can be: a group's hosts come from few of them."""
    wanted, found = sorted(set(ids)), dict[str, Deployment]()
    for start in range(0, len(wanted), _AT_ONCE):
        found |= table().deployments(wanted[start : start + _AT_ONCE])
    return found

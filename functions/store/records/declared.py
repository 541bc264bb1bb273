"""What deployments.yaml named last: the list `DECLARED` of its groups, applications, load balancers and Auto Scaling
groups, and its configurations.

So what the file no longer names is found without reading the whole table. A group, what is found by it and its place on
that list change in one transaction.
"""

from functions.core.declaration import GroupChange
from functions.core.records import LoadBalancers
from functions.core.rollout.health import DeploymentConfig
from functions.core.text.shapes import from_plain, to_plain
from functions.store.keys import application_key, config_key, declared_key, listed_application_key
from functions.store.records import groups
from functions.store.table.items import items
from functions.store.table.values import IS_THERE, Delete, Equals, Missing, Put, Query, Update

_LIST = declared_key("", "").pk


def group_keys() -> list[str]:
    """application/group, in their order."""
    return _named("GROUP")


def application_names() -> list[str]:
    return _named("APPLICATION")


def load_balancers() -> LoadBalancers:
    """Those that the engine may use."""
    return LoadBalancers(target_groups=tuple(_named("TARGET_GROUP")), classic=tuple(_named("CLASSIC_LOAD_BALANCER")))


def change_load_balancers(before: LoadBalancers, after: LoadBalancers) -> list[str]:
    """Bring the list from the one to the other; the names of what was written."""
    written = []
    for kind, known, wanted in (
        ("TARGET_GROUP", before.target_groups, after.target_groups),
        ("CLASSIC_LOAD_BALANCER", before.classic, after.classic),
    ):
        for name in (new := sorted(set(wanted) - set(known))):
            items().write(Put(declared_key(kind, name)))
        for name in (gone := sorted(set(known) - set(wanted))):
            items().write(Delete(declared_key(kind, name)))
        written += new + gone
    return written


def scaling_groups() -> list[str]:
    """The Auto Scaling groups that the engine may use."""
    return _named("SCALING_GROUP")


def change_scaling_groups(wanted: tuple[str, ...]) -> list[str]:
    """Bring their list to these; the names of what was written."""
    known = set(scaling_groups())
    for name in (new := sorted(set(wanted) - known)):
        items().write(Put(declared_key("SCALING_GROUP", name)))
    for name in (gone := sorted(known - set(wanted))):
        items().write(Delete(declared_key("SCALING_GROUP", name)))
    return new + gone


def _named(kind: str) -> list[str]:
    prefix = declared_key(kind, "").sk
    return [item["sk"].removeprefix(prefix) for item in items().query(Query(_LIST, prefix))]


def change_group(change: GroupChange) -> bool:
    """It is on the list as long as the file names it. False when it is not as it was read any more."""
    mark = declared_key("GROUP", change.after.key)
    listed = Delete(mark) if change.after.removed_at else Put(mark)
    return items().transact([*groups.change(change.before, change.after), listed])


def add_application(name: str, left_by: str | None, *, new_id: str, now: str) -> bool:
    """deployments.yaml has it from now on, whether it was there or not. `left_by`: the resource that registered it and
    has left its stack. False when another one has registered it meanwhile."""
    own = Update(
        application_key(name),
        sets={"name": name, "declared": True},
        defaults={"application_id": new_id, "create_time": now},
        removes=("registered_by",),
        condition=Equals("registered_by", left_by) if left_by else Missing("registered_by"),
    )
    listed = Put(listed_application_key(name), {"name": name})
    return items().transact([own, listed, Put(declared_key("APPLICATION", name))])


def remove_application(name: str) -> bool:
    """It stays, as its deployments do; whoever may can delete it now. False when it is gone already."""
    own = Update(application_key(name), removes=("declared",), condition=IS_THERE)
    return items().transact([own, Delete(declared_key("APPLICATION", name))])


def configs() -> dict[str, DeploymentConfig]:
    """The configurations that the file declares, by name."""
    found = items().query(Query(config_key("").pk, where=Equals("declared", True)))
    return {item["name"]: from_plain(DeploymentConfig, item) for item in found}


def put_config(config: DeploymentConfig) -> None:
    items().write(Put(config_key(config.name), {"declared": True, **to_plain(config)}))


def delete_config(name: str) -> None:
    items().write(Delete(config_key(name)))

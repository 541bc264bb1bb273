"""The declaration in the table: groups, applications, alarms and configurations, applied by what differs.

Each group changes in one transaction: whatever is interrupted, the next run finds a consistent table and goes on.
"""

from functions.aws import clock
from functions.core.declaration import Declaration, changes
from functions.core.declaration.registrants import owner
from functions.core.declaration.windows import DECLARED
from functions.core.errors import Conflict, InvalidInput
from functions.core.records import Group
from functions.engine.abandoned import is_abandoned
from functions.store.records import applications, budgets, calendar, configs, declared, groups
from functions.store.table.patience import back_off

_TRIES = 5


def apply(declaration: Declaration) -> list[str]:
    """Bring the table to the declaration; the keys of what was written. Nothing is written when nothing differs.

    Whoever changes the same records in this moment (the API, or this function when it is called twice) is let go first.
    """
    for attempt in range(_TRIES - 1):
        try:
            return _apply(declaration)
        except Conflict:
            back_off(attempt)
    return _apply(declaration)


def _apply(declaration: Declaration) -> list[str]:
    stored = _stored_groups(declaration)
    left = _check_unregistered(declaration, stored)
    written = _apply_configs(declaration)
    written += declared.change_load_balancers(declared.load_balancers(), declaration.load_balancers)
    written += declared.change_scaling_groups(declaration.scaling_groups)
    written += _apply_budgets(declaration)
    written += calendar.change_declared(declaration.calendar, DECLARED)
    written += _apply_applications(declaration, left)
    for change in changes(declaration, stored, now=clock.timestamp(), new_id=clock.new_uuid):
        _require(declared.change_group(change), change.after.key)
        written.append(change.after.key)
    return written


def _check_unregistered(declaration: Declaration, stored: dict[str, Group]) -> dict[str, str]:
    """Raises InvalidInput for what a stack of a user has registered and still has, before anything is written. The
    resources that registered applications and have left their stacks, by the names of the applications."""
    new = sorted(set(declaration.applications) - set(declared.application_names()))
    found = {name: applications.get(name) for name in new}
    there = {
        **{f"applications.{name}": record for name, record in found.items()},
        **{f"deploymentConfigs.{config.name}": configs.custom(config.name) for config in declaration.configs},
        **stored,
    }
    for name, record in there.items():
        if record and record.registered_by and not is_abandoned(record):
            raise InvalidInput(f"{name} {owner(record)}, or leave it out of deployments.yaml")
    return {name: record.registered_by for name, record in found.items() if record and record.registered_by}


def _apply_configs(declaration: Declaration) -> list[str]:
    """Custom configurations. One that is gone from the file goes; deployments hold their own copy."""
    stored, wanted = declared.configs(), {config.name: config for config in declaration.configs}
    for name in (changed := [name for name, config in wanted.items() if stored.get(name) != config]):
        declared.put_config(wanted[name])
    for name in (gone := sorted(stored.keys() - wanted)):
        declared.delete_config(name)
    return changed + gone


def _apply_budgets(declaration: Declaration) -> list[str]:
    """One that is gone from the file goes: deployments that run keep to it, those that begin later do not."""
    stored, wanted = (
        {each.name: each for each, _ in budgets.all_of_them()},
        {each.name: each for each in declaration.budgets},
    )
    for name in (changed := [name for name, budget in wanted.items() if stored.get(name) != budget]):
        budgets.put(wanted[name])
    for name in (gone := sorted(name for name, budget in stored.items() if budget.declared and name not in wanted)):
        budgets.delete(name)
    return changed + gone


def _apply_applications(declaration: Declaration, left: dict[str, str]) -> list[str]:
    """Applications that are new to the file. One that is gone from it stays, as its deployments do."""
    known = declared.application_names()
    new = [name for name in declaration.applications if name not in known]
    for name in new:
        now = clock.timestamp()
        _require(declared.add_application(name, left.get(name), new_id=clock.new_uuid(), now=now), name)
    for name in (gone := sorted(set(known) - set(declaration.applications))):
        _require(declared.remove_application(name), name)
    return new + gone


def _stored_groups(declaration: Declaration) -> dict[str, Group]:
    """The stored groups that the declaration names, or that the one before it named."""
    keys = {group.key for group in declaration.groups} | set(declared.group_keys())
    found = ((key, groups.get(*key.split("/"))) for key in sorted(keys))
    return {key: group for key, group in found if group}


def _require(is_written: bool, key: str) -> None:
    if not is_written:
        raise Conflict(f"{key} changed while the declaration was applied")

"""Applications, groups and configurations that stacks of users register: each belongs to the resource that made it.

A registration takes nothing that somebody else has: it is refused for what deployments.yaml declares, what requests
made and what another resource registered, unless that one has left its stack (`abandoned`). What a repeat finds done,
it leaves. Each change is one transaction.
"""

from collections.abc import Sequence
from dataclasses import replace

from functions.aws import clock
from functions.core.declaration import Declaration, DeclaredGroup
from functions.core.declaration.registered import check_application, registered_config, registered_group
from functions.core.declaration.registrants import Registrant, owner
from functions.core.errors import InvalidInput
from functions.core.load_balancers import not_allowed
from functions.core.messages import texts
from functions.core.records import Application, CustomConfig, Group, GroupSettings
from functions.core.rollout.health import PREDEFINED_CONFIGS
from functions.engine.abandoned import is_abandoned
from functions.engine.auto_scaling import hooks
from functions.store.records import applications, budgets, configs, declared, groups, lock
from functions.store.table.patience import Attempts

_TRIES = 12  # of a change that met another one


def application(name: str, by: Registrant) -> None:
    """Register an application, or take one that only requests have changed. Raises InvalidInput."""
    check_application(name)
    attempts = _attempts(name)
    while True:
        found = applications.get(name)
        if found and found.registered_by == str(by):
            return
        if found and (words := owner(found)) and not is_abandoned(found):
            what = f'application_name: "{name}" {words}'
            raise InvalidInput(f"{what}; to add a group to it use ServerApplication.from_server_application_name")
        new = Application(
            name=name, application_id=clock.new_uuid(), create_time=clock.timestamp(), registered_by=str(by)
        )
        if applications.take(found, str(by)) if found else applications.create(new):
            return
        attempts.again()


def release_application(name: str, by: Registrant) -> None:
    """It stays on record, as its deployments do: from now on requests may change or delete it."""
    applications.release(name, str(by))


def group(application: str, name: str, text: str, by: Registrant, *, topics: Sequence[str]) -> None:
    """Register a group, or change it to this. One that the file or a stack took away gets its id back, and so its
    hosts' state. `topics`: to which the engine may publish, its own one first. Raises InvalidInput."""
    attempts = _attempts(f"{application}/{name}")
    while True:
        wanted = _read(application, name, text, topics)
        if not applications.has(application):
            what = f'application: there is no application "{application}"'
            raise InvalidInput(f"{what}: register it by ServerApplication, or declare it in deployments.yaml")
        before = groups.get(application, name)
        is_others = before and not before.removed_at and before.registered_by != str(by)
        if before and is_others and not is_abandoned(before):
            words = owner(before) or "exists already: delete it first, or choose another name"
            raise InvalidInput(f'deployment_group_name: "{application}/{name}" {words}')
        after = wanted.over(before or _new(application, name))
        after = replace(after, declared=False, registered_by=str(by))
        if after == before:
            return
        _check_allowed(before, after)
        if before and not before.removed_at:
            is_done = groups.store_change(before, after)
        else:
            is_done = groups.create(before, after)
        if is_done:
            return
        attempts.again()


def check_idle(application: str, name: str) -> None:
    """Raises InvalidInput while a deployment runs in the group: it cannot be taken away, nor get another name."""
    if running := lock.holder(f"{application}/{name}"):
        what = f'deployment_group_name: {running} runs in "{application}/{name}"'
        raise InvalidInput(f"{what}: wait for it or stop it (stepdeploy stop {running}), then do this again")


def remove_group(application: str, name: str, by: Registrant) -> None:
    """Take a group of this resource away; its history stays. What is not this resource's is left as it is. Raises
    InvalidInput while a deployment runs in it."""

    attempts = _attempts(f"{application}/{name}")
    while True:
        before = groups.get(application, name)
        if before is None or before.registered_by != str(by):
            return
        check_idle(application, name)
        if groups.remove_idle(before, replace(before, removed_at=clock.timestamp(), registered_by=None)):
            return
        attempts.again()


def config(name: str, text: str, by: Registrant) -> None:
    """Register a deployment configuration, which never changes. Raises InvalidInput."""
    wanted = registered_config(name, text)
    if wanted.minimum is None:
        raise InvalidInput("minimumHealthyHosts: is missing: give type and value")
    new = CustomConfig(
        name=name,
        minimum=wanted.minimum,
        zonal=wanted.zonal,
        stages=wanted.stages,
        order_tag=wanted.order_tag,
        registered_by=str(by),
    )
    attempts = _attempts(name)
    while not _put_config(new):
        attempts.again()


def _put_config(new: CustomConfig) -> bool:
    """Whether it is there now as it is wanted; not where another change came in between."""
    if (found := configs.custom(new.name)) is None:
        made = replace(new, config_id=clock.new_uuid(), create_time=clock.timestamp())
        return configs.create(made, configs.stored())
    is_own = found.registered_by == new.registered_by
    if not is_own and not is_abandoned(found):
        words = owner(found) or "exists already: choose another name"
        raise InvalidInput(f'deployment_config_name: "{new.name}" {words}')
    wanted = replace(new, config_id=found.config_id, create_time=found.create_time)
    if replace(found, registered_by=new.registered_by) != wanted:
        what = f'deployment_config_name: "{new.name}" cannot change, because groups and deployments keep what it said'
        raise InvalidInput(f"{what}: give the changed one another name, or leave the name out")
    return is_own or configs.take(found, str(new.registered_by))


def remove_config(name: str, by: Registrant) -> None:
    """Raises InvalidInput while a group uses it."""
    attempts = _attempts(name)
    while True:
        found = configs.custom(name)
        if found is None or found.registered_by != str(by):
            return
        seen = configs.uses(name)
        if seen.groups:
            what = f'deployment_config_name: "{name}" is used by {", ".join(seen.groups)}'
            raise InvalidInput(f"{what}: give each of these groups another one first")
        if configs.delete(found, seen):
            return
        attempts.again()


def _new(application: str, name: str) -> Group:
    return Group(application=application, name=name, group_id=clock.new_uuid(), settings=GroupSettings())


def _read(application: str, name: str, text: str, topics: Sequence[str]) -> DeclaredGroup:
    known = {**PREDEFINED_CONFIGS, **configs.customs()}
    found = registered_group(application, name, text, known, [each.name for each, _ in budgets.all_of_them()])
    (found,) = Declaration(groups=(found,)).with_engine_topic(topics[0]).groups
    if unknown := sorted({trigger.topic_arn for trigger in found.settings.triggers} - set(topics)):
        what = f'triggerConfigurations: the engine may not publish to "{unknown[0]}"'
        raise InvalidInput(f"{what}: name the topic in a group of deployments.yaml and run cdk deploy of the engine")
    return found


def _check_allowed(before: Group | None, after: Group) -> None:
    """The engine's rights are those that deployments.yaml gives it. Raises InvalidInput."""
    if unknown := not_allowed(after.settings.load_balancers, declared.load_balancers()):
        raise InvalidInput(f"loadBalancerInfo: {texts.undeclared(unknown)}")
    try:
        hooks.check_allowed(before, after)
    except InvalidInput as error:
        raise InvalidInput(f"autoScalingGroups: {error}") from error


def _attempts(what: str) -> Attempts:
    return Attempts(_TRIES, f"{what} changed {_TRIES} times while it was registered")

"""On-premises instances: who is registered, as which IAM identity, with which tags, by which groups select them.

The engine reaches one as the node that SSM manages under the instance's name. It does not use the identity, which
CodeDeploy's clients give and read.
"""

from collections.abc import Callable, Mapping
from typing import Any

from functions.api import responses
from functions.api.operations import Caller, arns
from functions.api.requests import on_premises
from functions.aws import clock
from functions.core.errors import Refused
from functions.core.records import OnPremisesInstance
from functions.store.records import on_premises as store_on_premises
from functions.store.table.patience import Attempts

MAX_AT_ONCE = 25
_MAX_TAGGED = 100  # instances in one call: what a transaction can write
_TRIES = 12  # of a change that met another one

Tags = Mapping[str, str]


def register_on_premises_instance(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    name, user, session = given["instanceName"], given.get("iamUserArn"), given.get("iamSessionArn")
    on_premises.check_name("instanceName", name)
    on_premises.check_identity(user, session)
    instance = OnPremisesInstance(
        name=name,
        instance_arn=_arn(name, caller),
        register_time=caller.now,
        iam_user_arn=user or None,
        iam_session_arn=session or None,
    )
    attempts = Attempts(_TRIES, f"{name} was registered and deregistered {_TRIES} times while registering it")
    while True:
        _must_be_free(instance)
        if store_on_premises.register(instance):
            return {}
        attempts.again()


def deregister_on_premises_instance(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """An unknown one, and a deregistered one, is as it should be. The tags stay on record until it is back."""
    name = given["instanceName"]
    on_premises.check_name("instanceName", name)
    instance = store_on_premises.named([name]).get(name)
    if instance and not instance.deregister_time:
        store_on_premises.deregister(instance, caller.now)
    return {}


def get_on_premises_instance(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Also a deregistered one: its deregisterTime tells."""
    name = given["instanceName"]
    on_premises.check_name("instanceName", name)
    instance = store_on_premises.named([name]).get(name)
    if instance is None:
        raise _not_registered([name])
    return {"instanceInfo": responses.on_premises_instance(instance)}


def batch_get_on_premises_instances(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """The known ones of those named, in their order."""
    names = given["instanceNames"]
    if len(names) > MAX_AT_ONCE:
        raise Refused("BatchLimitExceededException", f"instanceNames: has {len(names)} names, at most {MAX_AT_ONCE}")
    for each in names:
        on_premises.check_name("instanceNames", each)
    found = store_on_premises.named(names)
    return {"instanceInfos": [responses.on_premises_instance(found[each]) for each in names if each in found]}


def list_on_premises_instances(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Names in their order, of registered and deregistered ones if not asked for one kind."""
    filters = on_premises.tag_filters(given.get("tagFilters") or [])
    status = given.get("registrationStatus")
    is_registered = None if status is None else status == "Registered"
    names, token = store_on_premises.page(is_registered, filters, given.get("nextToken"))
    return {"instanceNames": names, "nextToken": token}


def add_tags_to_on_premises_instances(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """All of the instances are tagged, or none."""
    more = on_premises.tags(given["tags"])
    return _retag(given["instanceNames"], lambda instance: on_premises.tagged(instance.name, instance.tags, more))


def remove_tags_from_on_premises_instances(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """A tag that an instance does not have, or not with this value, is as it should be."""
    fewer = on_premises.tags(given["tags"])
    return _retag(given["instanceNames"], lambda instance: on_premises.untagged(instance.tags, fewer))


def _retag(names: list[str], change: Callable[[OnPremisesInstance], Tags]) -> dict[str, Any]:
    names = list(dict.fromkeys(names))
    if len(names) > _MAX_TAGGED:
        what = f"instanceNames: has {len(names)} names, at most {_MAX_TAGGED}"
        raise Refused("InstanceLimitExceededException", what)
    for each in names:
        on_premises.check_name("instanceNames", each)
    attempts = Attempts(_TRIES, f"the tags of {', '.join(names)} were changed {_TRIES} times while changing them")
    while True:
        changes = [(instance, change(instance)) for instance in _registered(names)]
        changes = [(instance, tags) for instance, tags in changes if tags != instance.tags]
        if not changes or store_on_premises.retag(changes):
            return {}
        attempts.again()


def _registered(names: list[str]) -> list[OnPremisesInstance]:
    found = store_on_premises.named(names)
    if missing := [each for each in names if each not in found or found[each].deregister_time]:
        raise _not_registered(missing)
    return [found[each] for each in names]


def _not_registered(names: list[str]) -> Refused:
    return Refused("InstanceNotRegisteredException", f"not registered: {', '.join(names)}: register first")


def _must_be_free(instance: OnPremisesInstance) -> None:
    same = store_on_premises.named([instance.name]).get(instance.name)
    if same and not same.deregister_time:
        what = f"instanceName: {instance.name} is registered as {same.iam_arn}: deregister it first"
        raise Refused("InstanceNameAlreadyRegisteredException", what)
    if other := store_on_premises.tied_to(instance.iam_arn):
        kind = "User" if instance.iam_user_arn else "Session"
        what = f"iam{kind}Arn: {instance.iam_arn} is tied to the instance {other}: deregister that one first"
        raise Refused(f"Iam{kind}ArnAlreadyRegisteredException", what)


def _arn(name: str, caller: Caller) -> str:
    return f"{arns.own(caller)}instance/{name}_{clock.arn_suffix()}"

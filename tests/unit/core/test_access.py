"""Who may deploy, stop and touch hosts: the rule by itself."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from functions.core import access
from functions.core.new_deployment import Overrides, new_deployment, retry, rollback_deployment
from functions.core.records import DeploymentSummary, Group, GroupSettings, TagFilter, TagGroup
from functions.core.selection import Contact, Instance, Node, OutsideHosts
from functions.core.statuses import DeploymentStatus, OverriddenSetting
from tests.conftest import revision

NOW = "2026-11-23T10:00:00.000Z"
ANN, BOB = (f"arn:aws:iam::123456789012:user/{name}" for name in ("ann", "bob"))
PROD = TagGroup(filters=(TagFilter(key="stage", value="prod"),))
DEV = TagGroup(filters=(TagFilter(key="stage", value="dev"),))


def group(name: str = "prod", *, allowed: Sequence[str] = (ANN,), **settings: Any) -> Group:
    tags: dict[str, Any] = {"tag_groups": (PROD,), **settings}
    return Group(
        application="shop",
        name=name,
        group_id=f"id-{name}",
        settings=GroupSettings(allowed_principals=tuple(allowed), **tags),
    )


def deployment(of: Group, principal: str | None = BOB, own: Overrides | None = None) -> Any:
    return new_deployment(
        of,
        revision(),
        deployment_id="d-1",
        now=NOW,
        requested_by=principal or "a person",
        principal=principal,
        own=own or Overrides(),
    )


def ec2(*ids: str, **tags: str) -> list[Instance]:
    return [Instance(instance_id=each, tags=tags) for each in ids]


@pytest.mark.parametrize(
    ("allowed", "principal", "may"),
    [([], None, True), ([], BOB, True), ([ANN], ANN, True), ([ANN], BOB, False), (["arn:aws:iam::*:*"], None, False)],
)
def test_without_patterns_everybody_may_and_with_some_nobody_who_is_unidentified(
    allowed: list[str], principal: str | None, may: bool
) -> None:
    said = access.may_deploy(group(allowed=allowed), principal)
    assert (said is None) is may
    assert may or (said and "may not deploy to shop/prod. Use the control API" in said)


def test_a_stop_goes_by_the_group_as_it_is_now() -> None:
    one = deployment(group(allowed=[ANN]), ANN)
    assert access.may_stop(one, group(allowed=[BOB]), BOB) is None, "who was added in an incident"
    assert access.may_stop(one, group(allowed=[BOB]), ANN), "who was removed"
    assert access.may_stop(deployment(group(allowed=[])), group(allowed=[ANN]), BOB), "guarded since"


@pytest.mark.parametrize("now", [None, replace(group(allowed=[]), group_id="another")])
def test_a_stop_goes_by_the_copy_when_the_group_is_gone(now: Group | None) -> None:
    one = deployment(group(allowed=[ANN]), ANN)
    assert access.may_stop(one, now, BOB) and access.may_stop(one, now, ANN) is None


def test_hosts_of_a_guarded_group_are_closed_to_other_groups() -> None:
    guard = access.guard(group())
    assert guard
    dev = group("dev", allowed=[])
    fleet = access.Fleet(ec2=[*ec2("i-1", "i-2", "i-3", "i-4", "i-5", stage="prod"), *ec2("i-9", stage="dev")])
    said = access.may_touch(deployment(dev), fleet, [guard])
    assert said == (
        f"{BOB} may not deploy to i-1, i-2, i-3 and 2 more by way of shop/dev: these hosts belong to shop/prod, where"
        " the caller is not one of the allowedPrincipals. Leave the hosts out, deploy as one of the allowedPrincipals"
        " there, or add shop/dev to sharedWith there."
    )
    assert access.may_touch(deployment(dev), access.Fleet(ec2=ec2("i-9", stage="dev")), [guard]) is None
    assert access.may_touch(deployment(dev, ANN), fleet, [guard]) is None, "allowed there as well"
    assert access.may_touch(deployment(group()), fleet, [guard]) is None, "its own hosts"
    assert "An unidentified caller" in (access.may_touch(deployment(dev, None), fleet, [guard]) or "")


def test_a_group_of_the_same_name_is_another_group() -> None:
    guard = access.guard(group())
    other = replace(group(allowed=[]), group_id="made-since")
    assert guard and access.may_touch(deployment(other), access.Fleet(ec2=ec2("i-1", stage="prod")), [guard])


def test_a_shared_host_is_open_to_those_it_is_shared_with_alone() -> None:
    guard = access.guard(group(shared_with=("shop/dev",)))
    fleet = access.Fleet(ec2=ec2("i-1", stage="prod"))
    assert guard and access.may_touch(deployment(group("dev", allowed=[])), fleet, [guard]) is None
    assert access.may_touch(deployment(group("test", allowed=[])), fleet, [guard])


def test_every_guarded_group_of_a_host_has_to_let_the_deployment_in() -> None:
    guards = [access.guard(group("prod", allowed=[BOB])), access.guard(group("pci"))]
    fleet = access.Fleet(ec2=ec2("i-1", stage="prod"))
    said = access.may_touch(deployment(group("dev", allowed=[])), fleet, [each for each in guards if each])
    assert said and "the host belongs to shop/pci, where" in said


def test_a_host_on_premises_is_known_by_its_id_and_not_by_the_name_it_was_registered_with() -> None:
    """A host can be registered a second time, by its id, with other tags."""
    node = Node(instance_id="mi-7", name="rack-7", contact=Contact(ping="Online"), last_ping=NOW)
    outside = OutsideHosts(registered={"rack-7": {"stage": "prod"}, "mi-7": {"stage": "dev"}}, nodes=[node])
    guard = access.guard(group(tag_groups=(), on_premises_tag_groups=(PROD,)))
    fleet = access.Fleet(ec2=(), on_premises=outside.select((DEV,)), outside=outside)
    said = access.may_touch(deployment(group("dev", allowed=[])), fleet, [guard] if guard else [])
    assert said and "mi-7" in said


def test_tags_of_ec2_say_nothing_of_hosts_on_premises() -> None:
    outside = OutsideHosts(registered={"rack-7": {"stage": "prod"}})
    guard = access.guard(group())
    fleet = access.Fleet(ec2=(), on_premises=outside.select((PROD,)), outside=outside)
    assert access.may_touch(deployment(group("dev", allowed=[])), fleet, [guard] if guard else []) is None


def test_only_a_group_that_is_there_and_names_principals_is_guarded() -> None:
    assert access.guard(None) is None and access.guard(group(allowed=[])) is None
    assert access.guard(replace(group(), removed_at=NOW)) is None


@pytest.mark.parametrize(
    ("allowed", "requested_by", "principal"),
    [
        ([ANN], ANN, ANN),  # such a group let in identified callers alone
        ([], ANN, None),  # whatever a caller of `start` wrote
        ([ANN], "rollback of d-0", None),
        ([ANN], None, None),
    ],
)
def test_a_record_of_an_older_engine_says_who_it_was_only_where_that_was_checked(
    allowed: list[str], requested_by: str | None, principal: str | None
) -> None:
    old = replace(deployment(group(allowed=allowed), None), requested_by=requested_by)
    assert access.principal_of(old) == principal


def test_a_rollback_is_for_the_principal_of_what_it_undoes_and_a_retry_for_its_own() -> None:
    good = DeploymentSummary(
        deployment_id="d-0", status=DeploymentStatus.SUCCEEDED, create_time=NOW, revision=revision("v0")
    )
    of = replace(group(allowed=[]), last_successful=good)
    own = Overrides(tag_filters=DEV)
    back = rollback_deployment(of, deployment(of, ANN, own), deployment_id="d-2", now=NOW)
    assert back and (back.principal, back.settings.tag_groups) == (ANN, (PROD,))
    again = retry(of, deployment(of, ANN, own), deployment_id="d-2", now=NOW, requested_by=BOB, principal=BOB)
    for each in (back, again):
        assert (each.own_tag_groups, set(each.own)) == ((DEV,), {OverriddenSetting.TAG_FILTERS})
    assert again.principal == BOB


def test_a_record_of_an_older_engine_whose_tags_replaced_the_groups_narrows_when_it_is_retried() -> None:
    of = group(allowed=[])
    old = replace(deployment(of), own=frozenset({OverriddenSetting.TAG_SET}), settings=GroupSettings(tag_groups=(DEV,)))
    assert old.replaces_tags and old.own_tag_groups == (DEV,)
    again = retry(of, old, deployment_id="d-2", now=NOW, requested_by=BOB)
    assert (again.settings.tag_groups, again.target_tag_groups, again.replaces_tags) == ((PROD,), (DEV,), False)

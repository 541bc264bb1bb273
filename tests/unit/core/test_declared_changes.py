"""What a declaration changes on record: groups that are new, differ, go and come back."""

from dataclasses import replace

import pytest

from functions.core.declaration import Declaration, changes, load
from functions.core.errors import InvalidInput
from functions.core.records import DeploymentSummary, Group, GroupSettings
from functions.core.statuses import DeploymentStatus
from tests.unit.core.test_declaration import group

DECLARED = load(group("onBusy: reject"))
LAST = DeploymentSummary(deployment_id="d-1", status=DeploymentStatus.SUCCEEDED, create_time="t")
STORED = Group(
    application="shop",
    name="web",
    group_id="old",
    settings=DECLARED.groups[0].settings,
    declared=True,
    last_successful=LAST,
)


def changed(declaration: Declaration, *stored: Group) -> list[tuple[Group | None, Group]]:
    by_key = {f"{each.application}/{each.name}": each for each in stored}
    return [(c.before, c.after) for c in changes(declaration, by_key, now="now", new_id=lambda: "new")]


def test_a_new_group_gets_a_new_id() -> None:
    ((before, after),) = changed(DECLARED)
    assert (before, after.group_id, after.settings) == (None, "new", DECLARED.groups[0].settings)


def test_nothing_changes_when_nothing_differs() -> None:
    assert changed(DECLARED, STORED) == []


def test_a_changed_group_keeps_its_id_and_its_last_deployments() -> None:
    older = replace(STORED, settings=GroupSettings())
    assert changed(DECLARED, older) == [(older, STORED)]


def test_a_group_that_is_gone_is_marked_once() -> None:
    removed = replace(STORED, removed_at="now", declared=False)
    assert changed(Declaration(), STORED) == [(STORED, removed)]
    assert changed(Declaration(), removed) == []


def test_a_group_that_comes_back_is_the_same_group() -> None:
    removed = replace(STORED, removed_at="before", declared=False)
    assert changed(DECLARED, removed) == [(removed, STORED)]


def test_a_declared_group_has_what_clients_read_of_codedeploys() -> None:
    role = "arn:aws:iam::123456789012:role/deploy"
    ((_, after),) = changed(load(group(f"serviceRoleArn: {role}\noutdatedInstancesStrategy: IGNORE")))
    assert (after.service_role_arn, after.outdated_instances_strategy) == (role, "IGNORE")
    with pytest.raises(InvalidInput, match="give arn:aws:iam::ACCOUNT:role/NAME"):
        load(group("serviceRoleArn: deploy"))
    with pytest.raises(InvalidInput, match="is not one of IGNORE, UPDATE"):
        load(group("outdatedInstancesStrategy: NEVER"))


def test_a_declared_tag_set_of_one_list_is_told_as_a_set() -> None:
    text = "applications: {shop: {groups: {web: {ec2TagSet: {ec2TagSetList: [[{Key: a}]]}}}}}"
    ((_, after),) = changed(load(text))
    assert after.has_tag_set and not after.has_on_premises_tag_set

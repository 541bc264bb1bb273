"""The declaration in the table: what is written, and above all what is not."""

from dataclasses import replace
from typing import Any

import boto3
import pytest

from functions.core.declaration import Declaration, load
from functions.core.text.shapes import to_plain
from functions.engine import declare
from functions.store.keys import group_item_key, to_wire
from functions.store.table import Table
from tests.conftest import all_items
from tests.unit.core.test_declaration import LAST, group


def apply(table: Table, text: str) -> list[str]:
    return declare.apply(table, load(text))


def writes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the calls that write, from now on."""
    client = declare.client("dynamodb")
    calls: list[str] = []
    client.meta.events.register(
        "before-call.dynamodb",
        lambda model, **_: calls.append(model.name) if model.name not in ("Query", "GetItem") else None,
    )
    return calls


ONE = group("alarmConfiguration: {alarms: [{name: a}, {name: b}]}")
CUSTOM = "deploymentConfigs: {Most: {minimumHealthyHosts: {type: FLEET_PERCENT, value: 90}}}\n"


def items() -> dict[tuple[str, str], dict[str, Any]]:
    return {(item["pk"], item["sk"]): item for item in all_items()}


def test_a_declaration_makes_applications_groups_alarms_and_configurations(table: Table) -> None:
    assert apply(table, CUSTOM + ONE) == ["Most", "shop", "shop/web"]
    assert set(items()) == {
        ("CONFIG", "CONFIG#Most"),
        ("APPLICATION#shop", "APPLICATION"),
        ("APPLICATION#shop", "GROUP#web"),
        ("APPLICATIONS", "APPLICATION#shop"),
        ("DECLARED", "APPLICATION#shop"),
        ("DECLARED", "GROUP#shop/web"),
        ("ALARM#a", "GROUP#shop/web"),
        ("ALARM#b", "GROUP#shop/web"),
    }
    found = table.group("shop", "web")
    assert found and len(found.group_id) == 36 and found.settings.alarms.names == ("a", "b")
    assert table.has_application("shop") and table.groups_of_alarm("a") == ["shop/web"]
    assert items()["APPLICATION#shop", "GROUP#web"]["declared"] is True


def test_a_second_run_writes_nothing(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    apply(table, CUSTOM + ONE)
    calls, before = writes(monkeypatch), items()
    assert apply(table, CUSTOM + ONE) == []
    assert calls == [] and items() == before


def test_a_changed_group_keeps_its_id_and_what_deployments_wrote(table: Table) -> None:
    apply(table, ONE)
    before = table.group("shop", "web")
    remember_a_deployment(table)
    assert apply(table, group("alarmConfiguration: {alarms: [{name: b}, {name: c}]}")) == ["shop/web"]
    after = table.group("shop", "web")
    assert before and after and (after.group_id, after.last_successful) == (before.group_id, LAST)
    assert [table.groups_of_alarm(name) for name in "abc"] == [[], ["shop/web"], ["shop/web"]]


def remember_a_deployment(table: Table) -> None:
    """As a deployment of another execution does, between two runs."""
    boto3.client("dynamodb").update_item(
        TableName=table.name,
        Key=to_wire(group_item_key("shop", "web")),
        UpdateExpression="SET last_successful = :last",
        ExpressionAttributeValues=to_wire({":last": to_plain(LAST)}),
    )


def test_a_group_that_is_gone_keeps_its_history_and_leaves_its_alarms(table: Table) -> None:
    apply(table, CUSTOM + ONE)
    remember_a_deployment(table)
    assert apply(table, "applications: {}") == ["Most", "shop", "shop/web"]
    found = table.group("shop", "web")
    assert found and found.removed_at and found.last_successful == LAST
    stay = ("APPLICATION#shop", "APPLICATION"), ("APPLICATIONS", "APPLICATION#shop"), ("APPLICATION#shop", "GROUP#web")
    assert set(items()) == set(stay)
    assert "declared" not in items()["APPLICATION#shop", "APPLICATION"]
    assert apply(table, "applications: {}") == []


def test_a_group_that_comes_back_is_the_same_group(table: Table) -> None:
    apply(table, ONE)
    before = table.group("shop", "web")
    apply(table, "applications: {}")
    assert apply(table, ONE) == ["shop", "shop/web"]
    assert before and table.group("shop", "web") == replace(before, changes=2)
    assert table.groups_of_alarm("b") == ["shop/web"]


def test_an_interrupted_run_is_finished_by_the_next(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    two = ONE + "      job: {ec2TagFilters: [{Key: job}]}\n"
    real, done = Table.transact, []

    def once(records: Table, writes: list[Any]) -> None:
        if len(done) == 2:  # the application and its first group
            raise TimeoutError
        done.append(writes)
        real(records, writes)

    with monkeypatch.context() as patch:
        patch.setattr(Table, "transact", once)
        with pytest.raises(TimeoutError):
            apply(table, two)
    assert apply(table, two) == ["shop/job"]
    assert declare.apply(table, Declaration(applications=("shop",))) == ["shop/job", "shop/web"]

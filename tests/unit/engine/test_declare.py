"""The declaration in the table: what is written, and above all what is not."""

from dataclasses import replace
from typing import Any

import pytest

from functions.core.declaration import Declaration, load
from functions.core.records import LoadBalancers
from functions.core.text.shapes import to_plain
from functions.engine import declare
from functions.store.keys import group_item_key
from functions.store.records import applications, declared, groups
from tests.conftest import all_items
from tests.store import Store
from tests.unit.core.test_declaration import group
from tests.unit.core.test_declared_changes import LAST


def apply(text: str) -> list[str]:
    return declare.apply(load(text))


ONE = group("alarmConfiguration: {alarms: [{name: a}, {name: b}]}")
CUSTOM = "deploymentConfigs: {Most: {minimumHealthyHosts: {type: FLEET_PERCENT, value: 90}}}\n"


def items() -> dict[tuple[str, str], dict[str, Any]]:
    return {(item["pk"], item["sk"]): item for item in all_items()}


def test_a_declaration_makes_applications_groups_alarms_and_configurations(store: Store) -> None:
    assert apply(CUSTOM + ONE) == ["Most", "shop", "shop/web"]
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
    found = groups.get("shop", "web")
    assert found and len(found.group_id) == 36 and found.settings.alarms.names == ("a", "b")
    assert applications.has("shop") and groups.of_alarm("a") == ["shop/web"]
    assert items()["APPLICATION#shop", "GROUP#web"]["declared"] is True


def test_the_load_balancers_that_the_engine_may_use_are_on_the_list(store: Store) -> None:
    named = "loadBalancerInfo: {targetGroupInfoList: [{name: web}], elbInfoList: [{name: old}]}"
    assert apply(group(named)) == ["web", "old", "shop", "shop/web"]
    assert declared.load_balancers() == LoadBalancers(target_groups=("web",), classic=("old",))
    assert apply(group(named)) == []
    assert apply(group(named.replace("old", "new"))) == ["new", "old", "shop/web"]
    assert declared.load_balancers() == LoadBalancers(target_groups=("web",), classic=("new",))
    assert apply(group("")) == ["web", "new", "shop/web"] and declared.load_balancers() == LoadBalancers()


def test_a_second_run_writes_nothing(store: Store) -> None:
    apply(CUSTOM + ONE)
    before = items()
    store.operations.clear()
    assert apply(CUSTOM + ONE) == []
    assert set(store.operations) <= {"Query", "GetItem"} and items() == before


def test_a_changed_group_keeps_its_id_and_what_deployments_wrote(store: Store) -> None:
    apply(ONE)
    before = groups.get("shop", "web")
    remember_a_deployment(store)
    assert apply(group("alarmConfiguration: {alarms: [{name: b}, {name: c}]}")) == ["shop/web"]
    after = groups.get("shop", "web")
    assert before and after and (after.group_id, after.last_successful) == (before.group_id, LAST)
    assert [groups.of_alarm(name) for name in "abc"] == [[], ["shop/web"], ["shop/web"]]


def remember_a_deployment(store: Store) -> None:
    """As a deployment of another execution does, between two runs."""
    store.set(group_item_key("shop", "web"), last_successful=to_plain(LAST))


def test_a_group_that_is_gone_keeps_its_history_and_leaves_its_alarms(store: Store) -> None:
    apply(CUSTOM + ONE)
    remember_a_deployment(store)
    assert apply("applications: {}") == ["Most", "shop", "shop/web"]
    found = groups.get("shop", "web")
    assert found and found.removed_at and found.last_successful == LAST
    stay = ("APPLICATION#shop", "APPLICATION"), ("APPLICATIONS", "APPLICATION#shop"), ("APPLICATION#shop", "GROUP#web")
    assert set(items()) == set(stay)
    assert "declared" not in items()["APPLICATION#shop", "APPLICATION"]
    assert apply("applications: {}") == []


def test_a_group_that_comes_back_is_the_same_group(store: Store) -> None:
    apply(ONE)
    before = groups.get("shop", "web")
    apply("applications: {}")
    assert apply(ONE) == ["shop", "shop/web"]
    assert before and groups.get("shop", "web") == replace(before, changes=2)
    assert groups.of_alarm("b") == ["shop/web"]


def test_an_interrupted_run_is_finished_by_the_next(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    two = ONE + "      job: {ec2TagFilters: [{Key: job}]}\n"
    real, done = store.transact, list[list[Any]]()

    def once(writes: list[Any]) -> bool:
        if len(done) == 2:  # the application and its first group
            raise TimeoutError
        done.append(writes)
        return real(writes)

    with monkeypatch.context() as patch:
        patch.setattr(store, "transact", once)
        with pytest.raises(TimeoutError):
            apply(two)
    assert apply(two) == ["shop/job"]
    assert declare.apply(Declaration(applications=("shop",))) == ["shop/job", "shop/web"]

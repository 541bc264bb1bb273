"""Revisions on record as the deployments that use them come and go."""

from collections.abc import Callable

from functions.api.requests.revision_location import revision
from functions.core.records import Revision
from functions.core.statuses import BundleType
from functions.store.records import revisions
from functions.store.records.revisions import used
from tests.conftest import all_items, put_group
from tests.store import Store
from tests.unit.api.conftest import Api
from tests.unit.api.revisions.locations import DEPLOYMENT, at, get, listed, moment, register, s3, use


def test_a_deployment_registers_what_nobody_did(api: Api, shop: Store) -> None:
    use(s3(), 5)
    assert get(api, s3()) == {
        "description": f"Application revision registered by Deployment ID: {DEPLOYMENT}",
        "deploymentGroups": ["web"],
        "registerTime": moment(5),
        "firstUsedTime": moment(5),
        "lastUsedTime": moment(5),
    }


def test_what_an_archive_was_found_to_be_is_no_part_of_its_location(api: Api, shop: Store) -> None:
    found = Revision(
        bucket="builds",
        key="shop/v1.zip",
        bundle_type=BundleType.ZIP,
        sha256="0" * 64,
        size=77,
        warnings=("odd",),
    )
    used("shop", "web", found, DEPLOYMENT, at(1))
    register(api, s3(), description="the same")
    assert get(api, s3())["description"] == "the same"


def test_uses_of_a_registered_revision_keep_its_description_and_its_times(
    api: Api, shop: Store, when: Callable[[int], None]
) -> None:
    when(1)
    register(api, s3(), description="mine")
    for minute in (5, 9, 7, 3, 9):  # deployments are told of in any order, and twice
        use(s3(), minute)
    assert get(api, s3()) == {
        "description": "mine",
        "deploymentGroups": ["web"],
        "registerTime": moment(1),
        "firstUsedTime": moment(3),
        "lastUsedTime": moment(9),
    }
    for order in revisions.ORDERS:
        assert listed(api, sortBy=order) == ["v1"]


def test_a_group_is_aimed_at_the_revision_of_its_newest_deployment(api: Api, shop: Store) -> None:
    use(s3("v1"), 1, "web")
    use(s3("v1"), 2, "api")
    assert get(api, s3("v1"))["deploymentGroups"] == ["api", "web"]
    use(s3("v2"), 3, "web")
    use(s3("v1"), 2, "web")  # told late
    assert (get(api, s3("v1"))["deploymentGroups"], get(api, s3("v2"))["deploymentGroups"]) == (["api"], ["web"])


def test_a_use_by_what_is_not_there_any_more_aims_nothing(api: Api, shop: Store) -> None:
    used("nope", "web", revision(s3()), DEPLOYMENT, at(1))
    use(s3(), 1, "gone")
    assert get(api, s3())["deploymentGroups"] == []
    assert not [each for each in all_items() if each["pk"] == "APPLICATION#nope" or each["sk"].startswith("AIM#")]


def test_two_uses_at_once_are_both_kept(api: Api, shop: Store, before_writes: Callable[..., None]) -> None:
    before_writes(lambda: use(s3(), 2, "api", "d-OTHER0000"))
    use(s3(), 1, "web")
    info = get(api, s3())
    assert (info["firstUsedTime"], info["lastUsedTime"]) == (moment(1), moment(2))
    assert info["deploymentGroups"] == ["api", "web"] and "d-OTHER0000" in info["description"]
    before_writes(lambda: use(s3(), 4, "api"))
    use(s3(), 3, "web")
    assert get(api, s3())["lastUsedTime"] == moment(4)
    assert listed(api, sortBy="lastUsedTime") == listed(api, sortBy="firstUsedTime") == ["v1"]


def test_a_registration_and_a_use_at_once_are_both_kept(
    api: Api, shop: Store, before_writes: Callable[..., None]
) -> None:
    before_writes(lambda: use(s3(), 1))
    register(api, s3(), description="mine")
    info = get(api, s3())
    assert (info["description"], info["lastUsedTime"]) == ("mine", moment(1))


def test_a_renamed_group_keeps_its_aim_and_a_deleted_one_loses_it(api: Api, shop: Store) -> None:
    use(s3(), 1, "web")
    put_group("site")
    shop.transact(revisions.change_of_group("shop", "web", ("shop", "site")))
    assert get(api, s3())["deploymentGroups"] == ["site"]
    shop.transact(revisions.change_of_group("shop", "site", None))
    assert get(api, s3())["deploymentGroups"] == []
    assert revisions.change_of_group("shop", "api", None) == []

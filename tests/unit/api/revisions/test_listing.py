"""GetApplicationRevision, BatchGetApplicationRevisions and ListApplicationRevisions."""

from collections.abc import Callable
from typing import Any

import pytest

from functions.api.requests.revision_location import revision
from functions.core.records import RegisteredRevision
from functions.core.revision import digest
from functions.core.text.shapes import to_plain
from functions.store.keys import group_item_key, registered_revision_key, target_revision_key
from functions.store.records import revisions
from functions.store.table.pages import PAGE
from tests.conftest import all_items, put_group, put_items
from tests.store import Store
from tests.unit.api.conftest import Api
from tests.unit.api.revisions.locations import at, get, listed, names, register, s3, use


def test_the_location_must_be_repeated_as_it_was_registered(api: Api, shop: Store) -> None:
    register(api, s3(version="1", eTag="a"))
    for other in (s3(), s3(version="1"), s3(version="2", eTag="a"), s3("v2", version="1", eTag="a")):
        asked = {"applicationName": "shop", "revision": other}
        said = api.refuses("RevisionDoesNotExistException", "GetApplicationRevision", **asked)
        assert "s3://builds/shop/v" in said and "repeat its version and eTag" in said


def test_several_are_told_in_their_order_and_the_unknown_ones_named(api: Api, shop: Store) -> None:
    for name in ("v1", "v2"):
        register(api, s3(name), description=name)
    use(s3("v2"), 1)
    asked = [s3(name) for name in ("v2", "x1", "v1", "x2", "v2", "x3", "x4", "x5")]
    told = api("BatchGetApplicationRevisions", applicationName="shop", revisions=asked)
    assert told["applicationName"] == "shop"
    assert names({"revisions": [each["revisionLocation"] for each in told["revisions"]]}) == ["v2", "v1", "v2"]
    infos = [each["genericRevisionInfo"] for each in told["revisions"]]
    assert [(each["description"], each["deploymentGroups"]) for each in infos] == [
        ("v2", ["web"]),
        ("v1", []),
        ("v2", ["web"]),
    ]
    missing = ", ".join(f"s3://builds/shop/x{number}.zip" for number in (1, 2, 3))
    assert told["errorMessage"] == f"not registered: {missing} and 2 more"
    assert "errorMessage" not in api("BatchGetApplicationRevisions", applicationName="shop", revisions=asked[:1])


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"revisions": [s3()]}, "ApplicationNameRequiredException"),
        ({"applicationName": "a/b", "revisions": [s3()]}, "InvalidApplicationNameException"),
        ({"applicationName": "nope", "revisions": [s3()]}, "ApplicationDoesNotExistException"),
        ({"applicationName": "shop"}, "RevisionRequiredException"),
        ({"applicationName": "shop", "revisions": []}, "RevisionRequiredException"),
        ({"applicationName": "shop", "revisions": [s3()] * 26}, "BatchLimitExceededException"),
    ],
)
def test_what_telling_several_refuses(api: Api, shop: Store, members: dict[str, Any], code: str) -> None:
    api.refuses(code, "BatchGetApplicationRevisions", **members)


def fill(api: Api, when: Callable[[int], None]) -> None:
    """Five revisions, a to e registered in this order; e, a and c used, a again."""
    for minute, name in enumerate("abcde"):
        when(minute)
        register(api, s3(name))
    for minute, name, group in ((10, "e", "web"), (11, "a", "web"), (12, "c", "api"), (13, "a", "web")):
        use(s3(name), minute, group)


@pytest.mark.parametrize(
    ("order", "expected"),
    [("registerTime", "abcde"), ("firstUsedTime", "eac"), ("lastUsedTime", "eca")],
)
def test_they_are_listed_by_a_time_the_unused_ones_as_if_before_all(
    api: Api, shop: Store, when: Callable[[int], None], order: str, expected: str
) -> None:
    fill(api, when)
    unused = 5 - len(expected)
    for ascending in ({}, {"sortOrder": "ascending"}):
        found = listed(api, sortBy=order, **ascending)
        assert (set(found[:unused]), found[unused:]) == (set("abcde") - set(expected), list(expected))
    assert listed(api, sortBy=order, sortOrder="descending") == found[::-1]


def test_without_an_order_they_are_listed_all_the_same(api: Api, shop: Store, when: Callable[[int], None]) -> None:
    fill(api, when)
    assert listed(api) == list("abcde")


@pytest.mark.parametrize("many", [False, True], ids=["few groups", "many groups"])
@pytest.mark.parametrize(
    ("order", "included", "excluded"),
    [("registerTime", "ac", "bde"), ("firstUsedTime", "ac", "bde"), ("lastUsedTime", "ca", "bde")],
)
def test_deployed_ones_are_those_that_a_group_is_aimed_at(
    api: Api,
    shop: Store,
    when: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
    many: bool,
    order: str,
    included: str,
    excluded: str,
) -> None:
    """Whether they are read at once, or looked for page by page because there are too many of them."""
    if many:
        monkeypatch.setattr("functions.api.operations.revisions._MAX_READ", 1)
    fill(api, when)
    assert listed(api, sortBy=order, deployed="include") == list(included)
    assert listed(api, sortBy=order, deployed="include", sortOrder="descending") == list(included[::-1])
    assert sorted(listed(api, sortBy=order, deployed="exclude")) == list(excluded)
    assert sorted(listed(api, sortBy=order, deployed="ignore")) == list("abcde")


def test_filters_by_bucket_and_key(api: Api, shop: Store) -> None:
    for name, bucket in (("a1", "builds"), ("a2", "builds"), ("b1", "builds"), ("a3", "other")):
        register(api, s3(name, bucket))
        use(s3(name, bucket), 1, {"a1": "web", "a3": "api"}.get(name, "gone"))
    for asked, expected in (
        ({"s3Bucket": "builds"}, "a1 a2 b1"),
        ({"s3Bucket": "builds", "s3KeyPrefix": "shop/a"}, "a1 a2"),
        ({"s3Bucket": "builds", "s3KeyPrefix": ""}, "a1 a2 b1"),
        ({"s3Bucket": "other", "s3KeyPrefix": "shop/a"}, "a3"),
        ({"s3Bucket": "other", "s3KeyPrefix": "hop/"}, ""),
        ({"s3Bucket": "none"}, ""),
        ({"s3Bucket": "builds", "deployed": "include"}, "a1"),
        ({"s3Bucket": "builds", "s3KeyPrefix": "shop/b", "deployed": "include"}, ""),
        ({"s3Bucket": "builds", "deployed": "exclude"}, "a2 b1"),
        ({"s3Bucket": "other", "deployed": "exclude"}, ""),
        ({"s3KeyPrefix": ""}, "a1 a2 a3 b1"),
    ):
        assert sorted(listed(api, **asked)) == expected.split(), asked


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"sortBy": "size"}, "InvalidSortByException"),
        ({"sortOrder": "up"}, "InvalidSortOrderException"),
        ({"deployed": "maybe"}, "InvalidDeployedStateFilterException"),
        ({"s3Bucket": ""}, "InvalidBucketNameFilterException"),
        ({"s3Bucket": "a/b"}, "InvalidBucketNameFilterException"),
        ({"s3KeyPrefix": "shop/"}, "BucketNameFilterRequiredException"),
        ({"s3Bucket": "builds", "s3KeyPrefix": "x" * 1025}, "InvalidKeyPrefixFilterException"),
        ({"nextToken": "x"}, "InvalidNextTokenException"),
        ({"nextToken": "x", "deployed": "include"}, "InvalidNextTokenException"),
        ({"applicationName": ""}, "ApplicationNameRequiredException"),
        ({"applicationName": "a/b"}, "InvalidApplicationNameException"),
        ({"applicationName": "nope"}, "ApplicationDoesNotExistException"),
        ({"applicationName": "nope", "deployed": "include"}, "ApplicationDoesNotExistException"),
    ],
)
def test_questions_that_cannot_be(api: Api, shop: Store, members: dict[str, Any], code: str) -> None:
    api.refuses(code, "ListApplicationRevisions", **{"applicationName": "shop", **members})


def put_many(records: Store, count: int, every: int) -> None:
    """Registered revisions v0000, v0001, ... each of a later minute; `every` so many is deployed, by a group of it."""
    items = []
    for number in range(count):
        record = RegisteredRevision(revision=revision(s3(f"v{number:04}")), register_time=at(number))
        mark, plain = digest(record.revision), to_plain(record.revision)
        key = registered_revision_key("uuid-of-shop", mark)
        items.append({**key.item, **to_plain(record), "changes": 1})
        for order in revisions.ORDERS:
            place = revisions.place(record, order)
            items.append({**key.item, "sk": place, "revision": plain, "digest": mark})
        if number % every == 0:
            items.append({**target_revision_key("shop", f"g{number}").item, "digest": mark, "aimed": at(number)})
    put_items(items)


def test_what_the_test_of_many_puts_is_what_a_registration_writes(
    api: Api, shop: Store, when: Callable[[int], None]
) -> None:
    when(0)
    register(api, s3("v0000"))
    registered = [each for each in all_items() if each["pk"].startswith("REVISIONS#")]
    put_many(shop, 1, every=2)
    assert [each for each in all_items() if each["pk"].startswith("REVISIONS#")] == registered


def test_pages_in_few_requests_however_many_there_are(
    api: Api, shop: Store, requests: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every question is answered in three requests, read at once or page by page; nothing is told twice or left out."""
    count = 2 * PAGE + 30
    put_many(shop, count, every=5)
    everything = [f"v{number:04}" for number in range(count)]
    made = requests()
    for few in (PAGE, 1):
        monkeypatch.setattr("functions.api.operations.revisions._MAX_READ", few)
        for asked, expected in (
            ({}, everything),
            ({"sortOrder": "descending"}, everything[::-1]),
            ({"s3Bucket": "builds", "s3KeyPrefix": "shop/v01"}, everything[100:200]),
            ({"deployed": "include"}, everything[::5]),
            (
                {"s3Bucket": "builds", "deployed": "exclude"},
                [each for each in everything if each not in everything[::5]],
            ),
        ):
            found: list[str] = []
            token: dict[str, str] = {}
            while True:
                made.clear()
                answer = api("ListApplicationRevisions", applicationName="shop", **asked, **token)
                assert len(made) <= 3 and len(answer["revisions"]) <= PAGE, (asked, made)
                found += names(answer)
                if "nextToken" not in answer:
                    break
                token = {"nextToken": answer["nextToken"]}
            assert found == expected, asked


def test_one_or_some_are_told_in_two_requests(api: Api, shop: Store, requests: Callable[[], list[str]]) -> None:
    for name in ("v1", "v2"):
        register(api, s3(name))
    made = requests()
    made.clear()
    get(api, s3())
    assert made == ["Query", "BatchGetItem"]
    made.clear()
    api("BatchGetApplicationRevisions", applicationName="shop", revisions=[s3("v1"), s3("v2")])
    assert made == ["Query", "BatchGetItem"]


def test_a_token_is_good_for_its_own_question_and_for_no_other(api: Api, shop: Store) -> None:
    put_many(shop, PAGE + 10, every=PAGE)
    asked = {"applicationName": "shop", "deployed": "exclude"}
    token = api("ListApplicationRevisions", **asked)["nextToken"]
    for _ in range(2):
        assert len(api("ListApplicationRevisions", **asked, nextToken=token)["revisions"]) == 9
    for other in (
        {"deployed": "ignore"},
        {"deployed": "include"},
        {"sortBy": "lastUsedTime"},
        {"sortOrder": "descending"},
        {"s3Bucket": "builds"},
    ):
        members = {**asked, **other, "nextToken": token}
        api.refuses("InvalidNextTokenException", "ListApplicationRevisions", **members)


def test_a_group_of_any_name_is_no_other_item_of_its_application(api: Api, shop: Store) -> None:
    for name in ("APPLICATION", "A", "AIM"):
        put_group(name)
        use(s3(), 1, name)
    assert get(api, s3())["deploymentGroups"] == ["A", "AIM", "APPLICATION"]
    assert shop.get(group_item_key("shop", "AIM")) and listed(api, deployed="include") == ["v1"]

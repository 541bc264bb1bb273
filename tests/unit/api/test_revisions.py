"""The revisions of an application: registering, using, telling and listing them, and what is refused of it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.api.requests.revision_location import revision
from functions.aws import clock
from functions.core.records import RegisteredRevision, Revision
from functions.core.revision import digest, location
from functions.core.statuses import BundleType
from functions.core.text.shapes import to_plain
from functions.store import revisions
from functions.store.keys import application_key, group_item_key, registered_revision_key, target_revision_key
from functions.store.pages import PAGE
from functions.store.revisions import used
from tests.conftest import all_items, put_group, put_item, put_items
from tests.store import Store
from tests.unit.api.conftest import Api

DEPLOYMENT = "d-ABCDEF123"


def s3(name: str = "v1", bucket: str = "builds", **more: str) -> dict[str, Any]:
    """A RevisionLocation."""
    location = {"bucket": bucket, "key": f"shop/{name}.zip", "bundleType": "zip", **more}
    return {"revisionType": "S3", "s3Location": location}


def git_hub(commit: str = "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d", **more: str) -> dict[str, Any]:
    """A RevisionLocation of a commit."""
    location = {"repository": "octo/hello", "commitId": commit, **more}
    return {"revisionType": "GitHub", "gitHubLocation": location}


def at(minute: int) -> str:
    """A time as the records hold it."""
    return f"2026-11-23T{minute // 60:02}:{minute % 60:02}:00.000Z"


def moment(minute: int) -> datetime:
    return datetime(2026, 11, 23, tzinfo=UTC) + timedelta(minutes=minute)


@pytest.fixture
def when(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the API's clock to a minute of a day."""

    def set_to(minute: int) -> None:
        monkeypatch.setattr(clock, "now", lambda: moment(minute))

    return set_to


@pytest.fixture
def shop(store: Store) -> Store:
    """An application with two groups."""
    for group in ("web", "api"):
        put_group(group)
    return store


def register(api: Api, location: dict[str, Any], **more: str) -> None:
    assert api("RegisterApplicationRevision", applicationName="shop", revision=location, **more) == {}


def get(api: Api, location: dict[str, Any]) -> dict[str, Any]:
    told = api("GetApplicationRevision", applicationName="shop", revision=location)
    assert (told["applicationName"], told["revision"]) == ("shop", location)
    info: dict[str, Any] = told["revisionInfo"]
    return info


def use(location: dict[str, Any], minute: int, group: str = "web", deployment_id: str = DEPLOYMENT) -> None:
    used("shop", group, revision(location), deployment_id, at(minute))


def names(answer: dict[str, Any]) -> list[str]:
    return [each["s3Location"]["key"].removeprefix("shop/").removesuffix(".zip") for each in answer["revisions"]]


def listed(api: Api, **asked: Any) -> list[str]:
    """All pages."""
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        answer = api("ListApplicationRevisions", applicationName="shop", **asked, **token)
        found += names(answer)
        if "nextToken" not in answer:
            return found
        token = {"nextToken": answer["nextToken"]}


# -- registering


def test_a_registered_revision_is_told_as_it_was_registered(api: Api, shop: Store, when: Callable[[int], None]) -> None:
    when(7)
    location = s3(version="3", eTag="abc-2")
    register(api, location, description="the third build")
    assert get(api, location) == {
        "description": "the third build",
        "deploymentGroups": [],
        "registerTime": moment(7),
    }


def test_a_second_registration_keeps_the_time_and_may_bring_a_description(
    api: Api, shop: Store, when: Callable[[int], None]
) -> None:
    for minute, more in ((1, {}), (2, {"description": "good"}), (3, {}), (4, {"description": ""})):
        when(minute)
        register(api, s3(), **more)
    assert get(api, s3()) == {"description": "good", "deploymentGroups": [], "registerTime": moment(1)}
    assert listed(api) == ["v1"]


def test_revisions_that_differ_in_one_member_are_two(api: Api, shop: Store) -> None:
    locations = [
        s3(),
        s3("v2"),
        s3(bucket="other"),
        s3(bundleType="tar"),
        s3(version="1"),
        s3(version="2"),
        s3(eTag="1"),
        s3(version="1", eTag="1"),
    ]
    for number, each in enumerate(locations):
        register(api, each, description=str(number))
    assert [get(api, each)["description"] for each in locations] == [str(each) for each in range(len(locations))]


def test_an_etag_may_be_quoted_as_s3_quotes_it_and_empty_members_are_none(api: Api, shop: Store) -> None:
    register(api, s3(eTag='"abc"', version=""), description="quoted")
    assert get(api, s3(eTag="abc"))["description"] == "quoted"


def test_applications_have_their_own(api: Api, shop: Store) -> None:
    put_group("web", "store")
    register(api, s3())
    asked = {"applicationName": "store", "revision": s3()}
    api.refuses("RevisionDoesNotExistException", "GetApplicationRevision", **asked)
    assert api("ListApplicationRevisions", applicationName="store") == {"revisions": []}


def test_an_application_made_again_under_an_old_name_knows_no_revisions(api: Api, shop: Store) -> None:
    register(api, s3())
    put_item({**application_key("shop").item, "name": "shop", "application_id": "another"})
    assert listed(api) == []
    register(api, s3())
    assert listed(api) == ["v1"]


def test_a_commit_on_github_is_registered_used_and_told_as_any_revision(
    api: Api, shop: Store, when: Callable[[int], None]
) -> None:
    when(1)
    register(api, git_hub(), description="the first commit")
    register(api, s3())
    assert get(api, git_hub())["description"] == "the first commit"
    use(git_hub(), 2)
    assert get(api, git_hub())["deploymentGroups"] == ["web"]
    several = [git_hub(), s3(), git_hub("0" * 40)]
    told = api("BatchGetApplicationRevisions", applicationName="shop", revisions=several)
    assert [each["revisionLocation"] for each in told["revisions"]] == several[:2]
    assert told["errorMessage"] == f"not registered: github.com/octo/hello at {'0' * 40}"
    message = api.refuses(
        "RevisionDoesNotExistException", "GetApplicationRevision", applicationName="shop", revision=git_hub("0" * 40)
    )
    assert "repeat its repository and commitId" in message


def test_commits_are_listed_but_in_no_bucket(api: Api, shop: Store, when: Callable[[int], None]) -> None:
    for minute, each in enumerate((s3(), git_hub())):
        when(minute)
        register(api, each)
    asked = {"applicationName": "shop", "sortBy": "registerTime"}
    assert api("ListApplicationRevisions", **asked)["revisions"] == [s3(), git_hub()]
    assert api("ListApplicationRevisions", **asked, s3Bucket="builds")["revisions"] == [s3()]
    assert api("ListApplicationRevisions", **asked, s3Bucket="revisions")["revisions"] == []


def test_a_commit_is_the_same_revision_before_and_after_it_was_pinned() -> None:
    asked = revision(git_hub())
    pinned = replace(asked, bucket="revisions", version="v", etag="e", sha256="0" * 64, size=9, warnings=("w",))
    assert digest(pinned) == digest(asked) and location(pinned) == asked
    assert digest(revision(git_hub("0" * 40))) != digest(asked) != digest(revision(s3()))


ARCHIVE = "upload the archive to S3"


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ({}, "revision.revisionType: is missing: give S3"),
        ({"s3Location": s3()["s3Location"]}, "revision.revisionType: is missing"),
        ({"revisionType": "Svn"}, "'Svn' is not one of S3, GitHub"),
        ({"revisionType": "GitHub"}, "revision.gitHubLocation: is missing: give repository and commitId"),
        ({**git_hub(), "s3Location": {}}, "revision.s3Location: does not belong to revisionType GitHub"),
        (git_hub(repository=""), "gitHubLocation.repository: is missing: give owner/name"),
        (git_hub(repository="octo"), "'octo' is not owner/name"),
        (git_hub(repository="octo/hello/x"), "'octo/hello/x' is not owner/name"),
        (git_hub(repository="octo/.."), "'octo/..' is not owner/name"),
        (git_hub(repository="./hello"), "'./hello' is not owner/name"),
        (git_hub(repository="octo/hel lo"), "'octo/hel lo' is not owner/name"),
        (git_hub(repository="octo/hello\n"), "is not owner/name"),
        (git_hub(commitId=""), "gitHubLocation.commitId: is missing: give the commit's 40 hexadecimal digits"),
        (git_hub(commitId="main"), "'main' is not the commit's 40 hexadecimal digits"),
        (git_hub(commitId="7fd1a60"), "'7fd1a60' is not the commit's 40"),
        (
            {"revisionType": "String", "string": {"content": "version: 0.0"}},
            f"Lambda, which is not supported: {ARCHIVE}",
        ),
        ({"revisionType": "AppSpecContent", "appSpecContent": {"content": "{}"}}, ARCHIVE),
        ({"revisionType": "S3"}, "revision.s3Location: is missing: give bucket, key and bundleType"),
        ({**s3(), "gitHubLocation": {}}, "revision.gitHubLocation: does not belong to revisionType S3"),
        ({"revisionType": "S3", "s3Location": {}}, "s3Location.bucket: is missing"),
        (s3(bucket=""), "s3Location.bucket: is missing"),
        (s3(bucket="a/b"), "'a/b' is not the name of a bucket"),
        (s3(key=""), "s3Location.key: is missing"),
        (s3(key="ü" * 513), "s3Location.key: has more than 1024 bytes"),
        (s3(version="x" * 1025), "s3Location.version: has more than 1024 bytes"),
        (s3(eTag="x" * 1025), "s3Location.eTag: has more than 1024 bytes"),
        (s3(bundleType=""), "s3Location.bundleType"),
        (s3(bundleType="rar"), "'rar' is not one of tar, tgz, zip"),
        (s3(bundleType="YAML"), "not supported: give an archive, tar, tgz, zip"),
        (s3(bundleType="JSON"), "not supported: give an archive, tar, tgz, zip"),
        ({"revisionType": "S3", "s3Location": {"bucket": "builds", "key": "k"}}, "s3Location.bundleType: is missing"),
    ],
)
def test_what_is_no_revision_says_why(api: Api, shop: Store, location: dict[str, Any], says: str) -> None:
    asked = {"applicationName": "shop", "revision": location}
    for operation in ("RegisterApplicationRevision", "GetApplicationRevision"):
        assert says in api.refuses("InvalidRevisionException", operation, **asked)
    several = {"applicationName": "shop", "revisions": [s3(), location]}
    said = api.refuses("InvalidRevisionException", "BatchGetApplicationRevisions", **several)
    assert "revisions[1]" in said and says.removeprefix("revision.") in said


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"revision": s3()}, "ApplicationNameRequiredException"),
        ({"applicationName": "sh op", "revision": s3()}, "InvalidApplicationNameException"),
        ({"applicationName": "nope", "revision": s3()}, "ApplicationDoesNotExistException"),
        ({"applicationName": "shop"}, "RevisionRequiredException"),
    ],
)
def test_what_both_registering_and_getting_refuse(api: Api, shop: Store, members: dict[str, Any], code: str) -> None:
    for operation in ("RegisterApplicationRevision", "GetApplicationRevision"):
        api.refuses(code, operation, **members)


def test_a_description_has_an_end(api: Api, shop: Store) -> None:
    register(api, s3(), description="x" * 256)
    asked = {"applicationName": "shop", "revision": s3("v2"), "description": "x" * 257}
    said = api.refuses("DescriptionTooLongException", "RegisterApplicationRevision", **asked)
    assert "257 characters, at most 256" in said and listed(api) == ["v1"]


# -- using


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


# -- telling


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


# -- listing


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

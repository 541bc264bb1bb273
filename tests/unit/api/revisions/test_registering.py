"""RegisterApplicationRevision: what is a revision, and which ones are the same."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from functions.api.requests.revision_location import revision
from functions.core.revision import digest, location
from functions.store.keys import application_key
from tests.conftest import put_group, put_item
from tests.store import Store
from tests.unit.api.conftest import Api
from tests.unit.api.revisions.locations import get, git_hub, listed, moment, register, s3, use


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

"""Locations of revisions, and what the tests of their operations ask for."""

from datetime import UTC, datetime, timedelta
from typing import Any

from functions.api.requests.revision_location import revision
from functions.store.records.revisions import used
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

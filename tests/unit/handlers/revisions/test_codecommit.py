"""A commit of CodeCommit as a revision: by the API, by a push, packed once, and as told as it was given."""

from pathlib import Path
from typing import Any

import pytest

from functions.aws.clients import client
from functions.core.records import Deployment
from functions.core.statuses import DeploymentErrorCode, DeploymentStatus
from functions.handlers import prepare, start
from functions.settings import settings
from functions.store.records import deployments
from tests.conftest import BUCKET, LambdaContext, all_items, put_group, stand_in
from tests.fakes.codecommit import FakeCodeCommit, commit_all, git
from tests.unit.api.conftest import Api
from tests.unit.handlers.test_prepare import APPSPEC, World
from tests.unit.inbox import Inbox
from tests.unit.news import queued

GROUP = {"applicationName": "shop", "deploymentGroupName": "web"}


@pytest.fixture
def commit(world: World, tmp_path: Path) -> str:
    """What was pushed to the repository `site`."""
    fake = stand_in("codecommit", FakeCodeCommit(tmp_path))
    place = Path(fake.call("CreateRepository", repositoryName="site")["repositoryMetadata"]["cloneUrlHttp"])
    (place / "hooks/post-receive").unlink()
    clone = tmp_path / "clone"
    clone.mkdir()
    (clone / "appspec.yml").write_text(APPSPEC)
    found = commit_all(clone)
    git(clone, "push", "--quiet", str(place), "HEAD:refs/heads/main")
    return found


def read(deployment_id: str) -> Deployment:
    found = deployments.get(deployment_id)
    assert found
    return found


def test_a_commit_is_packed_once_and_told_as_it_was_given(api: Api, world: World, commit: str) -> None:
    location = {"revisionType": "CodeCommit", "codeCommitLocation": {"repository": "site", "commitId": commit}}
    first = api("CreateDeployment", **GROUP, revision=location)["deploymentId"]
    prepare.handler({"deployment_id": first}, world.context)
    one = read(first)
    assert one.status is DeploymentStatus.IN_PROGRESS, one.failure
    key = f".stepdeploy/codecommit/site/{commit}.tar.gz"
    assert (one.revision.bucket, one.revision.key) == (BUCKET, key) and one.revision.sha256
    assert api("GetDeployment", deploymentId=first)["deploymentInfo"]["revision"] == location
    asked = len(client("codecommit").operations)
    second = api("CreateDeployment", **GROUP, revision=location)["deploymentId"]
    prepare.handler({"deployment_id": second}, world.context)
    assert len(client("codecommit").operations) == asked == 2, "one folder and one file, once"


def test_a_commit_that_is_not_there_ends_the_deployment(api: Api, world: World, commit: str) -> None:
    location = {"revisionType": "CodeCommit", "codeCommitLocation": {"repository": "site", "commitId": "1" * 40}}
    one = api("CreateDeployment", **GROUP, revision=location)["deploymentId"]
    prepare.handler({"deployment_id": one}, world.context)
    failure = read(one).failure
    assert failure and failure.code is DeploymentErrorCode.REVISION_MISSING
    assert failure.message.startswith(f"CodeCommit's site at {'1' * 40}: CodeCommit has no such commit")


@pytest.mark.parametrize(("location", "says"), [
    ({"repository": "a/b", "commitId": "1" * 40}, "codeCommitLocation.repository: 'a/b' is not the name of a repos"),
    ({"repository": "site", "commitId": "main"}, "commitId: 'main' is not the commit's 40 hexadecimal digits"),
    ({"repository": "site"}, "codeCommitLocation.commitId: is missing"),
])  # fmt: skip
def test_what_names_no_commit_is_refused(api: Api, world: World, location: dict[str, str], says: str) -> None:
    revision = {"revisionType": "CodeCommit", "codeCommitLocation": location}
    assert says in api.refuses("InvalidRevisionException", "CreateDeployment", **GROUP, revision=revision)


def pushed(branch: str = "main", event_id: str = "e-1", at: str = "2026-11-23T10:00:00Z") -> dict[str, Any]:
    """From the CodeCommit User Guide, "Monitoring CodeCommit events in Amazon EventBridge"."""
    return {
        "id": event_id,
        "source": "aws.codecommit",
        "detail-type": "CodeCommit Repository State Change",
        "time": at,
        "detail": {
            "event": "referenceUpdated",
            "repositoryName": "site",
            "referenceType": "branch",
            "referenceName": branch,
            "commitId": "c" * 40,
            "callerUserArn": "arn:aws:iam::1:user/ann",
        },
    }


@pytest.fixture
def deliver(world: World, context: LambdaContext, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What a push has started: deployments, the first first."""
    put_group()
    monkeypatch.setenv("UPLOAD_QUEUE_URL", Inbox("uploads").url)
    settings.cache_clear()

    def run(*events: Any) -> list[Deployment]:
        assert start.handler(queued(*events), context) == {"batchItemFailures": []}
        found = [read(item["deployment_id"]) for item in all_items() if item["sk"] == "DEPLOYMENT"]
        return sorted(found, key=lambda each: each.create_time)

    return run


def test_a_push_to_a_branch_that_the_file_names_is_deployed_once(deliver: Any) -> None:
    (one,) = deliver(pushed(), pushed(), pushed(branch="other", event_id="e-2"))
    assert one.group_key == "shop/web" and one.revision.codecommit
    assert one.revision.codecommit.commit == "c" * 40
    assert one.requested_by == "push to main of CodeCommit's site"
    assert one.metadata == {"commit": "c" * 40, "branch": "main", "pushedBy": "arn:aws:iam::1:user/ann"}


def test_a_push_that_is_told_late_does_not_replace_a_newer_one(deliver: Any) -> None:
    older, newer = deliver(pushed(event_id="e-2", at="2026-11-23T10:05:00Z"), pushed())
    assert (older.status, newer.status) == (DeploymentStatus.STOPPED, DeploymentStatus.CREATED)
    assert older.superseded_by == newer.deployment_id


def test_a_push_to_a_group_that_refuses_it_is_a_failed_deployment(deliver: Any) -> None:
    put_group(removed_at="2026-01-01T00:00:00.000Z")
    (one,) = deliver(pushed())
    assert one.status is DeploymentStatus.FAILED and one.failure
    assert one.failure.code is DeploymentErrorCode.DEPLOYMENT_GROUP_MISSING

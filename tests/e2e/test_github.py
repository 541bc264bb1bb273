"""A commit on GitHub, asked for by the control API, on the deployed stack: fetched once, with the secret's token."""

import json
from typing import Any

import pytest

from functions.core.records import Deployment
from functions.core.statuses import Creator, DeploymentErrorCode, DeploymentStatus
from local.bundles import EXAMPLES
from tests.e2e.conftest import Fleet, MakeFleet, failing
from tests.fake_github import FakeGitHub, tarball

REPOSITORY = "octo/private"
GOOD, BAD = "1" * 40, "2" * 40
TOKEN = "github_pat_0123456789_abcdefghij"


def commit(files: dict[str, str]) -> bytes:
    """GitHub's archive of a commit of examples/hooks, with some files changed."""
    root = EXAMPLES / "hooks"
    example = {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*") if path.is_file()}
    return tarball({**example, **files})


@pytest.fixture
def group(fleet: MakeFleet, hub: FakeGitHub) -> Fleet:
    made = fleet("commits", hosts=1)
    archives = {GOOD: commit({"app/version.txt": "good"}), BAD: commit({"scripts/validate.sh": failing("exit 1")})}
    hub.archives.update({f"/repos/{REPOSITORY}/tarball/{name}": body for name, body in archives.items()})
    made.cloud.client("secretsmanager").put_secret_value(
        SecretId=made.engine.outputs["GitHubSecretArn"], SecretString=TOKEN
    )
    return made


def deploy(group: Fleet, commit_id: str, **more: Any) -> Deployment:
    location = {"repository": REPOSITORY, "commitId": commit_id}
    answer = group.cloud.client("codedeploy").create_deployment(
        applicationName="shop",
        deploymentGroupName=group.group,
        revision={"revisionType": "GitHub", "gitHubLocation": location},
        **more,
    )
    return group.engine.wait(answer["deploymentId"])


def test_a_commit_reaches_hosts_and_comes_back_without_github(group: Fleet, hub: FakeGitHub) -> None:
    one = deploy(group, GOOD)
    assert one.status is DeploymentStatus.SUCCEEDED, one.failure
    assert group.installed() == ["good"]
    assert [(where, token) for where, path, token in hub.asked if GOOD in path] == [
        ("api", f"Bearer {TOKEN}"),
        ("archives", None),
    ]
    told = group.cloud.client("codedeploy").get_deployment(deploymentId=one.deployment_id)["deploymentInfo"]
    location = {"repository": REPOSITORY, "commitId": GOOD}
    assert told["revision"] == {"revisionType": "GitHub", "gitHubLocation": location}
    rollback = {"enabled": True, "events": ["DEPLOYMENT_FAILURE"]}
    bad = deploy(group, BAD, autoRollbackConfiguration=rollback)
    assert bad.status is DeploymentStatus.FAILED and bad.rollback and bad.rollback.rollback_deployment_id
    hub.archives.clear()
    back = group.engine.wait(bad.rollback.rollback_deployment_id)
    assert (back.status, back.creator) == (DeploymentStatus.SUCCEEDED, Creator.ROLLBACK), back.failure
    assert back.revision == one.revision and group.installed() == ["good"]
    assert len([path for _, path, _ in hub.asked if GOOD in path]) == 2
    listed = group.cloud.client("s3").list_objects_v2(Bucket=group.engine.bucket, Prefix=".stepdeploy/github/")
    assert [each["Key"] for each in listed["Contents"]] == [
        f".stepdeploy/github/{REPOSITORY}/{name}.tar.gz" for name in (GOOD, BAD)
    ]
    assert TOKEN not in json.dumps([str(each) for each in group.engine.deployments(group.key)])


def test_a_commit_that_github_does_not_have_touches_no_host(group: Fleet) -> None:
    one = deploy(group, "3" * 40)
    assert one.status is DeploymentStatus.FAILED and one.counts.total == 0
    assert one.failure and one.failure.code is DeploymentErrorCode.REVISION_MISSING
    assert f"github.com/{REPOSITORY} at {'3' * 40}: GitHub has no such commit (HTTP 404" in one.failure.message

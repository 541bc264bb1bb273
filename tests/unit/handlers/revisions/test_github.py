"""Prepare of a commit on GitHub, from CreateDeployment on: its archive is fetched once and is then as any other."""

import io
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from functions.aws import bucket as aws_bucket
from functions.aws.clients import client
from functions.core import quotas
from functions.core.new_deployment import rollback_deployment, summary
from functions.core.records import Deployment, Revision
from functions.core.rollout.instructions import instructions
from functions.core.statuses import DeploymentErrorCode, DeploymentStatus
from functions.handlers import finish, prepare
from functions.store.records import deployments, lock, targets
from host.bundle.archive import read_appspec
from host.instructions import Runner
from host.posix.unpack import unpack
from tests.conftest import BUCKET, put_group, revision
from tests.fake_github import APPSPEC, COMMIT, PATH, REPOSITORY, FakeGitHub, refusal, tarball
from tests.unit.api.conftest import Api
from tests.unit.handlers.test_prepare import World

LOCATION = {"revisionType": "GitHub", "gitHubLocation": {"repository": REPOSITORY, "commitId": COMMIT}}
KEY = f".stepdeploy/github/{REPOSITORY}/{COMMIT}.tar.gz"


def create(world: World, api: Api, **location: str) -> Deployment:
    wanted = {**LOCATION, "gitHubLocation": {**LOCATION["gitHubLocation"], **location}}  # type: ignore[dict-item]
    asked = {"applicationName": "shop", "deploymentGroupName": "web", "revision": wanted}
    return get(world, api("CreateDeployment", **asked)["deploymentId"])


def get(world: World, deployment_id: str) -> Deployment:
    found = deployments.get(deployment_id)
    assert found
    return found


def prepared(world: World, one: Deployment) -> Deployment:
    prepare.handler({"deployment_id": one.deployment_id}, world.context)
    return get(world, one.deployment_id)


def end(world: World, one: Deployment) -> None:
    finish.handler({"deployment_id": one.deployment_id}, world.context)


def stored(world: World, pinned: Revision) -> bytes:
    where = {"Bucket": pinned.bucket, "Key": pinned.key, "VersionId": str(pinned.version)}
    return bytes(client("s3").get_object(**where)["Body"].read())


def test_its_archive_is_fetched_pinned_and_given_to_hosts_as_any_other(world: World, api: Api, hub: FakeGitHub) -> None:
    one = create(world, api)
    assert hub.asked == [], "not in the API's call"
    after = prepared(world, one)
    assert after.status is DeploymentStatus.IN_PROGRESS and after.failure is None
    pinned = after.revision
    assert (pinned.bucket, pinned.key) == (BUCKET, KEY)
    assert pinned.version and pinned.etag and pinned.sha256 and pinned.size == len(tarball())
    assert stored(world, pinned) == tarball()
    assert KEY in aws_bucket.bundle_url(pinned) and str(pinned.version) in aws_bucket.bundle_url(pinned)
    bundle = instructions(after, "i-1", events=(), expires_at=0, runner=Runner("", ""), bundle_url="", logs=None).bundle
    assert (bundle.commit, bundle.type, bundle.sha256) == (COMMIT, "tgz", pinned.sha256)
    told = api("GetDeployment", deploymentId=one.deployment_id)["deploymentInfo"]
    assert told["revision"] == LOCATION


def test_a_second_deployment_of_a_commit_asks_github_nothing(world: World, api: Api, hub: FakeGitHub) -> None:
    first = prepared(world, create(world, api))
    end(world, first)
    asked = len(hub.asked)
    second = prepared(world, create(world, api, repository="Octo/Hello", commitId=COMMIT.upper()))
    assert len(hub.asked) == asked
    assert (second.revision.key, second.revision.version) == (first.revision.key, first.revision.version)


def test_a_rollback_needs_no_github(world: World, api: Api, hub: FakeGitHub) -> None:
    good = prepared(world, create(world, api))
    end(world, good)
    hub.archives = {}
    group = put_group(last_successful=summary(good))
    bad = replace(good, revision=revision("v2"))
    back = rollback_deployment(group, bad, deployment_id="d-000000009", now=good.create_time)
    assert back
    lock.create(back, None, queue=True)
    after = prepared(world, back)
    assert after.failure is None and after.revision == good.revision
    assert len(hub.asked) == 2


def test_an_archive_that_is_gone_from_the_bucket_is_fetched_again(world: World, api: Api, hub: FakeGitHub) -> None:
    good = prepared(world, create(world, api))
    where = {"Bucket": good.revision.bucket, "Key": good.revision.key, "VersionId": str(good.revision.version)}
    client("s3").delete_object(**where)
    again = aws_bucket.pin(good.revision)
    assert again.version != good.revision.version and again.sha256 == good.revision.sha256
    assert len(hub.asked) == 4


def test_what_github_does_not_give_is_the_deployments_failure_before_a_host_is_touched(
    world: World, api: Api, hub: FakeGitHub
) -> None:
    hub.next = [refusal(404, "Not Found")]
    after = prepared(world, create(world, api))
    assert after.failure and after.failure.code is DeploymentErrorCode.REVISION_MISSING
    assert (
        f"github.com/{REPOSITORY} at {COMMIT}: GitHub has no such commit (HTTP 404, Not Found)" in after.failure.message
    )
    assert list(targets.of(after.deployment_id)) == []
    end(world, after)
    told: dict[str, Any] = api("GetDeployment", deploymentId=after.deployment_id)["deploymentInfo"]
    assert (told["status"], told["errorInformation"]["code"]) == ("Failed", "REVISION_MISSING")


def test_a_bad_appspec_is_told_with_its_place_and_the_commit(world: World, api: Api, hub: FakeGitHub) -> None:
    hub.archives[PATH] = tarball({"appspec.yml": f"{APPSPEC}hooks: 5\n"})
    after = prepared(world, create(world, api))
    assert after.failure and after.failure.code is DeploymentErrorCode.INVALID_REVISION
    assert after.failure.message.startswith(f"github.com/{REPOSITORY} at {COMMIT}: appspec.yml:3:8: hooks")


def test_an_archive_that_is_too_large_is_never_kept(
    world: World, api: Api, hub: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quotas, "MAX_BUNDLE_BYTES", 100)
    after = prepared(world, create(world, api))
    assert after.failure and "larger than 100 bytes" in after.failure.message
    assert "Contents" not in client("s3").list_objects_v2(Bucket=BUCKET)


def test_what_is_checked_is_what_a_host_unpacks(tmp_path: Path) -> None:
    """GitHub's one folder around everything is not part of the revision, for either."""
    archive = tarball({"appspec.yml": APPSPEC, "scripts/start.sh": "#!/bin/sh\n"})
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        assert packed.pax_headers["comment"] == COMMIT
    assert read_appspec(io.BytesIO(archive), "tgz") == APPSPEC
    unpack(io.BytesIO(archive), "tgz", str(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["appspec.yml", "scripts"]
    assert (tmp_path / "scripts/start.sh").stat().st_mode & 0o777 == 0o775

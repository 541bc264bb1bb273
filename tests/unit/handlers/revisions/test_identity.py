"""A deployment's revision keeps its identity: the location as it was given, before the start and after it."""

from dataclasses import replace
from typing import Any

import pytest

from functions.aws import bucket as aws_bucket
from functions.aws.clients import client
from functions.core.records import Deployment, Revision
from functions.core.revision import digest
from functions.core.statuses import DeploymentStatus, TargetStatus
from functions.engine.starting import upload
from functions.handlers import finish, prepare
from functions.store.records import deployments, targets
from tests.conftest import BUCKET, revision
from tests.fake_github import COMMIT, REPOSITORY, FakeGitHub
from tests.rollout import begin_target, end_target
from tests.unit.api.conftest import Api
from tests.unit.handlers.test_prepare import World, archive

KEY = "shop/web/v1.zip"
GROUP = {"applicationName": "shop", "deploymentGroupName": "web"}


def put() -> dict[str, str]:
    """An archive in the bucket: its version and etag."""
    answer = client("s3").put_object(Bucket=BUCKET, Key=KEY, Body=archive())
    return {"version": answer["VersionId"], "eTag": answer["ETag"].strip('"')}


def s3(**members: str) -> dict[str, Any]:
    return {"revisionType": "S3", "s3Location": {"bucket": BUCKET, "key": KEY, "bundleType": "zip", **members}}


def told(api: Api, deployment_id: str) -> dict[str, Any]:
    found: dict[str, Any] = api("GetDeployment", deploymentId=deployment_id)["deploymentInfo"]
    return found


def done(world: World, deployment_id: str) -> Deployment:
    """The deployment after its one host has it."""
    prepare.handler({"deployment_id": deployment_id}, world.context)
    for target in list(targets.of(deployment_id)):
        begin_target(target, "2026-11-23T10:00:00.000Z")
        if begun := targets.get(deployment_id, target.target_id):
            end_target(begun, TargetStatus.SUCCEEDED, "2026-11-23T10:00:01.000Z")
    finish.handler({"deployment_id": deployment_id}, world.context)
    found = deployments.get(deployment_id)
    assert found and found.status is DeploymentStatus.SUCCEEDED
    return found


@pytest.mark.parametrize("named", [(), ("version",), ("eTag",), ("version", "eTag"), "upload", "GitHub"])
def test_what_get_deployment_says_is_found_before_and_after_the_start(
    named: Any, world: World, api: Api, hub: FakeGitHub
) -> None:
    put_it = put()
    if named == "GitHub":
        given: dict[str, Any] = {
            "revisionType": "GitHub",
            "gitHubLocation": {"repository": REPOSITORY, "commitId": COMMIT},
        }
    else:
        given = s3(**(put_it if named == "upload" else {name: put_it[name] for name in named}))
    api("RegisterApplicationRevision", applicationName="shop", revision=given, description="first")
    if named == "upload":
        made = {"key": KEY, "version-id": put_it["version"], "etag": put_it["eTag"]}
        detail = {"bucket": {"name": BUCKET}, "object": made}
        one = upload.deploy({"detail": detail, "time": "2026-11-23T10:00:00Z"}, {BUCKET: ""}) or ""
    else:
        one = api("CreateDeployment", **GROUP, revision=given)["deploymentId"]
    for after_the_start in (False, True):
        if after_the_start:
            done(world, one)
        info = told(api, one)
        assert info["revision"] == given
        assert ("pinnedRevision" in info) is after_the_start
        found = api("GetApplicationRevision", applicationName="shop", revision=info["revision"])
        assert (found["revision"], found["revisionInfo"]["description"]) == (given, "first")
        assert found["revisionInfo"]["deploymentGroups"] == ["web"]
    assert api("ListApplicationRevisions", applicationName="shop")["revisions"] == [given]
    assert api("GetDeploymentGroup", **GROUP)["deploymentGroupInfo"]["targetRevision"] == given
    (host,) = api("ListHosts", **GROUP)["hosts"]
    assert (host["revision"], host["pinnedRevision"]) == (given, told(api, one)["pinnedRevision"])
    later = api("CreateDeployment", **GROUP, revision=given)["deploymentId"]
    assert told(api, later)["previousRevision"] == given


def test_a_rollback_installs_the_pinned_version_and_is_shown_as_the_location_that_was_given(
    world: World, api: Api
) -> None:
    first = put()
    one = done(world, api("CreateDeployment", **GROUP, revision=s3())["deploymentId"])
    client("s3").put_object(Bucket=BUCKET, Key=KEY, Body=archive("version: 0.0\nos: linux\n# other\n"))
    done(world, api("CreateDeployment", **GROUP, revision=s3())["deploymentId"])
    back = api("RollBackDeploymentGroup", **GROUP)
    assert one.deployment_id in back["reason"]
    ended = done(world, back["deploymentId"])
    info = told(api, ended.deployment_id)
    assert (info["revision"], info["pinnedRevision"]["version"]) == (s3(), first["version"])
    assert (ended.revision.version, ended.revision.sha256) == (first["version"], one.revision.sha256)
    assert f"versionId={first['version']}" in aws_bucket.bundle_url(ended.revision)
    assert api("ListApplicationRevisions", applicationName="shop")["revisions"] == [s3()]


def test_what_an_older_engine_pinned_is_read_as_it_was_told_then(services: None) -> None:
    old = revision(version="v", etag="e", sha256="a" * 64, size=7)
    same = Revision(bucket=BUCKET, key=KEY, bundle_type=old.bundle_type, version="v", etag="e")
    assert digest(old) == digest(same)
    assert digest(replace(old, warnings=("w",))) == digest(old)

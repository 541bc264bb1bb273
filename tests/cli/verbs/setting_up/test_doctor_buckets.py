# ruff: noqa: F811 - a test asks for a fixture by its name
"""`stepdeploy doctor`: the buckets of `revisionBuckets`."""

import json

import pytest

from cli.account.connection import Engine
from tests.cli.verbs.setting_up.test_doctor import Account, account  # noqa: F401 - a fixture
from tests.clients import client


def named_buckets(monkeypatch: pytest.MonkeyPatch, **buckets: dict[str, str]) -> None:
    """deployments.yaml names them; all with versions."""
    monkeypatch.setattr(Engine, "outputs", {**Engine.outputs, "RevisionBuckets": json.dumps(buckets)})  # type: ignore[dict-item]
    for name in buckets:
        client("s3").create_bucket(Bucket=name)
        client("s3").put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})


def test_other_buckets_that_are_ready_have_no_problem(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    named_buckets(monkeypatch, builds={}, releases={"trigger": "uploads"})
    account.silent_buckets = {"builds"}
    assert account.doctor() == (0, [])


def test_another_bucket_that_tells_eventbridge_nothing_is_a_problem_where_its_uploads_deploy(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    named_buckets(monkeypatch, releases={"trigger": "uploads", "prefix": "ci/"})
    account.silent_buckets = {"releases"}
    found = account.only("problem")
    assert found["about"] == "bucket releases"
    assert found["message"] == "sends no EventBridge notifications: uploads do not start deployments"
    assert found["remedy"] == "its owner turns them on: docs/deploying-from-other-buckets.md"


def test_another_bucket_without_versions_is_a_warning(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    named_buckets(monkeypatch, releases={"trigger": "uploads"})
    client("s3").put_bucket_versioning(Bucket="releases", VersioningConfiguration={"Status": "Suspended"})
    assert "a rollback to an archive that was replaced is refused" in account.only("warning")["message"]


def test_another_bucket_that_is_gone_elsewhere_or_closed_is_told(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    named_buckets(monkeypatch, gone={}, far={})
    s3 = client("s3")
    s3.delete_bucket(Bucket="gone"), s3.delete_bucket(Bucket="far")
    s3.create_bucket(Bucket="far", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    status, found = account.doctor()
    assert (status, [(each["about"], each["message"]) for each in found]) == (
        1,
        [
            ("bucket gone", "there is no bucket of this name"),
            ("bucket far", "is in eu-west-1, the engine in us-east-1: hosts cannot fetch from there"),
        ],
    )
    account.forbidden = {"HeadBucket"}
    status, found = account.doctor()
    unknown = [each for each in found if each["about"] == "bucket far"]
    assert [each["level"] for each in unknown] == ["unknown"] and "on far" in unknown[0]["remedy"]

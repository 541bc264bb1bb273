"""S3's events of a versioned bucket on the local cloud, beside the emulator without local/shims/object_events.py."""

import json
from typing import Any

from tests.local.emulator import Account

KEY = "shop/web/v1.zip"


def bucket(account: Account, *, versioned: bool) -> str:
    """The name of a bucket that tells EventBridge of its objects."""
    s3, name = account.client("s3"), account.name()
    s3.create_bucket(Bucket=name)
    account.at_end(s3.delete_bucket, Bucket=name)
    if versioned:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}})
    return name


def uploads(account: Account, *, versioned: bool = True) -> tuple[list[str], list[dict[str, Any]]]:
    """The versions of two uploads of one key, "" for none, and what the events say of their objects."""
    s3, name = account.client("s3"), bucket(account, versioned=versioned)
    queue = account.subscribe({"source": ["aws.s3"], "detail": {"bucket": {"name": [name]}}})
    versions, objects = [], []
    for body in (b"one", b"two"):
        version = s3.put_object(Bucket=name, Key=KEY, Body=body).get("VersionId", "")
        account.at_end(s3.delete_object, Bucket=name, Key=KEY, **({"VersionId": version} if version else {}))
        event = json.loads(account.message(queue))
        assert event["detail-type"] == "Object Created"
        versions.append(version)
        objects.append(event["detail"]["object"])
    return versions, objects


def test_the_event_of_an_upload_names_its_version(cloud: Account) -> None:
    versions, objects = uploads(cloud)
    assert [(each["key"], each["version-id"]) for each in objects] == [(KEY, version) for version in versions]


def test_the_event_of_a_bucket_without_versions_names_none(cloud: Account) -> None:
    versions, objects = uploads(cloud, versioned=False)
    assert versions == ["", ""]
    assert [each.get("version-id") for each in objects] == [None, None]


def test_the_emulator_still_leaves_the_version_out(bare: Account) -> None:
    versions, objects = uploads(bare)
    assert all(versions)
    assert [each.get("version-id") for each in objects] == [None, None]

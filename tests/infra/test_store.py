"""What must not be lost is kept, encrypted and not readable in transit."""

from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from functions.core.revision import PUSHED_PREFIX
from infra.store import Store
from tests.infra.conftest import Synthesized, only, resources


@pytest.fixture(scope="module")
def bucket(template: dict[str, Any]) -> dict[str, Any]:
    return only(template, "AWS::S3::Bucket")


@pytest.fixture(scope="module")
def table(template: dict[str, Any]) -> dict[str, Any]:
    return only(template, "AWS::DynamoDB::Table")


def test_revisions_are_versioned_encrypted_and_private(bucket: dict[str, Any]) -> None:
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}


def test_the_bucket_refuses_requests_without_tls(template: dict[str, Any]) -> None:
    (statement,) = only(template, "AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"], statement["Principal"]) == ("Deny", "s3:*", {"AWS": "*"})
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_uploads_are_announced_to_eventbridge_without_a_function_that_edits_the_bucket(
    bucket: dict[str, Any], template: dict[str, Any]
) -> None:
    assert bucket["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    assert not resources(template, "Custom::S3BucketNotifications")


def test_the_engines_own_objects_expire_for_good_and_revisions_stay_for_rollbacks(bucket: dict[str, Any]) -> None:
    rules = {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}
    for name, prefix in {"Manifests": ".stepdeploy/manifests/", "HookLogs": ".stepdeploy/logs/"}.items():
        assert rules[name]["Prefix"] == prefix
        assert rules[name]["ExpirationInDays"] <= 90
        assert rules[name]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    assert not any(".stepdeploy/github/".startswith(rule.get("Prefix", "-")) for rule in rules.values())
    revisions = rules["OldRevisions"]
    assert "ExpirationInDays" not in revisions
    assert revisions["NoncurrentVersionExpiration"] == {"NoncurrentDays": 365, "NewerNoncurrentVersions": 20}
    expiring = [rule["Prefix"] for rule in rules.values() if "ExpirationInDays" in rule]
    assert not any(PUSHED_PREFIX.startswith(prefix) for prefix in expiring), "what people pushed is kept"


def test_revisions_that_nobody_reads_cost_less_only_where_that_is_asked_for_and_none_expires(
    bucket: dict[str, Any],
) -> None:
    def classes(found: dict[str, Any]) -> list[str]:
        rules = found["LifecycleConfiguration"]["Rules"]
        return [each["StorageClass"] for rule in rules for each in rule.get("Transitions", ())]

    assert classes(bucket) == []
    stack = Stack(App())
    Store(stack, "Store", keep=True, tier_revisions=True)
    tiered = only(Template.from_stack(stack).to_json(), "AWS::S3::Bucket")
    assert classes(tiered) == ["INTELLIGENT_TIERING"], "which S3 gives at once, as presigned URLs need it"
    (rule,) = [rule for rule in tiered["LifecycleConfiguration"]["Rules"] if "Transitions" in rule]
    assert not {"ExpirationInDays", "NoncurrentVersionExpiration"} & rule.keys()
    assert rule["ObjectSizeGreaterThan"] == 128 * 1024


def test_records_have_a_stream_encryption_and_a_way_back_in_time(table: dict[str, Any]) -> None:
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert table["SSESpecification"] == {"SSEEnabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["BillingMode"] == "PAY_PER_REQUEST"


def test_records_have_the_keys_and_indexes_of_their_access_patterns(table: dict[str, Any]) -> None:
    assert _keys(table) == ["pk", "sk"]
    indexes = {index["IndexName"]: _keys(index) for index in table["GlobalSecondaryIndexes"]}
    assert indexes == {
        "by_group": ["group_key", "created"],
        "by_status": ["status", "created"],
        "by_time": ["kind", "created"],
    }
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_an_account_keeps_bucket_and_table_when_the_stack_goes_but_not_when_its_creation_fails(
    template: dict[str, Any],
) -> None:
    for kept in ("AWS::S3::Bucket", "AWS::DynamoDB::Table"):
        (resource,) = resources(template, kept).values()
        assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    # DynamoDB would refuse to delete a protected table, also to the rollback of a stack that could not be created.
    assert not only(template, "AWS::DynamoDB::Table").get("DeletionProtectionEnabled")


def test_a_local_cloud_keeps_nothing(local: Synthesized) -> None:
    for kept in ("AWS::S3::Bucket", "AWS::DynamoDB::Table"):
        (resource,) = resources(local.template, kept).values()
        assert resource["DeletionPolicy"] == "Delete"


def test_every_queue_is_encrypted_refuses_plain_http_and_keeps_messages_two_weeks(template: dict[str, Any]) -> None:
    queues = resources(template, "AWS::SQS::Queue")
    guarded = set()
    for policy in resources(template, "AWS::SQS::QueuePolicy").values():
        statements = policy["Properties"]["PolicyDocument"]["Statement"]
        if any(each.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}} for each in statements):
            guarded |= {queue["Ref"] for queue in policy["Properties"]["Queues"]}
    assert guarded == set(queues)
    for queue in queues.values():
        assert queue["Properties"]["SqsManagedSseEnabled"] is True
        assert queue["Properties"]["MessageRetentionPeriod"] == 14 * 86400


def _keys(of: dict[str, Any]) -> list[str]:
    return [key["AttributeName"] for key in sorted(of["KeySchema"], key=lambda key: key["KeyType"])]

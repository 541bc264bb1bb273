"""A key of the account's own: everything at rest has it, and whoever reads or writes may use it."""

import json
import re
from typing import Any

import pytest

from infra.app import ROOT
from infra.checks.nag import spelled
from infra.checks.permissions import Grant, grants
from infra.rights.encryption import SERVICES_OF_POLICY, key_actions
from tests.infra.conftest import OTHER_TOPIC, Synthesized, only, resources, synthesize

KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """It adopts bucket and table, too, which changes nothing else."""
    adopted = {"bucketName": "old-bucket", "tableName": "old-table"}
    return synthesize(tmp_path_factory.mktemp("keyed"), kmsKeyArn=KEY, **adopted)


@pytest.fixture(scope="module")
def found(keyed: Synthesized) -> list[Grant]:
    return grants(keyed.template)


def test_bucket_table_queues_and_topics_have_the_key(keyed: Synthesized) -> None:
    template = keyed.template
    (rule,) = only(template, "AWS::S3::Bucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}
    assert rule["BucketKeyEnabled"] is True
    table = only(template, "AWS::DynamoDB::Table")["SSESpecification"]
    assert table == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY}
    for kind in ("AWS::SQS::Queue", "AWS::SNS::Topic"):
        assert {each["Properties"]["KmsMasterKeyId"] for each in resources(template, kind).values()} == {KEY}
    assert template["Outputs"]["KeyArn"]["Value"] == KEY


def test_who_reads_or_writes_what_it_encrypts_may_use_it_by_that_service_alone(found: list[Grant]) -> None:
    for role in {grant.role for grant in found}:
        needed: dict[str, set[str]] = {}
        for grant in found:
            if grant.role == role:
                for service, actions in key_actions(grant.actions).items():
                    needed.setdefault(f"{service}.<AWS::Region>.amazonaws.com*", set()).update(actions)
        allowed: dict[str, set[str]] = {}
        for grant in found:
            if grant.role == role and grant.resource == KEY:
                allowed[spelled(json.loads(grant.condition)["StringLike"]["kms:ViaService"])] = set(grant.actions)
        assert allowed == needed, role
    machine = [grant for grant in found if grant.role == "Machine" and "kms:Decrypt" in grant.actions]
    assert len(machine) == 1, "it reads the manifests"


def test_nothing_of_the_key_is_granted_without_one(template: dict[str, Any]) -> None:
    """But for topics of others, whose keys only their messages may use."""
    used = [grant for grant in grants(template) if {"kms:Decrypt", "kms:GenerateDataKey"} & set(grant.actions)]
    assert [grant.role for grant in used] == ["Publish", "Trigger"]
    assert {grant.resource for grant in used} == {"arn:<AWS::Partition>:kms:*:*:key/*"}
    for grant in used:
        condition = json.loads(grant.condition)
        assert condition["StringEquals"] == {"kms:EncryptionContext:aws:sns:topicArn": [OTHER_TOPIC]}
        assert condition["StringLike"] == {"kms:ViaService": "sns.*.amazonaws.com*"}


def test_bucket_and_table_of_a_stack_before_are_adopted_by_name_and_kept_whatever_happens(keyed: Synthesized) -> None:
    """CloudFormation imports what has a static name of its own and is retained; only so it is no new resource."""
    for kind, member, name in (
        ("AWS::S3::Bucket", "BucketName", "old-bucket"),
        ("AWS::DynamoDB::Table", "TableName", "old-table"),
    ):
        (resource,) = resources(keyed.template, kind).values()
        assert resource["Properties"][member] == name
        assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_cdk_nag_finds_nothing_in_a_stack_with_a_key(keyed: Synthesized) -> None:
    (report,) = keyed.report["pluginReports"]
    assert (report["conclusion"], report["violations"]) == ("success", [])


def test_queues_with_a_key_take_events_of_this_account_alone(keyed: Synthesized) -> None:
    """A key's policy cannot name the rule, so the CDK leaves the rule out of the queue's policy as well."""
    statements = [
        statement
        for policy in resources(keyed.template, "AWS::SQS::QueuePolicy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Principal"] == {"Service": "events.amazonaws.com"}
    ]
    assert statements and all("Condition" in each for each in statements)


def test_the_page_has_the_policy_for_every_service_that_uses_the_key_by_itself(keyed: Synthesized) -> None:
    page = (ROOT / "docs" / "encryption.md").read_text()
    (written,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    statement = json.loads(written)
    assert tuple(statement["Principal"]["Service"]) == SERVICES_OF_POLICY
    assert set(statement["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}
    senders = {
        statement["Principal"]["Service"]
        for kind in ("AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy")
        for policy in resources(keyed.template, kind).values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "Service" in statement["Principal"]
    }
    assert senders == set(SERVICES_OF_POLICY)

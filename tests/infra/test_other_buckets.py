"""Buckets of others: who reads revisions may read them there, and only there; whose uploads start deployments."""

import json
from typing import Any

import pytest

from functions.core.declaration.revision_buckets import MAX_PREFIX, MAX_TRIGGERS
from infra.checks.permissions import Grant, grants
from tests.infra.conftest import Synthesized, declared, only, resources


def test_those_who_read_revisions_read_the_buckets_that_the_file_names(named: Synthesized) -> None:
    (report,) = named.report["pluginReports"]
    assert (report["conclusion"], report["violations"]) == ("success", [])
    names = ("ci-builds", "other.builds", "third")
    found = [each for each in grants(named.template) if any(name in str(each) for name in names)]
    assert {each.role for each in found} == {"Api", "Plan", "Prepare", "RunSegment", "Start"}
    read = ("s3:GetObject", "s3:GetObjectVersion")
    sees = [("s3:ListBucket",)] * 3
    for role, listed in (("Plan", sees), ("Prepare", sees), ("RunSegment", [])):
        mine = [each for each in found if each.role == role]
        assert [each.actions for each in mine if "/*" in each.resource and not each.condition] == [read] * 3
        assert [each.actions for each in mine if "/*" not in each.resource] == listed
        (key,) = [each for each in mine if each.condition]
        assert key.actions == ("kms:Decrypt",) and _context(key) == 6
    variables = only(named.template, "AWS::Lambda::Function", FunctionName="stepdeploy-api")["Environment"]
    assert variables["Variables"]["REVISION_BUCKETS"] == ",".join(names)


def test_the_function_of_uploads_reads_only_the_buckets_that_trigger_it(named: Synthesized) -> None:
    mine = [each for each in grants(named.template) if each.role == "Start"]
    read = {each.resource for each in mine if "s3:GetObject" in each.actions}
    assert {"s3 other.builds/*", "s3 third/*"} < read and "s3 ci-builds/*" not in read and len(read) == 3
    listed = {each.resource for each in mine if "s3:ListBucket" in each.actions}
    assert {f"{each}/*" for each in listed} == read
    (key,) = [each for each in mine if each.actions == ("kms:Decrypt",)]
    assert _context(key) == 4 and "ci-builds" not in key.condition


def test_the_function_of_uploads_knows_the_prefixes_and_the_stack_says_them(named: Synthesized) -> None:
    variables = only(named.template, "AWS::Lambda::Function", FunctionName="stepdeploy-start")["Environment"]
    assert json.loads(variables["Variables"]["UPLOAD_PREFIXES"]) == {"other.builds": "ci/", "third": ""}
    assert json.loads(named.template["Outputs"]["RevisionBuckets"]["Value"]) == {
        "ci-builds": {},
        "other.builds": {"trigger": "uploads", "prefix": "ci/"},
        "third": {"trigger": "uploads"},
    }
    assert json.loads(named.template["Outputs"]["CodeCommitRepositories"]["Value"]) == {
        "library": {},
        "site": {"main": ["shop/web", "front/web"], "release/v2": ["shop/job"]},
    }


def test_all_uploads_come_by_one_rule_whose_pattern_fits_however_many_buckets_there_are(
    named: Synthesized, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """EventBridge takes patterns of 2,048 characters; SQS policies of twenty statements, one for each rule."""
    longest = [
        f"{{name: {number}{'b' * 62}, trigger: uploads, prefix: {'p' * (MAX_PREFIX - 1)}/}}"
        for number in range(MAX_TRIGGERS)
    ]
    full = declared(tmp_path_factory, f"applications: {{}}\nrevisionBuckets: [{', '.join(longest)}]")
    for template in (named.template, full.template):
        (rule,) = [each for each in resources(template, "AWS::Events::Rule").values() if _is_of_uploads(each)]
        pattern = json.dumps(rule["Properties"]["EventPattern"], separators=(",", ":"))
        assert len(pattern) + 63 < 2048
        policies = resources(template, "AWS::SQS::QueuePolicy").values()
        assert max(len(each["Properties"]["PolicyDocument"]["Statement"]) for each in policies) <= 20


def _is_of_uploads(rule: dict[str, Any]) -> bool:
    return bool(rule["Properties"].get("EventPattern", {}).get("source") == ["aws.s3"])


def _context(grant: Grant) -> int:
    return len(json.loads(grant.condition)["StringLike"]["kms:EncryptionContext:aws:s3:arn"])


def test_commits_are_read_of_the_repositories_that_the_file_names_and_their_branches_heard(named: Synthesized) -> None:
    read = [each for each in grants(named.template) if any(a.startswith("codecommit:") for a in each.actions)]
    assert {(each.role, each.resource) for each in read} == {
        ("Prepare", "codecommit library"),
        ("Prepare", "codecommit site"),
    }
    assert {action for each in read for action in each.actions} == {"codecommit:GetFolder", "codecommit:GetBlob"}
    variables = only(named.template, "AWS::Lambda::Function", FunctionName="stepdeploy-start")["Environment"]
    assert json.loads(variables["Variables"]["PUSHED_BRANCHES"]) == {
        "site@main": ["shop/web", "front/web"],
        "site@release/v2": ["shop/job"],
    }
    rules = resources(named.template, "AWS::Events::Rule").values()
    patterns = [each["Properties"].get("EventPattern", {}) for each in rules]
    (pushes,) = [each["detail"] for each in patterns if each.get("source") == ["aws.codecommit"]]
    assert (pushes["repositoryName"], pushes["referenceName"]) == (["site"], ["main", "release/v2"])
    assert pushes["event"] == ["referenceCreated", "referenceUpdated"]

"""Buckets of others: who reads revisions may read them there, and only there."""

import json

from infra.checks.permissions import Grant, grants
from tests.infra.conftest import Synthesized, only


def test_those_who_read_revisions_read_the_buckets_that_the_file_names(named: Synthesized) -> None:
    (report,) = named.report["pluginReports"]
    assert (report["conclusion"], report["violations"]) == ("success", [])
    names = ("ci-builds", "other.builds")
    found = [each for each in grants(named.template) if any(name in str(each) for name in names)]
    assert {each.role for each in found} == {"Api", "Prepare", "RunSegment"}
    read = ("s3:GetObject", "s3:GetObjectVersion")
    for role, listed in (("Prepare", [("s3:ListBucket",), ("s3:ListBucket",)]), ("RunSegment", [])):
        mine = [each for each in found if each.role == role]
        assert [each.actions for each in mine if "/*" in each.resource and not each.condition] == [read, read]
        assert [each.actions for each in mine if "/*" not in each.resource] == listed
        (key,) = [each for each in mine if each.condition]
        assert key.actions == ("kms:Decrypt",) and _context(key) == 4
    variables = only(named.template, "AWS::Lambda::Function", FunctionName="stepdeploy-api")["Environment"]
    assert variables["Variables"]["REVISION_BUCKETS"] == ",".join(names)


def _context(grant: Grant) -> int:
    return len(json.loads(grant.condition)["StringLike"]["kms:EncryptionContext:aws:s3:arn"])

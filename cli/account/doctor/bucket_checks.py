"""Whether the buckets of `revisionBuckets` (docs/deploying-from-other-buckets.md) can give revisions and uploads."""

import json
from typing import Any

from cli.account.connection import Engine
from cli.account.doctor.checks import Finding, Findings, Level, run_check

_PAGE = "docs/deploying-from-other-buckets.md"


def bucket_findings(engine: Engine) -> list[Finding]:
    """None of a stack that names none."""
    found = []
    for name, how in json.loads(engine.outputs.get("RevisionBuckets", "{}")).items():
        permissions = f"s3:ListBucket, s3:GetBucketVersioning and s3:GetBucketNotification on {name}"
        found += run_check(f"bucket {name}", permissions, lambda name=name, how=how: _bucket(engine, name, how))  # type: ignore[misc]
    return found


def _bucket(engine: Engine, name: str, how: dict[str, Any]) -> Findings:
    from botocore.exceptions import ClientError

    s3, about, region = engine.client("s3"), f"bucket {name}", engine.session.region_name
    try:
        its = s3.head_bucket(Bucket=name)["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region", region)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
            raise
        remedy = "create it, or take it out of revisionBuckets and run cdk deploy"
        yield Finding(Level.PROBLEM, about, "there is no bucket of this name", remedy)
        return
    if its != region:
        what = f"is in {its}, the engine in {region}: hosts cannot fetch from there"
        yield Finding(Level.PROBLEM, about, what, "replicate it to a bucket of the engine's Region, and name that one")
        return
    is_trigger = "trigger" in how
    is_told = is_trigger and "EventBridgeConfiguration" in s3.get_bucket_notification_configuration(Bucket=name)
    if is_trigger and not is_told:
        what = "sends no EventBridge notifications: uploads do not start deployments"
        yield Finding(Level.PROBLEM, about, what, f"its owner turns them on: {_PAGE}")
    if s3.get_bucket_versioning(Bucket=name).get("Status") != "Enabled":
        what = "has versioning off: a rollback to an archive that was replaced is refused"
        yield Finding(Level.WARNING, about, what, "turn it on, or give each build a key of its own")
    elif is_told or not is_trigger:
        yield Finding(Level.OK, about, f"has versioning{' and EventBridge notifications' if is_told else ''}")

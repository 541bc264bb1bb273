"""One deployment, from the API to hosts and back: what no look at the account alone can prove."""

import gzip
import hashlib
import json
import time
import urllib.error
import urllib.request
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex
from typing import Any

from cli.account.doctor.checks import HOST_TAG, Finding, Findings, Level
from cli.account.smoke.plan import Plan
from cli.account.smoke.revision import Facts, archive
from cli.view.causes import causes, headline
from cli.view.words import names
from functions.core.causes import Cause
from functions.core.records import SharedFailure
from functions.core.revision import ENGINE_PREFIX, PUSHED_PREFIX
from functions.core.statuses import DeploymentStatus

APPLICATION, GROUP = "stepdeploy-smoke", "smoke"
_EVENT = "ValidateService"
_AT_MOST, _SLOW = 180.0, 60.0  # seconds
_POLL_SECONDS = 2.0
_SHOWN = 3
_MIN_FREE_KB, _MAX_SKEW_SECONDS = 500_000, 300
_OF_GROUP = ("onPremisesInstanceTagFilters", "onPremisesTagSet")
_UNUSED_ROLE = "arn:aws:iam::123456789012:role/unused"  # CodeDeploy's clients want one
_REMEDIES = {
    Cause.UNREACHABLE: "is the SSM Agent running, and has the host a route to SSM?",
    Cause.DENIED: "tag the host as the stack asks (hostTagKey); for a refusal check its clock and its SSM Agent",
    Cause.UNSUPPORTED: "docs/hosts.md lists the systems, and what each needs",
    Cause.DOWNLOAD: "give the host a route to the revision bucket: docs/hosts.md has the endpoints",
    Cause.DISK: "make room below /opt/stepdeploy, and see that it can be written",
    Cause.ENGINE: "read the log groups /aws/lambda/{stack}-*: AccessDenied on states:SendTaskSuccess means that the"
    " grant on task tokens does not fit",
}


def deployment(plan: Plan) -> Findings:
    """A revision of its own to a few hosts, in an application that is deleted afterwards."""
    api = plan.engine.api
    with _application(plan) as application:
        group = {"applicationName": application, "deploymentGroupName": GROUP}
        api.create_deployment_group(
            **group,
            serviceRoleArn=_UNUSED_ROLE,
            deploymentConfigName="CodeDeployDefault.AllAtOnce",
            **_selection(plan),
        )
        start = time.monotonic()
        deployment_id = api.create_deployment(
            **group,
            revision=_pushed(plan),
            targetInstances={"instanceIds": [each.instance_id for each in plan.hosts]},
            description="stepdeploy doctor --smoke",
        )["deploymentId"]
        info = _ended(api, deployment_id, start + _AT_MOST)
        seconds = time.monotonic() - start
        if not DeploymentStatus(info["status"]).is_final:
            api.stop_deployment(deploymentId=deployment_id, autoRollbackEnabled=False)
            what = f"{deployment_id} did not end in {_AT_MOST:.0f} s"
            yield Finding(
                Level.PROBLEM, "deployment", what, _REMEDIES[Cause.ENGINE].format(stack=plan.engine.stack_name)
            )
            return
        yield from _outcome(plan, info, seconds)
        yield from _urls(plan, deployment_id)
        yield from _facts(plan, deployment_id)


@contextmanager
def _application(plan: Plan) -> Iterator[str]:
    name = f"{APPLICATION}-{token_hex(4)}"
    plan.engine.api.create_application(applicationName=name, computePlatform="Server")
    try:
        yield name
    finally:
        plan.engine.api.delete_application(applicationName=name)


def _selection(plan: Plan) -> dict[str, Any]:
    """Tags that all hosts of the group have: the one that the engine asks for, and those of hosts outside EC2."""
    key, _, value = plan.engine.outputs.get("HostTag", HOST_TAG).partition("=")
    info = plan.engine.api.get_deployment_group(**plan.group.members)["deploymentGroupInfo"]
    return {
        "ec2TagFilters": [{"Key": key, "Value": value, "Type": "KEY_AND_VALUE"}],
        **{member: info[member] for member in _OF_GROUP if info.get(member)},
    }


def _pushed(plan: Plan) -> dict[str, Any]:
    """The RevisionLocation of the revision, in the revision bucket."""
    body = archive()
    bucket = plan.engine.output("BucketName")
    key = f"{PUSHED_PREFIX}{APPLICATION}/{hashlib.sha256(body).hexdigest()}.zip"
    plan.engine.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
    return {"revisionType": "S3", "s3Location": {"bucket": bucket, "key": key, "bundleType": "zip"}}


def _ended(api: Any, deployment_id: str, deadline: float) -> dict[str, Any]:
    """The deployment when it has ended, or as it is when time is over."""
    while True:
        info: dict[str, Any] = api.get_deployment(deploymentId=deployment_id)["deploymentInfo"]
        if DeploymentStatus(info["status"]).is_final or time.monotonic() > deadline:
            return info
        time.sleep(_POLL_SECONDS)


def _outcome(plan: Plan, info: dict[str, Any], seconds: float) -> Findings:
    what = f"{info['deploymentId']} {info['status']} after {seconds:.0f} s"
    failed: list[SharedFailure] = causes(plan.engine.api, info)
    for cause in failed:
        hosts = names(cause.target_ids, _SHOWN, of=cause.count)
        remedy = _REMEDIES.get(cause.failure.cause, f"stepdeploy show {info['deploymentId']}")
        told = f"{headline(cause.failure)}: {cause.failure.message} (on {hosts})"
        yield Finding(Level.PROBLEM, "deployment", told, remedy.format(stack=plan.engine.stack_name))
    if failed:
        return
    if info["status"] != DeploymentStatus.SUCCEEDED:
        message = (info.get("errorInformation") or {}).get("message", "")
        remedy = f"stepdeploy show {info['deploymentId']}"
        yield Finding(Level.PROBLEM, "deployment", f"{what}: {message}", remedy)
    elif seconds > _SLOW:
        remedy = "an event may have been lost, or AWS throttles: read the log groups of run_segment and watch"
        yield Finding(Level.WARNING, "deployment", f"{what}; a minute should be enough", remedy)
    else:
        yield Finding(Level.OK, "deployment", f"{what} on {len(plan.hosts)} hosts: API, flow, task tokens, document")


def _urls(plan: Plan, deployment_id: str) -> Findings:
    """The presigned URL that the first host got, while the host does not use it any more."""
    host = plan.hosts[0].instance_id
    sent = plan.engine.client("ssm").list_commands(InstanceId=host, MaxResults=50)["Commands"]
    mine = [each for each in sent if deployment_id in each.get("Comment", "")]
    if not mine:
        yield Finding(Level.UNKNOWN, "presigned URLs", f"SSM shows no command of {deployment_id}")
        return
    payload = mine[0]["Parameters"]["Instructions"][0].partition(".")[0]
    url = json.loads(b64decode(payload))["bundle"]["url"]
    try:
        first = urllib.request.Request(url, headers={"Range": "bytes=0-0"})  # noqa: S310 - the engine's own URL
        with urllib.request.urlopen(first, timeout=20) as answer:  # noqa: S310
            answer.read()
    except urllib.error.HTTPError as error:
        said = error.read(400).decode("utf-8", "replace")
        what = f"S3 answers {error.code} to the URL that the engine signed: {said}"
        remedy = "may the role of run_segment read the bucket, and use its key? (docs/permissions.md)"
        yield Finding(Level.PROBLEM, "presigned URLs", what, remedy)
    except OSError as error:
        yield Finding(Level.UNKNOWN, "presigned URLs", f"this machine does not reach the bucket: {error}")
    else:
        yield Finding(Level.OK, "presigned URLs", "S3 takes the URL that the engine signed")


def _facts(plan: Plan, deployment_id: str) -> Findings:
    """What the script said, from the logs that the hosts have uploaded: that they are there is a finding, too."""
    s3, bucket = plan.engine.client("s3"), plan.engine.output("BucketName")
    for host in (each.instance_id for each in plan.hosts):
        key = f"{ENGINE_PREFIX}logs/{deployment_id}/{host}/{_EVENT}.log.gz"
        try:
            log = gzip.decompress(s3.get_object(Bucket=bucket, Key=key)["Body"].read()).decode("utf-8", "replace")
        except s3.exceptions.NoSuchKey:
            what = f"{host} has uploaded no log"
            yield Finding(Level.WARNING, "hosts", what, "a failed host has none; else: may it send POST to the bucket?")
            continue
        facts = Facts.read(log)
        yield from _judged(host, facts) if facts else [Finding(Level.WARNING, "hosts", f"{host}: unreadable facts")]


def _judged(host: str, facts: Facts) -> Findings:
    fine = True
    for is_wrong, what, remedy in (
        (not facts.tmp, "/tmp takes no file", "scripts, and `sh` itself on some systems, need one"),  # noqa: S108
        (facts.free_kb < _MIN_FREE_KB, f"{facts.free_kb // 1024} MB are free below /opt", "make room"),
        (abs(time.time() - facts.epoch) > _MAX_SKEW_SECONDS, "its clock is off", "run chrony or systemd-timesyncd"),
    ):
        if is_wrong:
            fine = False
            yield Finding(Level.WARNING, "hosts", f"{host}: {what}", remedy)
    if fine:
        yield Finding(Level.OK, "hosts", f"{host}: python3 {facts.python}, /tmp, clock and disk are as they should be")

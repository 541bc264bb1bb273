"""Whether an account is ready to deploy: findings, each with its remedy. Nothing is changed."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from cli.account.connection import Engine, Refusal, is_forbidden, refused
from cli.account.fleet import Member, fleet
from cli.account.group_name import Group
from cli.account.groups import Info
from cli.account.planning import plan
from cli.view.words import names
from functions.core.messages import texts
from functions.core.selection import LINUX, ONLINE

HOST_TAG = "stepdeploy=enabled"  # of a stack that does not say: infra/stack.py, Options
# Errors of a plan of which other checks tell more.
_CHECKED_HERE = ("ALARM_ACTIVE", "NO_INSTANCES", "HEALTH_CONSTRAINTS", "AUTO_SCALING_CONFIGURATION")
_SHOWN = 3  # hosts that a message names
_MAX_ASKED = 200  # instances of one filter of DescribeInstances, as EC2 has it
_POLICY = "AmazonSSMManagedInstanceCore"


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"  # a deployment may go well
    PROBLEM = "problem"  # a deployment fails, or leaves hosts out
    UNKNOWN = "unknown"  # these credentials may not look


@dataclass(frozen=True)
class Finding:
    level: Level
    about: str
    message: str
    remedy: str = ""


Findings = Iterator[Finding]


def run_check(about: str, permission: str, check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """What a check found; what AWS does not let us see is a finding as well."""
    from botocore.exceptions import ClientError

    found = []
    try:
        for each in check():
            found.append(each)
    except ClientError as error:
        if not is_forbidden(error):
            return [*found, Finding(Level.PROBLEM, about, refused(error).message)]
        return [*found, Finding(Level.UNKNOWN, about, "no permission to check", f"grant {permission}")]
    return found


# -- the engine


def engine_findings(engine: Engine) -> list[Finding]:
    found = [*run_check("stack", "cloudformation:DescribeStacks", lambda: _stack(engine)), *_api(engine)]
    if found[0].level is not Level.OK:
        return found
    permissions = "s3:ListBucket, s3:GetBucketVersioning and s3:GetBucketNotification"
    found += run_check("bucket", permissions, lambda: _bucket(engine))
    return [*found, *run_check("document", "ssm:DescribeDocument", lambda: _document(engine))]


def _stack(engine: Engine) -> Findings:
    try:
        missing = [
            name
            for name in ("BucketName", "ApiEndpoint", "DocumentName", "DocumentVersion")
            if name not in engine.outputs
        ]
    except Refusal as refusal:
        yield Finding(Level.PROBLEM, "stack", refusal.message)
        return
    if missing:
        yield Finding(Level.PROBLEM, "stack", f"has no output {', '.join(missing)}", "update it: cdk deploy")
    else:
        yield Finding(Level.OK, "stack", f"is there, in {engine.session.region_name}")


def _api(engine: Engine) -> Findings:
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    try:
        engine.api.list_applications()
    except NoCredentialsError:
        raise
    except Refusal:
        return  # the stack, which would say where it is, is a finding already
    except ClientError as error:
        remedy = "these credentials need execute-api:Invoke on the API, and the stack must be up to date"
        yield Finding(Level.PROBLEM, "API", refused(error).message, remedy)
    except BotoCoreError as error:
        yield Finding(Level.PROBLEM, "API", str(error), "check the network, and STEPDEPLOY_ENDPOINT if it is set")
    else:
        yield Finding(Level.OK, "API", f"answers at {engine.endpoint}")


def _bucket(engine: Engine) -> Findings:
    from botocore.exceptions import ClientError

    s3, name, redeploy = engine.client("s3"), engine.output("BucketName"), "set it back: cdk deploy"
    try:
        s3.head_bucket(Bucket=name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
            raise
        yield Finding(Level.PROBLEM, "bucket", f"{name} is gone", redeploy)
        return
    if s3.get_bucket_versioning(Bucket=name).get("Status") != "Enabled":
        what = f"{name} has versioning off: a rollback could get a different revision, or none"
        yield Finding(Level.PROBLEM, "bucket", what, redeploy)
    elif "EventBridgeConfiguration" not in s3.get_bucket_notification_configuration(Bucket=name):
        what = f"{name} sends no EventBridge notifications: uploads do not start deployments"
        yield Finding(Level.PROBLEM, "bucket", what, redeploy)
    else:
        yield Finding(Level.OK, "bucket", f"{name} has versioning and EventBridge notifications")


def _document(engine: Engine) -> Findings:
    """The version of the SSM document that the engine sends, beside the newest one and the default one."""
    from botocore.exceptions import ClientError

    ssm, name, sent = engine.client("ssm"), engine.output("DocumentName"), engine.output("DocumentVersion")
    about = f"version {sent} of the SSM document {name}"
    try:
        found = ssm.describe_document(Name=name, DocumentVersion=sent)["Document"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("InvalidDocument", "InvalidDocumentVersion"):
            raise
        remedy = f"delete what is left (aws ssm delete-document --name {name}), and deploy the stack anew"
        yield Finding(Level.PROBLEM, "document", f"{about}, which the engine sends, is gone", remedy)
        return
    if found["LatestVersion"] != sent:
        what = f"the engine sends {about}; version {found['LatestVersion']} is newer, and not from this stack"
        yield Finding(Level.WARNING, "document", what, "find out in CloudTrail who made it: UpdateDocument")
    elif found["DefaultVersion"] != sent:
        what = f"the engine sends {about}; the default is {found['DefaultVersion']}, which only people would send"
        remedy = f"aws ssm update-document-default-version --name {name} --document-version {sent}"
        yield Finding(Level.WARNING, "document", what, remedy)
    else:
        yield Finding(Level.OK, "document", f"{about} is the newest and the default")


# -- a group


class CheckedGroup:
    """A group as its checks see it: what several of them need is asked for once."""

    def __init__(self, engine: Engine, info: Info) -> None:
        self.engine, self.info = engine, info
        self.group = Group(info["applicationName"], info["deploymentGroupName"])
        self.about = str(self.group)

    @cached_property
    def members(self) -> list[Member]:
        return fleet(self.engine, self.group)

    @cached_property
    def hosts(self) -> list[Mapping[str, Any]]:
        """Those on record."""
        return list(self.engine.api.get_paginator("list_hosts").paginate(**self.group.members).search("hosts[]"))


def group_findings(seen: CheckedGroup, host_tag: str) -> list[Finding]:
    engine, about, info = seen.engine, seen.about, seen.info
    tagged: list[Member] = []

    def hosts() -> Findings:
        tagged.extend(seen.members)
        yield from _hosts(about, tagged, host_tag)

    found = [
        *run_check(about, "execute-api:Invoke on ListGroupInstances", hosts),
        *run_check(about, "ec2:DescribeInstances", lambda: _reached(engine, about, tagged)),
        *run_check(about, "execute-api:Invoke on ListHosts", lambda: _left_out(seen)),
        *run_check(
            about,
            "execute-api:Invoke on PlanDeployment and GetDeploymentConfig",
            lambda: _preflight(engine, about, seen),
        ),
        *run_check(
            about, "cloudwatch:DescribeAlarms", lambda: _alarms(engine, about, info.get("alarmConfiguration", {}))
        ),
    ]
    for trigger in info.get("triggerConfigurations", ()):
        arn = trigger["triggerTargetArn"]
        found += run_check(about, f"sns:GetTopicAttributes on {arn}", lambda arn=arn: _topic(engine, about, arn))  # type: ignore[misc]
    return found


def _hosts(about: str, tagged: Sequence[Member], host_tag: str) -> Findings:
    if not tagged:
        remedy = "tag instances with the group's tags, or change the group"
        yield Finding(Level.PROBLEM, about, "its tags match no running or stopped instance", remedy)
        return
    key, _, value = host_tag.partition("=")
    untagged = [
        each.instance_id for each in tagged if each.instance_id.startswith("i-") and each.tags.get(key) != value
    ]
    if untagged:
        what = f"{names(untagged, _SHOWN)}: missing tag {host_tag}: the engine cannot send commands"
        remedy = f"aws ec2 create-tags --tags Key={key},Value={value} --resources {' '.join(untagged[:_SHOWN])}"
        yield Finding(Level.PROBLEM, about, what, remedy)


def _reached(engine: Engine, about: str, tagged: Sequence[Member]) -> Findings:
    silent = [each.instance_id for each in tagged if each.ping not in (None, ONLINE)]
    strangers = [each.instance_id for each in tagged if each.ping is None]
    others = [each.instance_id for each in tagged if each.platform not in (None, LINUX)]
    if others:
        what = f"{names(others, _SHOWN)}: no Linux, which is not supported: each deployment fails there"
        yield Finding(Level.PROBLEM, about, what, "take it out of the group: change its tags")
    if tagged and not silent and not strangers:
        yield Finding(Level.OK, about, f"SSM reaches all {len(tagged)} hosts")
    if silent:
        remedy = "start the instance, or its SSM Agent, and check its route to SSM"
        yield Finding(Level.PROBLEM, about, f"{names(silent, _SHOWN)}: SSM has lost contact", remedy)
    outside = [each for each in strangers if not each.startswith("i-")]
    if outside:
        remedy = "activate it by the name that it is registered with: aws ssm create-activation --default-instance-name"
        yield Finding(Level.PROBLEM, about, f"{names(outside, _SHOWN)}: registered, but SSM does not know it", remedy)
    if inside := [each for each in strangers if each.startswith("i-")]:
        yield from _strangers(engine, about, inside)


def _strangers(engine: Engine, about: str, ids: Sequence[str]) -> Findings:
    """Instances of EC2 that SSM never heard of."""
    asked = [{"Name": "instance-id", "Values": list(ids[:_MAX_ASKED])}]
    pages = engine.client("ec2").get_paginator("describe_instances").paginate(Filters=asked)
    found = [each for page in pages for reservation in page["Reservations"] for each in reservation["Instances"]]
    bare = sorted(each["InstanceId"] for each in found if "IamInstanceProfile" not in each)
    others = [each for each in ids if each not in bare]
    if bare:
        what = f"{names(bare, _SHOWN)}: no instance profile, so SSM does not know it"
        yield Finding(Level.PROBLEM, about, what, f"attach one whose role has the managed policy {_POLICY}")
    if others:
        remedy = f"install the SSM Agent, give the instance's role {_POLICY}, and a route to SSM"
        yield Finding(Level.PROBLEM, about, f"{names(others, _SHOWN)}: SSM does not know it", remedy)


def _left_out(seen: CheckedGroup) -> Findings:
    """Hosts that a failure or a stop left out of their load balancers: nobody else brings them back."""
    out = [each for each in seen.hosts if each.get("outOfLoadBalancers")]
    for deployment_id in dict.fromkeys(each["deploymentId"] for each in out):
        mine = [each for each in out if each["deploymentId"] == deployment_id]
        balancers = list(dict.fromkeys(one for each in mine for one in each["outOfLoadBalancers"]))
        hosts = names([each["hostId"] for each in mine], _SHOWN)
        what = f"{hosts}: {texts.out_of(balancers)} since {deployment_id} or an earlier deployment failed there"
        way = f"stepdeploy retry {deployment_id}, or stepdeploy rollback {seen.about}"
        remedy = f"the next deployment that succeeds there brings it back as it was: {way}"
        yield Finding(Level.PROBLEM, seen.about, what, remedy)


def _preflight(engine: Engine, about: str, seen: "CheckedGroup") -> Findings:
    """What the engine itself finds before a deployment begins. Hosts and alarms have checks of their own here."""
    engine.api.get_deployment_config(deploymentConfigName=seen.info["deploymentConfigName"])  # which may be gone
    planned = plan(engine, seen.group, {})
    name, healthy = planned["deploymentConfigName"], planned.get("healthyHosts")
    for each in planned["errors"]:
        if each["code"] not in _CHECKED_HERE:
            yield Finding(Level.PROBLEM, about, f"{name}: {each['message']}")
    if healthy and planned["stages"]:
        out = healthy["total"] - healthy["minimum"]
        what = f"{name} lets {out} of {healthy['total']} hosts be out of service at one time"
        yield Finding(Level.OK, about, what)


def _alarms(engine: Engine, about: str, config: Mapping[str, Any]) -> Findings:
    alarms = [alarm["name"] for alarm in config.get("alarms", ())]
    if not alarms or not config.get("enabled"):
        return
    told = engine.client("cloudwatch").describe_alarms(AlarmNames=alarms, AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    states = {each["AlarmName"]: each["StateValue"] for each in (*told["MetricAlarms"], *told["CompositeAlarms"])}
    for name in alarms:
        state = states.get(name)
        if state is None:
            level = Level.WARNING if config.get("ignorePollAlarmFailure") else Level.PROBLEM
            remedy = "create the alarm, or take it out of the group"
            yield Finding(level, about, f"there is no alarm {name}, which stops its deployments", remedy)
        elif state == "ALARM":
            yield Finding(Level.PROBLEM, about, f"alarm {name} is in ALARM", "deployments stop until it is OK again")
        elif state == "OK":
            yield Finding(Level.OK, about, f"alarm {name} is OK")
        else:
            remedy = "check that its metric has data; in this state it never stops a deployment"
            yield Finding(Level.WARNING, about, f"alarm {name} is in {state}", remedy)


def _topic(engine: Engine, about: str, arn: str) -> Findings:
    from botocore.exceptions import ClientError

    try:
        engine.client("sns", region_name=arn.split(":")[3]).get_topic_attributes(TopicArn=arn)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NotFound", "NotFoundException"):
            raise
        remedy = "create the topic, or take the trigger out of the group"
        yield Finding(Level.PROBLEM, about, f"there is no topic {arn}, to which it sends", remedy)
    else:
        yield Finding(Level.OK, about, f"topic {arn.rpartition(':')[2]} is there")

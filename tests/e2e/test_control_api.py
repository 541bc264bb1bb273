"""CodeDeploy's own clients, as they come, against the deployed stack: boto3 with its waiter and paginators, and the AWS
CLI. Their deployments really reach hosts."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.core.revision import PUSHED_PREFIX
from functions.core.statuses import DeploymentStatus, TargetStatus
from local.cloud import LocalCloud
from local.driver import PATIENCE, Engine
from local.server import ACCOUNT, REGION
from tests.e2e.conftest import Fleet, MakeFleet, application, failing, unpacked
from tests.e2e.principals import Principal, operations

AWS = Path(sys.executable).with_name("aws")
ROLE = f"arn:aws:iam::{ACCOUNT}:role/anything"
WAITS = {"scripts/start.sh": failing("until [ -e /srv/go ]; do sleep 0.1; done")}


def aws(cloud: LocalCloud, *arguments: str) -> Any:
    """What `aws deploy ...` answers; it has to succeed."""
    command = [str(AWS), "deploy", *arguments, "--output", "json"]
    environment = {**cloud.environment(), "HOME": "/nowhere", "AWS_DEFAULT_REGION": REGION}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout) if ran.stdout.startswith("{") else ran.stdout


@pytest.fixture
def made(cloud: LocalCloud, engine: Engine, fleet: MakeFleet) -> Iterator[Fleet]:
    """Three hosts, one of them on premises, and the group `site` of `made` that a client has made for them."""
    hosts = fleet("site").hosts
    client = cloud.client("codedeploy")
    rack = cloud.add_instance("rack-7", {"stepdeploy": "enabled"}, on_premises=True)
    client.register_on_premises_instance(instanceName="rack-7", iamUserArn=f"arn:aws:iam::{ACCOUNT}:user/rack-7")
    client.add_tags_to_on_premises_instances(instanceNames=["rack-7"], tags=[{"Key": "group", "Value": "site"}])
    client.create_application(applicationName="made", tags=[{"Key": "team", "Value": "web"}])
    client.create_deployment_group(
        applicationName="made",
        deploymentGroupName="site",
        serviceRoleArn=ROLE,
        ec2TagFilters=[{"Key": "group", "Value": "site", "Type": "KEY_AND_VALUE"}],
        onPremisesInstanceTagFilters=[{"Key": "group", "Value": "site", "Type": "KEY_AND_VALUE"}],
        autoRollbackConfiguration={"enabled": True, "events": ["DEPLOYMENT_FAILURE"]},
    )
    yield Fleet(cloud, engine, "site", [*hosts, rack])
    cloud.remove_instance(rack)


def test_todays_clients_work_by_another_endpoint(cloud: LocalCloud, made: Fleet, tmp_path: Path) -> None:
    client, bucket = cloud.client("codedeploy"), made.engine.outputs["BucketName"]
    where = {"applicationName": "made", "deploymentGroupName": "site"}

    # boto3: create, wait, list, get
    key = f"{PUSHED_PREFIX}made/v1.zip"
    etag = cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=application("v1"))["ETag"]
    location = {"bucket": bucket, "key": key, "bundleType": "zip", "eTag": etag}
    revision = {"revisionType": "S3", "s3Location": location}
    client.register_application_revision(applicationName="made", revision=revision, description="the first")
    first = client.create_deployment(**where, revision=revision, description="by boto3")["deploymentId"]
    client.get_waiter("deployment_successful").wait(deploymentId=first, WaiterConfig={"Delay": 1, "MaxAttempts": 90})
    assert made.installed() == ["v1"] * 3
    told = client.get_deployment(deploymentId=first)["deploymentInfo"]
    assert (told["status"], told["creator"], told["description"]) == ("Succeeded", "user", "by boto3")
    assert told["deploymentOverview"]["Succeeded"] == 3
    pages = client.get_paginator("list_deployments").paginate(**where)
    assert [each for page in pages for each in page["deployments"]] == [first]
    assert "made" in client.get_paginator("list_applications").paginate().build_full_result()["applications"]
    groups = client.get_paginator("list_deployment_groups").paginate(applicationName="made").build_full_result()
    assert groups["deploymentGroups"] == ["site"]

    # the AWS CLI: push a folder, create, wait, list, get
    source = unpacked(tmp_path / "v2", "v2")
    pushed = f"s3://{bucket}/{PUSHED_PREFIX}made/v2.zip"
    arguments = ("--application-name", "made", "--s3-location", pushed, "--source", str(source))
    said = aws(cloud, "push", *arguments)
    assert "aws deploy create-deployment" in said
    listed = aws(cloud, "list-application-revisions", "--application-name", "made", "--sort-by", "registerTime")
    assert [each["s3Location"]["key"] for each in listed["revisions"]] == [key, f"{PUSHED_PREFIX}made/v2.zip"]
    group = ("--application-name", "made", "--deployment-group-name", "site")
    place = f"bucket={bucket},key={PUSHED_PREFIX}made/v2.zip,bundleType=zip"
    second = aws(cloud, "create-deployment", *group, "--s3-location", place)["deploymentId"]
    aws(cloud, "wait", "deployment-successful", "--deployment-id", second)
    assert made.installed() == ["v2"] * 3
    assert aws(cloud, "list-deployments", *group)["deployments"] == [second, first]
    assert aws(cloud, "get-deployment", "--deployment-id", second)["deploymentInfo"]["status"] == "Succeeded"
    targets = aws(cloud, "list-deployment-targets", "--deployment-id", second)["targetIds"]
    assert sorted(targets) == sorted(host.id for host in made.hosts)
    target = aws(cloud, "get-deployment-target", "--deployment-id", second, "--target-id", targets[0])
    events = target["deploymentTarget"]["instanceTarget"]["lifecycleEvents"]
    assert {event["status"] for event in events} == {"Succeeded"}

    # the AWS CLI: stop what runs
    unpacked(source, "v3", WAITS)
    aws(cloud, "push", *arguments)
    third = aws(cloud, "create-deployment", *group, "--s3-location", place)["deploymentId"]
    made.engine.wait_in_progress(third)
    stopped = aws(cloud, "stop-deployment", "--deployment-id", third, "--no-auto-rollback-enabled")
    assert stopped["status"] == "Pending"
    for host in made.hosts:
        host.path("srv/go").touch()
    ended = made.engine.wait(third)
    assert ended.status is DeploymentStatus.STOPPED and ended.stop
    assert ended.stop.by.startswith(f"arn:aws:iam::{ACCOUNT}:")
    assert TargetStatus.SKIPPED in {target.status for target in made.targets(third)}


def test_who_may_read_may_not_deploy(cloud: LocalCloud, engine: Engine) -> None:
    reader = Principal(cloud, "reader", operations("Get*", "List*", "BatchGet*")).client("codedeploy")
    assert "shop" in reader.list_applications()["applications"]
    with pytest.raises(ClientError) as error:
        reader.create_application(applicationName="mine")
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert "mine" not in reader.list_applications()["applications"]

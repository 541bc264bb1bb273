"""Build servers and actions that call the API themselves: their requests, in their order, with the members they give.

Sources: awslabs/aws-codedeploy-plugin (Jenkins), jenkinsci/pipeline-aws-plugin (its step `createDeployment`),
travis-ci/dpl (provider codedeploy), sourcetoad/aws-codedeploy-action (a script that calls the AWS CLI, whose requests
these are).
"""

from collections.abc import Callable
from typing import Any

import pytest

from functions.aws.clients import client as aws_client
from tests.conftest import BUCKET
from tests.tools.conftest import WEB, Api

KEY = "builds/shop-7.zip"
ALL_SEEN = ["Created", "Succeeded"]


@pytest.fixture
def etag(api: Api) -> str:
    """Of a build in S3, in quotes as S3 returns it; the group is there."""
    api.make_group()
    return str(aws_client("s3").put_object(Bucket=BUCKET, Key=KEY, Body=b"a build")["ETag"])


def s3(**more: str) -> dict[str, Any]:
    return {"revisionType": "S3", "s3Location": {"bucket": BUCKET, "key": KEY, "bundleType": "zip", **more}}


def poll(api: Api, deployment_id: str, is_over: Callable[[dict[str, Any]], object]) -> list[str]:
    """The statuses that a tool sees until it is content."""
    seen = []
    while True:
        info = api.client.get_deployment(deploymentId=deployment_id)["deploymentInfo"]
        seen.append(info["status"])
        if is_over(info):
            return seen


def has_ended(info: dict[str, Any]) -> bool:
    return info["status"] in ("Succeeded", "Failed", "Stopped")


def test_jenkins_codedeploy_plugin(api: Api, etag: str) -> None:
    """It knows an application and a group only if the first page has them, and waits for a completeTime."""
    client = api.client
    assert "shop" in client.list_applications()["applications"]
    assert "web" in client.list_deployment_groups(applicationName="shop")["deploymentGroups"]
    revision = s3(eTag=etag.strip('"'))
    client.register_application_revision(applicationName="shop", revision=revision, description="by Jenkins")
    made = client.create_deployment(**WEB, revision=revision, description="Deployment created by Jenkins")
    assert poll(api, made["deploymentId"], lambda info: info.get("completeTime")) == ALL_SEEN


def test_its_first_pages_have_a_hundred_names(api: Api) -> None:
    for number in range(100):
        api.client.create_application(applicationName=f"app-{number:03}")
    api.client.create_deployment_group(
        applicationName="app-099", deploymentGroupName="web", serviceRoleArn="arn:aws:iam::123456789012:role/deploy"
    )
    assert "app-099" in api.client.list_applications()["applications"]


def test_jenkins_pipeline_steps(api: Api, etag: str) -> None:
    """`createDeployment` looks whether the group is one of ECS or Lambda, and always gives a fileExistsBehavior."""
    group = api.client.get_deployment_group(**WEB)["deploymentGroupInfo"]
    assert group["computePlatform"] == "Server"
    made = api.client.create_deployment(**WEB, revision=s3(), fileExistsBehavior="DISALLOW")
    assert poll(api, made["deploymentId"], has_ended) == ALL_SEEN


@pytest.mark.parametrize("is_versioned", [True, False])
def test_travis_dpl(api: Api, etag: str, is_versioned: bool) -> None:
    """It registers what has a version, with the ETag as HeadObject returns it."""
    revision = s3(eTag=etag, **({"version": "3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY"} if is_versioned else {}))
    if is_versioned:
        api.client.register_application_revision(applicationName="shop", revision=revision, description="build 7")
    made = api.client.create_deployment(
        **WEB, revision=revision, description="Deploy build 7 via Travis CI", fileExistsBehavior="OVERWRITE"
    )
    assert poll(api, made["deploymentId"], has_ended) == ALL_SEEN


def test_travis_dpl_reports_a_busy_group(api: Api, etag: str) -> None:
    api.client.create_deployment(**WEB, revision=s3(eTag=etag))
    with pytest.raises(api.client.exceptions.DeploymentLimitExceededException):
        api.client.create_deployment(**WEB, revision=s3(eTag=etag), fileExistsBehavior="DISALLOW")


@pytest.mark.parametrize("fails", [False, True])
def test_sourcetoads_action(api: Api, etag: str, fails: bool) -> None:
    """It waits until nothing is Queued or InProgress, and then reads numbers of deploymentOverview."""
    api.fails = fails
    active = {"includeOnlyStatuses": ["Queued", "InProgress"]}
    assert api.client.list_deployments(**WEB, **active)["deployments"] == []
    made = api.client.create_deployment(
        **WEB, revision=s3(eTag=etag.strip('"')), description="refs/heads/main - c0ffee"
    )["deploymentId"]
    poll(api, made, has_ended)
    overview = api.client.get_deployment(deploymentId=made)["deploymentInfo"]["deploymentOverview"]
    kinds = ("Failed", "InProgress", "Skipped", "Succeeded", "Pending")
    assert all(isinstance(overview[kind], int) for kind in kinds)
    assert (overview["Failed"] > 0) is fails

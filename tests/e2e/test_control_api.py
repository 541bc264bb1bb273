"""The control API with the clients that people have: boto3 and the AWS CLI, unmodified, as users that IAM knows."""

import io
import json
import os
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from functions.core.statuses import DeploymentErrorCode, DeploymentStatus
from local.cloud import LocalCloud
from local.engine import Engine
from local.server import REGION
from tests.e2e.conftest import MakeFleet, application, failing
from tests.policies import policies
from tests.signed import post

AWS = Path(sys.executable).with_name("aws")
WAITS = failing("until [ -e /var/lib/go ]; do sleep 0.1; done")


@dataclass(frozen=True)
class User:
    """An IAM user with one policy of docs/api-policies.md."""

    arn: str
    environment: dict[str, str]  # what the AWS CLI and boto3 need to know

    def client(self, service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            region_name=REGION,
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
        )

    def deploy(self, *words: str, fails: bool = False) -> Any:
        """What `aws deploy ...` answers, parsed; its complaint if it fails as it has to."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        command = [AWS, "deploy", *words, "--output", "json"]
        ran = subprocess.run(command, env={**kept, **self.environment}, capture_output=True, text=True)
        assert (ran.returncode != 0) == fails, (words, ran.stdout, ran.stderr)
        if fails:
            return ran.stderr
        return json.loads(ran.stdout) if ran.stdout.startswith("{") else ran.stdout


MakeUser = Callable[[str], User]


@pytest.fixture
def user(cloud: LocalCloud, engine: Engine) -> Iterator[MakeUser]:
    """`user("Read only")`: a new user with that policy of the page; all end with the test."""
    iam = cloud.client("iam")
    api_id = engine.outputs["ApiEndpoint"].rpartition("/")[2]
    documents = policies(api_id=api_id, bucket=engine.bucket)
    with ExitStack() as ends:

        def make(policy: str) -> User:
            name = f"user-{uuid.uuid4().hex[:12]}"
            arn = iam.create_user(UserName=name)["User"]["Arn"]
            ends.callback(iam.delete_user, UserName=name)
            iam.put_user_policy(UserName=name, PolicyName="may", PolicyDocument=documents[policy])
            ends.callback(iam.delete_user_policy, UserName=name, PolicyName="may")
            key = iam.create_access_key(UserName=name)["AccessKey"]
            ends.callback(iam.delete_access_key, UserName=name, AccessKeyId=key["AccessKeyId"])
            environment = {
                "AWS_ENDPOINT_URL": cloud.endpoint,
                "AWS_DEFAULT_REGION": REGION,
                "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
                "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
                "AWS_EC2_METADATA_DISABLED": "true",
            }
            return User(arn, environment)

        yield make


def revision(tmp_path: Path, version: str, **changes: str) -> Path:
    """A folder with a version of the test application, as a person has it."""
    folder = tmp_path / version
    with zipfile.ZipFile(io.BytesIO(application(version, changes))) as archive:
        archive.extractall(folder)
    return folder


def test_ci_pushes_and_deploys_with_the_aws_cli(
    fleet: MakeFleet, engine: Engine, user: MakeUser, tmp_path: Path
) -> None:
    group, ci, reader = fleet("api-cli"), user("CI that pushes and deploys"), user("Read only")
    shop = ("--application-name", "shop")
    web = (*shop, "--deployment-group-name", group.group)

    def push(version: str, **changes: str) -> str:
        """Push by the CLI; the location that the CLI tells to deploy by."""
        place = f"s3://{engine.bucket}/pushed/shop/{version}"
        source = str(revision(tmp_path, version, **changes))
        told = ci.deploy("push", *shop, "--s3-location", place, "--source", source)
        return str(told.partition("--s3-location ")[2].partition(" ")[0])

    first = ci.deploy("create-deployment", *web, "--s3-location", push("v1"))["deploymentId"]
    assert engine.wait(first).requested_by == ci.arn
    ci.deploy("wait", "deployment-successful", "--deployment-id", first)
    assert group.installed() == ["v1", "v1"]
    targets = ci.deploy("list-deployment-targets", "--deployment-id", first)["targetIds"]
    assert sorted(targets) == sorted(host.id for host in group.hosts)

    second = ci.deploy(
        *("create-deployment", *web, "--description", "to be stopped"),
        *("--s3-location", push("v2", **{"scripts/validate.sh": WAITS})),
    )["deploymentId"]
    assert "DeploymentLimitExceededException" in ci.deploy(
        *("create-deployment", *web, "--s3-location", push("v3")), fails=True
    )
    assert ci.deploy("stop-deployment", "--deployment-id", second)["status"] == "Pending"
    for host in group.hosts:
        host.path("var/lib/go").touch()
    assert engine.wait(second).status is DeploymentStatus.STOPPED
    told = ci.deploy("get-deployment", "--deployment-id", second)["deploymentInfo"]
    assert (told["status"], told["description"]) == ("Stopped", "to be stopped")
    assert told["errorInformation"]["code"] == DeploymentErrorCode.MANUAL_STOP
    assert ci.arn in told["errorInformation"]["message"]
    assert "terminal failure state" in ci.deploy("wait", "deployment-successful", "--deployment-id", second, fails=True)

    listed = reader.deploy("list-deployments", *web)["deployments"]
    assert listed == [second, first]
    assert "(403)" in ci.deploy("list-deployments", *web, fails=True)
    assert "(403)" in reader.deploy("stop-deployment", "--deployment-id", second, fails=True)


def test_a_program_deploys_by_boto3_and_waits_with_its_waiter(fleet: MakeFleet, engine: Engine, user: MakeUser) -> None:
    group, person = fleet("api", hosts=1), user("Deploy, and change no group")
    codedeploy = person.client("codedeploy")
    location = {"bucket": engine.bucket, "key": "pushed/shop/boto3", "bundleType": "zip"}
    stored = group.cloud.client("s3").put_object(
        Bucket=engine.bucket, Key=location["key"], Body=application("v1", {"scripts/start.sh": failing("echo hi")})
    )
    location |= {"version": stored["VersionId"]}
    web = {"applicationName": "shop", "deploymentGroupName": group.group}
    asked = {
        "revision": {"revisionType": "S3", "s3Location": location},
        "deploymentConfigName": "CodeDeployDefault.AllAtOnce",
    }
    deployment_id = codedeploy.create_deployment(**web, **asked)["deploymentId"]
    waiter = codedeploy.get_waiter("deployment_successful")
    waiter.wait(deploymentId=deployment_id, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    assert group.installed() == ["v1"]
    info = codedeploy.get_deployment(deploymentId=deployment_id)["deploymentInfo"]
    assert info["status"] == "Succeeded" and info["deploymentOverview"]["Succeeded"] == 1
    assert info["createTime"] <= info["startTime"] <= info["completeTime"]
    (target,) = paged(codedeploy, "list_deployment_targets", "targetIds", deploymentId=deployment_id)
    one = codedeploy.get_deployment_target(deploymentId=deployment_id, targetId=target)["deploymentTarget"]
    assert {each["status"] for each in one["instanceTarget"]["lifecycleEvents"]} == {"Succeeded"}
    assert one["instanceTarget"]["targetArn"].endswith(f":instance/{group.hosts[0].id}")
    for about in (web, {"includeOnlyStatuses": ["Succeeded"]}, {}):
        assert deployment_id in paged(codedeploy, "list_deployments", "deployments", **about)
    configs = paged(codedeploy, "list_deployment_configs", "deploymentConfigsList")
    assert "CodeDeployDefault.OneAtATime" in configs
    (known,) = codedeploy.batch_get_deployments(deploymentIds=[deployment_id])["deploymentsInfo"]
    assert known["revision"]["s3Location"]["version"] == stored["VersionId"]


def test_a_paginator_asks_for_every_page(engine: Engine, user: MakeUser) -> None:
    person = user("Deploy, and change no group").client("codedeploy")
    keys = {f"pushed/paged/{number}" for number in range(101)}  # a page has 100

    def register(key: str) -> None:
        location = {"bucket": engine.bucket, "key": key, "bundleType": "zip"}
        person.register_application_revision(
            applicationName="shop", revision={"revisionType": "S3", "s3Location": location}
        )

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(register, sorted(keys)))
    asked = {"applicationName": "shop", "s3Bucket": engine.bucket, "s3KeyPrefix": "pushed/paged/"}
    found = paged(person, "list_application_revisions", "revisions", **asked)
    assert {each["s3Location"]["key"] for each in found} == keys and len(found) == 101


def test_who_may_only_read_is_refused_before_the_engine_is_asked(engine: Engine, user: MakeUser) -> None:
    reader = user("Read only").client("codedeploy")
    before = reader.list_deployments()["deployments"]
    location = {"bucket": engine.bucket, "key": "pushed/shop/v1", "bundleType": "zip"}
    with pytest.raises(ClientError) as refused:
        reader.create_deployment(
            applicationName="shop",
            deploymentGroupName="api",
            revision={"revisionType": "S3", "s3Location": location},
        )
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert refused.value.response["Error"]["Message"] == "Forbidden"
    assert reader.list_deployments()["deployments"] == before


def test_the_address_answers_who_signs_for_it(engine: Engine, user: MakeUser) -> None:
    reader, address = user("Read only").client("codedeploy"), engine.outputs["ApiEndpoint"]
    status, body = post(f"{address}/ListDeploymentConfigs", reader)
    assert status == 200 and "CodeDeployDefault.OneAtATime" in body["deploymentConfigsList"]
    assert post(f"{address}/CreateDeployment", reader) == (403, {"message": "Forbidden"})
    assert post(f"{address}/ListEverything", reader) == (404, {"message": "Not Found"})


def test_a_refusal_of_the_engine_is_codedeploys_exception(user: MakeUser) -> None:
    client = user("Administrator").client("codedeploy")
    with pytest.raises(client.exceptions.DeploymentDoesNotExistException, match="d-NOTTHERE0"):
        client.get_deployment(deploymentId="d-NOTTHERE0")


def paged(client: Any, operation: str, what: str, **about: Any) -> list[Any]:
    """Everything that the client's own paginator finds."""
    return [each for page in client.get_paginator(operation).paginate(**about) for each in page[what]]

"""The control API, really served, behind the signing proxy that people run: what a tool of CodeDeploy's is pointed at.

Deployments do not reach hosts here. They go on when a tool looks at them: at its first look a deployment is as it was
created, and before the next one it has ended as the test wants it.
"""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from cli.account.connection import Engine
from cli.account.loopback.forwarding import Forwarder, Proxy
from functions.aws import clock
from functions.core.records import Counts
from functions.store.records import deployments
from tests.conftest import BUCKET, REGION, pending
from tests.rollout import begin, run_to_the_end
from tests.served import Served, serve
from tests.store import Store

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/deploy"
TAGS = [{"Key": "role", "Value": "web", "Type": "KEY_AND_VALUE"}]
S3 = {"revisionType": "S3", "s3Location": {"bucket": BUCKET, "key": "shop/v1.zip", "bundleType": "zip"}}
WEB = {"applicationName": "shop", "deploymentGroupName": "web"}
HOSTS = 3


@dataclass
class Api:
    """The address that a tool gets, and what becomes of the deployments that it creates."""

    url: str
    served: Served
    fails: bool = False  # whether a host of each deployment fails
    looks: int = 1  # at a deployment, before it has ended
    _seen: dict[str, int] = field(default_factory=dict)

    @property
    def client(self) -> Any:
        """boto3's."""
        return boto3.client("codedeploy", endpoint_url=self.url, region_name=REGION)

    @property
    def environment(self) -> dict[str, str]:
        """Of a tool in a process of its own: nothing tells it of stepdeploy but CodeDeploy's address."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_ENDPOINT")}
        return {**kept, "AWS_ENDPOINT_URL_CODEDEPLOY": self.url, "AWS_REGION": REGION, "HOME": "/nowhere"}

    def make_group(self, **group: Any) -> None:
        """shop/web, as a tool of CodeDeploy's has made it."""
        self.client.create_application(applicationName="shop")
        self.client.create_deployment_group(**WEB, serviceRoleArn=ROLE, ec2TagFilters=TAGS, **group)

    def goes_on(self, operation: str, members: Any) -> None:
        """A tool asks for something."""
        if operation != "GetDeployment" or "deploymentId" not in members:
            return
        one = deployments.get(members["deploymentId"])
        if one is None or one.status.is_final:
            return
        seen = self._seen[one.deployment_id] = self._seen.get(one.deployment_id, 0) + 1
        if seen > self.looks:
            counted = replace(one, counts=Counts(total=HOSTS, max_out_of_service=HOSTS))
            now = clock.timestamp()
            assert begin(counted, pending(counted, *(f"i-{number}" for number in range(HOSTS))), now)
            run_to_the_end(one.deployment_id, now, fails=HOSTS if self.fails else 0)


@pytest.fixture
def api(store: Store, services: None, executing: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    with serve() as served:
        monkeypatch.setenv("STEPDEPLOY_ENDPOINT", served.endpoint)
        with Proxy(Forwarder(Engine())) as proxy:
            found = Api(proxy.url, served)
            served.before = found.goes_on
            yield found


def beside_python(name: str) -> Path:
    """A program of the virtual environment."""
    return Path(sys.executable).with_name(name)

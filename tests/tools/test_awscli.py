"""The AWS CLI, as it comes. `aws deploy push` and deployments that reach hosts: tests/e2e/test_control_api.py."""

import json
import subprocess
from typing import Any

from local.driver import PATIENCE
from tests.tools.conftest import Api, beside_python

GROUP = ("--application-name", "shop", "--deployment-group-name", "web")
PLACE = "bucket=revisions,key=shop/v1.zip,bundleType=zip,eTag=0123456789abcdef0123456789abcdef"


def aws(api: Api, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(beside_python("aws")), "deploy", *words, "--output", "json"]
    return subprocess.run(command, env=api.environment, capture_output=True, text=True, timeout=PATIENCE)


def answer(api: Api, *words: str) -> Any:
    ran = aws(api, *words)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout) if ran.stdout else None


def test_a_deployment_by_its_shorthands_and_the_waiter(api: Api) -> None:
    api.make_group()
    api.looks = 0  # the waiter looks again after 15 seconds, which no one waits for here
    answer(api, "register-application-revision", "--application-name", "shop", "--s3-location", PLACE)
    one = answer(api, "create-deployment", *GROUP, "--s3-location", PLACE)["deploymentId"]
    assert answer(api, "list-deployments", *GROUP, "--include-only-statuses", "Created")["deployments"] == [one]
    answer(api, "wait", "deployment-successful", "--deployment-id", one)
    info = answer(api, "get-deployment", "--deployment-id", one)["deploymentInfo"]
    assert info["revision"]["s3Location"]["eTag"] == "0123456789abcdef0123456789abcdef"
    assert info["deploymentOverview"]["Succeeded"] == 3


def test_a_failed_deployment_and_a_refusal_end_it_with_their_status(api: Api) -> None:
    api.make_group()
    api.fails, api.looks = True, 0
    one = answer(api, "create-deployment", *GROUP, "--github-location", f"repository=ann/shop,commitId={'a' * 40}")
    waited = aws(api, "wait", "deployment-successful", "--deployment-id", one["deploymentId"])
    assert waited.returncode == 255 and "terminal failure state" in waited.stderr
    refused = aws(api, "get-deployment", "--deployment-id", "d-000000009")
    assert refused.returncode == 255 and "DeploymentDoesNotExistException" in refused.stderr
    assert "An error occurred" in refused.stderr


def test_a_deployment_is_stopped(api: Api) -> None:
    api.make_group()
    one = answer(api, "create-deployment", *GROUP, "--s3-location", PLACE)["deploymentId"]
    stopped = answer(api, "stop-deployment", "--deployment-id", one, "--no-auto-rollback-enabled")
    assert stopped["status"] in ("Pending", "Succeeded") and stopped["statusMessage"]

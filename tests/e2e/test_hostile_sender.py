"""Somebody who may send the engine's document, and no more: what he can make a host do."""

import base64
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.core.statuses import DeploymentStatus
from local.cloud import LocalCloud, LocalInstance
from local.driver import Engine, wait_for
from local.server import ACCOUNT, REGION
from tests.e2e.conftest import Fleet, MakeFleet
from tests.e2e.principals import Principal
from tests.signing import key, signed


class Sender(Principal):
    """A principal that sends documents to hosts."""

    def send(self, host: LocalInstance, document: str, **parameters: str) -> list[dict[str, Any]]:
        """Send the document to the host; what its first step that ran has printed, once all has ended."""
        given = {name: [value] for name, value in parameters.items()}
        command = self.client("ssm").send_command(DocumentName=document, InstanceIds=[host.id], Parameters=given)
        command_id = command["Command"]["CommandId"]

        def ended() -> dict[str, Any] | None:
            found = self.cloud.client("ssm").list_command_invocations(CommandId=command_id, Details=True)
            one: dict[str, Any] = found["CommandInvocations"][0]
            return one if one["Status"] in ("Success", "Failed") else None

        return list(wait_for(ended, "the command to end")["CommandPlugins"])


@pytest.fixture(scope="module")
def sender(cloud: LocalCloud, engine: Engine) -> Sender:
    arns = [
        f"arn:aws:ssm:{REGION}:{ACCOUNT}:document/{engine.outputs['DocumentName']}",
        f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/*",
    ]
    return Sender(cloud, "sender", {"ssm:SendCommand": arns})


@pytest.fixture
def deployed(fleet: MakeFleet) -> Fleet:
    group = fleet("hostile", hosts=2)
    assert group.deploy("v1").status is DeploymentStatus.SUCCEEDED
    return group


def instructions(group: Fleet, host: LocalInstance) -> str:
    """What the engine has sent to this host, as whoever may list commands can read it."""
    commands = group.cloud.client("ssm").list_commands(InstanceId=host.id)["Commands"]
    (parameter,) = commands[0]["Parameters"]["Instructions"]
    return str(parameter)


def files(host: LocalInstance) -> set[str]:
    root = host.path("/opt/stepdeploy")
    return {str(path.relative_to(root)) for path in root.rglob("*")}


def test_he_cannot_make_a_host_run_what_he_likes(deployed: Fleet, sender: Sender, engine: Engine) -> None:
    host, document = deployed.hosts[0], engine.outputs["DocumentName"]
    payload, _, made = instructions(deployed, host).partition(".")
    told = json.loads(base64.b64decode(payload))
    own = {**told, "runner": {"url": "http://127.0.0.1:9/runner.pyz", "sha256": "e" * 64}}
    replayed = base64.b64encode(json.dumps(own).encode()).decode() + "." + made
    before, ran = files(host), deployed.ran(host)
    for parameter in (signed(own, key("his")), signed(told, key("his")), replayed, payload + ".00"):
        first, *others = sender.send(host, document, Instructions=parameter)
        line = json.loads(first["Output"].splitlines()[0])
        assert (line["cause"], first["Status"]) == ("DENIED", "Failed")
        assert "not signed by the engine" in line["message"]
        assert {"skipped" in each["Output"] for each in others} == {True}
    assert (files(host), deployed.ran(host)) == (before, ran)
    with pytest.raises(ClientError, match="not authorized"):
        sender.send(host, "AWS-RunShellScript", commands="id")
    assert deployed.deploy("v2").status is DeploymentStatus.SUCCEEDED


def test_what_the_engine_has_sent_is_of_no_use_to_him(deployed: Fleet, sender: Sender, engine: Engine) -> None:
    """On another host it is refused; on the same one the journal answers, and nothing runs twice."""
    (one, other), document = deployed.hosts, engine.outputs["DocumentName"]
    before, ran = files(other), deployed.ran(one)
    first, *_ = sender.send(other, document, Instructions=instructions(deployed, one))
    assert f"the instructions are for {one.id}; this host is {other.id}" in first["Output"]
    assert files(other) == before
    plugins = sender.send(one, document, Instructions=instructions(deployed, one))
    assert {plugin["Status"] for plugin in plugins} == {"Success"}
    assert deployed.ran(one) == ran


def test_not_even_a_right_to_use_every_key_is_the_right_to_sign(cloud: LocalCloud, engine: Engine) -> None:
    user = Principal(cloud, "power-user", {"kms:*": ["*"]})
    resources = cloud.client("cloudformation").describe_stack_resources(StackName="stepdeploy")["StackResources"]
    (key_id,) = [each["PhysicalResourceId"] for each in resources if each["ResourceType"] == "AWS::KMS::Key"]
    request = {"KeyId": key_id, "MessageType": "DIGEST", "SigningAlgorithm": "RSASSA_PKCS1_V1_5_SHA_256"}
    assert user.client("kms").get_public_key(KeyId=key_id)["KeySpec"] == "RSA_2048"
    with pytest.raises(ClientError, match="AccessDenied"):
        user.client("kms").sign(Message=b"0" * 32, **request)

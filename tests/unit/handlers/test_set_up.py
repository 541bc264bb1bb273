"""set_up: what CloudFormation gets for the public key, the runner and the document's version."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from functions.aws import runner
from functions.aws.clients import client
from functions.aws.fleet import ssm as aws_ssm
from functions.handlers import set_up
from tests.conftest import BUCKET, LambdaContext, stand_in
from tests.fakes.kms import FakeKms
from tests.signing import trust
from tests.unit import fake_slack
from tests.unit.fake_slack import FakeSlack

RUNNER = b"a zipapp"
SHA256 = hashlib.sha256(RUNNER).hexdigest()


@pytest.fixture
def cloudformation() -> Iterator[FakeSlack]:
    with fake_slack.running() as running:
        yield running


def answered(
    cloudformation: FakeSlack, context: LambdaContext, kind: str, request: str = "Create", **given: str
) -> Any:
    event = {
        "RequestType": request,
        "ResponseURL": f"{cloudformation.url}/answer",
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "Hosts",
        "ResourceType": f"Custom::{kind}",
        "ResourceProperties": {"ServiceToken": "arn", **given},
    }
    set_up.handler(event, context)
    return cloudformation.posted[-1][1]


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "runner.pyz"
    path.write_bytes(RUNNER)
    monkeypatch.setattr(runner, "PACKAGED", path)
    return path


def test_the_public_key_has_its_numbers_as_attributes(
    environment: None, cloudformation: FakeSlack, context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in("kms", FakeKms())
    answer = answered(cloudformation, context, "PublicKey", KeyArn="arn:aws:kms:key/1")
    numbers = trust("")
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", "stepdeploy-PublicKey")
    assert answer["Data"] == {"Modulus": numbers.modulus, "Exponent": numbers.exponent}


def test_the_runner_is_where_hosts_fetch_it(
    services: None, packaged: Path, cloudformation: FakeSlack, context: LambdaContext
) -> None:
    assert answered(cloudformation, context, "Runner", Sha256=SHA256)["Status"] == "SUCCESS"
    found = client("s3").get_object(Bucket=BUCKET, Key=f".stepdeploy/runner/{SHA256}.pyz")
    assert found["Body"].read() == RUNNER


def test_a_runner_that_is_not_the_documents_is_not_published(
    services: None, packaged: Path, cloudformation: FakeSlack, context: LambdaContext
) -> None:
    answer = answered(cloudformation, context, "Runner", "Update", Sha256="0" * 64)
    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith(f"Runner was not set up: InvalidInput: the package has the runner {SHA256}")
    assert "Contents" not in client("s3").list_objects_v2(Bucket=BUCKET)


def test_an_older_runner_stays_for_the_commands_that_name_it(
    services: None, packaged: Path, cloudformation: FakeSlack, context: LambdaContext
) -> None:
    answered(cloudformation, context, "Runner", Sha256=SHA256)
    packaged.write_bytes(b"the next")
    answered(cloudformation, context, "Runner", "Update", Sha256=hashlib.sha256(b"the next").hexdigest())
    answered(cloudformation, context, "Runner", "Delete", Sha256=SHA256)
    assert len(client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]) == 2


def test_the_version_is_the_newest_one_whatever_the_default_is(
    services: None, cloudformation: FakeSlack, context: LambdaContext
) -> None:
    ssm = client("ssm")
    for number, write in enumerate((ssm.create_document, ssm.update_document)):
        content = json.dumps({"schemaVersion": "2.2", "description": str(number), "mainSteps": []})
        more = {"DocumentType": "Command"} if number == 0 else {"DocumentVersion": "$LATEST"}
        write(Name="document", Content=content, DocumentFormat="JSON", **more)
    assert ssm.describe_document(Name="document")["Document"]["DocumentVersion"] == "1"
    answer = answered(cloudformation, context, "DocumentVersion", Name="document", Content="c")
    assert answer["Data"] == {"Version": "2", "Hash": hashlib.sha256(content.encode()).hexdigest()}
    assert aws_ssm.latest_document("document") == ("2", answer["Data"]["Hash"])


def test_what_is_unknown_is_answered_too(environment: None, cloudformation: FakeSlack, context: LambdaContext) -> None:
    assert answered(cloudformation, context, "Other")["Status"] == "FAILED"

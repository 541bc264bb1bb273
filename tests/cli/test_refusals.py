"""Every refusal says who was refused what, and what to do."""

import json
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, TokenRetrievalError

from cli.__main__ import main
from cli.account.connection import refused
from functions.core.statuses import DeploymentStatus
from tests.conftest import BUCKET
from tests.served import Served
from tests.unit.api.test_deployments import put

Captured = pytest.CaptureFixture[str]


def test_what_api_gateway_forbids_names_the_permission_and_who_asked(engine: Served, capsys: Captured) -> None:
    engine.fails = 403
    assert main(["list"]) == 3
    said = capsys.readouterr().err
    assert "not allowed: ListDeployments needs execute-api:Invoke on .../POST/ListDeployments" in said
    assert "; you are arn:aws:" in said


def test_credentials_that_are_over_say_how_to_log_in_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "prod")
    expired = ClientError({"Error": {"Code": "ExpiredToken", "Message": "it is expired."}}, "ListDeployments")
    assert refused(expired).message == "ExpiredToken: it is expired. Log in again: aws sso login --profile prod"
    sso = TokenRetrievalError(provider="sso", error_msg="Token has expired and refresh failed")
    assert refused(sso).message.endswith("Log in again: aws sso login --profile prod")


def test_a_profile_that_is_not_there_names_those_that_are(
    tmp_path: Path, environment: None, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    (tmp_path / "config").write_text("[profile prod]\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "prd")
    assert main(["list"]) == 3
    assert "(prd) could not be found: known are prod" in capsys.readouterr().err


def test_a_verb_that_is_nearly_right_is_suggested(capsys: Captured) -> None:
    assert main(["depoly"]) == 2
    assert "No such command 'depoly'. Did you mean 'deploy'?" in capsys.readouterr().err


def test_a_configuration_that_is_nearly_right_is_suggested(engine: Served, capsys: Captured) -> None:
    assert main(["deploy", "shop/web", f"s3://{BUCKET}/shop/1.zip", "--config", "OneAtATime"]) == 3
    assert "did you mean CodeDeployDefault.OneAtATime?" in capsys.readouterr().err


def test_with_json_a_refusal_is_an_object(engine: Served, capsys: Captured) -> None:
    assert main(["show", "d-000000009", "--json"]) == 3
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "DeploymentDoesNotExistException"
    assert error["message"].endswith("see the deployments: stepdeploy list")


def test_one_that_is_stopping_is_not_to_be_stopped_again(engine: Served, executing: None, capsys: Captured) -> None:
    put(1, status=DeploymentStatus.IN_PROGRESS)
    main(["stop", "d-000000001"])
    capsys.readouterr()
    assert main(["show", "d-000000001"]) == 0
    assert "stepdeploy stop d-000000001 --cancel" in capsys.readouterr().out

# ruff: noqa: F811 - a test asks for a fixture by its name
"""`stepdeploy doctor` of a stack with a key of the account's own."""

import json
from typing import Any

import pytest

from cli.account.connection import Engine
from tests.cli.verbs.setting_up.test_doctor import Account, account  # noqa: F401 - a fixture
from tests.clients import client

SERVICES = ["cloudwatch.amazonaws.com", "events.amazonaws.com"]


@pytest.fixture
def key(account: Account, monkeypatch: pytest.MonkeyPatch) -> str:
    arn = str(client("kms").create_key(Policy=policy(SERVICES))["KeyMetadata"]["Arn"])
    monkeypatch.setattr(Engine, "outputs", {**Engine.outputs, "KeyArn": arn})  # type: ignore[dict-item]
    return arn


def policy(services: list[str], action: Any = ("kms:Decrypt", "kms:GenerateDataKey*")) -> str:
    mine = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*"}
    theirs = {"Effect": "Allow", "Principal": {"Service": services}, "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [mine, theirs]})


def test_a_key_whose_policy_lets_the_services_use_it_is_no_problem(account: Account, key: str) -> None:
    assert account.doctor() == (0, [])


def test_a_policy_without_a_service_is_a_problem_and_says_what_stops(account: Account, key: str) -> None:
    client("kms").put_key_policy(KeyId=key, PolicyName="default", Policy=policy(SERVICES[:1]))
    found = account.only("problem")
    assert "does not let events.amazonaws.com use it: uploads start no deployment" in found["message"]
    client("kms").put_key_policy(KeyId=key, PolicyName="default", Policy=policy(SERVICES, "kms:Decrypt"))
    assert [each["level"] for each in account.doctor()[1]] == ["problem", "problem"]


def test_a_key_that_is_disabled_is_a_problem(account: Account, key: str) -> None:
    client("kms").disable_key(KeyId=key.rpartition("/")[2])
    assert account.only("problem")["message"] == f"{key} is Disabled: the engine can read nothing"


def test_a_key_that_may_not_be_looked_at_is_no_problem(account: Account, key: str) -> None:
    account.forbidden = {"GetKeyPolicy"}
    assert account.only("unknown")["remedy"] == "grant kms:DescribeKey and kms:GetKeyPolicy"

"""Secrets Manager's stand-in: a secret by its name or its ARN, with a value or without."""

import pytest

from functions.aws import secrets
from functions.aws.clients import client
from tests.contract.conftest import code

pytestmark = pytest.mark.usefixtures("account")


def test_a_secret_holds_what_was_put_last() -> None:
    arn = client("secretsmanager").create_secret(Name="token", SecretString="one")["ARN"]
    assert arn.startswith("arn:aws:secretsmanager:us-east-1:123456789012:secret:token-")
    assert secrets.text(arn) == secrets.text("token") == "one"
    client("secretsmanager").put_secret_value(SecretId="token", SecretString=" two\n")
    assert secrets.text(arn) == "two"


def test_one_without_a_value_holds_nothing() -> None:
    arn = client("secretsmanager").create_secret(Name="token")["ARN"]
    assert code(client("secretsmanager").get_secret_value, SecretId=arn) == "ResourceNotFoundException"
    assert secrets.text(arn) == ""


def test_one_that_is_not_there_is_refused() -> None:
    gone = "arn:aws:secretsmanager:us-east-1:123456789012:secret:gone-aBcDeF"
    assert code(client("secretsmanager").get_secret_value, SecretId=gone) == "ResourceNotFoundException"
    put = client("secretsmanager").put_secret_value
    assert code(put, SecretId=gone, SecretString="s") == "ResourceNotFoundException"

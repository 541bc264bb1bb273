"""What a function logs and asks for, a Slack to post to, and a GitHub to fetch from."""

import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from functions.aws import github
from functions.aws import slack as aws_slack
from functions.aws.clients import client
from functions.settings import settings
from functions.telemetry import logger
from tests import fake_github
from tests.conftest import stand_in
from tests.fake_github import FakeGitHub
from tests.fakes.cloudwatch import FakeAlarms
from tests.unit import fake_slack
from tests.unit.behind import behind, crowd  # noqa: F401 - fixtures
from tests.unit.fake_slack import FakeSlack
from tests.unit.live import chat  # noqa: F401 - a fixture
from tests.unit.two_targets import world  # noqa: F401 - a fixture


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """The log's lines as CloudWatch would have them; the logger itself keeps the standard output it began with."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logger.registered_formatter)
    logger.addHandler(handler)
    yield stream
    logging.getLogger(logger.name).removeHandler(handler)


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with fake_slack.running() as running:
        yield running
    aws_slack._pool().clear()


@pytest.fixture
def hub(services: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGitHub]:
    """A GitHub that the engine is told of, and a secret that holds nothing yet. Tries follow at once."""
    secret = client("secretsmanager").create_secret(Name="token", SecretString="{}")
    monkeypatch.setattr(github, "_PAUSES", (0, 0))
    with fake_github.running() as running:
        monkeypatch.setenv("GITHUB_URL", running.url)
        monkeypatch.setenv("GITHUB_SECRET_ARN", secret["ARN"])
        settings.cache_clear()
        yield running


@pytest.fixture
def cancelled(services: None) -> list[str]:
    """Commands that SSM was asked to cancel."""
    found: list[str] = client("ssm").cancelled
    return found


@pytest.fixture
def alarms(services: None) -> FakeAlarms:
    """CloudWatch, with its history."""
    return stand_in("cloudwatch", FakeAlarms({"errors": "ALARM", "other": "ALARM"}))


@pytest.fixture
def tokens_told(services: None) -> dict[str, Any]:
    found: dict[str, Any] = client("stepfunctions").told
    return found

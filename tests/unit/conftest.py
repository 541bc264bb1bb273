"""What a function logs, and a Slack to post to."""

import io
import logging
from collections.abc import Iterator

import pytest

from functions.aws import webhook
from functions.telemetry import logger
from tests.unit import fake_slack
from tests.unit.fake_slack import FakeSlack


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
    webhook._pool().clear()

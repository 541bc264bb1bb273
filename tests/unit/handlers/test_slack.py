"""slack: the queue's messages in, posts to a real socket out; what Slack does not take comes back."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from functions.aws import slack as aws_slack
from functions.aws import sqs
from functions.aws.clients import client
from functions.core.records import Deployment, RollbackInfo, Target
from functions.core.statuses import Creator, DeploymentStatus
from functions.handlers import slack as handler_module
from functions.settings import settings
from tests.conftest import LambdaContext, put_item
from tests.store import Store
from tests.unit.fake_slack import FakeSlack
from tests.unit.inbox import Inbox
from tests.unit.news import DONE, deployment, failed_target, item_of, queued


class Queue:
    """The function under its queue."""

    def __init__(self, slack: FakeSlack, context: LambdaContext) -> None:
        self.slack = slack
        self._context = context
        self.rests: dict[str, int] = {}  # seconds by message id, of what came back last

    def deliver(self, *bodies: Any, receives: int = 1) -> list[str]:
        """The ids of the messages that come back."""
        answer = handler_module.handler(queued(*bodies, receives=receives), self._context)
        return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


@pytest.fixture
def queue(
    store: Store, services: None, slack: FakeSlack, context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Queue]:
    secret = client("secretsmanager").create_secret(Name="slack", SecretString=f"{slack.url}/services/SECRET")
    monkeypatch.setenv("SLACK_SECRET_ARN", secret["ARN"])
    monkeypatch.setenv("SLACK_QUEUE_URL", Inbox("slack").url)
    settings.cache_clear()
    aws_slack.webhook.cache_clear()
    queue = Queue(slack, context)
    monkeypatch.setattr(sqs, "_rest", lambda url, messages, seconds: note(queue, messages, seconds))
    yield queue
    aws_slack.webhook.cache_clear()


def note(queue: Queue, messages: list[sqs.Received], seconds: Any) -> None:
    """SQS knows no receipts of messages that a test made up; what would be asked of it is noted instead."""
    queue.rests = {each.message_id: seconds(each) for each in messages}


def remember(*records: Deployment | Target) -> None:
    for record in records:
        put_item(item_of(record))


def news(state: str = "START", deployment_id: str = "d-A1B2C3111") -> dict[str, Any]:
    """An event of the engine's bus."""
    return {
        "source": "stepdeploy",
        "detail-type": "CodeDeploy Deployment State-change Notification",
        "time": "2022-10-13T15:51:00Z",
        "resources": ["arn:aws:codedeploy:us-east-1:123456789012:deploymentgroup:shop/web"],
        "detail": {"deploymentId": deployment_id, "state": state},
    }


def test_an_outcome_is_one_message_with_its_failing_hosts(queue: Queue) -> None:
    remember(deployment(DeploymentStatus.FAILED, counts=DONE), failed_target())
    assert queue.deliver(news("FAILURE")) == []
    ((path, payload),) = queue.slack.posted
    assert path == "/services/SECRET"
    assert payload["text"].startswith("Deployment failed: shop/web")
    assert "curl: (7) refused" in json.dumps(payload)


def test_what_a_failed_deployment_goes_back_to_has_its_name(queue: Queue) -> None:
    linked = RollbackInfo(rollback_deployment_id="d-BACK00000", rollback_message="Automatic rollback is triggered.")
    good = deployment(deployment_id="d-BACK00000", creator=Creator.ROLLBACK, metadata={"commit": "f" * 40})
    remember(deployment(DeploymentStatus.FAILED, rollback=linked), good)
    assert queue.deliver(news("FAILURE")) == []
    assert queue.slack.texts[0].endswith("Going back to v2.zip (fffffff): d-BACK00000")


def test_a_burst_is_one_message(queue: Queue) -> None:
    ids = [f"d-{number}" for number in range(100)]
    remember(*(deployment(deployment_id=each) for each in ids))
    assert queue.deliver(*(news(deployment_id=each) for each in ids)) == []
    assert queue.slack.texts == ["100 deployment messages: 100 deployment started"]


def test_a_busy_slack_is_left_alone_for_as_long_as_it_says(queue: Queue) -> None:
    remember(deployment(), deployment(deployment_id="d-2"))
    queue.slack.answers = [(429, {"Retry-After": "60"})]
    assert queue.deliver(news(), news(deployment_id="d-2")) == ["m-1", "m-2"]
    assert queue.rests == {"m-1": 60, "m-2": 60}
    assert queue.deliver(news()) == ["m-1"]  # another batch, within the minute
    assert 55 <= queue.rests["m-1"] <= 60
    assert (queue.slack.refused, queue.slack.posted) == (1, [])


def test_a_slack_that_is_down_gets_everything_later(queue: Queue) -> None:
    remember(deployment(), deployment(deployment_id="d-2"))
    queue.slack.answers = [(200, {}), (503, {})]
    assert queue.deliver(news(), news(deployment_id="d-2"), receives=3) == ["m-2"]
    assert queue.rests == {"m-2": 20}
    assert queue.slack.refused == 1
    assert queue.deliver(news(deployment_id="d-2")) == []
    assert len(queue.slack.posted) == 2


def test_blocks_that_slack_refuses_become_plain_news(queue: Queue) -> None:
    remember(deployment())
    queue.slack.answers = [(400, {})]
    assert queue.deliver(news()) == []
    ((_, payload),) = queue.slack.posted
    assert "blocks" not in payload


def test_a_webhook_that_is_gone_returns_its_message_and_the_others_pass(queue: Queue) -> None:
    remember(deployment(), deployment(deployment_id="d-2"))
    queue.slack.answers = [(404, {})]
    assert queue.deliver(news(), news(deployment_id="d-2")) == ["m-1"]
    assert queue.slack.texts == ["Deployment started: shop/web (d-2)"]


def test_without_a_webhook_the_message_is_dropped_with_a_line_in_the_log(queue: Queue, logged: io.StringIO) -> None:
    remember(deployment())
    client("secretsmanager").put_secret_value(SecretId="slack", SecretString="to be set")
    assert queue.deliver(news()) == []
    assert queue.slack.posted == []
    assert logged.getvalue().count("no Slack webhook is set") == 1


@pytest.mark.parametrize(
    "body",
    ["no json", "[]", {}, news(deployment_id="d-unknown"), news("REPLACED"), {**news(), "resources": []}],
)
def test_a_message_that_cannot_be_read_is_set_aside_and_holds_up_no_other(
    queue: Queue, undelivered: Inbox, body: Any
) -> None:
    """Invariant 8."""
    remember(deployment())
    assert queue.deliver(body, news(), receives=4) == []
    assert len(queue.slack.posted) == 1
    (letter,) = undelivered.read()
    assert letter["message_id"] == "m-1" and letter["body"] == (body if isinstance(body, str) else json.dumps(body))


def test_news_of_a_deployment_of_a_newer_version_comes_back(queue: Queue) -> None:
    put_item({**item_of(deployment()), "creator": "somebodyNew"})
    assert queue.deliver(news(), receives=4) == ["m-1"]
    assert queue.rests == {"m-1": 40}


def test_no_log_line_holds_the_webhooks_url(queue: Queue, logged: io.StringIO) -> None:
    remember(deployment())
    queue.slack.answers = [(500, {}), (404, {})]
    queue.deliver(news())
    queue.deliver(news())
    client("secretsmanager").put_secret_value(SecretId="slack", SecretString="http://127.0.0.1:9/services/SECRET")
    aws_slack.webhook.cache_clear()
    assert queue.deliver(news()) == ["m-1"]
    assert "Slack did not accept a message" in logged.getvalue()
    assert "SECRET" not in logged.getvalue()


def test_a_channel_of_teams_gets_a_card(queue: Queue) -> None:
    remember(deployment())
    held = json.dumps({"default": f"{queue.slack.url}/slack", "teams": {"default": f"{queue.slack.url}/teams"}})
    client("secretsmanager").put_secret_value(SecretId="slack", SecretString=held)
    assert queue.deliver(news()) == []
    held = json.dumps({"teams": {"default": f"{queue.slack.url}/teams"}})
    client("secretsmanager").put_secret_value(SecretId="slack", SecretString=held)
    aws_slack.webhook.cache_clear()
    assert queue.deliver(news()) == []
    (slack_path, _), (teams_path, card) = queue.slack.posted
    assert (slack_path, teams_path) == ("/slack", "/teams")
    assert card["attachments"][0]["contentType"] == "application/vnd.microsoft.card.adaptive"


def test_a_bot_posts_and_edits_over_a_real_connection(queue: Queue) -> None:
    held = queue.slack.secret(channels={"default": "#ops"})
    client("secretsmanager").put_secret_value(SecretId="slack", SecretString=held)
    remember(deployment(DeploymentStatus.SUCCEEDED, counts=DONE))
    assert queue.deliver(news("SUCCESS")) == []
    (message,) = queue.slack.top()
    assert message.text.startswith("Deployment succeeded") and len(queue.slack.thread(message)) == 1
    assert queue.slack.workspace.calls == ["chat.postMessage", "chat.getPermalink", "chat.postMessage"]
    assert queue.slack.posted == []  # by a webhook

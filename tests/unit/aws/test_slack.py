"""Slack's webhooks against a real socket, their secret in Secrets Manager."""

import io
import json
from typing import Any

import pytest

from functions.aws.clients import client
from functions.aws.slack import Answer, Delivery, Webhook
from tests.unit import fake_slack
from tests.unit.fake_slack import FakeSlack


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def hooks(clock: Clock, secret: str | None) -> Webhook:
    secrets = client("secretsmanager")
    value = {} if secret is None else {"SecretString": secret}
    return Webhook(secrets.create_secret(Name="slack", **value)["ARN"], clock)


def set_secret(secret: str) -> None:
    client("secretsmanager").put_secret_value(SecretId="slack", SecretString=secret)


NEWS: dict[str, Any] = {"text": "news"}


def test_news_are_posted_as_json(services: None, clock: Clock, slack: FakeSlack) -> None:
    assert hooks(clock, f"{slack.url}/hook\n").post(None, NEWS) == Delivery(answer=Answer.POSTED)
    assert slack.posted == [("/hook", NEWS)]


def test_a_channel_has_its_own_url_or_the_default(services: None, clock: Clock, slack: FakeSlack) -> None:
    hook = hooks(clock, json.dumps({"default": f"{slack.url}/default", "#shop": f"{slack.url}/shop"}))
    for channel in ("#shop", "#other", None):
        hook.post(channel, NEWS)
    assert [path for path, _ in slack.posted] == ["/shop", "/default", "/default"]


@pytest.mark.parametrize("secret", [None, "generated-by-cloudformation", "[]", "{}", '{"default": 1}'])
def test_without_a_url_news_go_nowhere_until_one_is_set(
    services: None, clock: Clock, slack: FakeSlack, secret: str | None
) -> None:
    hook = hooks(clock, secret)
    assert hook.post(None, NEWS).answer is Answer.NOWHERE
    set_secret(slack.url)
    assert hook.post(None, NEWS).answer is Answer.NOWHERE  # the secret is not asked for with every message
    clock.seconds += 60
    assert hook.post(None, NEWS).answer is Answer.POSTED


def test_after_429_nothing_is_sent_for_as_long_as_slack_says(services: None, clock: Clock, slack: FakeSlack) -> None:
    slack.answers = [(429, {"Retry-After": "7"})]
    hook = hooks(clock, slack.url)
    assert hook.post(None, NEWS) == Delivery(answer=Answer.DOWN, reason="rate limited", retry_after=7)
    clock.seconds += 6.5
    assert hook.post(None, NEWS) == Delivery(answer=Answer.DOWN, reason="rate limited", retry_after=1)
    assert (slack.refused, slack.posted) == (1, [])
    clock.seconds += 0.5
    assert hook.post(None, NEWS).answer is Answer.POSTED


def test_slack_is_left_alone_for_an_hour_at_most_and_the_log_says_so(
    services: None, clock: Clock, slack: FakeSlack, logged: io.StringIO
) -> None:
    slack.answers = [(429, {"Retry-After": "999999999"})]
    hook = hooks(clock, slack.url)
    assert hook.post(None, NEWS).retry_after == 3600
    assert '"asked":"999999999"' in logged.getvalue()
    clock.seconds += 3601
    assert hook.post(None, NEWS).answer is Answer.POSTED


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("1.5", 2), ("0", 1), ("-3", 30), ("²", 30), ("1e3", 30), ("Wed, 21 Oct 2015 07:28:00 GMT", 1), ("soon", 30)],
)
def test_a_rest_may_be_said_in_many_ways(
    services: None, clock: Clock, slack: FakeSlack, header: str, seconds: int
) -> None:
    slack.answers = [(429, {"Retry-After": header})]
    assert hooks(clock, slack.url).post(None, NEWS).retry_after == seconds


def test_a_429_without_a_time_means_half_a_minute(services: None, clock: Clock, slack: FakeSlack) -> None:
    slack.answers = [(429, {})]
    assert hooks(clock, slack.url).post(None, NEWS).retry_after == 30


@pytest.mark.parametrize(("status", "answer"), [(500, Answer.DOWN), (503, Answer.DOWN), (400, Answer.REFUSED)])
def test_other_answers_say_what_they_are(
    services: None, clock: Clock, slack: FakeSlack, status: int, answer: Answer
) -> None:
    slack.answers = [(status, {})]
    assert hooks(clock, slack.url).post(None, NEWS) == Delivery(answer=answer, reason=str(status))


@pytest.mark.parametrize("status", [403, 404])
def test_a_url_that_was_replaced_is_read_again(services: None, clock: Clock, slack: FakeSlack, status: int) -> None:
    hook = hooks(clock, f"{slack.url}/old")
    hook.post(None, NEWS)
    set_secret(f"{slack.url}/new")
    slack.answers = [(status, {})]
    assert hook.post(None, NEWS).answer is Answer.POSTED
    assert [path for path, _ in slack.posted] == ["/old", "/new"]


def test_a_redirect_is_refused_not_followed(services: None, clock: Clock, slack: FakeSlack) -> None:
    slack.answers = [(302, {"Location": f"{slack.url}/elsewhere"})]
    assert hooks(clock, slack.url).post(None, NEWS) == Delivery(answer=Answer.REFUSED, reason="302")
    assert slack.posted == []


def test_nobody_there_is_down_and_says_nothing_of_the_url(services: None, clock: Clock) -> None:
    with fake_slack.running() as gone:
        url = f"{gone.url}/services/SECRET"
    delivery = hooks(clock, url).post(None, NEWS)
    assert delivery.answer is Answer.DOWN and "SECRET" not in repr(delivery)

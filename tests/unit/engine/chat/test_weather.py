"""slack with a bot: what comes twice, late or not at all, Slack's limits and its errors, and what a bot costs."""

import io
import json
from itertools import pairwise

import pytest

from functions.aws.clients import client
from functions.core.records import (
    Counts,
)
from functions.core.statuses import DeploymentStatus
from functions.store import slack as store_slack
from functions.store.slack import now as now_ms
from tests.slack_world import SlackWorld, shown
from tests.store import Store
from tests.unit.live import ended, failed_deployment, progress, running

# -- what comes twice, late or not at all


def test_what_comes_twice_is_shown_once(chat: SlackWorld) -> None:
    chat.news(ended(DeploymentStatus.SUCCEEDED), times=3)
    chat.run(0.1)
    chat.news(ended(DeploymentStatus.SUCCEEDED))
    chat.run()
    (message,) = chat.top()
    assert len(chat.thread(message)) == 1


def test_an_old_start_that_comes_late_shows_the_end(chat: SlackWorld) -> None:
    start, end = running(status=DeploymentStatus.CREATED), ended(DeploymentStatus.SUCCEEDED)
    chat.news(start)
    chat.news(end)
    chat.queue.reverse()
    chat.run()
    (message,) = chat.top()
    assert "Deployment succeeded" in shown(message)


def test_one_call_at_a_time_talks_to_slack(chat: SlackWorld) -> None:
    assert store_slack.hold("another", 60_000)
    chat.news(ended(DeploymentStatus.SUCCEEDED))
    chat.run(30)
    assert chat.slack.calls == [] and len(chat.queue) == 1
    chat.run(60)
    assert len(chat.top()) == 1


def test_a_busy_slack_is_left_alone_and_hears_the_end_after_that(chat: SlackWorld) -> None:
    progress()
    chat.news(running(status=DeploymentStatus.CREATED))
    chat.run(5)
    chat.faults.slack_busy, chat.faults.slack_retry_after = 1, 300
    chat.news(ended(DeploymentStatus.SUCCEEDED))
    before = now_ms()
    chat.run()
    (message,) = chat.top()
    assert "Deployment succeeded" in shown(message)
    assert message.changed_at[-1] * 1000 - before >= 300_000


def test_slack_down_for_an_hour_loses_nothing(chat: SlackWorld) -> None:
    chat.faults.slack_down = True
    chat.news(failed_deployment())
    chat.run(3600)
    assert chat.top() == []
    chat.faults.slack_down = False
    chat.run()
    (message,) = chat.top()
    assert "Deployment failed" in shown(message) and len(chat.thread(message)) == 2


def test_many_deployments_keep_to_the_pace_of_a_channel(chat: SlackWorld) -> None:
    for number in range(40):
        chat.news(ended(DeploymentStatus.SUCCEEDED, deployment_id=f"d-{number:09}"))
    chat.run()
    assert len(chat.top()) == 40
    times = sorted(each.changed_at[0] for each in chat.slack.bots)
    assert min(later - earlier for earlier, later in pairwise(times)) >= 1


def test_ends_have_room_beside_the_progress_of_many(chat: SlackWorld) -> None:
    """60 deployments run, which is more than Slack takes edits for; the end of one of them is shown at once."""
    ids = [f"d-{number:09}" for number in range(60)]
    for deployment_id in ids:
        chat.news(running(status=DeploymentStatus.CREATED, deployment_id=deployment_id, places=()))
    chat.run(180)
    counts = Counts(total=4, succeeded=1)
    for deployment_id in ids:
        chat.put(running(deployment_id=deployment_id, places=(), counts=counts))
    chat.run(20)
    at = chat.time.now().timestamp()
    chat.news(ended(DeploymentStatus.SUCCEEDED, deployment_id=ids[0]))
    chat.run(30)
    (first,) = [each for each in chat.top() if ids[0] in shown(each)]
    assert "succeeded: shop/web" in shown(first) and first.changed_at[-1] - at < 10
    edits = sorted(time for each in chat.top() for time in each.changed_at[1:])
    assert all(sum(1 for time in edits if begin <= time < begin + 60) <= 50 for begin in edits)


# -- Slack's errors


def test_a_message_that_a_person_has_deleted_is_posted_again_with_the_end_only(chat: SlackWorld) -> None:
    progress()
    chat.news(running(status=DeploymentStatus.CREATED))
    chat.run(5)
    chat.slack.delete(chat.top()[0].ts)
    progress(1)
    chat.put(running())
    chat.run(120)
    assert chat.top() == []
    chat.news(ended(DeploymentStatus.SUCCEEDED))
    chat.run()
    (message,) = chat.top()
    assert "Deployment succeeded" in shown(message) and len(chat.thread(message)) == 1


def test_blocks_that_slack_does_not_take_become_plain_news(chat: SlackWorld) -> None:
    chat.faults.slack_errors, chat.faults.slack_error = 1, "invalid_blocks"
    chat.news(ended(DeploymentStatus.SUCCEEDED))
    chat.run()
    (message,) = chat.top()
    assert message.blocks == [] and message.text.startswith("Deployment succeeded: shop/web (d-A1B2C3111)")


def test_what_slack_takes_in_no_form_is_dropped_with_a_word_and_a_number(
    chat: SlackWorld, logged: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    chat.faults.slack_errors, chat.faults.slack_error = 2, "msg_too_long"
    chat.news(ended(DeploymentStatus.SUCCEEDED))
    chat.run()
    assert chat.slack.bots == [] and not chat.queue
    assert "msg_too_long: the message is too long" in logged.getvalue()
    assert '"ChatMessagesDropped":[1.0]' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        ("not_in_channel", "/invite @NAME"),
        ("channel_not_found", "chat:write.public"),
        ("missing_scope", "chat:write"),
        ("token_revoked", "put its bot token into the secret"),
        ("is_archived", "name another channel"),
        ("something_new", "say what it means"),
    ],
)
def test_what_a_person_has_to_change_is_said_and_comes_again(
    chat: SlackWorld, logged: io.StringIO, error: str, remedy: str
) -> None:
    chat.faults.slack_errors, chat.faults.slack_error = 3, error
    chat.news(ended(DeploymentStatus.SUCCEEDED))
    chat.run(4)
    assert error in logged.getvalue() and remedy in logged.getvalue()
    assert len(chat.queue) == 1
    chat.run()
    assert len(chat.top()) == 1


def test_where_the_bot_may_not_post_the_webhook_does(chat: SlackWorld) -> None:
    held = json.loads(client("secretsmanager").get_secret_value(SecretId="slack-0")["SecretString"])
    held["channels"] = {"default": "#private"}
    held["default"] = "http://slack/services/ops"
    client("secretsmanager").put_secret_value(SecretId="slack-0", SecretString=json.dumps(held))
    chat.news(failed_deployment())
    chat.run()
    assert chat.slack.bots == []
    assert [each["text"].split(":")[0] for each in chat.slack.messages] == ["Deployment failed"]


def test_a_token_that_was_replaced_is_read_again(chat: SlackWorld) -> None:
    held = json.loads(client("secretsmanager").get_secret_value(SecretId="slack-0")["SecretString"])
    old = {**held, "token": "xoxb-0123456789-old"}
    client("secretsmanager").put_secret_value(SecretId="slack-0", SecretString=json.dumps(old))
    chat.news(running(status=DeploymentStatus.CREATED))
    chat.run(1)
    assert chat.top() == []
    client("secretsmanager").put_secret_value(SecretId="slack-0", SecretString=json.dumps(held))
    chat.run(10)
    assert len(chat.top()) == 1


def test_no_log_line_holds_the_token(chat: SlackWorld, logged: io.StringIO) -> None:
    for error in ("invalid_auth", "msg_too_long", "message_not_found"):
        chat.faults.slack_errors, chat.faults.slack_error = 2, error
        chat.news(ended(DeploymentStatus.SUCCEEDED, deployment_id=f"d-{error[:9].upper()}"))
        chat.run(60)
    chat.faults.slack_down = True
    chat.news(ended(DeploymentStatus.SUCCEEDED, deployment_id="d-DOWN00000"))
    chat.run(5)
    assert logged.getvalue() and "xoxb" not in logged.getvalue()


# -- what a bot costs


def test_an_update_reads_a_few_records_and_no_target(chat: SlackWorld, store: Store) -> None:
    progress()
    chat.news(running(status=DeploymentStatus.CREATED))
    chat.run(5)
    progress(1)
    chat.put(running())
    store.operations.clear()
    chat.run(12)
    assert store.operations.count("GetItem") <= 4 and store.operations.count("BatchGetItem") == 1
    assert "Query" not in store.operations


def test_a_chain_that_was_doubled_goes_on_once(chat: SlackWorld) -> None:
    progress()
    chat.news(running(status=DeploymentStatus.CREATED))
    chat.run(5)
    (look,) = chat.looks()
    chat.send(look.body, 0)
    chat.run(200)
    assert len(chat.looks()) == 1


def test_a_look_without_a_bot_ends_its_chain(chat: SlackWorld) -> None:
    progress()
    chat.news(running(status=DeploymentStatus.CREATED))
    chat.run(5)
    client("secretsmanager").put_secret_value(SecretId="slack-0", SecretString="http://slack/services/ops")
    from functions.aws import slack as aws_slack

    aws_slack.webhook.cache_clear()
    chat.run()
    assert not chat.queue and len(chat.slack.messages) == 0

"""slack with a bot: one message for each deployment, edited in place, with its thread; in virtual time."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from functions.aws.clients import client
from functions.core.failures import shared
from functions.core.records import (
    Approved,
    Counts,
    Deployment,
    Failure,
    GroupSettings,
    Hold,
    HoldKind,
    Pause,
    PlaceSet,
    RollbackInfo,
    Stage,
    StopMark,
)
from functions.core.rollout.health import Approval
from functions.core.statuses import Creator, DeploymentErrorCode, DeploymentStatus
from functions.store.keys import shard_key
from functions.store.records import slack as store_slack
from functions.store.records.slack import now as now_ms
from tests.conftest import put_item
from tests.slack_world import SlackWorld, shown, slack_world
from tests.store import Store
from tests.unit.news import deployment, failed_target

STAGES = (
    Stage(name="canary", targets=1, bake_seconds=600, approval=Approval(approvers=("arn:aws:iam::1:role/lead",))),
    Stage(name="rest", targets=3),
)
MENTIONS = {"mentions": {"default": "here", "#shop": "S0614TZR7"}}


@pytest.fixture
def world(store: Store, services: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackWorld]:
    with slack_world(monkeypatch, {**MENTIONS, "link": "https://runbooks/{application}?d={deployment}"}) as found:
        yield found


def running(**fields: Any) -> Deployment:
    counts = Counts(total=4, max_out_of_service=1)
    given = {"counts": counts, "start_time": "2026-11-23T10:00:00.000Z", "create_time": "2026-11-23T09:59:59.000Z"}
    status = fields.pop("status", DeploymentStatus.IN_PROGRESS)
    places = (PlaceSet(name="d-A1B2C3111", places=1),)
    return deployment(status, **{**given, "places": places, **fields})


def progress(succeeded: int = 0, holders: set[str] = frozenset(), failed: set[str] = frozenset()) -> None:  # type: ignore[assignment]
    """What the shards of the deployment say."""
    sets = {name: frozenset(some) for name, some in (("holders", holders | failed), ("failed", failed)) if some}
    put_item({**shard_key("d-A1B2C3111", 0).item, "places": 1, "succeeded": succeeded, **sets})


def ended(status: DeploymentStatus, **fields: Any) -> Deployment:
    given = {"complete_time": "2026-11-23T10:04:00.000Z", "counts": Counts(total=4, succeeded=4, started=4), **fields}
    return running(status=status, **given)


FAILED = Failure(code=DeploymentErrorCode.HEALTH_CONSTRAINTS, message="ValidateService: exit 7 on web-1")


def failed_deployment(**fields: Any) -> Deployment:
    given = {
        "failure": FAILED,
        "causes": shared([failed_target()]),
        "counts": Counts(total=4, succeeded=2, failed=1, skipped=1, started=3),
        **fields,
    }
    return ended(DeploymentStatus.FAILED, **given)


# -- the message


def test_one_message_shows_a_deployment_from_its_beginning_to_its_end(world: SlackWorld) -> None:
    progress()
    world.news(running(status=DeploymentStatus.CREATED))
    world.put(running(stages=STAGES))
    world.run(15)
    (message,) = world.top()
    assert "Deploying: shop/web" in shown(message) and "0 of 4 hosts done" in shown(message)
    progress(2, {"i-3"})
    world.run(30)
    assert "2 of 4 hosts done" in shown(message) and "3 of 4 healthy, 2 succeeded, 1 in progress" in shown(message)
    assert "Stage 2 of 2: rest" in shown(message) and "left" in shown(message)
    world.news(ended(DeploymentStatus.SUCCEEDED))
    world.run()
    assert world.top() == [message]
    assert "Deployment succeeded: shop/web" in shown(message) and "4 succeeded of 4 hosts" in shown(message)
    assert "https://runbooks/shop?d=d-A1B2C3111" in shown(message)
    (result,) = world.thread(message)
    assert result == ":white_check_mark: *Deployment succeeded* in 4 min 0 s"
    assert not world.queue and store_slack.message("d-A1B2C3111").is_final


def test_a_look_that_sees_nothing_new_edits_nothing_and_comes_later_each_time(world: SlackWorld) -> None:
    progress()
    world.news(running(status=DeploymentStatus.CREATED))
    world.put(running(hold=Hold(stage=-1, kinds=(HoldKind.FREEZE,), since="2026-11-23T10:00:00.000Z")))
    world.run(3600)
    (message,) = world.top()
    assert message.edits == 0
    assert world.calls < 60


def test_progress_is_edited_every_ten_seconds_at_most(world: SlackWorld) -> None:
    world.news(running(status=DeploymentStatus.CREATED))
    for second in range(60):
        progress(succeeded=second % 4)
        world.put(running())
        world.run(1)
    (message,) = world.top()
    gaps = [later - earlier for earlier, later in pairwise(message.changed_at)]
    assert len(gaps) >= 3 and min(gaps) >= 10


def test_a_bake_counts_down(world: SlackWorld) -> None:
    progress(1)
    hold = Hold(
        stage=0, kinds=(HoldKind.BAKE,), since="2026-11-23T10:00:00.000Z", until="2026-11-23T10:10:00.000Z", token="t"
    )
    world.news(running(status=DeploymentStatus.CREATED))
    world.put(running(stages=STAGES, hold=hold))
    world.run(10)
    (message,) = world.top()
    assert "After stage 1 of 2: canary" in shown(message) and "*Bakes* until <!date^" in shown(message)
    assert "10 min left" in shown(message)
    world.run(310)
    assert "5 min left" in shown(message)
    assert message.edits <= 10


def test_what_holds_it_is_told(world: SlackWorld) -> None:
    progress(1)
    paused = running(pause=Pause(by="ann", at="2026-11-23T10:01:00.000Z", why="lunch"))
    world.news(replace(paused, status=DeploymentStatus.CREATED))
    world.put(paused)
    world.run(30)
    (message,) = world.top()
    assert "Deployment paused" in shown(message) and "*Paused* by ann since" in shown(message)
    assert ": lunch" in shown(message)


# -- the thread


def test_each_cause_is_told_once_while_it_runs_and_not_again_at_the_end(world: SlackWorld) -> None:
    progress(1)
    world.news(running(status=DeploymentStatus.CREATED))
    world.put(running(), failed_target())
    world.run(15)
    (message,) = world.top()
    progress(1, failed={"i-0a1"})
    world.run(60)
    (cause,) = world.thread(message)
    assert cause.startswith("*web-1* ValidateService") and "1 failed" in shown(message)
    world.news(failed_deployment(), times=2)
    world.run()
    cause_again, result = world.thread(message)
    assert cause_again == cause
    assert result.startswith("<!here> :x: *Deployment failed*")


def test_a_failure_calls_people_in_the_channel_too_and_a_persons_stop_does_not(world: SlackWorld) -> None:
    world.news(failed_deployment(settings=GroupSettings(slack_channel="#shop")))
    stop = StopMark(by="ann", code=DeploymentErrorCode.MANUAL_STOP, message="Stopped by ann", at="2026-11-23T10:01:00Z")
    world.news(ended(DeploymentStatus.STOPPED, deployment_id="d-STOPPED00", stop=stop))
    world.run()
    calls = [each for each in world.slack.bots if "<!" in each.text]
    assert [each.text.split()[0] for each in calls] == ["<!subteam^S0614TZR7>"]
    assert [each.is_broadcast for each in calls] == [True]


def test_an_alarm_is_told_with_its_name(world: SlackWorld) -> None:
    stop = StopMark(
        by="alarm errors",
        code=DeploymentErrorCode.ALARM_ACTIVE,
        message="Activated alarms: errors",
        at="2026-11-23T10:01:00Z",
    )
    progress(1)
    world.news(running(status=DeploymentStatus.CREATED))
    world.put(running(stop=stop))
    world.run(30)
    (message,) = world.top()
    assert world.thread(message) == [":bell: *Stopped by alarm errors*: Activated alarms: errors"]
    assert "Deployment stops" in shown(message)


def test_an_approval_is_asked_for_and_who_gave_it_is_told(world: SlackWorld) -> None:
    progress(1)
    hold = Hold(stage=0, kinds=(HoldKind.APPROVAL,), since="2026-11-23T10:00:00.000Z", token="t")
    world.news(running(status=DeploymentStatus.READY, stages=STAGES, hold=hold))
    world.run(30)
    (message,) = world.top()
    (asked,) = world.thread(message)
    assert asked.startswith(
        "<!here> :raised_hand: *Waits for an approval* after the stage canary by arn:aws:iam::1:role/lead"
    )
    assert "`stepdeploy approve d-A1B2C3111`" in asked and "https://runbooks/shop" in asked
    assert "Deployment waits for approval" in shown(message)
    approved = Approved(stage=0, by="bob", at="2026-11-23T10:05:00.000Z", why="looks good")
    world.put(running(stages=STAGES, approvals=(approved,)))
    world.run(60)
    assert world.thread(message)[1] == ":white_check_mark: *Approved* by bob: looks good"
    assert "Deploying" in shown(message)


def test_a_rollback_and_what_it_undoes_lead_to_each_other(world: SlackWorld) -> None:
    linked = RollbackInfo(rollback_deployment_id="d-BACK00000", rollback_message="Automatic rollback is triggered.")
    undoes = RollbackInfo(
        rollback_deployment_id="d-BACK00000", rollback_triggering_deployment_id="d-A1B2C3111", rollback_message="back"
    )
    back = running(deployment_id="d-BACK00000", creator=Creator.ROLLBACK, rollback=undoes, places=())
    world.put(back)
    world.news(failed_deployment(rollback=linked))
    world.run(5)
    world.news(replace(back, status=DeploymentStatus.CREATED))
    world.run(30)
    failed, rollback = world.top()
    link = world.thread(failed)[-1]
    assert link.startswith(":rewind: *Rollback*: d-BACK00000 (<https://local.slack.com/archives/")
    assert f"p{rollback.ts.replace('.', '')}|its message" in link
    assert f"p{failed.ts.replace('.', '')}|its message" in shown(rollback)
    assert "Going back to v2.zip: d-BACK00000" in shown(failed)


# -- what comes twice, late or not at all


def test_what_comes_twice_is_shown_once(world: SlackWorld) -> None:
    world.news(ended(DeploymentStatus.SUCCEEDED), times=3)
    world.run(0.1)
    world.news(ended(DeploymentStatus.SUCCEEDED))
    world.run()
    (message,) = world.top()
    assert len(world.thread(message)) == 1


def test_an_old_start_that_comes_late_shows_the_end(world: SlackWorld) -> None:
    start, end = running(status=DeploymentStatus.CREATED), ended(DeploymentStatus.SUCCEEDED)
    world.news(start)
    world.news(end)
    world.queue.reverse()
    world.run()
    (message,) = world.top()
    assert "Deployment succeeded" in shown(message)


def test_one_call_at_a_time_talks_to_slack(world: SlackWorld) -> None:
    assert store_slack.hold("another", 60_000)
    world.news(ended(DeploymentStatus.SUCCEEDED))
    world.run(30)
    assert world.slack.calls == [] and len(world.queue) == 1
    world.run(60)
    assert len(world.top()) == 1


def test_a_busy_slack_is_left_alone_and_hears_the_end_after_that(world: SlackWorld) -> None:
    progress()
    world.news(running(status=DeploymentStatus.CREATED))
    world.run(5)
    world.faults.slack_busy, world.faults.slack_retry_after = 1, 300
    world.news(ended(DeploymentStatus.SUCCEEDED))
    before = now_ms()
    world.run()
    (message,) = world.top()
    assert "Deployment succeeded" in shown(message)
    assert message.changed_at[-1] * 1000 - before >= 300_000


def test_slack_down_for_an_hour_loses_nothing(world: SlackWorld) -> None:
    world.faults.slack_down = True
    world.news(failed_deployment())
    world.run(3600)
    assert world.top() == []
    world.faults.slack_down = False
    world.run()
    (message,) = world.top()
    assert "Deployment failed" in shown(message) and len(world.thread(message)) == 2


def test_many_deployments_keep_to_the_pace_of_a_channel(world: SlackWorld) -> None:
    for number in range(40):
        world.news(ended(DeploymentStatus.SUCCEEDED, deployment_id=f"d-{number:09}"))
    world.run()
    assert len(world.top()) == 40
    times = sorted(each.changed_at[0] for each in world.slack.bots)
    assert min(later - earlier for earlier, later in pairwise(times)) >= 1


def test_ends_have_room_beside_the_progress_of_many(world: SlackWorld) -> None:
    """60 deployments run, which is more than Slack takes edits for; the end of one of them is shown at once."""
    ids = [f"d-{number:09}" for number in range(60)]
    for deployment_id in ids:
        world.news(running(status=DeploymentStatus.CREATED, deployment_id=deployment_id, places=()))
    world.run(180)
    counts = Counts(total=4, succeeded=1)
    for deployment_id in ids:
        world.put(running(deployment_id=deployment_id, places=(), counts=counts))
    world.run(20)
    at = world.time.now().timestamp()
    world.news(ended(DeploymentStatus.SUCCEEDED, deployment_id=ids[0]))
    world.run(30)
    (first,) = [each for each in world.top() if ids[0] in shown(each)]
    assert "succeeded: shop/web" in shown(first) and first.changed_at[-1] - at < 10
    edits = sorted(time for each in world.top() for time in each.changed_at[1:])
    assert all(sum(1 for time in edits if begin <= time < begin + 60) <= 50 for begin in edits)


# -- Slack's errors


def test_a_message_that_a_person_has_deleted_is_posted_again_with_the_end_only(world: SlackWorld) -> None:
    progress()
    world.news(running(status=DeploymentStatus.CREATED))
    world.run(5)
    world.slack.delete(world.top()[0].ts)
    progress(1)
    world.put(running())
    world.run(120)
    assert world.top() == []
    world.news(ended(DeploymentStatus.SUCCEEDED))
    world.run()
    (message,) = world.top()
    assert "Deployment succeeded" in shown(message) and len(world.thread(message)) == 1


def test_blocks_that_slack_does_not_take_become_plain_news(world: SlackWorld) -> None:
    world.faults.slack_errors, world.faults.slack_error = 1, "invalid_blocks"
    world.news(ended(DeploymentStatus.SUCCEEDED))
    world.run()
    (message,) = world.top()
    assert message.blocks == [] and message.text.startswith("Deployment succeeded: shop/web (d-A1B2C3111)")


def test_what_slack_takes_in_no_form_is_dropped_with_a_word_and_a_number(
    world: SlackWorld, logged: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    world.faults.slack_errors, world.faults.slack_error = 2, "msg_too_long"
    world.news(ended(DeploymentStatus.SUCCEEDED))
    world.run()
    assert world.slack.bots == [] and not world.queue
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
    world: SlackWorld, logged: io.StringIO, error: str, remedy: str
) -> None:
    world.faults.slack_errors, world.faults.slack_error = 3, error
    world.news(ended(DeploymentStatus.SUCCEEDED))
    world.run(4)
    assert error in logged.getvalue() and remedy in logged.getvalue()
    assert len(world.queue) == 1
    world.run()
    assert len(world.top()) == 1


def test_where_the_bot_may_not_post_the_webhook_does(world: SlackWorld) -> None:
    held = json.loads(client("secretsmanager").get_secret_value(SecretId="slack-0")["SecretString"])
    held["channels"] = {"default": "#private"}
    held["default"] = "http://slack/services/ops"
    client("secretsmanager").put_secret_value(SecretId="slack-0", SecretString=json.dumps(held))
    world.news(failed_deployment())
    world.run()
    assert world.slack.bots == []
    assert [each["text"].split(":")[0] for each in world.slack.messages] == ["Deployment failed"]


def test_a_token_that_was_replaced_is_read_again(world: SlackWorld) -> None:
    held = json.loads(client("secretsmanager").get_secret_value(SecretId="slack-0")["SecretString"])
    old = {**held, "token": "xoxb-0123456789-old"}
    client("secretsmanager").put_secret_value(SecretId="slack-0", SecretString=json.dumps(old))
    world.news(running(status=DeploymentStatus.CREATED))
    world.run(1)
    assert world.top() == []
    client("secretsmanager").put_secret_value(SecretId="slack-0", SecretString=json.dumps(held))
    world.run(10)
    assert len(world.top()) == 1


def test_no_log_line_holds_the_token(world: SlackWorld, logged: io.StringIO) -> None:
    for error in ("invalid_auth", "msg_too_long", "message_not_found"):
        world.faults.slack_errors, world.faults.slack_error = 2, error
        world.news(ended(DeploymentStatus.SUCCEEDED, deployment_id=f"d-{error[:9].upper()}"))
        world.run(60)
    world.faults.slack_down = True
    world.news(ended(DeploymentStatus.SUCCEEDED, deployment_id="d-DOWN00000"))
    world.run(5)
    assert logged.getvalue() and "xoxb" not in logged.getvalue()


# -- what a bot costs


def test_an_update_reads_a_few_records_and_no_target(world: SlackWorld, store: Store) -> None:
    progress()
    world.news(running(status=DeploymentStatus.CREATED))
    world.run(5)
    progress(1)
    world.put(running())
    store.operations.clear()
    world.run(12)
    assert store.operations.count("GetItem") <= 4 and store.operations.count("BatchGetItem") == 1
    assert "Query" not in store.operations


def test_a_chain_that_was_doubled_goes_on_once(world: SlackWorld) -> None:
    progress()
    world.news(running(status=DeploymentStatus.CREATED))
    world.run(5)
    (look,) = world.looks()
    world.send(look.body, 0)
    world.run(200)
    assert len(world.looks()) == 1


def test_a_look_without_a_bot_ends_its_chain(world: SlackWorld) -> None:
    progress()
    world.news(running(status=DeploymentStatus.CREATED))
    world.run(5)
    client("secretsmanager").put_secret_value(SecretId="slack-0", SecretString="http://slack/services/ops")
    from functions.aws import slack as aws_slack

    aws_slack.webhook.cache_clear()
    world.run()
    assert not world.queue and len(world.slack.messages) == 0

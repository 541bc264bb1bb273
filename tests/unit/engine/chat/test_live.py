"""slack with a bot: one message for each deployment, edited in place, with its thread; in virtual time."""

from dataclasses import replace
from itertools import pairwise

from functions.core.records import (
    Approved,
    GroupSettings,
    Hold,
    HoldKind,
    Pause,
    RollbackInfo,
    StopMark,
)
from functions.core.statuses import Creator, DeploymentErrorCode, DeploymentStatus
from functions.store import slack as store_slack
from tests.slack_world import SlackWorld, shown
from tests.unit.live import STAGES, ended, failed_deployment, progress, running
from tests.unit.news import failed_target

# -- the message


def test_one_message_shows_a_deployment_from_its_beginning_to_its_end(chat: SlackWorld) -> None:
    progress()
    chat.news(running(status=DeploymentStatus.CREATED))
    chat.put(running(stages=STAGES))
    chat.run(15)
    (message,) = chat.top()
    assert "Deploying: shop/web" in shown(message) and "0 of 4 hosts done" in shown(message)
    progress(2, {"i-3"})
    chat.run(30)
    assert "2 of 4 hosts done" in shown(message) and "3 of 4 healthy, 2 succeeded, 1 in progress" in shown(message)
    assert "Stage 2 of 2: rest" in shown(message) and "left" in shown(message)
    chat.news(ended(DeploymentStatus.SUCCEEDED))
    chat.run()
    assert chat.top() == [message]
    assert "Deployment succeeded: shop/web" in shown(message) and "4 succeeded of 4 hosts" in shown(message)
    assert "https://runbooks/shop?d=d-A1B2C3111" in shown(message)
    (result,) = chat.thread(message)
    assert result == ":white_check_mark: *Deployment succeeded* in 4 min 0 s"
    assert not chat.queue and store_slack.message("d-A1B2C3111").is_final


def test_a_look_that_sees_nothing_new_edits_nothing_and_comes_later_each_time(chat: SlackWorld) -> None:
    progress()
    chat.news(running(status=DeploymentStatus.CREATED))
    chat.put(running(hold=Hold(stage=-1, kinds=(HoldKind.FREEZE,), since="2026-11-23T10:00:00.000Z")))
    chat.run(3600)
    (message,) = chat.top()
    assert message.edits == 0
    assert chat.calls < 60


def test_progress_is_edited_every_ten_seconds_at_most(chat: SlackWorld) -> None:
    chat.news(running(status=DeploymentStatus.CREATED))
    for second in range(60):
        progress(succeeded=second % 4)
        chat.put(running())
        chat.run(1)
    (message,) = chat.top()
    gaps = [later - earlier for earlier, later in pairwise(message.changed_at)]
    assert len(gaps) >= 3 and min(gaps) >= 10


def test_a_bake_counts_down(chat: SlackWorld) -> None:
    progress(1)
    hold = Hold(
        stage=0, kinds=(HoldKind.BAKE,), since="2026-11-23T10:00:00.000Z", until="2026-11-23T10:10:00.000Z", token="t"
    )
    chat.news(running(status=DeploymentStatus.CREATED))
    chat.put(running(stages=STAGES, hold=hold))
    chat.run(10)
    (message,) = chat.top()
    assert "After stage 1 of 2: canary" in shown(message) and "*Bakes* until <!date^" in shown(message)
    assert "10 min left" in shown(message)
    chat.run(310)
    assert "5 min left" in shown(message)
    assert message.edits <= 10


def test_what_holds_it_is_told(chat: SlackWorld) -> None:
    progress(1)
    paused = running(pause=Pause(by="ann", at="2026-11-23T10:01:00.000Z", why="lunch"))
    chat.news(replace(paused, status=DeploymentStatus.CREATED))
    chat.put(paused)
    chat.run(30)
    (message,) = chat.top()
    assert "Deployment paused" in shown(message) and "*Paused* by ann since" in shown(message)
    assert ": lunch" in shown(message)


# -- the thread


def test_each_cause_is_told_once_while_it_runs_and_not_again_at_the_end(chat: SlackWorld) -> None:
    progress(1)
    chat.news(running(status=DeploymentStatus.CREATED))
    chat.put(running(), failed_target())
    chat.run(15)
    (message,) = chat.top()
    progress(1, failed={"i-0a1"})
    chat.run(60)
    (cause,) = chat.thread(message)
    assert cause.startswith("*web-1* ValidateService") and "1 failed" in shown(message)
    chat.news(failed_deployment(), times=2)
    chat.run()
    cause_again, result = chat.thread(message)
    assert cause_again == cause
    assert result.startswith("<!here> :x: *Deployment failed*")


def test_a_failure_calls_people_in_the_channel_too_and_a_persons_stop_does_not(chat: SlackWorld) -> None:
    chat.news(failed_deployment(settings=GroupSettings(slack_channel="#shop")))
    stop = StopMark(by="ann", code=DeploymentErrorCode.MANUAL_STOP, message="Stopped by ann", at="2026-11-23T10:01:00Z")
    chat.news(ended(DeploymentStatus.STOPPED, deployment_id="d-STOPPED00", stop=stop))
    chat.run()
    calls = [each for each in chat.slack.bots if "<!" in each.text]
    assert [each.text.split()[0] for each in calls] == ["<!subteam^S0614TZR7>"]
    assert [each.is_broadcast for each in calls] == [True]


def test_an_alarm_is_told_with_its_name(chat: SlackWorld) -> None:
    stop = StopMark(
        by="alarm errors",
        code=DeploymentErrorCode.ALARM_ACTIVE,
        message="Activated alarms: errors",
        at="2026-11-23T10:01:00Z",
    )
    progress(1)
    chat.news(running(status=DeploymentStatus.CREATED))
    chat.put(running(stop=stop))
    chat.run(30)
    (message,) = chat.top()
    assert chat.thread(message) == [":bell: *Stopped by alarm errors*: Activated alarms: errors"]
    assert "Deployment stops" in shown(message)


def test_an_approval_is_asked_for_and_who_gave_it_is_told(chat: SlackWorld) -> None:
    progress(1)
    hold = Hold(stage=0, kinds=(HoldKind.APPROVAL,), since="2026-11-23T10:00:00.000Z", token="t")
    chat.news(running(status=DeploymentStatus.READY, stages=STAGES, hold=hold))
    chat.run(30)
    (message,) = chat.top()
    (asked,) = chat.thread(message)
    assert asked.startswith(
        "<!here> :raised_hand: *Waits for an approval* after the stage canary by arn:aws:iam::1:role/lead"
    )
    assert "`stepdeploy approve d-A1B2C3111`" in asked and "https://runbooks/shop" in asked
    assert "Deployment waits for approval" in shown(message)
    approved = Approved(stage=0, by="bob", at="2026-11-23T10:05:00.000Z", why="looks good")
    chat.put(running(stages=STAGES, approvals=(approved,)))
    chat.run(60)
    assert chat.thread(message)[1] == ":white_check_mark: *Approved* by bob: looks good"
    assert "Deploying" in shown(message)


def test_a_rollback_and_what_it_undoes_lead_to_each_other(chat: SlackWorld) -> None:
    linked = RollbackInfo(rollback_deployment_id="d-BACK00000", rollback_message="Automatic rollback is triggered.")
    undoes = RollbackInfo(
        rollback_deployment_id="d-BACK00000", rollback_triggering_deployment_id="d-A1B2C3111", rollback_message="back"
    )
    back = running(deployment_id="d-BACK00000", creator=Creator.ROLLBACK, rollback=undoes, places=())
    chat.put(back)
    chat.news(failed_deployment(rollback=linked))
    chat.run(5)
    chat.news(replace(back, status=DeploymentStatus.CREATED))
    chat.run(30)
    failed, rollback = chat.top()
    link = chat.thread(failed)[-1]
    assert link.startswith(":rewind: *Rollback*: d-BACK00000 (<https://local.slack.com/archives/")
    assert f"p{rollback.ts.replace('.', '')}|its message" in link
    assert f"p{failed.ts.replace('.', '')}|its message" in shown(rollback)
    assert "Going back to v2.zip: d-BACK00000" in shown(failed)

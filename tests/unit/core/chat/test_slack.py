"""Slack messages: what they say, and that nothing makes them invalid."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.core.causes import Cause
from functions.core.chat import slack
from functions.core.chat.blocks import Payload
from functions.core.chat.outcomes import DIGEST_FROM, MAX_CAUSES, Outcome, Post, posts
from functions.core.failures import shared
from functions.core.messages.announcements import State
from functions.core.records import (
    AnalysisVerdict,
    Counts,
    Deployment,
    Failure,
    GitHubCommit,
    GroupSettings,
    Hold,
    HoldKind,
    RollbackInfo,
    Stage,
    StageAnalysis,
    Target,
    TargetFailure,
)
from functions.core.revision import PUSHED_PREFIX
from functions.core.rollout import stop_mark
from functions.core.rollout.health import Approval
from functions.core.statuses import Creator, DeploymentErrorCode, DeploymentStatus, TargetStatus
from tests.unit.news import DONE, PLACE, deployment, failed_target, left_out, target

NOW = "2026-11-23T10:00:00.000Z"


def outcome(
    state: State,
    found: Deployment | None = None,
    *failed: Target,
    number: int = 1,
    moment: str = "2022-10-13T15:51:00Z",
) -> Outcome:
    return Outcome(
        message_id=f"m-{number}",
        state=state,
        moment=moment,
        place=PLACE,
        deployment=replace(found or deployment(), causes=shared(failed)),
        failed=failed,
    )


def planned(outcomes: list[Outcome]) -> list[Post]:
    return posts(outcomes, lambda channel, some: slack.digest(some) if len(some) > 1 else slack.message(some[0]))


def failed_deployment(**fields: Any) -> Deployment:
    given = {
        "counts": DONE,
        "start_time": "2022-10-13T15:51:00.000Z",
        "complete_time": "2022-10-13T15:55:12.000Z",
        "failure": Failure(code=DeploymentErrorCode.HEALTH_CONSTRAINTS, message="curl <refused> on 1 target: i-0a1"),
        **fields,
    }
    return deployment(DeploymentStatus.FAILED, **given)


def texts(payload: Payload) -> list[str]:
    """Every text of the message, top to bottom."""
    found = []
    for block in payload["blocks"]:
        parts = [block["text"]] if "text" in block else []
        found += [part["text"] for part in parts + block.get("fields", []) + block.get("elements", [])]
    return found


def test_a_start_says_who_what_and_where() -> None:
    assert texts(slack.message(outcome(State.START))) == [
        ":rocket: Deployment started: shop/web",
        "*Deployment*\nd-A1B2C3111",
        "*Revision*\nv2.zip",
        "*By*\nupload",
        "*Configuration*\nCodeDeployDefault.OneAtATime",
        "`stepdeploy watch d-A1B2C3111`",
        "123456789012 · us-east-1 · 2022-10-13T15:51:00Z",
    ]


def test_a_failure_says_why_how_long_and_which_hosts_with_their_log() -> None:
    ended = failed_deployment(rollback=RollbackInfo(rollback_message="Automatic rollback is triggered."))
    assert texts(slack.message(outcome(State.FAILURE, ended, failed_target()))) == [
        ":x: Deployment failed: shop/web",
        "*Deployment*\nd-A1B2C3111",
        "*Revision*\nv2.zip",
        "*By*\nupload",
        "*Configuration*\nCodeDeployDefault.OneAtATime",
        "*Targets*\n2 succeeded, 1 failed, 1 skipped of 4",
        "*Took*\n4 min 12 s",
        "*Why*: curl &lt;refused&gt; on 1 target: i-0a1",
        "Automatic rollback is triggered.",
        "*web-1* ValidateService: scripts/check.sh ended with exit code 7\n```curl: (7) refused\nexit 7```",
        "`stepdeploy show d-A1B2C3111`",
        "123456789012 · us-east-1 · 2022-10-13T15:51:00Z",
    ]


def test_a_deployment_that_is_undone_and_its_rollback_say_where_to_in_plain_words() -> None:
    good = deployment(deployment_id="d-BACK00000", creator=Creator.ROLLBACK, metadata={"commit": "f7f428a" + "0" * 33})
    linked = RollbackInfo(rollback_deployment_id="d-BACK00000", rollback_message="Automatic rollback is triggered.")
    undone = replace(outcome(State.FAILURE, failed_deployment(rollback=linked)), going_back=good)
    payload = slack.message(undone)
    assert "Going back to v2.zip (f7f428a): d-BACK00000" in texts(payload)
    assert payload["text"].endswith("Going back to v2.zip (f7f428a): d-BACK00000")
    itself = replace(good, rollback=RollbackInfo(rollback_triggering_deployment_id="d-A1B2C3111"))
    assert "Goes back from d-A1B2C3111 to v2.zip (f7f428a)" in texts(slack.message(outcome(State.START, itself)))


@pytest.mark.parametrize(
    ("key", "metadata", "name"),
    [
        ("shop/web/v2.zip", {}, "v2.zip"),
        ("builds/v2.zip", {}, "builds/v2.zip"),
        (f"{PUSHED_PREFIX}shop/build-42-{'a' * 64}.zip", {"commit": "1" * 40, "branch": "x"}, "build-42 (1111111 x)"),
        (f"{PUSHED_PREFIX}shop/{'a' * 64}.zip", {"commit": "1" * 40 + "-dirty"}, "1111111-dirty"),
        (f"{PUSHED_PREFIX}shop/{'a' * 64}.zip", {"commit": "HEAD"}, "a" * 12),
    ],
)  # fmt: skip
def test_a_revision_has_the_name_that_people_know(key: str, metadata: dict[str, str], name: str) -> None:
    one = deployment(metadata=metadata)
    shown = texts(slack.message(outcome(State.START, replace(one, revision=replace(one.revision, key=key)))))
    assert f"*Revision*\n{name}" in shown


def test_a_commit_on_github_is_told_by_its_name_not_by_where_its_archive_is_kept() -> None:
    one = deployment()
    commit = GitHubCommit(repository="octo/hello", commit="7fd1a60")
    shown = texts(slack.message(outcome(State.START, replace(one, revision=replace(one.revision, github=commit)))))
    assert "*Revision*\nocto/hello@7fd1a60" in shown


def test_an_end_shows_what_the_appspec_may_not_mean() -> None:
    one = deployment(DeploymentStatus.SUCCEEDED)
    warned = replace(one, revision=replace(one.revision, warnings=("3:1: file: did you mean files?", "4:1: <x>")))
    shown = texts(slack.message(outcome(State.SUCCESS, warned)))
    assert "*Warnings*\nappspec.yml:3:1: file: did you mean files?\nappspec.yml:4:1: &lt;x&gt;" in shown
    assert not any("Warnings" in text for text in texts(slack.message(outcome(State.START, warned))))


def test_a_host_that_never_ran_anything_is_shown_with_its_reason() -> None:
    ended = failed_deployment()
    lost = target(TargetStatus.FAILED, failure=TargetFailure(cause=Cause.UNREACHABLE, message="not managed by SSM"))
    assert "*i-0a1* UNREACHABLE: not managed by SSM" in texts(slack.message(outcome(State.FAILURE, ended, lost)))


def test_a_success_does_not_hide_failed_hosts() -> None:
    half = deployment(DeploymentStatus.SUCCEEDED, counts=Counts(total=12, succeeded=6, failed=6))
    payload = slack.message(outcome(State.SUCCESS, half))
    assert texts(payload)[0] == ":warning: Deployment succeeded, 6 of 12 hosts failed: shop/web"
    assert payload["text"].startswith("Deployment succeeded, 6 of 12 hosts failed: shop/web")


def test_a_rollback_is_called_so() -> None:
    rollback = deployment(creator=Creator.ROLLBACK)
    headlines = [texts(slack.message(outcome(state, rollback)))[0] for state in State if state is not State.READY]
    assert headlines == [
        ":rewind: Rollback started: shop/web",
        ":rewind: Rolled back: shop/web",
        ":x: Rollback failed: shop/web",
        ":octagonal_sign: Rollback stopped: shop/web",
    ]


def test_an_approval_is_asked_of_those_who_may_give_it() -> None:
    approval = Approval(approvers=("arn:aws:iam::123456789012:role/lead",), by_another=True)
    hold = Hold(stage=0, kinds=(HoldKind.APPROVAL,), since="2026-11-23T10:00:00.000Z")
    stages = (Stage(name="canary", targets=1, approval=approval), Stage(name="rest", targets=9))
    told = texts(slack.message(outcome(State.READY, deployment(DeploymentStatus.READY, stages=stages, hold=hold))))
    assert told[0] == ":raised_hand: Deployment waits for approval: shop/web"
    assert "*After the stage*\ncanary" in told and "`stepdeploy approve d-A1B2C3111`" in " ".join(told)
    assert "*Approval by*\narn:aws:iam::123456789012:role/lead (not its creator)" in told


def test_metrics_that_say_nothing_or_are_bad_are_told() -> None:
    stages = (Stage(name="canary", targets=1, bake_seconds=60, analysis="canary"), Stage(name="rest", targets=9))
    hold = Hold(stage=0, kinds=(HoldKind.INCONCLUSIVE,), since=NOW)
    waits = deployment(
        DeploymentStatus.READY, stages=stages, hold=hold, analyses=(judged(AnalysisVerdict.INCONCLUSIVE),)
    )
    told = texts(slack.message(outcome(State.READY, waits)))
    assert told[0] == ":raised_hand: Deployment waits for approval: shop/web"
    assert "*Metrics: inconclusive*\nerrors: why" in told and "*Approval by*\nthose who may stop it" in told
    bad = judged(AnalysisVerdict.FAILURE)
    stopped = deployment(
        DeploymentStatus.STOPPED, stages=stages, analyses=(bad,), stop=stop_mark.by_analysis("canary", bad)
    )
    assert "*Metrics: failure*\nerrors: why" in texts(slack.message(outcome(State.STOP, stopped)))
    by_ann = replace(stopped, stop=stop_mark.by_person("ann", "2026-11-23T11:00:00.000Z"))
    assert not any("Metrics" in each for each in texts(slack.message(outcome(State.STOP, by_ann))))


def judged(verdict: AnalysisVerdict) -> StageAnalysis:
    return StageAnalysis(stage=0, verdict=verdict, at=NOW, reason="errors: why")


def test_hosts_that_stay_out_of_load_balancers_are_told() -> None:
    told = texts(slack.message(outcome(State.FAILURE, failed_deployment(), left_out())))
    says = "Stays out of target group web, Classic Load Balancer old until a deployment succeeds there"
    assert any(says in each for each in told)


def test_hosts_that_failed_alike_are_one_cause_and_those_of_further_causes_a_number() -> None:
    ended = failed_deployment(counts=DONE.__class__(total=9, failed=9, max_out_of_service=1))
    hosts = [failed_target(f"i-{number}") for number in range(4)]
    others = [failed_target(f"i-{number}") for number in range(4, 9)]
    codes = [
        replace(each, failure=replace(each.failure, exit_code=number))
        for number, each in enumerate(others)
        if each.failure
    ]
    told = texts(slack.message(outcome(State.FAILURE, ended, *hosts, *codes)))
    assert any(each.startswith("*4 targets: web-1, web-1, web-1 and 1 more* ValidateService: scripts") for each in told)
    assert "and 1 more failed" in told


def test_a_log_shows_its_last_lines_and_cannot_leave_its_block() -> None:
    log = "\n".join([*(f"line {number}" for number in range(50)), "``` <!channel>"])
    ended = failed_deployment()
    shown = next(
        text
        for text in texts(slack.message(outcome(State.FAILURE, ended, failed_target(log_tail=log))))
        if "line" in text
    )
    assert shown.count("```") == 2 and shown.endswith("line 49\n''' &lt;!channel&gt;```")
    assert "line 40\n" not in shown and "line 41\n" in shown


def test_few_outcomes_are_messages_of_their_own_oldest_first() -> None:
    outcomes = [
        outcome(State.SUCCESS, number=2, moment="2022-10-13T15:51:00Z"),
        outcome(State.START, number=1, moment="2022-10-13T15:51:00Z"),
        outcome(State.START, deployment(deployment_id="d-2"), number=3, moment="2022-10-13T15:50:00Z"),
    ]
    assert [post.message_ids for post in planned(outcomes)] == [{"m-3"}, {"m-1"}, {"m-2"}]


def test_a_burst_is_one_message_that_leaves_out_starts_whose_end_is_there() -> None:
    began = range(3, DIGEST_FROM + 1)
    outcomes = [outcome(State.START, number=1), outcome(State.FAILURE, failed_deployment(), number=2)] + [
        outcome(State.START, deployment(deployment_id=f"d-{number}"), number=number) for number in began
    ]
    (post,) = planned(outcomes)
    assert post.message_ids == {f"m-{number}" for number in range(1, DIGEST_FROM + 1)}
    starts = "".join(f":rocket: shop/web Deployment started (d-{number})\n" for number in began)
    assert texts(post.payload) == [
        f"{len(began) + 1} deployment messages: {len(began)} deployment started, 1 deployment failed",
        f"{starts}:x: shop/web Deployment failed (d-A1B2C3111): curl &lt;refused&gt; on 1 target: i-0a1",
    ]


def test_each_channel_has_its_own_messages() -> None:
    outcomes = [
        outcome(State.START, deployment(settings=GroupSettings(slack_channel=channel)), number=number)
        for number, channel in enumerate(["#a", "#b", None, "#a"])
    ]
    assert [(post.channel, set(post.message_ids)) for post in planned(outcomes)] == [
        (None, {"m-2"}),
        ("#a", {"m-0"}),
        ("#a", {"m-3"}),
        ("#b", {"m-1"}),
    ]


def test_plain_news_has_no_blocks_but_says_the_same() -> None:
    assert slack.plain(slack.message(outcome(State.FAILURE, failed_deployment()))) == {
        "text": "Deployment failed: shop/web (d-A1B2C3111) curl &lt;refused&gt; on 1 target: i-0a1",
        "unfurl_links": False,
        "unfurl_media": False,
    }


def assert_slack_takes_it(payload: Payload) -> None:
    """Slack's limits, and nothing that it would read as a mention, a link or a broken entity."""
    assert 1 <= len(payload["blocks"]) <= 50
    limits = {"header": 150, "section": 3000, "context": 2000}
    for block in payload["blocks"]:
        for part in [*([block["text"]] if "text" in block else []), *block.get("elements", [])]:
            assert 1 <= len(part["text"]) <= limits[block["type"]]
        assert len(block.get("fields", [])) <= 10
        assert all(len(field["text"]) <= 2000 for field in block.get("fields", []))
    for text in [payload["text"], *texts(payload)]:
        assert "<" not in text and ">" not in text
        assert not re.search(r"&(?!(amp|lt|gt);)", text)
    json.dumps(payload).encode()


HOSTILE = st.text(st.sampled_from("<>&`*\n a😀"), max_size=4000)


@given(HOSTILE, HOSTILE, HOSTILE)
def test_no_text_of_strangers_makes_a_message_invalid(name: str, why: str, log: str) -> None:
    """Invariant 8."""
    failure = Failure(code=DeploymentErrorCode.INVALID_REVISION, message=why)
    ended = failed_deployment(application=name, group=why, requested_by=log, failure=failure)
    hosts = [failed_target(f"i-{number}", log) for number in range(MAX_CAUSES)]
    assert_slack_takes_it(slack.message(outcome(State.FAILURE, ended, *hosts)))
    assert_slack_takes_it(slack.digest([outcome(State.FAILURE, ended, number=number) for number in range(100)]))


def test_a_digest_of_a_hundred_failures_names_every_one() -> None:
    outcomes = [
        outcome(State.FAILURE, failed_deployment(deployment_id=f"d-{number:09}"), number=number)
        for number in range(100)
    ]
    (post,) = planned(outcomes)
    assert_slack_takes_it(post.payload)
    shown = "\n".join(texts(post.payload))
    assert all(f"d-{number:09}" in shown for number in range(100))

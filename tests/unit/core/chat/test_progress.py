"""How far a deployment is, as its message says; and that no text makes the message one that Slack does not take."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.core.chat import live
from functions.core.chat.live import View
from functions.core.chat.progress import running_stage, seconds_left
from functions.core.failures import shared
from functions.core.records import (
    Approved,
    Bypass,
    Counts,
    Deployment,
    Failure,
    Hold,
    HoldKind,
    LiveMessage,
    Pause,
    Stage,
    StopMark,
)
from functions.core.rollout.health import Approval
from functions.core.statuses import Creator, DeploymentErrorCode, DeploymentStatus
from local.shims.slack import _content
from tests.unit.news import PLACE, deployment, failed_target

BEGAN = datetime.fromisoformat("2026-11-23T10:00:00+00:00")
STAGES = (Stage(name="canary", targets=2, bake_seconds=600), Stage(name="rest", targets=8, bake_seconds=60))


def running(counts: Counts, **fields: Any) -> Deployment:
    given = {"stages": STAGES, "start_time": "2026-11-23T10:00:00.000Z", **fields}
    return deployment(DeploymentStatus.IN_PROGRESS, counts=counts, **given)


def hold(*kinds: HoldKind, stage: int = 0) -> Hold:
    return Hold(stage=stage, kinds=kinds, since="2026-11-23T10:01:00.000Z", until="2026-11-23T10:11:00.000Z")


@pytest.mark.parametrize(
    ("one", "stage"),
    [
        (running(Counts(total=10)), (1, "canary")),
        (running(Counts(total=10, started=2)), (1, "canary")),
        (running(Counts(total=10, started=3)), (2, "rest")),
        (running(Counts(total=10, started=10)), (2, "rest")),
        (running(Counts(total=10, started=2), hold=hold(HoldKind.BAKE)), (1, "canary")),
        (running(Counts(total=10), stages=STAGES[:1]), None),
        (running(Counts(total=10), hold=hold(HoldKind.FREEZE, stage=-1)), (1, "canary")),
    ],
)
def test_the_targets_that_have_begun_say_which_stage_runs(one: Deployment, stage: tuple[int, str] | None) -> None:
    assert running_stage(one) == stage


def test_a_host_is_healthy_that_is_neither_out_nor_failed() -> None:
    assert running(Counts(total=10, in_progress=2, failed=1, still_out=3)).counts.in_service == 4


@pytest.mark.parametrize(
    ("one", "minutes", "left"),
    [
        (running(Counts(total=10)), 2, None),  # no host is done
        (running(Counts(total=10, succeeded=2, started=2)), 2, 8 * 60 + 660),  # a minute each, and both bakes
        (running(Counts(total=10, succeeded=5, started=6)), 15, 5 * 60 + 60),  # 15 minutes, of which 10 were a bake
        (running(Counts(total=10, succeeded=2, started=2), hold=hold(HoldKind.BAKE)), 6, 300 + 8 * 30 + 60),
        (running(Counts(total=10, succeeded=2, started=2), hold=hold(HoldKind.APPROVAL)), 6, None),
        (running(Counts(total=10, succeeded=2, started=2), pause=Pause(by="a", at="2026-11-23T10:00:00Z")), 6, None),
    ],
)
def test_the_time_that_is_left_is_the_pace_so_far_and_the_bakes_to_come(
    one: Deployment, minutes: int, left: float | None
) -> None:
    assert seconds_left(one, BEGAN + timedelta(minutes=minutes)) == left


NASTY = st.text(alphabet=st.sampled_from("ab<>&|!`*_\n\t\x1b\u202e@#{}\U0001f600"), max_size=30)


@given(
    text=NASTY,
    times=st.integers(1, 300),
    status=st.sampled_from(list(DeploymentStatus)),
    kinds=st.sets(st.sampled_from(list(HoldKind))),
)
def test_slack_takes_every_message_and_reply_and_nobody_is_called_by_a_strangers_text(
    text: str, times: int, status: DeploymentStatus, kinds: set[HoldKind]
) -> None:
    long = text * times
    one = deployment(
        status,
        creator=Creator.ROLLBACK,
        counts=Counts(total=10, failed=1, succeeded=2),
        requested_by=long,
        metadata={f"{n}{text[:9]}": long[:1024] for n in range(10)},
        stages=(Stage(name="canary", targets=1, approval=Approval(approvers=(long,))),),
        hold=replace(hold(*kinds), stage=0) if kinds else None,
        pause=Pause(by=long, at="2026-11-23T10:00:00Z", why=long),
        bypass=Bypass(by=long, at="2026-11-23T10:00:00Z", why=long),
        approvals=(Approved(stage=0, by=long, at="2026-11-23T10:00:00Z", why=long),),
        stop=StopMark(by=long, code=DeploymentErrorCode.ALARM_ACTIVE, message=long, at="2026-11-23T10:00:00Z"),
        failure=Failure(code=DeploymentErrorCode.ALARM_ACTIVE, message=long),
        start_time="2026-11-23T10:00:00.000Z",
        complete_time="2026-11-23T10:04:00.000Z" if status.is_final else None,
    )
    target = failed_target(log_tail=long)
    view = View(
        deployment=one,
        place=PLACE,
        now=BEGAN,
        causes=shared([target]),
        firsts={target.target_id: target},
        going_back=one,
        undone=LiveMessage(deployment_id="d-1", ts="1", permalink="https://local.slack.com/archives/C1/p1"),
        link="https://runbooks/x?y=1&z=2",
    )
    for payload in (live.message(view), *(each.payload for each in live.replies(view))):
        said, blocks = _content(payload)
        for called in ("<!here", "<!channel", "<!everyone", "<!subteam", "<@"):
            assert called not in said and called not in str(blocks)

"""A bot's messages: in whatever order the queue's messages come, how often, and whatever is lost on the way, each
deployment ends as one message that shows its end, and its thread tells each cause once."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import settings as run_settings
from hypothesis import strategies as st
from urllib3.exceptions import ConnectTimeoutError

from functions.core.failures import shared
from functions.core.records import Counts, Deployment, Failure, LiveMessage
from functions.core.statuses import DeploymentErrorCode, DeploymentStatus
from functions.store import slack as store_slack
from tests.slack_world import Killed, SlackWorld, shown, slack_world
from tests.store import Store
from tests.unit.news import deployment, failed_target

IDS = ("d-ONE000000", "d-TWO000000")
ENDS = {DeploymentStatus.SUCCEEDED: "succeeded", DeploymentStatus.FAILED: "failed", DeploymentStatus.STOPPED: "stopped"}


@dataclass(frozen=True)
class Trouble:
    """What happens at a call of Slack, counted over all of them: nothing has reached Slack then, but for `killed`."""

    refused: str = ""  # an error of Slack's
    is_busy: bool = False
    is_lost: bool = False  # the request does not arrive
    is_killed: bool = False  # the function dies before it


TROUBLES = st.one_of(
    st.sampled_from(["internal_error", "service_unavailable", "not_in_channel", "token_revoked"]).map(
        lambda error: Trouble(refused=error)
    ),
    st.just(Trouble(is_busy=True)),
    st.just(Trouble(is_lost=True)),
    st.just(Trouble(is_killed=True)),
)


def seen(world: SlackWorld, troubles: dict[int, Trouble]) -> None:
    """Let troubles strike."""
    calls = 0

    def before(method: str) -> None:
        nonlocal calls
        calls += 1
        trouble = troubles.get(calls)
        if trouble is None:
            return
        if trouble.is_killed:
            raise Killed
        if trouble.is_lost:
            raise ConnectTimeoutError(None, "", "timed out")
        if trouble.is_busy:
            world.faults.slack_busy = 1
        else:
            world.faults.slack_errors, world.faults.slack_error = 1, trouble.refused

    world.before_request = before


def became(deployment_id: str, status: DeploymentStatus) -> Deployment:
    more = {
        "counts": Counts(total=4, succeeded=3, failed=1, started=4),
        "start_time": "2026-11-23T10:00:00.000Z",
        "complete_time": "2026-11-23T10:04:00.000Z",
    }
    failure = Failure(code=DeploymentErrorCode.HEALTH_CONSTRAINTS, message="exit 7")
    is_over = status.is_final
    return deployment(
        status,
        deployment_id=deployment_id,
        failure=failure if status is DeploymentStatus.FAILED else None,
        causes=shared([failed_target()]) if is_over else (),
        **(more if is_over else {"counts": Counts(total=4)}),
    )


@pytest.fixture
def patch(services: None) -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as found:
        yield found


def test_whatever_the_queue_and_slack_do_the_end_is_shown_once(store: Store, patch: pytest.MonkeyPatch) -> None:
    numbers = iter(range(1, 100_000))

    @run_settings(deadline=None)
    @given(
        ends=st.tuples(*[st.sampled_from(list(ENDS)) for _ in IDS]),
        times=st.lists(st.integers(1, 3), min_size=4, max_size=4),
        pauses=st.lists(st.integers(0, 400), min_size=4, max_size=4),
        shuffle=st.randoms(use_true_random=False),
        troubles=st.dictionaries(st.integers(1, 25), TROUBLES, max_size=6),
    )
    def play(
        ends: tuple[DeploymentStatus, ...],
        times: list[int],
        pauses: list[int],
        shuffle: object,
        troubles: dict[int, Trouble],
    ) -> None:
        store.clear()
        with slack_world(patch, seed=next(numbers)) as world:
            seen(world, troubles)
            first = [(deployment_id, DeploymentStatus.CREATED) for deployment_id in IDS]
            last = list(zip(IDS, ends, strict=True))
            for (deployment_id, status), number, pause in zip([*first, *last], times, pauses, strict=True):
                world.news(became(deployment_id, status), times=number)
                shuffle.shuffle(world.queue)  # type: ignore[attr-defined]
                world.run(pause)
            world.run()
            assert_shown_once(world, dict(last))

    play()


def assert_shown_once(world: SlackWorld, ends: dict[str, DeploymentStatus]) -> None:
    assert not world.queue
    top = {deployment_id: [each for each in world.top() if deployment_id in shown(each)] for deployment_id in ends}
    for deployment_id, status in ends.items():
        (message,) = top[deployment_id]
        assert f"Deployment {ENDS[status]}" in shown(message)
        heads = Counter(text.split()[0] for text in world.thread(message))
        assert heads["*web-1*"] == 1 and sum(heads.values()) == 2
        assert store_slack.message(deployment_id).is_final
    times = sorted(each.changed_at[0] for each in world.slack.bots)
    assert all(later - earlier >= 1 for earlier, later in pairwise(times))


@pytest.mark.parametrize("status", list(ENDS))
def test_a_function_that_dies_after_slack_has_taken_a_message_leaves_one_more_at_most(
    store: Store, patch: pytest.MonkeyPatch, status: DeploymentStatus
) -> None:
    """Slack has no key by which it would know a repeat; the message on record is the one that is kept up to date."""
    with slack_world(patch) as world:

        def die_on_the_record(operation: str, members: dict[str, object]) -> None:
            if world.top() and operation == "PutItem":
                store.before_request = lambda operation, members: None
                raise Killed

        store.before_request = die_on_the_record
        world.news(became(IDS[0], DeploymentStatus.CREATED))
        world.run(60)
        store.before_request = lambda operation, members: None
        world.news(became(IDS[0], status))
        world.run()
        kept = store_slack.message(IDS[0])
        (message,) = [each for each in world.top() if each.ts == kept.ts]
        assert f"Deployment {ENDS[status]}" in shown(message) and len(world.top()) <= 2


def test_a_record_that_another_call_has_written_is_not_written_over(store: Store) -> None:
    was = LiveMessage(deployment_id=IDS[0])
    first = store_slack.write(was, was)
    assert first and store_slack.write(was, was) is None
    assert store_slack.write(first, first)

"""No rollback goes to a revision that failed since it was good, nor to the one that is rolled back."""

from hypothesis import given
from hypothesis import strategies as st

from functions.core.new_deployment import rollback_deployment
from functions.core.records import Group
from functions.core.rollout.rollback_choice import MAX_REMEMBERED, choose_for
from functions.core.statuses import DeploymentStatus
from tests.unit.core.rollout.test_rollback_choice import NOW, WEB, deployment, ended, failed, pinned, succeeded

OUTCOMES = ("good", "good with a failed host", "failed", "stopped")
HISTORY = st.lists(st.tuples(st.integers(1, 5), st.sampled_from(OUTCOMES)), max_size=MAX_REMEMBERED)


def play(history: list[tuple[int, str]]) -> Group:
    """The group after deployments of revisions with these outcomes, one after the other."""
    group = WEB
    for number, (revision, outcome) in enumerate(history):
        match outcome:
            case "failed":
                group = failed(group, number, revision)
            case "stopped":
                group = ended(group, deployment(number, revision, DeploymentStatus.STOPPED))
            case _:
                group = succeeded(group, number, revision, failed=int(outcome != "good"))
    return group


def allowed(history: list[tuple[int, str]], leaving: int) -> dict[int, str]:
    """The revisions that a rollback may go to, with how each was good last."""
    found: dict[int, str] = {}
    for revision, outcome in history:
        if outcome == "failed":
            found.pop(revision, None)
        elif outcome != "stopped":
            found[revision] = outcome
    found.pop(leaving, None)
    return found


@given(history=HISTORY)
def test_a_requested_rollback_goes_to_a_good_revision_and_rather_to_one_without_failed_hosts(
    history: list[tuple[int, str]],
) -> None:
    leaving = history[-1][0] if history else 0
    left, choice = allowed(history, leaving), choose_for(play(history))
    if choice.good is None:
        assert not left
        return
    (revision,) = (number for number in range(1, 6) if pinned(number) == choice.good.revision)
    assert revision in left
    assert left[revision] == "good" or "good" not in left.values()


@given(history=HISTORY, leaving=st.integers(1, 6))
def test_an_automatic_rollback_keeps_the_same_rule(history: list[tuple[int, str]], leaving: int) -> None:
    bad = deployment(99, leaving, DeploymentStatus.FAILED)
    back = rollback_deployment(play(history), bad, deployment_id="d-ROLLBACK1", now=NOW)
    assert {back.revision} <= {pinned(each) for each in allowed(history, leaving)} if back else True
    assert (back is None) == (not allowed(history, leaving))

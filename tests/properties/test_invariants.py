"""The invariants (docs/how-it-works.md), on simulated worlds that hypothesis chooses: each test is named after one, and
its family of schedules has what endangers that one; every schedule is held to all of them.

`make soak` plays a hundred thousand; tests/simulation/soak.py says how to repeat one.
"""

from hypothesis import HealthCheck, given, settings

from simulation.scenario import Scenario
from tests.simulation.schedules import FAMILIES, sentences
from tests.soak import examples

few = settings(max_examples=examples(5, 20), deadline=None, suppress_health_check=[HealthCheck.too_slow])


@few
@given(FAMILIES[1])
def test_healthy_hosts_never_fall_below_the_minimum(schedule: Scenario) -> None:
    """Invariant 1: with hosts that fail, an AWS that throttles, and functions that are killed and called twice."""
    assert sentences(schedule) == []


@few
@given(FAMILIES[2])
def test_a_group_never_has_two_deployments_running(schedule: Scenario) -> None:
    """Invariant 2: with requests, uploads, rollbacks and stops at any moment."""
    assert sentences(schedule) == []


@few
@given(FAMILIES[3])
def test_every_deployment_and_every_target_ends_and_the_lock_is_free(schedule: Scenario) -> None:
    """Invariant 3: with everything that can go wrong."""
    assert sentences(schedule) == []


@few
@given(FAMILIES[4])
def test_no_script_runs_twice(schedule: Scenario) -> None:
    """Invariant 4: with doubled events and calls, and functions that are killed between a send and its record."""
    assert sentences(schedule) == []


@few
@given(FAMILIES[5])
def test_every_change_of_a_status_is_announced_in_order_and_nothing_else(schedule: Scenario) -> None:
    """Invariant 5: also when `publish` is killed or called twice."""
    assert sentences(schedule) == []


@few
@given(FAMILIES[6])
def test_a_rollback_never_causes_a_rollback(schedule: Scenario) -> None:
    """Invariant 6: with revisions that fail, old ones too; a rollback goes to one that is good."""
    assert sentences(schedule) == []


@few
@given(FAMILIES[7])
def test_what_was_verified_is_what_is_installed(schedule: Scenario) -> None:
    """Invariant 7: while the archive is replaced under its key."""
    assert sentences(schedule) == []


@few
@given(FAMILIES[8])
def test_no_input_makes_the_engine_fail_for_a_deployment(schedule: Scenario) -> None:
    """Invariant 8: events and messages that are none."""
    assert sentences(schedule) == []


@few
@given(FAMILIES[9])
def test_throttling_fails_no_target_and_cancels_no_command(schedule: Scenario) -> None:
    """Invariant 9: SSM, DynamoDB and Lambda throttle, whatever their rates."""
    assert sentences(schedule) == []


@few
@given(FAMILIES[10])
def test_no_host_takes_requests_while_it_is_changed_and_one_that_is_left_out_is_told(schedule: Scenario) -> None:
    """Invariant 10: behind load balancers, with everything that can go wrong, and target groups that are deleted."""
    assert sentences(schedule) == []


@few
@given(FAMILIES[11])
def test_an_instance_that_enters_service_has_the_last_good_revision(schedule: Scenario) -> None:
    """Invariant 11: with launches and scale-ins at any moment, lost, doubled and late events, and functions that are
    killed."""
    assert sentences(schedule) == []


@few
@given(FAMILIES[12])
def test_a_deployment_reaches_the_hosts_of_its_group_only(schedule: Scenario) -> None:
    """Invariant 12: two groups are deployed to at a time."""
    assert sentences(schedule) == []


@few
@given(FAMILIES[13])
def test_stages_come_one_after_the_other_with_what_is_to_lie_between(schedule: Scenario) -> None:
    """Invariants 1 and 3: with bakes, approvals and pauses at any moment, and everything else that can go wrong."""
    assert sentences(schedule) == []


@few
@given(FAMILIES[14])
def test_no_more_hosts_of_a_budget_are_out_of_service_than_it_says(schedule: Scenario) -> None:
    """Invariant 14: with two groups under it, also on the same hosts, while hosts fail and people stop deployments."""
    assert sentences(schedule) == []

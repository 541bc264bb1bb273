"""Where a rollback goes: to a good revision, never to the one that is rolled back or that failed since it was good."""

from dataclasses import replace

import pytest

from functions.core.causes import Cause
from functions.core.errors import InvalidInput
from functions.core.new_deployment import requested_rollback, rollback_deployment, summary
from functions.core.records import (
    Counts,
    Deployment,
    DeploymentSummary,
    Failure,
    Group,
    GroupSettings,
    Revision,
    Target,
    TargetFailure,
)
from functions.core.rollout import stop_mark
from functions.core.rollout.rollback_choice import (
    MAX_REMEMBERED,
    after,
    candidates,
    choose,
    choose_for,
    good_deployments,
    has_revision_failed,
)
from functions.core.statuses import BundleType, Creator, DeploymentErrorCode, DeploymentStatus, TargetStatus
from functions.core.text.shapes import from_plain, to_plain

NOW = "2026-11-23T10:00:00.000Z"
WEB = Group(application="shop", name="web", group_id="uuid", settings=GroupSettings())


def pinned(number: int) -> Revision:
    return Revision(bucket="b", key=f"v{number}.zip", bundle_type=BundleType.ZIP, version="v", sha256=f"{number:064}")


def deployment(number: int, revision: int, status: DeploymentStatus, failed: int = 0, **fields: object) -> Deployment:
    counters = Counts(total=4, max_out_of_service=2, failed=failed, succeeded=4 - failed, started=4)
    one = Deployment(
        deployment_id=f"d-{number:09}",
        application="shop",
        group="web",
        group_id="uuid",
        status=status,
        creator=Creator.USER,
        revision=pinned(revision),
        create_time=NOW,
        complete_time=NOW,
        counts=counters,
    )
    return replace(one, **fields)  # type: ignore[arg-type]


def ended(group: Group, one: Deployment, *, has_failed: bool = False) -> Group:
    """The group after a deployment of it has ended."""
    is_success = one.status is DeploymentStatus.SUCCEEDED
    good = after(group, summary(one), is_success=is_success, has_failed=has_failed)
    group = replace(group, last_attempted=summary(one), good_deployments=good)
    return replace(group, last_successful=summary(one)) if is_success else group


def succeeded(group: Group, number: int, revision: int, failed: int = 0) -> Group:
    return ended(group, deployment(number, revision, DeploymentStatus.SUCCEEDED, failed))


def failed(group: Group, number: int, revision: int) -> Group:
    return ended(group, deployment(number, revision, DeploymentStatus.FAILED, 3), has_failed=True)


def target_of(group: Group) -> str | None:
    """The deployment that a person's rollback goes to now."""
    good = choose_for(group).good
    return good.deployment_id if good else None


def test_a_revision_that_failed_on_no_host_is_preferred_to_a_newer_one() -> None:
    group = succeeded(succeeded(succeeded(WEB, 1, 1), 2, 2, failed=1), 3, 3)
    choice = choose_for(group)
    assert choice.good and choice.good.deployment_id == "d-000000001"
    assert choice.reason == (
        "d-000000001 (s3://b/v1.zip) is the last good revision."
        " Not chosen: d-000000003 (s3://b/v3.zip): it has the revision that is rolled back;"
        " d-000000002 (s3://b/v2.zip): it left 1 host failed."
    )


def test_without_such_a_one_the_newest_that_is_left_is_taken_and_that_is_said() -> None:
    choice = choose_for(failed(succeeded(succeeded(WEB, 1, 1, failed=1), 2, 2, failed=2), 3, 3))
    assert choice.good and choice.good.deployment_id == "d-000000002"
    assert "it left 2 hosts failed, and no revision is left that failed on none" in choice.reason


def test_three_rollbacks_in_a_row_do_not_go_to_the_revision_that_fails() -> None:
    """The revision that succeeds with failed hosts, and fails when it is deployed again."""
    group = succeeded(succeeded(WEB, 1, 1), 2, 2, failed=2)
    assert target_of(group) == "d-000000001"
    group = failed(group, 3, 2)
    assert target_of(group) == "d-000000001"
    group = failed(failed(group, 4, 3), 5, 1)
    choice = choose_for(group)
    assert choice.good is None
    assert choice.reason == (
        "No rollback: the deployment group shop/web has no earlier successful revision to roll back to."
        " Ruled out: d-000000002 (s3://b/v2.zip): its revision failed since, in d-000000003;"
        " d-000000001 (s3://b/v1.zip): it has the revision that is rolled back."
        " Deploy a good revision: stepdeploy deploy shop/web;"
        " or go back to one of these all the same: stepdeploy rollback shop/web --to DEPLOYMENT_ID"
    )
    with pytest.raises(InvalidInput) as refused:
        requested_rollback(group, deployment_id="d-000000009", now=NOW, requested_by="me")
    assert str(refused.value) == choice.reason


def test_automatic_and_requested_rollbacks_go_to_the_same_revision_for_the_same_reason() -> None:
    group = succeeded(succeeded(WEB, 1, 1), 2, 2, failed=1)
    bad = deployment(3, 3, DeploymentStatus.FAILED, 3)
    automatic = rollback_deployment(group, bad, deployment_id="d-000000004", now=NOW)
    requested = requested_rollback(
        ended(group, bad, has_failed=True), deployment_id="d-000000004", now=NOW, requested_by="me"
    )
    assert automatic and automatic.revision == requested.revision == pinned(1)
    assert automatic.rollback and requested.rollback and automatic.rollback.reason == requested.rollback.reason


def test_a_person_may_choose_any_good_deployment_also_one_that_is_ruled_out() -> None:
    group = failed(succeeded(succeeded(WEB, 1, 1), 2, 2), 3, 1)
    found = [(each.good.deployment_id, each.against) for each in candidates(group)]
    assert found == [("d-000000002", ""), ("d-000000001", "it has the revision that is rolled back")]
    choice = choose_for(group, "d-000000001")
    assert choice.good and choice.good.revision == pinned(1)
    assert choice.reason == "d-000000001 (s3://b/v1.zip) was requested. Its revision failed since, in d-000000003."
    assert choose_for(group, "d-000000009") == choose_for(group)


def test_a_later_success_makes_a_revision_good_again() -> None:
    group = succeeded(failed(succeeded(succeeded(WEB, 1, 1), 2, 2), 3, 1), 4, 1)
    assert target_of(failed(group, 5, 3)) == "d-000000004"


def test_so_many_good_revisions_are_remembered_each_once() -> None:
    group = WEB
    for number in range(30):
        group = succeeded(succeeded(group, 2 * number, number), 2 * number + 1, number)
    assert [each.deployment_id for each in group.good_deployments][:2] == ["d-000000059", "d-000000057"]
    assert len(group.good_deployments) == MAX_REMEMBERED


def test_an_older_engines_record_is_read_as_the_two_that_it_remembers() -> None:
    one, two = (summary(deployment(n, n, DeploymentStatus.SUCCEEDED)) for n in (1, 2))
    plain = to_plain(replace(WEB, last_successful=two, previous_successful=one, last_attempted=two))
    del plain["last_successful"]["failed_hosts"]
    old = from_plain(Group, plain)
    assert [each.deployment_id for each in good_deployments(old)] == ["d-000000002", "d-000000001"]
    assert target_of(old) == "d-000000001"
    assert target_of(failed(old, 3, 2)) == "d-000000001"
    assert [each.deployment_id for each in good_deployments(succeeded(old, 3, 3))] == [
        "d-000000003",
        "d-000000002",
        "d-000000001",
    ]


def test_what_an_older_engine_wrote_meanwhile_comes_first() -> None:
    newer = summary(deployment(2, 2, DeploymentStatus.SUCCEEDED))
    group = replace(succeeded(WEB, 1, 1), last_successful=newer)
    assert [each.deployment_id for each in good_deployments(group)] == ["d-000000002", "d-000000001"]


def test_a_group_without_a_success_says_so() -> None:
    choice = choose(WEB, pinned(1))
    assert choice.good is None and choice.reason.startswith("No rollback: the deployment group shop/web has no")


def target(cause: Cause = Cause.SCRIPT, event: str | None = "ValidateService") -> Target:
    failure = TargetFailure(cause=cause, message="m", event=event)
    return Target(deployment_id="d", target_id="i-1", status=TargetStatus.FAILED, failure=failure)


HEALTH = Failure(code=DeploymentErrorCode.HEALTH_CONSTRAINTS, message="m")


@pytest.mark.parametrize(
    ("code", "targets", "has_failed"),
    [
        ("HEALTH_CONSTRAINTS", [target()], True),
        ("HEALTH_CONSTRAINTS", [target(Cause.UNREACHABLE, "Install")], True),
        ("HEALTH_CONSTRAINTS", [target(Cause.ENGINE, None), target()], True),
        ("HEALTH_CONSTRAINTS", [target(Cause.UNREACHABLE, None)], False),
        ("HEALTH_CONSTRAINTS", [target(Cause.ENGINE, None)], False),
        ("HEALTH_CONSTRAINTS", [target(Cause.SCRIPT, "ApplicationStop")], False),
        ("HEALTH_CONSTRAINTS", [target(Cause.STOPPED, "Install")], False),
        ("HEALTH_CONSTRAINTS", [target(Cause.UNSUPPORTED, "ApplicationStop")], False),
        ("HEALTH_CONSTRAINTS", [target(Cause.EXPIRED, "DownloadBundle")], False),
        ("HEALTH_CONSTRAINTS", [], False),
        ("INTERNAL_ERROR", [target()], False),
        ("NO_INSTANCES", [], False),
        ("REVISION_MISSING", [], True),
        ("INVALID_REVISION", [], True),
        ("THROTTLED", [], False),
    ],
)
def test_a_failure_counts_where_the_revision_was_tried(code: str, targets: list[Target], has_failed: bool) -> None:
    failure = Failure(code=DeploymentErrorCode(code), message="m")
    one = deployment(1, 1, DeploymentStatus.FAILED, failure=failure)
    assert has_revision_failed(one, targets) is has_failed


def test_a_persons_stop_is_no_failure_and_an_alarms_is() -> None:
    def stopped(mark: object, started: int = 1) -> bool:
        counters = Counts(total=4, max_out_of_service=2, started=started)
        return has_revision_failed(deployment(1, 1, DeploymentStatus.STOPPED, stop=mark, counts=counters), [target()])

    assert not stopped(stop_mark.by_person("me", NOW))
    assert stopped(stop_mark.by_alarms(["errors"], NOW))
    assert not stopped(stop_mark.by_alarms(["errors"], NOW), started=0)
    assert not stopped(stop_mark.by_unreadable_alarms("cannot read", NOW))


def test_a_success_is_no_failure_of_its_revision() -> None:
    assert not has_revision_failed(deployment(1, 1, DeploymentStatus.SUCCEEDED, 1), [target()])


def test_what_is_remembered_of_a_deployment_has_no_warnings() -> None:
    one = deployment(1, 1, DeploymentStatus.SUCCEEDED)
    (found,) = ended(WEB, replace(one, revision=replace(pinned(1), warnings=("w",) * 10))).good_deployments
    assert isinstance(found, DeploymentSummary) and found.revision == pinned(1)

"""Which revision a rollback goes to: one rule for automatic rollbacks and for those that a person asks for.

A group remembers its successful deployments, newest first, one per revision (`Group.good_deployments`). A rollback
goes to the newest of them that left no host failed; if each left some, to the newest. It never goes to the revision
that is rolled back, and never to one that has failed since it was good.

What counts as a failure of a revision (`has_revision_failed`):
- a Failed deployment or rollback in which a lifecycle event of the revision failed on a host, on whichever instances;
- one that Prepare refused because the archive is gone or invalid: going back to it fails each time;
- a stop by an alarm after a host was begun on: the alarm is the operator's own test of the revision.
What does not:
- a stop by a person, who may have any reason, or by alarms that could not be read;
- INTERNAL_ERROR, and a host that failed without an event of the revision (the engine, SSM, a cancelled command, or
  ApplicationStop, whose script is of the revision that was there before): nothing of the revision was tried there;
- a group without instances, a minimum that keeps all hosts, missing permissions: any revision would have failed.
A later success of the same revision makes it good again.

A person may choose another one of the good deployments, whatever the rule says of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from functions.core.causes import Cause
from functions.core.records import Deployment, DeploymentSummary, Group, Revision, Target
from functions.core.statuses import DeploymentErrorCode, DeploymentStatus
from host.lifecycle import LifecycleEvent

MAX_REMEMBERED = 20  # good revisions of a group: some KB each at most, of an item's 400
_MAX_NAMED = 5  # deployments that a reason names
_NOT_DEPLOYABLE = frozenset({DeploymentErrorCode.INVALID_REVISION, DeploymentErrorCode.REVISION_MISSING})
_NOT_TRIED = frozenset({Cause.STOPPED, Cause.DENIED, Cause.UNSUPPORTED, Cause.EXPIRED})


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackChoice:
    """The deployment whose revision a rollback deploys again, None if no revision is left; and why, for the user."""

    good: DeploymentSummary | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A good deployment, and why the rule does not go there; "" if it may."""

    good: DeploymentSummary
    against: str


def candidates(group: Group) -> list[Candidate]:
    """What a person's rollback can be told to go to now, newest first."""
    leaving = group.last_attempted.revision if group.last_attempted else None
    return [Candidate(good=each, against=_against(each, leaving)) for each in good_deployments(group) if each.revision]


def choose(group: Group, leaving: Revision | None, to: str | None = None) -> RollbackChoice:
    """The rule above. `leaving` is the revision that is rolled back; None if the group has had no deployment. `to` is
    the deployment that a person has chosen: the rule decides only if it is not among the good ones any more."""
    if chosen := next((each for each in good_deployments(group) if to and each.deployment_id == to), None):
        return RollbackChoice(good=chosen, reason=_chosen(chosen))
    left: list[DeploymentSummary] = []
    ruled_out: list[str] = []
    for each in good_deployments(group):
        if why := _against(each, leaving):
            ruled_out.append(f"{_name(each)}: {why}")
        else:
            left.append(each)
    if not left:
        return RollbackChoice(good=None, reason=_nothing_left(group, ruled_out))
    good = next((each for each in left if not each.failed_hosts), left[0])
    passed_over = [f"{_name(each)}: it left {_hosts(each)} failed" for each in left[: left.index(good)]]
    how = f"it left {_hosts(good)} failed, and no revision is left that failed on none" if good.failed_hosts else ""
    reason = f"{_name(good)} is the last good revision{f': {how}' if how else ''}."
    if others := [*ruled_out, *passed_over]:
        reason += f" Not chosen: {_listed(others)}."
    return RollbackChoice(good=good, reason=reason)


def choose_for(group: Group, to: str | None = None) -> RollbackChoice:
    """What a person's rollback goes to now: away from the revision that was deployed last, whatever became of it."""
    last = group.last_attempted
    return choose(group, last.revision if last else None, to)


def choose_after(group: Group, ended: Deployment) -> RollbackChoice:
    """What the rollback of a deployment goes to as it ends."""
    return choose(group, ended.revision, ended.stop.rollback_to if ended.stop else None)


def good_deployments(group: Group) -> tuple[DeploymentSummary, ...]:
    """The group's successful deployments, newest first, one per revision.

    An older engine remembered at most two, and nothing of their failed hosts; one that it wrote last comes first.
    """
    found, last = group.good_deployments, group.last_successful
    if not found:
        return tuple(each for each in (last, group.previous_successful) if each and each.revision)
    if last and last.revision and not any(_is_of(each, last.revision) for each in found):
        return (last, *found)
    return found


def has_revision_failed(deployment: Deployment, failed: Sequence[Target]) -> bool:
    """Whether the end of a deployment speaks against its revision. `failed`: its failed targets."""
    if deployment.status is DeploymentStatus.STOPPED and (stop := deployment.stop):
        is_alarm = stop.code is DeploymentErrorCode.ALARM_ACTIVE and not stop.are_alarms_unreadable
        return is_alarm and deployment.counts.started > 0
    if deployment.status is not DeploymentStatus.FAILED:
        return False
    code = deployment.failure.code if deployment.failure else None
    if code is DeploymentErrorCode.HEALTH_CONSTRAINTS:
        return any(map(_has_tried_and_failed, failed))
    return code in _NOT_DEPLOYABLE


def after(
    group: Group, ended: DeploymentSummary, *, is_success: bool, has_failed: bool
) -> tuple[DeploymentSummary, ...]:
    """The group's good deployments after one has ended: `is_success` of the group, or `has_failed` as a revision."""
    known = good_deployments(group)
    if ended.revision is None:
        return known
    if is_success:
        newest = replace(ended, revision=replace(ended.revision, warnings=()))
        return (newest, *(each for each in known if not _is_of(each, ended.revision)))[:MAX_REMEMBERED]
    if has_failed:
        since = ended.deployment_id
        return tuple(replace(each, failed_since=since) if _is_of(each, ended.revision) else each for each in known)
    return known


def _is_of(each: DeploymentSummary, revision: Revision) -> bool:
    return each.revision is not None and (each.revision == revision or each.revision.is_same(revision))


def _against(each: DeploymentSummary, leaving: Revision | None) -> str:
    """Why a rollback does not go there; "" if it may."""
    if each.revision is None:
        return "its revision is not on record"
    if leaving and _is_of(each, leaving):
        return "it has the revision that is rolled back"
    return f"its revision failed since, in {each.failed_since}" if each.failed_since else ""


def _chosen(each: DeploymentSummary) -> str:
    since = f" Its revision failed since, in {each.failed_since}." if each.failed_since else ""
    return f"{_name(each)} was requested.{since}"


def _has_tried_and_failed(target: Target) -> bool:
    failure = target.failure
    if failure is None:
        return True
    return failure.event not in (None, LifecycleEvent.APPLICATION_STOP) and failure.cause not in _NOT_TRIED


def _nothing_left(group: Group, ruled_out: Sequence[str]) -> str:
    what = f"the deployment group {group.key} has no earlier successful revision to roll back to"
    why = f" Ruled out: {_listed(ruled_out)}." if ruled_out else ""
    ways = f"Deploy a good revision: stepdeploy deploy {group.key}"
    if ruled_out:
        ways += f"; or go back to one of these all the same: stepdeploy rollback {group.key} --to DEPLOYMENT_ID"
    return f"No rollback: {what}.{why} {ways}"


def _listed(some: Sequence[str]) -> str:
    more = f"; and {len(some) - _MAX_NAMED} more" if len(some) > _MAX_NAMED else ""
    return "; ".join(some[:_MAX_NAMED]) + more


def _name(each: DeploymentSummary) -> str:
    return f"{each.deployment_id} ({each.revision.place})" if each.revision else each.deployment_id


def _hosts(each: DeploymentSummary) -> str:
    return "1 host" if each.failed_hosts == 1 else f"{each.failed_hosts} hosts"

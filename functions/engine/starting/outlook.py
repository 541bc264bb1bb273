"""What people want to know before a deployment begins: preflight, and what else decides how it would go.

Nothing is written. It is the same preflight that Prepare begins with, so what is shown is what then happens, as long as
hosts, revision and settings stay as they are.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from functions.aws import clock
from functions.aws.bucket import Examined
from functions.core import calendar as rule
from functions.core.calendar import State
from functions.core.errors import NotDeployable
from functions.core.new_deployment import busy, revision_to_restart
from functions.core.planning import promises
from functions.core.planning.cost import Estimate, estimate
from functions.core.planning.timetable import StageSize, StageTime, host_seconds, sizes, timetable
from functions.core.records import Calendar, Closed, Deployment, Group
from functions.core.rollout.rollback_choice import RollbackChoice, choose
from functions.core.rollout.stages import Round
from functions.core.statuses import DeploymentErrorCode, DeploymentStatus, OnBusy, OnFreeze, TargetStatus
from functions.engine.starting import alarms, create, who_may
from functions.engine.starting.create import Request
from functions.engine.starting.preflight import Checks, Plan, preflight
from functions.store.records import calendar, deployments, lock, targets
from functions.store.records.lock import InTheWay

_DEPLOYMENTS, _TARGETS = 3, 50  # the newest successful ones whose times count, and targets of each


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """How a deployment would go."""

    group: Group
    plan: Plan
    rounds: Sequence[Round]
    errors: Sequence[NotDeployable]  # because of which it would not begin, or could not succeed
    warnings: Sequence[str]
    promises: Sequence[str]
    budgets: Sequence[str]
    calendar: Calendar  # what counts for the group
    state: State
    way: InTheWay
    rollback: RollbackChoice
    sizes: Sequence[StageSize]  # of the stages
    times: Sequence[StageTime]  # of the stages; none: no host is known that would tell
    hosts_timed: int
    cost: Estimate


def look_ahead(request: Request, examine: Callable[[Deployment], Examined], *, send_rate: float) -> Outlook:
    """`send_rate`: commands that the engine sends in a second. Raises NotDeployable where there is no such group, or
    nothing to restart; all else is told in the outlook."""
    group = who_may.known_group(request.application, request.group)
    checks, warnings = Checks(stop_at_first=False), list[str]()
    with checks.each():
        who_may.check_deploy(group, request.principal)
    deployment = create.wanted(request, group, request.revision or revision_to_restart(group))
    with checks.each():
        create.check_approvers(deployment)
    with checks.each():
        alarms.check_states(deployment)
    with checks.each():
        alarms.check_data(deployment)
    plan = preflight(deployment, checks, examine)
    deployment = plan.deployment
    rounds = plan.rounds if deployment.stages else []
    if why := promises.cannot_begin(deployment, rounds, plan.targets):
        checks.errors.append(NotDeployable(DeploymentErrorCode.HEALTH_CONSTRAINTS, why))
    way = lock.in_the_way(deployment, _stored_at(deployment, checks))
    if way.goes_back:
        checks.errors.append(NotDeployable(DeploymentErrorCode.INVALID_REVISION, way.goes_back))
    found, now = calendar.read(), clock.now()
    state = rule.may_begin(deployment, found, now)
    if way.rejects and deployment.settings.on_busy is OnBusy.REJECT:
        failure = busy(group, way.rejects)
        checks.errors.append(NotDeployable(failure.code, failure.message))
    elif way.holder:
        warnings.append(promises.busy(deployment, way.holder, way.waiting))
    if isinstance(state, Closed):
        warnings.append(promises.calendar(state))
    seconds = _history(group)
    stages = sizes(deployment, rounds)
    times = timetable(stages, seconds, send_rate)
    counting = rule.of_group(found, group.key, now)
    warnings += [*_midway(deployment, counting, times, now), *promises.left_out(plan.targets)]
    budgets = [promises.budget(each.share, each.shards, len(each.hosts)) for each in plan.counted]
    warnings += [said for said, keeps_waiting in budgets if keeps_waiting]
    warnings += [*plan.checked.warnings, *deployment.revision.warnings]
    if plan.contents is None and not deployment.is_restart and not checks.errors:
        warnings.append(promises.NOT_READ)
    return Outlook(
        group=group,
        plan=plan,
        rounds=rounds,
        errors=checks.errors,
        warnings=warnings,
        promises=list(promises.promises(deployment)),
        budgets=[said for said, _ in budgets],
        calendar=counting,
        state=state,
        way=way,
        rollback=choose(group, deployment.revision),
        sizes=stages,
        times=times,
        hosts_timed=len(seconds),
        cost=estimate(len(plan.targets), sum(len(each.steps) for each in plan.targets)),
    )


def _stored_at(deployment: Deployment, checks: Checks) -> str | None:
    """When S3 stored the revision, if its group takes them in sequence. One that is not there yet is the newest."""
    if deployment.revision.etag is None:
        return None
    with checks.each():
        return create.place_in_sequence(deployment)
    return None


def _midway(deployment: Deployment, found: Calendar, times: Sequence[StageTime], now: datetime) -> Iterator[str]:
    """Freezes that begin before it has ended."""
    if not times or rule.is_free(deployment) or deployment.settings.on_freeze is not OnFreeze.HOLD:
        return
    ends = now + timedelta(seconds=times[-1].ends)
    for each in found.freezes:
        if now < datetime.fromisoformat(each.start) < ends:
            yield promises.frozen_midway(each)


def _history(group: Group) -> list[float]:
    """How long hosts took in the group's last successful deployments."""
    ids, _ = deployments.page(group.key, [DeploymentStatus.SUCCEEDED], (None, None), None)
    found = list[float]()
    for deployment_id in ids[:_DEPLOYMENTS]:
        of_it, _ = targets.page(deployment_id, [TargetStatus.SUCCEEDED], None)
        found += host_seconds(of_it[:_TARGETS])
    return found

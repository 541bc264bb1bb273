"""The promises: what must always hold, whatever fails, repeats or comes late; checked against what was seen of a world.

Nothing here knows how the engine works: only what its records say at the end, what happened on the hosts, and what was
announced. The numbers are those of the invariants (docs/how-it-works.md); 0: the records say what happened.
"""

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.core.causes import Cause
from functions.core.records import Deployment, Target
from functions.core.rollout.health import OWN_PREFIX, DeploymentConfig, MinimumHealthyHostsType
from functions.core.statuses import RUNNING, Creator, DeploymentErrorCode, DeploymentStatus, TargetStatus
from host.lifecycle import IN_PLACE, LifecycleEvent
from simulation import announced, budgets, scaling, stages, traffic, zones
from simulation.broken import Broken
from simulation.hosts import Fate
from simulation.seams import ENVIRONMENT
from simulation.trace import Entry, Seen

if TYPE_CHECKING:
    from simulation.world import World

_SHOWN = 3  # targets that a broken promise names
_SENDING_SECONDS = 30  # a function that sends when a stop comes has as long as it may run
_CANCEL_SECONDS = 300  # throttling makes cancels late
_ALARM_SECONDS = 900  # an alarm whose event was lost is found by then


@dataclass(frozen=True, slots=True)
class Kept:
    """A deployment as it is on record at the end, with its targets and what was seen of it."""

    deployment: Deployment
    targets: Sequence[Target]
    seen: Sequence[Entry]

    @property
    def id(self) -> str:
        return self.deployment.deployment_id

    @property
    def promised(self) -> int:
        return promised(self.deployment.settings.config, len(self.targets))

    @property
    def is_cancelled(self) -> bool:
        return self.deployment.stop is not None and self.deployment.stop.cancel

    @property
    def group(self) -> str:
        return self.deployment.group

    @property
    def ended_at(self) -> float | None:
        moves = [each for each in self.of(Seen.STATUS) if not each.host_id]
        return next((each.time for each in moves if DeploymentStatus(each.detail).is_final), None)

    @property
    def has_failed_scripts(self) -> bool:
        causes = {target.failure.cause for target in self.targets if target.failure and target.failure.event}
        events = {target.failure.event for target in self.targets if target.failure}
        return bool(causes & {Cause.SCRIPT, Cause.TIMEOUT}) and bool(events - {None, LifecycleEvent.APPLICATION_STOP})

    def of(self, *wanted: Seen) -> list[Entry]:
        return [each for each in self.seen if each.what in wanted]

    def hosts(self, *wanted: Seen) -> set[str]:
        return {each.host_id for each in self.of(*wanted)}

    def begun_before(self, time: float) -> set[str]:
        return {each.host_id for each in self.of(Seen.STATUS) if each.host_id and each.time < time}

    def with_status(self, status: TargetStatus) -> list[str]:
        return [target.target_id for target in self.targets if target.status is status]


def promised(config: DeploymentConfig, targets: int) -> int:
    """Hosts that stay in service, by the words of CodeDeploy's guide; one at a time is all but one.

    >>> from simulation.scenario import config
    >>> promised(config("75%"), 10), promised(config("OneAtATime"), 10), promised(config("3"), 10)
    (8, 9, 3)
    """
    minimum = config.minimum
    if minimum is None:
        return max(targets - 1, 0)
    if minimum.type is MinimumHealthyHostsType.HOST_COUNT:
        return min(minimum.value, targets)
    most = targets - 1 if config.name.startswith(OWN_PREFIX) else targets  # those let one host be out in every fleet
    return min(next(hosts for hosts in range(targets + 1) if hosts * 100 >= minimum.value * targets), most)


def broken(
    world: "World", found: Sequence[tuple[Deployment, list[Target]]], holders: Mapping[str, str | None]
) -> list[Broken]:
    """The promises that this world broke."""
    if not found:
        return [Broken(3, "the deployment was never created")]
    seen = defaultdict[str, list[Entry]](list)
    for entry in world.trace.entries:
        seen[entry.deployment_id].append(entry)
    kept = [Kept(deployment, targets, seen[deployment.deployment_id]) for deployment, targets in found]
    sentences = [*_two_at_once(world, kept), *_locks(world, holders), *_requests(kept)]
    sentences += [*traffic.traffic(world), *traffic.left_out(world, found)] if world.scenario.target_groups else []
    kept_by_end = sorted(kept, key=lambda each: each.seen[-1].time)
    sentences += [*scaling.broken(world, found), *budgets.broken(world)]
    sentences += [*_rollbacks(world, kept), *_left_without_rollback(kept_by_end), *_bad_choices(kept)]
    for each in kept:
        for check in _CHECKS if each.deployment.status.is_final else _CHECKS_BEFORE_THE_END:
            sentences += check(world, each)
    return sentences


# -- of all deployments


def _two_at_once(world: "World", kept: Sequence[Kept]) -> Iterator[Broken]:
    """Instances that are launched get their deployments outside the group's lock."""
    running = defaultdict[str, set[str]](set)
    launches = {each.id for each in kept if each.deployment.launch}
    for entry in world.trace.of(Seen.STATUS):
        if entry.host_id or entry.deployment_id in launches:
            continue
        group = running[world.started.groups[entry.deployment_id]]
        (group.add if entry.detail in RUNNING else group.discard)(entry.deployment_id)
        if len(group) > 1:
            yield Broken(2, f"two deployments of one group ran at once: {', '.join(sorted(group))}")
            return


def _locks(world: "World", holders: Mapping[str, str | None]) -> Iterator[Broken]:
    for group, holder in holders.items():
        if holder and world.started.is_over:
            yield Broken(3, f"{holder} has ended and still holds the lock of {group}")


def _rollbacks(world: "World", kept: Sequence[Kept]) -> Iterator[Broken]:
    """Which deployments were rolled back, and to what."""
    by_id = {each.id: each for each in kept}
    succeeded = dict[str, float]()
    for entry in world.trace.of(Seen.STATUS):
        if not entry.host_id and entry.detail == DeploymentStatus.SUCCEEDED:
            succeeded.setdefault(by_id[entry.deployment_id].deployment.revision.key, entry.time)
    caused = dict[str, Kept]()
    for each in kept:
        rollback = each.deployment.rollback
        if each.deployment.creator is not Creator.ROLLBACK or rollback is None:
            continue
        cause = by_id[str(rollback.rollback_triggering_deployment_id)]
        if cause.deployment.creator is Creator.ROLLBACK:
            yield Broken(6, f"the rollback {cause.id} caused the rollback {each.id}")
        if cause.id in caused:
            yield Broken(6, f"{cause.id} was rolled back twice: by {caused[cause.id].id} and {each.id}")
        caused[cause.id] = each
        key, began = each.deployment.revision.key, each.seen[0].time
        if key == cause.deployment.revision.key:
            yield Broken(0, f"the rollback {each.id} deploys the revision that it rolls back")
        if not _is_first(each) and not succeeded.get(key, began + 1) <= began:
            yield Broken(0, f"the rollback {each.id} goes to {key}, which never succeeded")


def _left_without_rollback(kept: Sequence[Kept]) -> Iterator[Broken]:
    """A deployment that failed on hosts goes back to the revision that was there before, if that did not fail itself.
    `kept`: in the order of their ends."""
    caused = {each.deployment.rollback.rollback_triggering_deployment_id for each in kept if each.deployment.rollback}
    is_v1_good = True
    for each in kept:
        deployment, is_v1 = each.deployment, _is_first(each)
        is_v1_good = is_v1_good and not (is_v1 and deployment.status is not DeploymentStatus.SUCCEEDED)
        is_wanted = deployment.status is DeploymentStatus.FAILED or _is_alarm(deployment)
        if deployment.creator is not Creator.USER or not is_wanted or not is_v1_good or is_v1:
            continue
        is_touched = each.of(Seen.BEGAN) and not all(_is_ended(target) for target in each.targets)
        if deployment.settings.auto_rollback and is_touched and each.id not in caused:
            yield Broken(0, f"{each.id} is {deployment.status} and was not rolled back")


def _bad_choices(kept: Sequence[Kept]) -> Iterator[Broken]:
    """Rollbacks, of a failure or at a person's wish, to a revision that failed when it was deployed the last time."""
    for each in kept:
        if each.deployment.rollback is None or each.deployment.rollback.rollback_deployment_id:
            continue  # no rollback, but rolled back itself
        key, began = each.deployment.revision.key, each.seen[0].time
        before = [other for other in kept if other.group == each.group and (other.ended_at or began) < began]
        of_same = [other for other in before if other.deployment.revision.key == key]
        last = max(of_same, key=lambda other: other.ended_at or 0.0, default=None)
        failure = last.deployment.failure if last else None
        if last and failure and failure.code is DeploymentErrorCode.HEALTH_CONSTRAINTS and last.has_failed_scripts:
            yield Broken(0, f"{each.id} goes back to {key}, which failed in {last.id}")


def _requests(kept: Sequence[Kept]) -> Iterator[Broken]:
    uploads = Counter(who for each in kept if (who := each.deployment.requested_by or "").startswith("upload"))
    if twice := [what for what, times in uploads.items() if times > 1]:
        yield Broken(8, f"more than one deployment: {_named(twice)}")


def _is_first(kept: Kept) -> bool:
    """Whether it is of the revision that the group had before the world began."""
    return kept.deployment.revision.key.endswith("/v1.zip")


def _is_alarm(deployment: Deployment) -> bool:
    failure = deployment.failure
    is_stopped = deployment.status is DeploymentStatus.STOPPED
    return is_stopped and failure is not None and failure.code is DeploymentErrorCode.ALARM_ACTIVE


# -- of each deployment


def _health(world: "World", kept: Kept) -> Iterator[Broken]:
    out, most, ended = set[str](), 0, {each.target_id for each in kept.targets if _is_ended(each)}
    ended |= world.broken_before(kept.targets)
    for entry in kept.of(Seen.OUT, Seen.BACK):  # what Auto Scaling ends, it ends on its own account
        if entry.host_id not in ended:
            (out.add if entry.what is Seen.OUT else out.discard)(entry.host_id)
        most = max(most, len(out))
    yield from zones.broken(world, kept.deployment, kept.targets)
    yield from stages.broken(world, kept.deployment, kept.targets)
    if len(kept.targets) - most < kept.promised:
        in_service = len(kept.targets) - most
        yield Broken(1, f"{kept.id} left {in_service} hosts in service; it promised {kept.promised}")


def _ended(world: "World") -> set[str]:
    """The hosts that Auto Scaling has ended."""
    return world.autoscaling.ended if world.autoscaling else set()


def _healthy_first(world: "World", kept: Kept) -> Iterator[Broken]:
    """A host that serves is taken out of service only where that leaves enough, and hosts that earlier deployments left
    broken count, too; those are repaired first."""
    fleet, out = {target.target_id for target in kept.targets}, set[str]()
    serving, least = fleet - _ended(world) - world.broken_before(kept.targets), kept.promised
    for entry in world.trace.of(Seen.OUT, Seen.BACK):
        host_id = entry.host_id
        if entry.what is Seen.BACK:
            out.discard(host_id)
        elif host_id in serving and host_id not in out and world.is_of_group(entry.deployment_id, kept.group):
            out.add(host_id)
            if entry.deployment_id == kept.id and len(fleet) - len(out) < least:
                yield Broken(1, f"{kept.id} took {host_id} out of service while {len(out) - 1} others were out")
                return


def _ends(world: "World", kept: Kept) -> Iterator[Broken]:
    if not kept.deployment.status.is_final:
        yield Broken(3, f"{kept.id} never ended: it is {kept.deployment.status}")
        return
    if left := [target.target_id for target in kept.targets if not target.status.is_final]:
        yield Broken(3, f"{kept.id}: {_named(left)} no terminal status")
    ended_at = kept.ended_at or 0.0
    if late := [each.host_id for each in kept.of(Seen.SENT) if each.time > ended_at]:
        yield Broken(3, f"{kept.id} had ended, and commands were sent to {_named(late)}")


def _once(world: "World", kept: Kept) -> Iterator[Broken]:
    ran = Counter((each.host_id, each.detail) for each in kept.of(Seen.RAN))
    if twice := sorted({host_id for (host_id, _), times in ran.items() if times > 1}):
        yield Broken(4, f"{kept.id}: scripts ran twice on {_named(twice)}")
    began = Counter((each.host_id, each.detail) for each in kept.of(Seen.BEGAN))
    if twice := [host_id for (host_id, _), times in began.items() if times > 1]:
        yield Broken(4, f"{kept.id}: two commands began on {_named(twice)}")


def _as_verified(world: "World", kept: Kept) -> Iterator[Broken]:
    revision = kept.deployment.revision
    for entry in kept.of(Seen.SENT):
        bundle, runner = entry.detail.bundle, entry.detail.runner
        if (bundle.version, bundle.sha256, bundle.key) != (revision.version, revision.sha256, revision.key):
            yield Broken(7, f"{kept.id}: {entry.host_id} was to install another bundle than the one on record")
        body = world.s3.read(bundle.bucket, bundle.key, bundle.version)
        if body is None or hashlib.sha256(body).hexdigest() != bundle.sha256:
            yield Broken(7, f"{kept.id}: the sha256 for {entry.host_id} is not that of version {bundle.version}")
        if f"versionId={bundle.version}&" not in bundle.url:
            yield Broken(7, f"{kept.id}: the URL for {entry.host_id} is not of the pinned version")
        if runner.sha256 != ENVIRONMENT["RUNNER_SHA256"]:
            yield Broken(7, f"{kept.id}: {entry.host_id} was to run another runner")


def _wronged(world: "World", kept: Kept) -> Iterator[Broken]:
    """Healthy hosts that were failed, or whose command was cancelled, although nobody wanted that."""
    if kept.is_cancelled:
        return
    failed = [
        f"{target.target_id} ({target.failure.cause if target.failure else Cause.ENGINE})"
        for target in kept.targets
        if target.status is TargetStatus.FAILED
        and world.fleet.hosts[target.target_id].fate is Fate.WELL
        and target.target_id not in world.elb.refused
    ]
    if failed:
        yield Broken(9, f"{kept.id}: healthy hosts were failed: {_named(failed)}")
    cancelled = kept.hosts(Seen.CANCELLED) - _ended(world)
    if cancelled := {each for each in cancelled if world.fleet.hosts[each].fate is Fate.WELL}:
        yield Broken(9, f"{kept.id}: commands were cancelled on healthy hosts: {_named(sorted(cancelled))}")


def _is_ended(target: Target) -> bool:
    """Whether Auto Scaling has ended the instance: then it is not said to have failed."""
    return bool(target.failure and target.failure.cause is Cause.TERMINATED)


def _own_hosts(world: "World", kept: Kept) -> Iterator[Broken]:
    group, hosts = kept.deployment.group, world.fleet.hosts
    reached = kept.hosts(Seen.SENT) | {target.target_id for target in kept.targets}
    if foreign := sorted(each for each in reached if hosts[each].role != group and not world.scenario.has_shared_hosts):
        yield Broken(12, f"{kept.id} of the group {group} reached {_named(foreign)} of another group")
    wanted = {each.host_id for each in hosts.values() if each.role == group and not each.is_terminated}
    is_partial = world.autoscaling is not None  # who is a member when: scaling.py looks at what they have at the end
    if kept.targets and not is_partial and (missing := sorted(wanted - {target.target_id for target in kept.targets})):
        yield Broken(0, f"{kept.id} left out {_named(missing)}")


def _records(world: "World", kept: Kept) -> Iterator[Broken]:
    """The records say what has happened on the hosts, and the status what follows from it by CodeDeploy's rule."""
    unproved = []
    for host_id in kept.with_status(TargetStatus.SUCCEEDED):
        journal = world.fleet.hosts[host_id].journal.get(kept.id, {})
        if any(event not in journal or journal[event].status != "Succeeded" for event in IN_PLACE):
            unproved.append(host_id)
    if unproved:
        yield Broken(0, f"{kept.id}: Succeeded on record, and not all events ran: {_named(unproved)}")
    counted = {status: len(kept.with_status(TargetStatus(status))) for status in kept.deployment.counts.overview}
    if counted != kept.deployment.counts.overview:
        yield Broken(0, f"{kept.id} counts {kept.deployment.counts.overview}; its targets are {counted}")
    ended = {target.target_id for target in kept.targets if _is_ended(target)}
    if touched := sorted((set(kept.with_status(TargetStatus.SKIPPED)) & kept.hosts(Seen.BEGAN)) - ended):
        yield Broken(0, f"{kept.id}: Skipped on record, and was begun on: {_named(touched)}")
    if kept.deployment.stop or kept.deployment.status is DeploymentStatus.STOPPED or not kept.targets:
        return
    enough = max(kept.promised - len(ended), 1)
    lost = [*zones.lost(kept.deployment, kept.targets), *stages.lost(kept.deployment, kept.targets)]
    is_success = len(kept.with_status(TargetStatus.SUCCEEDED)) >= enough and not lost
    if is_success != (kept.deployment.status is DeploymentStatus.SUCCEEDED):
        yield Broken(0, f"{kept.id} is {kept.deployment.status}; at least {enough} of its targets were to succeed")
    if kept.deployment.failure and kept.deployment.failure.code is DeploymentErrorCode.INTERNAL_ERROR:
        return  # functions were killed too often
    failed, allowed = len(kept.with_status(TargetStatus.FAILED)), len(kept.targets) - kept.promised
    is_held_up = lost or budgets.is_used_up(world)
    if set(kept.with_status(TargetStatus.SKIPPED)) - ended and failed < allowed and not is_held_up:
        yield Broken(0, f"{kept.id} skipped targets after {failed} failures; {allowed} were allowed")


def _stops(world: "World", kept: Kept) -> Iterator[Broken]:
    """After a stop nothing is begun, and after one that cancels nothing goes on."""
    times = [(entry.time + _SENDING_SECONDS, bool(entry.detail)) for entry in kept.of(Seen.STOPPED)]
    if kept.deployment.settings.alarms.watched and world.scenario.alarm_at is not None:
        times.append((world.scenario.alarm_at + _ALARM_SECONDS, True))
    stopped_at = min((time for time, _ in times), default=math.inf)
    cancelled_at = min((time for time, cancels in times if cancels), default=math.inf)
    begun = kept.begun_before(stopped_at)  # those go all their way, unless they are cancelled
    late = [
        each.host_id
        for each in kept.of(Seen.SENT)
        if each.time > (cancelled_at if each.host_id in begun else stopped_at)
    ]
    if late:
        yield Broken(0, f"{kept.id} was stopped, and began on {_named(late)} later")
    cancelled = [each.time for each in kept.of(Seen.STOPPED) if each.detail]
    if cancelled and (still := [each for each in kept.of(Seen.RAN) if each.time > min(cancelled) + _CANCEL_SECONDS]):
        reachable = {each.host_id for each in still if world.fleet.hosts[each.host_id].gone_at > world.clock.time}
        if reachable:
            yield Broken(0, f"{kept.id} was stopped, and its scripts went on on {_named(sorted(reachable))}")
    ended_at = kept.ended_at or 0.0
    is_late = bool(kept.targets) and len(kept.with_status(TargetStatus.SUCCEEDED)) == len(kept.targets)
    is_stopped = any(each.time < ended_at for each in kept.of(Seen.STOPPED)) and not is_late
    if is_stopped and kept.deployment.status is not DeploymentStatus.STOPPED:
        yield Broken(0, f"{kept.id} was stopped and is {kept.deployment.status}")


def _named(names: Sequence[str]) -> str:
    return f"{', '.join(names[:_SHOWN])}{' ...' * (len(names) > _SHOWN)}"


Check = Callable[["World", Kept], Iterator[Broken]]
_CHECKS_BEFORE_THE_END: tuple[Check, ...] = (_health, _healthy_first, _ends, _once, _as_verified, _own_hosts)
_CHECKS: tuple[Check, ...] = (*_CHECKS_BEFORE_THE_END, announced.broken, _wronged, _records, _stops)

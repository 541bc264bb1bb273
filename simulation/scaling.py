"""The promises around Auto Scaling: what instances have that enter service, and that nothing stays behind.

As in promises.py, nothing here knows how the engine works: only what the records say, and what was seen of instances.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from functions.core.causes import Cause
from functions.core.statuses import Creator, DeploymentStatus, TargetStatus
from simulation.broken import Broken, Found
from simulation.scenario import GROUP
from simulation.trace import Seen

if TYPE_CHECKING:
    from simulation.world import World


def broken(world: "World", found: Found) -> Iterator[Broken]:
    """The promises around Auto Scaling that this world broke."""
    if world.autoscaling is None:
        return
    yield from _revisions(world, found)
    yield from _ended_ones(world, found)
    if world.autoscaling.suspended and world.started.is_over:
        yield Broken(3, f"nobody has resumed {', '.join(sorted(world.autoscaling.suspended))}")
    for each in world.autoscaling.instances.values():
        if each.state.endswith(":Wait"):
            yield Broken(11, f"{each.instance_id} waits in {each.state}, and nobody answers")


def _revisions(world: "World", found: Found) -> Iterator[Broken]:
    """Who has entered service has the revision that succeeded last, or is told as not having it; or has another one
    from a deployment that went to all."""
    assert world.autoscaling
    by_id = {deployment.deployment_id: deployment for deployment, _ in found if deployment.group == GROUP}
    whole = [each for each in by_id.values() if not each.has_own_targets]
    succeeded = [each for each in whole if each.status is DeploymentStatus.SUCCEEDED]
    good = max(succeeded, key=lambda each: each.complete_time or "", default=None)
    wanted = good.revision.key if good else "shop/web/v1.zip"
    if world.scenario.scaling and world.scenario.scaling.outdated == "IGNORE":
        return
    back = [entry for entry in world.trace.of(Seen.BACK) if entry.deployment_id in by_id]
    brought = {entry.host_id: by_id[entry.deployment_id] for entry in back}
    told = {target.target_id for _, targets in found for target in targets if target.status is TargetStatus.FAILED}
    for instance_id in world.autoscaling.entered.keys() & world.autoscaling.instances:
        last = brought.get(instance_id)
        has, is_meant = last and last.revision.key, last and last.creator in (Creator.USER, Creator.ROLLBACK)
        if has != wanted and not is_meant and instance_id not in told:
            yield Broken(11, f"{instance_id} is in service with {has}; the group's last good revision is {wanted}")


def _ended_ones(world: "World", found: Found) -> Iterator[Broken]:
    """An instance that Auto Scaling has ended fails no deployment."""
    assert world.autoscaling
    for deployment, targets in found:
        for target in targets:
            is_gone = target.target_id in world.autoscaling.ended and deployment.launch is None
            cause = target.failure.cause if target.failure else None
            if is_gone and target.status is TargetStatus.FAILED and cause is Cause.UNREACHABLE:
                yield Broken(
                    11, f"{deployment.deployment_id}: {target.target_id} was ended by Auto Scaling, and failed"
                )


def most_calls_a_second(world: "World", seconds: float = 5.0) -> float:
    """Calls of Auto Scaling, in the busiest of all such spans."""
    assert world.autoscaling
    times = sorted(world.autoscaling.calls_at)
    counts = [sum(1 for other in times[number:] if other < each + seconds) for number, each in enumerate(times)]
    return max(counts, default=0) / seconds


def service_delay(world: "World") -> dict[str, float]:
    """Seconds from an instance's first sign to SSM until it is in service, by its id."""
    assert world.autoscaling
    return {each: at - world.fleet.hosts[each].up_at for each, at in world.autoscaling.entered.items()}

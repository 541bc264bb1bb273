"""What is promised of Availability Zones: one after the other, each with its own minimum of healthy hosts."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from functions.core.records import Deployment, Target
from functions.core.rollout.health import ZonalConfig
from functions.core.statuses import Creator, TargetStatus
from simulation.broken import Broken
from simulation.trace import Seen

if TYPE_CHECKING:
    from simulation.world import World


def rule_of(deployment: Deployment) -> ZonalConfig | None:
    return None if deployment.creator is Creator.ROLLBACK else deployment.settings.config.zonal


def promised(rule: ZonalConfig | None, targets: Sequence[Target]) -> dict[str, int]:
    """The healthy hosts of each zone, at least."""
    minimum = rule.minimum if rule else None
    return {zone: minimum.required(size) for zone, size in _sizes(targets).items()} if minimum else {}


def lost(deployment: Deployment, targets: Sequence[Target]) -> list[str]:
    """The zones in which fewer succeeded than have to."""
    done = Counter(each.zone or "" for each in targets if each.status is TargetStatus.SUCCEEDED)
    return [zone for zone, least in promised(rule_of(deployment), targets).items() if done[zone] < least]


def broken(world: "World", deployment: Deployment, targets: Sequence[Target]) -> Iterator[Broken]:
    if (rule := rule_of(deployment)) is None:
        return
    zone_of = {target.target_id: target.zone or "" for target in targets}
    sizes, least = _sizes(targets), promised(rule, targets)
    out, was_out = defaultdict[str, set[str]](set), {each.target_id for each in targets if each.was_out_of_service}
    begun = list[str]()
    for entry in world.trace.of(Seen.OUT, Seen.BACK):
        zone = zone_of.get(entry.host_id)
        if zone is None:
            continue
        is_new = entry.host_id not in out[zone]
        (out[zone].add if entry.what is Seen.OUT else out[zone].discard)(entry.host_id)
        if entry.deployment_id != deployment.deployment_id or entry.what is not Seen.OUT or not is_new:
            continue
        if entry.host_id not in was_out:
            if not begun or begun[-1] != zone:
                begun.append(zone)
            if sizes[zone] - len(out[zone]) < least.get(zone, 0):
                yield Broken(1, f"{deployment.deployment_id} left too few hosts in service in {zone}")
                return
    if len(begun) > len(set(begun)):
        yield Broken(1, f"{deployment.deployment_id} went from zone to zone and back: {', '.join(begun)}")


def _sizes(targets: Sequence[Target]) -> Counter[str]:
    return Counter(target.zone or "" for target in targets)

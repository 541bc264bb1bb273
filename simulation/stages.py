"""What is promised of stages: one after the other, with what is to lie between, and nobody begins during a pause."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from functions.core.records import Deployment, Target
from functions.core.statuses import Creator, TargetStatus
from simulation import metrics
from simulation.broken import Broken
from simulation.trace import Seen

if TYPE_CHECKING:
    from simulation.world import World

_BEGINNING_SECONDS = 60  # a function that lets a target begin when a pause comes has as long as it may run, twice


def broken(world: "World", deployment: Deployment, targets: Sequence[Target]) -> Iterator[Broken]:
    me = deployment.deployment_id
    begun, ended = dict[str, float](), dict[str, float]()
    for entry in world.trace.of(Seen.OUT):
        if entry.deployment_id == me:
            begun.setdefault(entry.host_id, entry.time)
    for entry in world.trace.of(Seen.STATUS):
        if entry.deployment_id == me and entry.host_id:
            ended[entry.host_id] = entry.time
    yield from (Broken(1, f"{me}: {each}") for each in _sizes(deployment, targets))
    yield from _one_after_another(deployment, targets, begun, ended)
    yield from metrics.broken(
        world, deployment, {each.stage for each in targets if each.stage is not None and each.target_id in begun}
    )
    yield from _minimums(world, deployment, targets)
    for paused_at, resumed_at in world.trace.pauses(me):
        late = [host for host, at in begun.items() if paused_at + _BEGINNING_SECONDS < at < resumed_at]
        if late:
            yield Broken(3, f"{me} was paused, and {', '.join(late[:3])} began")


def lost(deployment: Deployment, targets: Sequence[Target]) -> list[str]:
    """The stages of which fewer targets succeeded than have to, because some failed."""
    found, rules = list[str](), {rule.name: rule for rule in deployment.settings.config.stages}
    for each in deployment.places:
        if each.stage is None:
            continue
        rule = rules.get(each.stage) or rules[each.stage.rpartition(" ")[0]]
        mine = [target.status for target in targets if each.name in target.places]
        needed = max(rule.minimum.required(len(mine)) if rule.minimum else 0, 1)
        if mine.count(TargetStatus.SUCCEEDED) < needed and TargetStatus.FAILED in mine:
            found.append(each.stage)
    return found


def _sizes(deployment: Deployment, targets: Sequence[Target]) -> Iterator[str]:
    """A stage exposes no more targets than its rule says, all before it included."""
    rules = {rule.name: rule for rule in deployment.settings.config.stages}
    if deployment.creator is Creator.ROLLBACK or not rules:
        return
    before = 0
    for number, stage in enumerate(deployment.stages):
        mine = [each for each in targets if each.stage == number and not each.was_out_of_service]
        rule = rules.get(stage.name)
        if rule and rule.select == "COUNT" and len(mine) > rule.value:
            yield f"the stage {stage.name} has {len(mine)} targets"
        if rule and rule.select == "PERCENT" and before + len(mine) > -(-len(targets) * rule.value // 100):
            yield f"the stage {stage.name} goes up to {before + len(mine)} targets"
        before += len(mine)


def _one_after_another(
    deployment: Deployment, targets: Sequence[Target], begun: dict[str, float], ended: dict[str, float]
) -> Iterator[Broken]:
    """A stage begins when the one before has ended, baked, and been approved."""
    failed = lost(deployment, targets)
    first, last = dict[int, float](), defaultdict[int, float](float)
    for each in targets:
        if each.stage is None or each.target_id not in begun:
            continue
        first[each.stage] = min(first.get(each.stage, begun[each.target_id]), begun[each.target_id])
        last[each.stage] = max(last[each.stage], ended.get(each.target_id, begun[each.target_id]))
    for before, after in pairwise(sorted(first)):
        what = f"{deployment.deployment_id}: the stage {after} began"
        stage = deployment.stages[before]
        if first[after] < last[before]:
            yield Broken(3, f"{what} before {before} had ended")
        elif first[after] < last[before] + stage.bake_seconds:
            yield Broken(3, f"{what} {first[after] - last[before]:.1f} s after {before}, which bakes")
        if stage.name and stage.name in failed:
            yield Broken(1, f"{what} although too few targets of {stage.name} succeeded")
        if stage.approval and not any(each.stage == before for each in deployment.approvals):
            yield Broken(3, f"{what}, and nobody had approved")


def _minimums(world: "World", deployment: Deployment, targets: Sequence[Target]) -> Iterator[Broken]:
    for each in deployment.places:
        if each.stage is None:
            continue
        mine = {target.target_id for target in targets if each.name in target.places}
        was_out = {target.target_id for target in targets if target.was_out_of_service}
        out = mine & was_out
        for entry in world.trace.of(Seen.OUT, Seen.BACK):
            if entry.host_id in mine and entry.deployment_id == deployment.deployment_id:
                is_new = entry.what is Seen.OUT and entry.host_id not in was_out
                (out.add if entry.what is Seen.OUT else out.discard)(entry.host_id)
                if is_new and len(out) > each.places:
                    what = f"{len(out)} targets of the stage {each.stage} were out"
                    yield Broken(1, f"{deployment.deployment_id}: {what}")
                    return

"""Which targets each stage takes, and in which order: values in, values out (docs/stages.md)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from functions.core.records import Deployment, Target
from functions.core.rollout import zones
from functions.core.rollout.health import (
    Approval,
    HealthConstraintsInvalid,
    MinimumHealthyHosts,
    Select,
    StageRule,
)


class Standing(IntEnum):
    """What a host has of the revision: CodeDeploy's revision health, in the order in which it deploys."""

    UNKNOWN = 0
    OLD = 1
    CURRENT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What stages choose a host by, beside its record."""

    tags: Mapping[str, str] = field(default_factory=dict)
    standing: Standing = Standing.UNKNOWN


NO_TRAITS = Traits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The targets of a stage, in their order."""

    name: str
    targets: Sequence[Target]
    bake_seconds: int = 0
    approval: Approval | None = None
    analysis: str | None = None  # the stage of the configuration whose metrics are judged after it
    minimum: MinimumHealthyHosts | None = None  # of these targets
    has_goal: bool = False  # whether one of its targets, at least, has to succeed


def ordered(targets: Sequence[Target], traits: Mapping[str, Traits], order_tag: str | None) -> list[Target]:
    """Hosts that are out of service, then by the value of the tag, then what runs no or another revision; of equal ones
    each comes from another Availability Zone than the one before, and then by id."""

    def key(target: Target) -> tuple[bool, tuple[bool, int, str], Standing]:
        trait = traits.get(target.target_id, NO_TRAITS)
        value = trait.tags.get(order_tag) if order_tag else None
        return not target.was_out_of_service, _natural(value), trait.standing

    numbers = Counter[object]()
    spread = list[tuple[tuple[object, ...], Target]]()
    for target in sorted(targets, key=lambda each: each.target_id):
        alike = key(target)
        of_zone = (alike, target.zone)
        numbers[of_zone] += 1
        spread.append(((*alike, numbers[of_zone], target.zone or "~", target.target_id), target))
    return [target for _, target in sorted(spread, key=lambda pair: pair[0])]


def _natural(value: str | None) -> tuple[bool, int, str]:
    """Numbers by their size, then words; who has no value comes last."""
    if value is None:
        return True, 0, ""
    return (False, int(value), "") if value.isdecimal() else (False, 10**9, value)


def parts(
    deployment: Deployment, chosen: Sequence[Target], all_targets: Sequence[Target], traits: Mapping[str, Traits]
) -> list[Part]:
    """The stages with their targets, of those that can take part (`chosen`, in their order); none is empty.

    Raises HealthConstraintsInvalid for a stage whose zone or tag no target of the group has. Rollbacks, and deployments
    to a launched instance, go to all at once.
    """
    config = deployment.settings.config
    if rule := zones.zonal(deployment):
        here = zones.ordered(chosen)
        return [
            Part(
                name=zone,
                targets=[each for each in chosen if each.zone == zone],
                bake_seconds=rule.monitored(is_first=number == 0),
            )
            for number, zone in enumerate(here)
        ]
    if not config.stages or zones.goes_to_all(deployment):
        return [Part(name="", targets=chosen)]
    found, left = list[Part](), list(chosen)
    for stage in config.stages:
        for name, taken in _taken(deployment, stage, left, len(chosen) - len(left), all_targets, traits):
            gone = {each.target_id for each in taken}
            left = [each for each in left if each.target_id not in gone]
            if taken:
                found.append(
                    Part(
                        name=name,
                        targets=taken,
                        bake_seconds=stage.bake_seconds,
                        approval=stage.approval,
                        analysis=stage.name if stage.analysis else None,
                        minimum=stage.minimum,
                        has_goal=True,
                    )
                )
    if left:
        where = ", ".join(each.target_id for each in left[:3])
        raise HealthConstraintsInvalid(f"no stage of {config.name} takes {where}: let the last one select the rest")
    return found


def _taken(
    deployment: Deployment,
    stage: StageRule,
    left: Sequence[Target],
    before: int,
    all_targets: Sequence[Target],
    traits: Mapping[str, Traits],
) -> list[tuple[str, list[Target]]]:
    """The targets of a stage, or of each zone of it, by name. `before`: how many earlier stages have taken."""
    match stage.select:
        case Select.COUNT:
            return [(stage.name, list(left[: stage.value]))]
        case Select.PERCENT:
            upto = -(-len(all_targets) * stage.value // 100)
            return [(stage.name, list(left[: max(upto - before, 0)] if stage.value < 100 else left))]
        case Select.TAG:
            fits = [each for each in all_targets if _has_tag(stage, traits.get(each.target_id, NO_TRAITS))]
            what = f"tag {stage.tag_key}" + ("" if stage.tag_value is None else f"={stage.tag_value}")
            _must_have(deployment, stage, fits, f"no target has the {what}")
            wanted = {each.target_id for each in fits}
            return [(stage.name, [each for each in left if each.target_id in wanted])]
        case Select.ZONE:
            for zone in stage.zones:
                here = [each for each in all_targets if each.zone == zone]
                _must_have(deployment, stage, here, f"no target is in the Availability Zone {zone}")
            if not stage.zones:
                zones.check(left)
            names = stage.zones or zones.ordered(left)
            return [(f"{stage.name} {zone}", [each for each in left if each.zone == zone]) for zone in names]
        case Select.REST:
            return [(stage.name, list(left))]


def _has_tag(stage: StageRule, trait: Traits) -> bool:
    value = trait.tags.get(stage.tag_key or "")
    return value is not None and stage.tag_value in (None, value)


def _must_have(deployment: Deployment, stage: StageRule, found: Sequence[Target], why_not: str) -> None:
    """A deployment to only some of its group's targets may leave a stage without any."""
    is_partial = deployment.has_own_targets or deployment.retry_of or deployment.outdated_only or deployment.updates
    if not found and not is_partial:
        raise HealthConstraintsInvalid(
            f"the stage {stage.name} of {deployment.settings.config.name} selects nothing: {why_not};"
            " change the stage, or the hosts"
        )

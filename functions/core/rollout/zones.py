"""Availability Zones one after the other: their order, their places, and which of them were lost.

Source: CodeDeploy API Reference, ZonalConfig. What the documents leave open is ours (docs/deploying.md): the zone with
the fewest targets comes first, of equal ones the first by name; after a zone that kept fewer hosts healthy than its
minimum, no other one begins, and the deployment fails. A rollback takes no notice of zones, as in CodeDeploy.
"""

from collections import Counter
from collections.abc import Sequence

from functions.core.records import Deployment, PlaceSet, ShardState, Target
from functions.core.rollout.health import HealthConstraintsInvalid, ZonalConfig
from functions.core.rollout.places import own_set_name
from functions.core.statuses import Creator


def zonal(deployment: Deployment) -> ZonalConfig | None:
    """The rule that this deployment follows."""
    return None if goes_to_all(deployment) else deployment.settings.config.zonal


def goes_to_all(deployment: Deployment) -> bool:
    """Whether it takes no notice of zones and stages: a rollback, or a deployment to a launched instance."""
    return deployment.creator is Creator.ROLLBACK or deployment.launch is not None


def ordered(targets: Sequence[Target]) -> list[str]:
    """The zones of the targets, in the order in which they are deployed to."""
    sizes = Counter(target.zone or "" for target in targets)
    return sorted(sizes, key=lambda zone: (sizes[zone], zone))


def check(targets: Sequence[Target]) -> None:
    """Raises HealthConstraintsInvalid for a host in no zone, as on-premises instances are."""
    if outside := sorted(target.target_id for target in targets if not target.zone):
        raise HealthConstraintsInvalid(
            f"zonalConfig is for EC2 instances, and {', '.join(outside[:3])} {'is' if len(outside) == 1 else 'are'} in"
            " no Availability Zone: give the group a configuration without it"
        )


def place_sets(
    deployment: Deployment, rule: ZonalConfig, targets: Sequence[Target], failed: set[str]
) -> list[PlaceSet]:
    """The places of each zone, where the rule has a minimum for zones. `failed`: the targets that cannot take part.

    Raises HealthConstraintsInvalid for a zone in which the minimum keeps every target in service.
    """
    if rule.minimum is None:
        return []
    sets = []
    for zone in ordered(targets):
        here = [target for target in targets if target.zone == zone]
        lost = sum(target.target_id in failed for target in here)
        try:
            allowed = rule.minimum.allowed_out(len(here))
        except HealthConstraintsInvalid as error:
            raise HealthConstraintsInvalid(f"Availability Zone {zone}: {error}") from error
        name = own_set_name(deployment, zone)
        places = max(allowed - lost, 0)
        sets.append(PlaceSet(name=name, places=places, zone=zone, needed=len(here) - lost - places))
    return sets


def is_lost(places: PlaceSet, states: Sequence[ShardState]) -> bool:
    """Whether a zone or stage cannot keep its minimum any more: as many have failed as may be out of service, and too
    few have the new revision."""
    failed, succeeded = sum(len(state.failed) for state in states), sum(state.succeeded for state in states)
    return failed > places.places or (failed == places.places and succeeded < places.needed)

"""Deployments and targets that begin and end as the engine does it, for tests of what comes before and after."""

from dataclasses import replace

from functions.core.records import Counts, Deployment, Hold, HoldKind, PlaceSet, Target, TargetFailure
from functions.core.rollout.places import with_homes
from functions.core.statuses import DeploymentStatus, TargetStatus
from functions.engine.ending import end
from functions.engine.running import places
from functions.store.records import deployments, hosts, preparing, targets
from functions.store.records import places as store_places


def begin(deployment: Deployment, fleet: list[Target], now: str) -> bool:
    """Begin a deployment that has its counts, with the places that they leave."""
    counts = deployment.counts
    own = PlaceSet(name=deployment.deployment_id, places=max(counts.max_out_of_service - counts.failed, 0))
    begun = replace(deployment, counters=None, places=(own,))
    return preparing.begin(begun, with_homes(fleet, begun.places), now)


def begin_target(target: Target, now: str) -> bool:
    """Whether the target has got a place."""
    deployment = deployments.get(target.deployment_id)
    assert deployment
    return isinstance(places.take_out_of_service(deployment, target, now), Target)


def end_target(target: Target, status: TargetStatus, now: str, failure: TargetFailure | None = None) -> bool:
    return places.finish(target, status, now, failure)


def counts_of(deployment_id: str) -> Counts:
    """As they are now."""
    deployment = deployments.get(deployment_id)
    assert deployment
    return store_places.counted(deployment).counts


def hold(deployment_id: str, token: str) -> None:
    """The deployment waits between two stages, with this token."""
    held = Hold(stage=0, kinds=(HoldKind.BAKE,), since="2026-11-23T10:00:00.000Z", token=token)
    assert deployments.store_hold(deployment_id, held, DeploymentStatus.IN_PROGRESS)


def out_of_service(group_id: str) -> set[str]:
    """The hosts that the last deployment left in a state that nobody knows."""
    return {each.target_id for each in hosts.of(group_id) if each.status is TargetStatus.FAILED}


def run_to_the_end(deployment_id: str, now: str, *, fails: int = 0, skips: int = 0) -> Deployment:
    """What becomes of a deployment that has begun: on its first targets it fails, its last ones it does not reach."""
    fleet = [each for each in targets.of(deployment_id) if not each.status.is_final]
    for number, target in enumerate(fleet[: len(fleet) - skips]):
        assert begin_target(target, now)
        (going,) = [each for each in targets.of(deployment_id) if each.target_id == target.target_id]
        assert end_target(going, TargetStatus.FAILED if number < fails else TargetStatus.SUCCEEDED, now)
    end.end(deployment_id)
    found = deployments.get(deployment_id)
    assert found
    return found

"""What people do with budgets that are there: delete one, and release the place of a host."""

from functions.core.records import HostPlace
from functions.store.records import budget_places, budgets, deployments
from functions.telemetry import logger


class AtWork(Exception):
    """A deployment works at the host; its id."""


def delete(name: str, by: str) -> list[str]:
    """Delete it, unless deployments have places of it: their ids."""
    if (found := budgets.get(name)) is None:
        return []
    places = [place for shard in budget_places.read(name, found[1]) for place in shard.held.values()]
    if at_work := sorted({place.deployment_id for place in places if place.is_at_work}):
        return at_work
    budgets.delete(name)
    logger.info("a budget was deleted", budget=name, by=by)
    return []


def release(name: str, host_id: str, by: str) -> HostPlace | None:
    """Give the place back that a host has; None when it has none. Raises AtWork."""
    found = budgets.get(name)
    for number, shard in enumerate(budget_places.read(name, found[1]) if found else ()):
        if (place := shard.held.get(host_id)) is None:
            continue
        if place.is_at_work and _runs(place.deployment_id):
            raise AtWork(place.deployment_id)
        if budget_places.release(name, number, host_id, place):
            logger.info("a place of a budget was released", budget=name, host=host_id, by=by)
            return place
    return None


def _runs(deployment_id: str) -> bool:
    found = deployments.get(deployment_id)
    return found is not None and not found.status.is_final

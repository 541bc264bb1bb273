"""What is promised of a budget: at no time more of its hosts are out of service than it says, whoever deploys."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from simulation.broken import Broken
from simulation.scenario import GROUP, OTHER_GROUP, Scenario, maximum
from simulation.trace import Seen

if TYPE_CHECKING:
    from simulation.world import World

NAME = "all"


def declared(scenario: Scenario) -> dict[str, Any]:
    """As deployments.yaml has it."""
    if not scenario.budget:
        return {}
    most = maximum(scenario.budget)
    filters = [{"Key": "role", "Value": group} for group in (GROUP, OTHER_GROUP)]
    return {NAME: {"ec2TagFilters": filters, "maximumOutOfService": {"type": most.type, "value": most.value}}}


def broken(world: "World") -> Iterator[Broken]:
    if not world.scenario.budget:
        return
    places = _places(world)
    for time, out in _line(world):
        if len(out) > places:
            yield Broken(14, f"{len(out)} hosts were out of service at {time:.0f} s; the budget allows {places}")
            return


def is_used_up(world: "World") -> bool:
    """Whether hosts may have kept all others in service, because they had failed."""
    return bool(world.scenario.budget) and any(len(out) >= _places(world) for _, out in _line(world, with_gone=True))


def most_out(world: "World") -> int:
    return max((len(out) for _, out in _line(world)), default=0)


def _places(world: "World") -> int:
    """Of the hosts that there were at first: fewer later only make it less."""
    return maximum(world.scenario.budget).places(world.scenario.hosts + world.scenario.hosts_of_others)


def _line(world: "World", *, with_gone: bool = False) -> Iterator[tuple[float, frozenset[str]]]:
    """The hosts that are out of service, at each time that one left. One that is terminated is none any more."""
    out = set[str]()
    for entry in world.trace.of(Seen.OUT, Seen.BACK):
        if world.fleet.hosts[entry.host_id].is_terminated and not with_gone:
            continue
        if entry.what is Seen.BACK:
            out.discard(entry.host_id)
        else:
            out.add(entry.host_id)
            yield entry.time, frozenset(out)

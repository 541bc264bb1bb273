"""The promises of traffic: no host takes new requests while it is changed, and one that is left out is on record."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from functions.core.balancer_checks import PROPAGATION_SECONDS
from host.lifecycle import LifecycleEvent
from simulation.broken import Broken, Found
from simulation.trace import Seen

if TYPE_CHECKING:
    from simulation.world import World


def traffic(world: "World") -> Iterator[Broken]:
    """No host takes new requests while it is changed, or just before; and a host that is left out is on record."""
    behind = world.scenario.target_groups
    inside = {host_id: 0 if host.up_at > 0 else behind for host_id, host in world.fleet.hosts.items()}
    left_at, changed_at = dict[str, float](), dict[str, float]()
    for entry in world.trace.of(Seen.LEFT, Seen.JOINED, Seen.SENT, Seen.BEGAN):
        host_id = entry.host_id
        if entry.what is Seen.LEFT:
            inside[host_id] -= 1
            left_at[host_id] = entry.time if entry.detail else left_at.get(host_id, -math.inf)
        elif entry.what is Seen.JOINED:
            inside[host_id] += 1
            if entry.detail:
                yield Broken(10, f"{host_id} came back while it was changed")
        elif entry.what is Seen.SENT and LifecycleEvent.INSTALL.value in entry.detail.events:
            drains = entry.detail.drain.at_least if entry.detail.drain else 0
            changed_at[entry.deployment_id + host_id] = entry.time + drains
        elif entry.what is Seen.BEGAN and LifecycleEvent.INSTALL.value in entry.detail:
            begins = changed_at.get(entry.deployment_id + host_id, -math.inf)
            if inside[host_id]:
                yield Broken(10, f"{entry.deployment_id} changed {host_id} under load")
            if begins < left_at.get(host_id, -math.inf) + PROPAGATION_SECONDS:
                yield Broken(10, f"{entry.deployment_id} changed {host_id} while requests could still come")


def left_out(world: "World", found: Found) -> Iterator[Broken]:
    known = {target.target_id for _, targets in found for target in targets if target.out_of}
    for name, registered in world.elb.registered.items():
        out = {host_id for host_id, host in world.fleet.hosts.items() if host.role in world.elb.roles} - set(registered)
        if untold := sorted(out - known):
            yield Broken(10, f"nobody is told that {name} is without {', '.join(untold[:3])}")

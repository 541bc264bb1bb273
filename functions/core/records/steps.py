"""The steps of a target: its way through a deployment, a value that is fixed when the deployment begins.

Each lifecycle event of the target belongs to one step. BeforeBlockTraffic and AfterAllowTraffic belong to the traffic
step beside them when no revision has scripts for them: they are on record, and cost no command.
"""

from dataclasses import dataclass
from typing import ClassVar

from host.lifecycle import IN_PLACE, LifecycleEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A run of lifecycle events that one Run Command carries, in their order."""

    events: tuple[LifecycleEvent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockTraffic:
    """The engine takes the host out of the group's load balancers."""

    KIND: ClassVar[str] = "BlockTraffic"
    events: tuple[LifecycleEvent, ...] = (LifecycleEvent.BLOCK_TRAFFIC,)


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowTraffic:
    """The engine brings the host back into them, and waits until it is healthy there."""

    KIND: ClassVar[str] = "AllowTraffic"
    events: tuple[LifecycleEvent, ...] = (LifecycleEvent.ALLOW_TRAFFIC,)


Step = Segment | BlockTraffic | AllowTraffic

IN_PLACE_STEPS: tuple[Step, ...] = (Segment(events=IN_PLACE),)  # without a load balancer there is one step

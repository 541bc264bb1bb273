"""The steps of a target: its way through a deployment, a value that is fixed when the deployment begins."""

from dataclasses import dataclass

from host.lifecycle import IN_PLACE, LifecycleEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A run of lifecycle events that one Run Command carries, in their order."""

    events: tuple[LifecycleEvent, ...]


Step = Segment  # what the engine does itself between two segments is to be another kind

IN_PLACE_STEPS: tuple[Step, ...] = (Segment(events=IN_PLACE),)  # without a load balancer there is one step

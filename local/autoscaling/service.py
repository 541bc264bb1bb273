"""Auto Scaling's API over one fleet, on a thread and an event loop of its own.

So a slow answer of the emulator delays no time-out and no health check.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from botocore.model import OperationModel

from local.authorization import Check
from local.autoscaling.fleet import Fleet, World
from local.autoscaling.operations import groups, hooks, members, processes, refreshes, tags, traffic, warm_pools
from local.autoscaling.permissions import checks
from local.autoscaling.settings import Settings
from local.loop import LoopThread
from local.query import checked, service_model

T = TypeVar("T")
API = "autoscaling"  # botocore's name
OPERATIONS: Mapping[str, Callable[[Fleet, dict[str, Any]], dict[str, Any]]] = {
    **groups.OPERATIONS,
    **hooks.OPERATIONS,
    **members.OPERATIONS,
    **processes.OPERATIONS,
    **refreshes.OPERATIONS,
    **tags.OPERATIONS,
    **traffic.OPERATIONS,
    **warm_pools.OPERATIONS,
}


class AutoScaling:
    """The service. Every method may be called from any thread but its own."""

    def __init__(self, world: World, settings: Settings) -> None:
        self.settings = settings
        self._fleet = Fleet(world, settings)
        self._thread = LoopThread("auto-scaling")

    def close(self) -> None:
        """End everything that goes on; instances stay as they are."""
        self.run(self._fleet.close)
        self._thread.close()

    def run(self, work: Callable[[], T]) -> T:
        """Do something where the groups live, and wait for it."""
        return self._thread.run(work)

    def call(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """The result of an operation, by parameters that are checked first. Raises QueryError."""
        model = find_operation(operation)
        assert model is not None
        asked = checked(model.input_shape, given) if model.input_shape else {}
        return self.run(lambda: OPERATIONS[operation](self._fleet, asked))

    def checks(self, operation: str, asked: Mapping[str, Any]) -> list[Check]:
        """What IAM is asked before an operation."""
        return self.run(lambda: checks(operation, asked, self._fleet))


def find_operation(name: str) -> OperationModel | None:
    model = service_model(API)
    return model.operation_model(name) if name in OPERATIONS else None

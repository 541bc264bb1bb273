"""Both APIs of Elastic Load Balancing over one set of load balancers, on a thread and an event loop of their own.

So a slow answer of the emulator delays no health check and no client's request.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from botocore.model import OperationModel

from local.authorization import Check
from local.elb import classic, listeners, load_balancers, rules, tags, target_groups, targets
from local.elb.classic import Classic
from local.elb.permissions import checks, classic_checks
from local.elb.records import Registry, World
from local.elb.settings import Settings
from local.loop import LoopThread
from local.query import QueryError, checked, service_model
from simulation.aws.limits import Bucket, Rate

T = TypeVar("T")
V2, CLASSIC = "elbv2", "elb"  # botocore's names
OPERATIONS: Mapping[str, Callable[[Registry, dict[str, Any]], dict[str, Any]]] = {
    **load_balancers.OPERATIONS,
    **target_groups.OPERATIONS,
    **listeners.OPERATIONS,
    **rules.OPERATIONS,
    **targets.OPERATIONS,
    **tags.OPERATIONS,
}


class ElasticLoadBalancing:
    """The service. Every method may be called from any thread but its own."""

    def __init__(self, world: World, settings: Settings) -> None:
        self.settings = settings
        self._registry, self._classic = Registry(world, settings), Classic(world, settings)
        self._buckets: dict[tuple[str, Rate], Bucket] = {}
        self._thread = LoopThread("load-balancers")

    def close(self) -> None:
        """End every listener, connection and health check."""
        self.run(self._registry.close)
        self.run(self._classic.close)
        self._thread.close()

    def run(self, work: Callable[[], T]) -> T:
        """Do something where the load balancers live, and wait for it."""
        return self._thread.run(work)

    def call(self, api: str, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """The result of an operation, by parameters that are checked first. Raises QueryError."""
        model = find_operation(api, operation)
        assert model is not None and model.input_shape is not None
        asked = checked(model.input_shape, given)
        if api == CLASSIC:
            return self.run(lambda: classic.OPERATIONS[operation](self._classic, asked))
        return self.run(lambda: OPERATIONS[operation](self._registry, asked))

    def has(self, api: str, operation: str) -> bool:
        return operation in (classic.OPERATIONS if api == CLASSIC else OPERATIONS)

    def checks(self, api: str, operation: str, asked: Mapping[str, Any]) -> list[Check]:
        """What IAM is asked before an operation."""
        if api == CLASSIC:
            return self.run(lambda: classic_checks(operation, asked, self._registry, self._classic))
        return self.run(lambda: checks(operation, asked, self._registry))

    def throttle(self, api: str, operation: str) -> None:
        """Charge the account for a call. Raises QueryError Throttling."""
        rate = self.settings.rate(operation)
        bucket = self._buckets.setdefault((api, rate), Bucket(rate))
        if not bucket.take(time.monotonic()):
            raise QueryError("Throttling", "Rate exceeded")

    def addresses(self) -> list[dict[str, Any]]:
        """Every load balancer with the addresses where clients connect to it, by its listeners' ports."""
        return self.run(self._addresses)

    def _addresses(self) -> list[dict[str, Any]]:
        found: dict[str, dict[str, str]] = {each.name: {} for each in self._registry.load_balancers.values()}
        for listener in self._registry.listeners.values():
            front = listener.front
            found[listener.load_balancer.name][str(listener.port)] = f"{front.address}:{front.port}"
        for name, balancer in self._classic.balancers.items():
            ports = {port: front for port, (_, front) in balancer.listeners.items()}
            found[name] = {str(port): f"{front.address}:{front.port}" for port, front in ports.items()}
        return [{"name": name, "listeners": ports} for name, ports in found.items()]


def find_operation(api: str, name: str) -> OperationModel | None:
    model = service_model(api)
    return model.operation_model(name) if name in model.operation_names else None

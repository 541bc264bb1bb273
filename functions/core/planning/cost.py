"""What AWS bills for a deployment, by list prices: an estimate by its hosts and steps.

How much of what a deployment uses is as the simulator counts it of fleets in which nothing goes wrong;
tests/simulation/test_plan.py holds it to that.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from functions.core.planning.prices import USD, Item
from functions.core.records import Deployment

_EACH_DEPLOYMENT = {
    Item.LAMBDA_REQUESTS: 13,
    Item.LAMBDA_GB_SECONDS: 0.3,
    Item.TRANSITIONS: 8,
    Item.READS: 20,
    Item.WRITES: 64,
}
_EACH_HOST = {
    Item.LAMBDA_REQUESTS: 3.3,
    Item.LAMBDA_GB_SECONDS: 0.12,
    Item.TRANSITIONS: 3,
    Item.READS: 14,
    Item.WRITES: 16.5,
}
_EACH_STEP_MORE = {  # of a host: with load balancers it has some
    Item.LAMBDA_REQUESTS: 1.2,
    Item.LAMBDA_GB_SECONDS: 0.05,
    Item.TRANSITIONS: 2,
    Item.READS: 8,
    Item.WRITES: 15,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    counts: Mapping[Item, float]

    @property
    def usd(self) -> float:
        return sum(count * USD[item] for item, count in self.counts.items())


def estimate(hosts: int, steps: int) -> Estimate:
    """Of a deployment to hosts with so many steps in all.

    >>> round(estimate(1000, 1000).usd, 2)
    0.09
    """
    more = max(steps - hosts, 0)
    counts = {item: _EACH_DEPLOYMENT[item] + _EACH_HOST[item] * hosts + _EACH_STEP_MORE[item] * more for item in Item}
    return Estimate(counts=counts)


def estimate_of(deployment: Deployment) -> Estimate | None:
    """Of all that the deployment began with. None if it has not begun, or if an older engine began it, which did not
    store the number of steps."""
    if deployment.step_count is None:
        return None
    return estimate(deployment.counts.total, deployment.step_count)

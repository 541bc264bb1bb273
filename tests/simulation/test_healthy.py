"""What is drawn of a deployment, out of what its targets' records say, beside what was seen of its hosts."""

from datetime import datetime
from typing import Any

import pytest

from cli.view.healthy import healthy
from functions.api import responses, target_responses
from functions.core.records import Deployment
from simulation.hosts import Durations, Fate
from simulation.scenario import Scenario, config
from simulation.world import World


def parsed(told: dict[str, Any]) -> dict[str, Any]:
    """As a client has an answer: what is a time in it, and nothing that there is none of."""
    return {
        name: datetime.fromisoformat(value) if name.endswith(("Time", "At")) else value
        for name, value in told.items()
        if value is not None
    }


def info_of(deployment: Deployment) -> dict[str, Any]:
    return parsed(responses.deployment(deployment))


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("share", ["HalfAtATime", "80%", "AllAtOnce"])
def test_it_is_not_rosier_than_the_truth_and_breaks_no_promise_that_was_kept(share: str, seed: int) -> None:
    scenario = Scenario(
        hosts=20, config=config(share), seed=seed, fates={Fate.FAIL: 0.1}, durations=Durations(spread=1)
    )
    result = World(scenario).run()
    assert not result.broken
    for (deployment, targets), outcome in zip(result.records, result.outcomes, strict=True):
        info, now = info_of(deployment), datetime.fromisoformat(deployment.create_time)
        found = healthy(info, [parsed(target_responses.summary(each)) for each in targets], now)
        assert found
        assert outcome.promised <= found.lowest.healthy <= outcome.fewest_healthy
        assert found.points[-1].healthy == info["healthyHosts"]["healthy"]

"""Scenarios drawn by chance: small fleets, all kinds of faults, an AWS that throttles and is slow."""

import random
from dataclasses import replace

from simulation.aws.events import EventFaults
from simulation.aws.limits import Limits
from simulation.hosts import Fate
from simulation.scenario import Scenario, config

FATES = (Fate.FAIL, Fate.HANG, Fate.REBOOT, Fate.SCALE_IN)
CONFIGS = ("OneAtATime", "HalfAtATime", "AllAtOnce", "75%", "30%")


def drawn(seed: int) -> Scenario:
    """Slow answers of DynamoDB are what makes functions meet between a read and a write."""
    chance = random.Random(seed)
    limits = Limits().throttled({"ssm": chance.choice([1, 3, 10, 100])})
    return Scenario(
        seed=seed,
        hosts=chance.randint(4, 20),
        config=config(chance.choice(CONFIGS)),
        fates={fate: chance.choice([0, 0, 0.1, 0.3]) for fate in FATES} if chance.random() < 0.6 else {},
        events=EventFaults(
            lost=chance.choice([0, 0.1, 0.5]), doubled=chance.choice([0, 0.3]), late=chance.choice([0, 0.3])
        ),
        limits=replace(limits, latencies={**limits.latencies, "dynamodb": chance.choice([0.005, 0.5, 2])}),
        kill_rate=chance.choice([0, 0.01, 0.05]),
        alarm_at=chance.choice([None, None, 30, 100]),
        bake_seconds=chance.choice([0, 60]),
    )

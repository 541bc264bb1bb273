"""Schedules that have broken a promise once, as hypothesis had shrunk them."""

from dataclasses import replace

import pytest

from functions.core.rollout.health import MinimumHealthyHosts, MinimumHealthyHostsType, ZonalConfig
from simulation.aws.events import EventFaults
from simulation.aws.functions import Crash
from simulation.aws.limits import Limits
from simulation.hosts import Durations, Fate
from simulation.scenario import Act, Deed, Scaling, Scenario, config
from simulation.world import World

SHORT = Durations(median=5.0, spread=0.0)


def limits(*, dynamodb: float = 0.005, ssm: float = 20, concurrency: int = 1000) -> Limits:
    found = Limits().throttled({"ssm": ssm})
    return replace(found, latencies={**found.latencies, "dynamodb": dynamodb}, lambda_concurrency=concurrency)


FOUND = {
    "a message has more targets than a call has time for": Scenario(
        hosts=11, config=config("0%"), seed=0, durations=SHORT, limits=limits(dynamodb=2)
    ),
    "a call died after it had sent, and the next one came before SSM listed the command": Scenario(
        hosts=20,
        config=config("AllAtOnce"),
        seed=25,
        durations=Durations(median=1500.0, spread=0.0),
        kill_rate=0.08,
    ),
    "two calls at once send, and the host is busy with the first command": Scenario(
        hosts=2,
        config=config("OneAtATime"),
        seed=1883,
        durations=Durations(median=400, spread=1),
        events=EventFaults(late=0.5),
        repeats=1.0,
        limits=limits(dynamodb=2),
    ),
    "a late call has the token of an earlier try": Scenario(
        hosts=3, config=config("0%"), seed=93, durations=SHORT, limits=limits(concurrency=2), repeats=0.5
    ),
    "a call waited for its moment to send, and died": Scenario(
        hosts=2,
        config=config("0%"),
        seed=0,
        durations=SHORT,
        events=EventFaults(late=0.2),
        limits=limits(dynamodb=2, ssm=0.1),
    ),
    "two watches at once hand out who waits anew": Scenario(
        hosts=16,
        config=config("HalfAtATime"),
        seed=1,
        durations=SHORT,
        limits=limits(dynamodb=0.5, ssm=0.1),
        repeats=0.25,
    ),
    "a watch had stored the end of a command, and died before it told": Scenario(
        hosts=1,
        config=config("AllAtOnce"),
        durations=Durations(median=40.0, spread=0.0),
        events=EventFaults(lost=1.0),
        crashes=(Crash("watch", 1, 9),),
        quiet_seconds=3 * 3600,
    ),
    "a command was put on record after a stop had read which ones to cancel, by a call that had no time left": Scenario(
        hosts=4,
        config=replace(
            config("2"), name="Zonal", zonal=ZonalConfig(minimum=None, monitor_seconds=0, first_monitor_seconds=120)
        ),
        durations=Durations(median=400.0, spread=0.0),
        events=EventFaults(lost=0.5),
        limits=limits(dynamodb=2),
        acts=(Act(60.0, Deed.CANCEL), Act(60.0, Deed.DEPLOY)),
        target_groups=2,
        alarm_at=108.0,
    ),
    "another group's hook held an instance while it was swept": Scenario(
        hosts=6,
        config=config("AllAtOnce"),
        seed=19633,
        durations=Durations(median=40, spread=1),
        events=EventFaults(lost=0.5, doubled=1.0),
        scaling=Scaling(launches=((0.0, 2), (0.0, 1)), start_seconds=(20.0, 60.0), has_second_group=True),
        places_of_a_shard=1,
    ),
    "a host of a zone was out of service before, and others of it took all its places": Scenario(
        hosts=9,
        config=replace(
            config("AllAtOnce"),
            name="Zonal",
            zonal=ZonalConfig(
                minimum=MinimumHealthyHosts(MinimumHealthyHostsType.FLEET_PERCENT, 1),
                monitor_seconds=0,
                first_monitor_seconds=None,
            ),
        ),
        durations=SHORT,
        fates={Fate.FAIL: 0.2},
        acts=(Act(0.0, Deed.DEPLOY),),
    ),
}


@pytest.mark.parametrize("scenario", FOUND.values(), ids=FOUND)
def test_a_schedule_that_broke_a_promise_keeps_it(scenario: Scenario) -> None:
    played = replace(scenario, has_announcements=False, quiet_seconds=3 * 3600)
    assert World(played).run().broken == ()

"""Schedules: worlds that hypothesis chooses, small ones for the most part, each family with a promise in mind.

What is chosen is a Scenario, a value: what hypothesis prints of a failing one, shrunk, can be played again as it is.
"""

from dataclasses import replace
from functools import partial

from hypothesis import strategies as st

from functions.core.rollout.analysis_rule import Analysis, Compare, MetricRule, Tolerance
from functions.core.rollout.health import (
    Approval,
    DeploymentConfig,
    MinimumHealthyHosts,
    MinimumHealthyHostsType,
    Select,
    StageRule,
    ZonalConfig,
)
from simulation.aws.events import EventFaults
from simulation.aws.functions import Crash
from simulation.aws.limits import Limits
from simulation.hosts import Durations, Fate
from simulation.metrics import NAMESPACE, HostMetric
from simulation.result import Result
from simulation.scenario import OTHER_GROUP, Act, Deed, Scaling, Scenario, config
from simulation.world import World
from tests.soak import examples

_HOUR = 3600
FLEET_PERCENT = MinimumHealthyHostsType.FLEET_PERCENT
_FUNCTIONS = ("start", "launch", "prepare", "next_stage", "run_segment", "target_done", "command_status", "hold",
              "finish", "lifecycle_action", "publish", "stop", "rollback", "find_lost", "execution_status",
              "watch")  # fmt: skip
_KNOWN = ("OneAtATime", "HalfAtATime", "AllAtOnce")

# A few hosts show most of it, and cost little.
_MOST_HOSTS = examples(12, 30)
HOSTS = st.one_of(
    st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.integers(4, _MOST_HOSTS)
)
CONFIGS = st.one_of(st.sampled_from(_KNOWN), st.integers(0, 99).map("{}%".format), st.integers(0, 3).map(str)).map(
    config
)
ZONAL = st.one_of(
    st.none(),
    st.none(),
    st.builds(
        ZonalConfig,
        minimum=st.one_of(st.none(), st.integers(0, 99).map(partial(MinimumHealthyHosts, FLEET_PERCENT))),
        monitor_seconds=st.sampled_from([0, 60]),
        first_monitor_seconds=st.sampled_from([None, 0, 120]),
    ),
)
CONFIGS = st.builds(
    lambda chosen, zonal: replace(chosen, name="Zonal", zonal=zonal) if zonal and chosen.minimum else chosen,
    CONFIGS,
    ZONAL,
)
SHARES = st.sampled_from([0.0, 0.0, 0.2, 0.5, 1.0])
FATES = st.one_of(
    st.just(dict[Fate, float]()),
    st.dictionaries(st.sampled_from([fate for fate in Fate if fate is not Fate.WELL]), SHARES, max_size=2),
)
EVENTS = st.builds(EventFaults, lost=SHARES, doubled=SHARES, late=SHARES)
TIMES = st.one_of(  # often the same for two acts
    st.sampled_from([1.0, 60.0]), st.floats(0, 200).map(lambda seconds: round(seconds, 1))
)
# Most functions make few requests, and those of a target are called most often.
_CALLED = st.one_of(st.sampled_from(_FUNCTIONS), st.sampled_from(("run_segment", "target_done")))
CRASHES = st.lists(
    st.builds(Crash, _CALLED, st.integers(1, 3), st.one_of(st.integers(1, 4), st.integers(1, 12))), max_size=4
).map(tuple)
# A watch makes many, and what its later turns were about to tell is told by nobody else.
WATCH_CRASHES = st.lists(
    st.builds(Crash, st.just("watch"), st.integers(1, 12), st.integers(4, 24)), min_size=1, max_size=6
).map(tuple)
# The looks at commands whose ends no event has told: between two of their requests an end is stored, and not told.
LOOK_CRASHES = st.lists(
    st.builds(Crash, st.sampled_from(("find_lost", "watch")), st.integers(1, 4), st.integers(9, 30)),
    min_size=1, max_size=6,
).map(tuple)  # fmt: skip
ALARMS = st.one_of(st.none(), TIMES)
DURATIONS = st.builds(Durations, median=st.sampled_from([5.0, 40.0, 400.0]), spread=st.sampled_from([0.0, 1.0]))


def acts(*deeds: Deed, group: str | None = None, most: int = 3) -> st.SearchStrategy[tuple[Act, ...]]:
    named = {"group": st.just(group)} if group else {}
    return st.lists(st.builds(Act, at=TIMES, deed=st.sampled_from(deeds), **named), max_size=most).map(tuple)


def _slow(*, ssm: float, dynamodb: float) -> Limits:
    found = Limits().throttled({"ssm": ssm})
    return replace(found, latencies={**found.latencies, "dynamodb": dynamodb})


@st.composite
def limits(draw: st.DrawFn) -> Limits:
    """An AWS that throttles SSM, DynamoDB and Lambda, and a DynamoDB so slow that functions meet."""
    found = Limits()
    if rate := draw(st.sampled_from([None, None, 0.1, 1, 3, 10])):
        found = found.throttled({"ssm": rate})
    if rate := draw(st.sampled_from([None, None, None, 5, 30])):
        found = found.throttled({"dynamodb": rate})
    slow = draw(st.sampled_from([0.005, 0.005, 0.5, 2.0]))
    concurrency = draw(st.sampled_from([1000, 1000, 10, 2]))
    return replace(found, latencies={**found.latencies, "dynamodb": slow}, lambda_concurrency=concurrency)


@st.composite
def balancer_limits(draw: st.DrawFn) -> Limits:
    """The same with Elastic Load Balancing, no slower than that one look's tries are answered; without a DynamoDB that
    throttles, with which hosts that drain take longer than an alarm that nobody heard may stay unknown."""
    found = draw(limits())
    found = replace(found, rates={name: rate for name, rate in found.rates.items() if name != "dynamodb"})
    for operation in ("DescribeTargetHealth", "RegisterTargets", "DeregisterTargets"):
        if rate := draw(st.sampled_from([None, None, 1, 4])):
            found = found.throttled({f"elbv2:{operation}": rate})
    return found


@st.composite
def scenarios(draw: st.DrawFn, /, **families: st.SearchStrategy[object]) -> Scenario:
    """A quiet world, but for what a family of scenarios varies. Announcements take time, so few families have them."""
    usual: dict[str, st.SearchStrategy[object]] = {
        "seed": st.integers(0, 2**16),
        "hosts": HOSTS,
        "config": CONFIGS,
        "durations": DURATIONS,
        "has_announcements": st.just(False),
        "places_of_a_shard": st.sampled_from([50, 1, 3]),
    }
    chosen = {name: draw(strategy) for name, strategy in (usual | families).items()}
    return Scenario(**chosen, quiet_seconds=3 * _HOUR)  # type: ignore[arg-type]


# -- a family for each promise

HEALTH = scenarios(fates=FATES, events=EVENTS, limits=limits(), crashes=CRASHES, repeats=SHARES.map(lambda x: x / 4))
# Many hosts that all wait to be sent to, in an AWS so slow that watches and calls meet: few others come near to it.
CROWDED = scenarios(
    hosts=st.integers(8, max(_MOST_HOSTS, 16)), config=st.sampled_from(["HalfAtATime", "AllAtOnce", "0%"]).map(config),
    durations=st.just(Durations(median=5.0, spread=0.0)), repeats=st.sampled_from([0.1, 0.25]),
    limits=st.builds(_slow, ssm=st.sampled_from([0.1, 0.1, 1]), dynamodb=st.sampled_from([0.5, 0.5, 1.0])),
)  # fmt: skip
ONE_AT_A_TIME = scenarios(
    acts=acts(Deed.DEPLOY, Deed.UPLOAD, Deed.ROLL_BACK, Deed.STOP, most=4), fates=FATES, events=EVENTS, crashes=CRASHES
)
ENDS = scenarios(
    fates=FATES, events=EVENTS, crashes=CRASHES, alarm_at=ALARMS, bake_seconds=st.sampled_from([0, 60]),
    acts=acts(Deed.STOP, Deed.CANCEL, Deed.DEPLOY), limits=limits(), has_announcements=st.booleans(),
)  # fmt: skip
UNHEARD = scenarios(
    events=st.builds(EventFaults, lost=st.sampled_from([0.5, 1.0])), crashes=LOOK_CRASHES, fates=FATES,
)  # fmt: skip
ONCE = scenarios(events=EVENTS, limits=limits(), repeats=SHARES, crashes=CRASHES, acts=acts(Deed.DEPLOY, Deed.CANCEL))
ANNOUNCED = scenarios(
    fates=FATES, acts=acts(Deed.DEPLOY, Deed.STOP, Deed.UPLOAD), crashes=CRASHES, repeats=SHARES,
    has_announcements=st.just(True),
)  # fmt: skip
ROLLED_BACK = scenarios(
    fates=st.dictionaries(st.just(Fate.FAIL), st.sampled_from([0.3, 0.6, 1.0]), min_size=1), alarm_at=ALARMS,
    acts=acts(Deed.DEPLOY, Deed.ROLL_BACK, Deed.CANCEL, Deed.STOP), crashes=CRASHES, events=EVENTS,
)  # fmt: skip
VERIFIED = scenarios(acts=acts(Deed.REPLACE, Deed.UPLOAD, Deed.ROLL_BACK), crashes=CRASHES, fates=FATES)
JUNK = scenarios(acts=acts(Deed.JUNK, most=4), events=EVENTS)
WEATHER = scenarios(
    limits=limits(), events=EVENTS, config=st.sampled_from(_KNOWN).map(config), hosts=st.integers(1, _MOST_HOSTS)
)
OWN_HOSTS = scenarios(
    other_hosts=st.integers(1, 5), fates=FATES, events=EVENTS,
    acts=st.tuples(acts(Deed.DEPLOY, Deed.STOP, group=OTHER_GROUP), acts(Deed.DEPLOY, Deed.ROLL_BACK)).map(
        lambda both: both[0] + both[1]
    ),
)  # fmt: skip

BALANCED = scenarios(
    target_groups=st.integers(1, 2), traffic_hooks=st.sampled_from([(), ("BeforeBlockTraffic", "AfterAllowTraffic")]),
    other_hosts=st.sampled_from([0, 0, 2]), shares_target_groups=st.booleans(),
    check_seconds=st.sampled_from([0.5, 5.0]), limits=balancer_limits(), fates=FATES, events=EVENTS,
    crashes=st.one_of(CRASHES, CRASHES, WATCH_CRASHES), alarm_at=ALARMS, repeats=SHARES.map(lambda x: x / 4),
    acts=acts(Deed.DEPLOY, Deed.STOP, Deed.CANCEL, Deed.ROLL_BACK, Deed.DELETE_TARGET_GROUP),
)  # fmt: skip

_COUNTS = st.lists(st.tuples(TIMES, st.integers(1, 4)), max_size=3).map(tuple)
SCALED = scenarios(
    hosts=st.integers(1, 6), events=EVENTS, crashes=CRASHES, config=st.sampled_from(_KNOWN).map(config),
    scaling=st.builds(
        Scaling, launches=_COUNTS, terminations=_COUNTS, suspended=st.sampled_from([(), ("Terminate",)]),
        start_seconds=st.sampled_from([(0.0, 1.0), (20.0, 60.0), (300.0, 900.0)]),
        takes_places=st.booleans(), has_second_group=st.sampled_from([False, False, True]),
    ),
    acts=acts(Deed.DEPLOY, Deed.STOP, Deed.ROLL_BACK, most=2),
)  # fmt: skip

_MINIMUMS = st.one_of(st.none(), st.sampled_from([50, 70]).map(partial(MinimumHealthyHosts, FLEET_PERCENT)))
_ERRORS = MetricRule(
    name="errors", namespace=NAMESPACE, metric_name="Errors", period_seconds=10, compare=Compare.LIMIT, limit=5.0
)
_WORSE = replace(_ERRORS, compare=Compare.OLD_HOSTS, limit=None, tolerance=Tolerance(percent=50))
_ANALYSES = st.sampled_from([None, *(Analysis(metrics=(each,)) for each in (_ERRORS, _WORSE))])
_VALUES = st.sampled_from([1.0, 1.0, 1.0, 9.0, None])
_METRICS = st.builds(lambda new, old: (HostMetric("Errors", new, old),), _VALUES, _VALUES)


def _judged(rule: StageRule, analysis: Analysis | None) -> StageRule:
    return replace(rule, analysis=analysis) if rule.bake_seconds else rule


_RULES = st.lists(
    st.builds(_judged, st.builds(
        StageRule,
        name=st.uuids().map(lambda each: f"s-{each.hex[:6]}"),
        select=st.sampled_from([Select.COUNT, Select.COUNT, Select.ZONE]),
        value=st.integers(1, 4),
        zones=st.sampled_from([("us-east-1a",), ("us-east-1b",)]),
        bake_seconds=st.sampled_from([0, 30, 300]),
        approval=st.sampled_from([None, None, Approval()]),
    ), _ANALYSES),
    max_size=2, unique_by=(lambda each: each.name, lambda each: each.named_zones or each.name),
)  # fmt: skip
_HALF = StageRule(name="half", select=Select.PERCENT, value=50, bake_seconds=20)


@st.composite
def staged(draw: st.DrawFn) -> DeploymentConfig:
    if shipped := draw(st.sampled_from([None, None, "Canary1Then10PercentThenAll", "OneThenGrowing"])):
        return config(shipped)
    last = StageRule(name="rest", approval=draw(st.sampled_from([None, Approval()])), minimum=draw(_MINIMUMS))
    rules = (*draw(_RULES), *draw(st.sampled_from([(), (_HALF,)])), last)
    return DeploymentConfig("Staged", draw(_MINIMUMS) or MinimumHealthyHosts(FLEET_PERCENT, 0), stages=rules)


STAGED = scenarios(
    config=staged(), hosts=st.integers(4, 12), fates=FATES, events=EVENTS, crashes=CRASHES, alarm_at=ALARMS,
    bake_seconds=st.sampled_from([0, 60]), approve_seconds=st.sampled_from([0.1, 5.0, 3000.0]),
    metrics=_METRICS,
    repeats=SHARES.map(lambda x: x / 4), has_announcements=st.booleans(),
    acts=acts(Deed.PAUSE, Deed.PAUSE, Deed.STOP, Deed.DEPLOY, Deed.ROLL_BACK).map(
        lambda some: (*some, *(Act(at=at, deed=Deed.RESUME) for at in (250.0, 900.0, 5000.0)))
    ),
)  # fmt: skip

BUDGETED = scenarios(
    budget=st.one_of(st.integers(1, 3).map(str), st.sampled_from(["34%", "50%", "100%"])),
    other_hosts=st.integers(0, 5), shares_hosts=st.booleans(), hosts=st.integers(3, 8), fates=FATES, events=EVENTS,
    crashes=CRASHES, repeats=SHARES.map(lambda x: x / 4), limits=limits(),
    acts=st.tuples(
        acts(Deed.DEPLOY, Deed.STOP, Deed.CANCEL, group=OTHER_GROUP),
        acts(Deed.DEPLOY, Deed.ROLL_BACK, Deed.STOP, most=2),
    ).map(lambda both: both[0] + both[1]),
)  # fmt: skip

FAMILIES = {
    1: st.one_of(HEALTH, HEALTH, HEALTH, CROWDED),
    2: ONE_AT_A_TIME,
    3: st.one_of(ENDS, ENDS, ENDS, UNHEARD),
    4: ONCE, 5: ANNOUNCED, 6: ROLLED_BACK, 7: VERIFIED, 8: JUNK, 9: WEATHER,
    10: BALANCED, 11: SCALED, 12: OWN_HOSTS, 13: STAGED, 14: BUDGETED,
}  # fmt: skip


def play(scenario: Scenario) -> Result:
    return World(scenario).run()


def sentences(scenario: Scenario) -> list[str]:
    """The promises that the world breaks, with their numbers."""
    return [f"invariant {each.invariant}: {each.sentence}" for each in play(scenario).broken]

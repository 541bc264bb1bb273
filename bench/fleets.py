"""Deployments to simulated fleets at the rates that SSM may have, against the ideal.

The ideal is the longest chain that the minimum of healthy hosts, the pace of the sends and the hosts' own times allow:
every place is taken again at the moment at which it is free, and no call but the sends takes any time; what a first
deployment of the day waits for on Lambda, functions that begin and the table's stream, is part of it. The setting
`ssmSendRate` is what SSM takes.
"""

import heapq
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from rich.table import Table

from bench.limits import BROKEN, KEPT
from functions.core.statuses import TargetStatus
from host.lifecycle import IN_PLACE
from simulation.aws.limits import Limits
from simulation.hosts import START_SECONDS, Durations
from simulation.report import words
from simulation.result import Result
from simulation.scenario import Scenario, config
from simulation.world import World

CONFIGS, HOSTS, RATES = ("OneAtATime", "HalfAtATime", "AllAtOnce"), (100, 1000, 10_000), (5, 10, 20, 80)
QUICK_HOSTS, QUICK_RATES = (100, 1000), (5, 20)
HOOKS = Durations(median=40, spread=0)
FUNCTIONS = ("start", "launch", "prepare", "next_stage", "run_segment", "finish")  # one after another, all of them cold
STREAM_SECONDS = 0.5  # until the table's stream is read: it is asked once a second
_MOST = {  # of a deployment, or of each of its hosts
    "failed": 0,
    "x ideal": 1.1,
    "SSM": 2.1,
    "transitions": 4,
    "functions": 5,
    "write units": 20,
    "partition": 1000,
    "wall": 60,
}
_HEADINGS = ("config", "hosts", "SSM/s", "makespan", "ideal", *_MOST, "")


@dataclass(frozen=True, slots=True)
class Case:
    config: str
    hosts: int
    rate: int

    @property
    def limits(self) -> Limits:
        return Limits().throttled({"ssm": self.rate})

    @property
    def allowed_out(self) -> int:
        return config(self.config).allowed_out(self.hosts)


def measure(*, quick: bool = False) -> Table:
    """`quick`: no 10,000 hosts, and two rates."""
    hosts, rates = (QUICK_HOSTS, QUICK_RATES) if quick else (HOSTS, RATES)
    cases = [Case(name, count, rate) for name in CONFIGS for count in hosts for rate in rates]
    table = Table(title="Simulated deployments with hooks of 40 s: calls and units are of each host")
    for heading in _HEADINGS:
        table.add_column(heading, justify="right")
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for row in pool.map(_row, cases):
            table.add_row(*row)
    return table


def ideal(hosts: int, allowed_out: int, sends: float, seconds: float) -> float:
    """Seconds of the deployment, with that many sends a second.

    >>> ideal(4, 1, 10, 40), ideal(4, 2, 10, 40), ideal(101, 101, 1, 40)
    (160.0, 80.1, 140.0)
    """
    free = [0.0] * min(allowed_out, hosts)
    for number in range(hosts):
        sent = max(free[0], number / sends)
        heapq.heapreplace(free, sent + seconds)
    return max(free)


def _row(case: Case) -> Sequence[str]:
    began = time.process_time()
    scenario = Scenario(
        hosts=case.hosts, config=config(case.config), durations=HOOKS, limits=case.limits, send_rate=case.rate
    )
    result = World(scenario).run()
    values = _values(case, result) | {"wall": time.process_time() - began}
    least = _ideal(case)
    told = [_told(values[name], most) for name, most in _MOST.items()]
    is_kept = all(values[name] <= most for name, most in _MOST.items()) and not result.broken
    shown = (case.config, f"{case.hosts:,}", str(case.rate), words(result.seconds), words(least))
    return [*shown, *told, KEPT if is_kept else BROKEN]


def _values(case: Case, result: Result) -> dict[str, float]:
    def each(total: float) -> float:
        return total / case.hosts

    return {
        "failed": sum(target.status is TargetStatus.FAILED for _, targets in result.records for target in targets),
        "x ideal": result.seconds / _ideal(case),
        "SSM": result.ssm_calls_a_host(),
        "transitions": each(result.transitions),
        "functions": each(sum(result.functions.values())),
        "write units": each(result.write_units),
        "partition": result.busiest_partition,
    }


def _ideal(case: Case) -> float:
    scripts = sum(map(HOOKS.has_script, IN_PLACE))
    seconds = START_SECONDS + HOOKS.median + HOOKS.without_hooks * (len(IN_PLACE) - scripts)
    begins = len(FUNCTIONS) * case.limits.cold_start_seconds + STREAM_SECONDS
    return begins + ideal(case.hosts, case.allowed_out, case.rate, seconds)


def _told(value: float, most: float) -> str:
    text = f"{value:,.0f}" if value == int(value) or value >= 100 else f"{value:.2f}"
    return text if value <= most else f"[red]{text}[/red]"

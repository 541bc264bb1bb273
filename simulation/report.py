"""What runs say to a person: a summary, and a chart of the hosts in service."""

import math
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from functions.core.statuses import TargetStatus
from simulation.clock import START
from simulation.result import Result

_BLOCKS = " ▁▂▃▄▅▆▇█"
_SHARES = (10, 50, 90, 100)  # percent of the hosts, of which the timetable has a row


def summary(results: Sequence[Result]) -> dict[str, Any]:
    """Numbers of all runs; times in seconds, counts as the mean of the runs."""
    first, runs = results[0], len(results)
    seconds = sorted(each.seconds for each in results)
    broken = [
        {"seed": result.seed, "invariant": each.invariant, "promise": each.sentence}
        for result in results
        for each in result.broken
    ]
    return {
        "runs": runs,
        "seeds": [first.seed, results[-1].seed],
        "hosts": first.hosts,
        "outcomes": dict(Counter(" -> ".join(each.status for each in result.outcomes) for result in results)),
        "targets": _mean([Counter(result.first.targets) for result in results]),
        "causes": _mean([Counter(result.first.causes) for result in results]),
        "seconds": {"p50": quantile(seconds, 0.5), "p95": quantile(seconds, 0.95), "most": round(seconds[-1], 1)},
        "healthyHosts": {
            "promised": first.first.promised if first.outcomes else None,
            "fewest": min((each.fewest_healthy for result in results for each in result.outcomes), default=None),
        },
        "timetable": timetable(first),
        "calls": _mean([Counter(result.calls) for result in results]),
        "throttled": _mean([Counter(result.throttled) for result in results]),
        "functions": _mean([Counter(result.functions) for result in results]),
        "functionErrors": _mean([Counter(result.function_errors) for result in results]),
        "functionSeconds": _mean([Counter(result.function_seconds) for result in results]),
        "mostFunctionsAtOnce": max(result.most_functions_at_once for result in results),
        "stateTransitions": _of_runs(sum(result.transitions for result in results), runs),
        "readUnits": _of_runs(sum(result.read_units for result in results), runs),
        "writeUnits": _of_runs(sum(result.write_units for result in results), runs),
        "busiestPartitionWriteUnits": max(result.busiest_partition for result in results),
        "writeConflicts": _of_runs(sum(result.conflicts for result in results), runs),
        "undelivered": sum(result.undelivered for result in results),
        "events": _mean([Counter(result.events) for result in results]),
        "broken": broken,
    }


def _mean(counters: Sequence["Counter[str]"]) -> dict[str, float]:
    total: Counter[str] = Counter()
    for each in counters:
        total.update(each)
    return {name: _of_runs(total[name], len(counters)) for name in sorted(total)}


def _of_runs(total: float, runs: int) -> float:
    mean = total / runs
    return int(mean) if mean == int(mean) else round(mean, 2)


def quantile(values: Sequence[float], share: float) -> float:
    """The value at or above which so much of the sorted values lies.

    >>> quantile([1, 2, 3, 4], 0.5), quantile([1, 2, 3, 4], 0.95)
    (2, 4)
    """
    return round(values[max(0, math.ceil(share * len(values)) - 1)], 1)


def timetable(result: Result) -> list[tuple[float, str]]:
    """Seconds since the request, and what happened then in the first deployment and in its rollback."""
    found: list[tuple[float, str]] = []
    for (deployment, targets), outcome in zip(result.records, result.outcomes, strict=True):
        name = "rollback" if outcome.is_rollback else "deployment"
        found.append((outcome.began_at, f"{name} created"))
        if deployment.start_time:
            found.append((_seconds(deployment.start_time), f"{name} begins"))
        done = sorted(
            _seconds(target.last_updated_at)
            for target in targets
            if target.status is TargetStatus.SUCCEEDED and target.last_updated_at
        )
        shares = {math.ceil(share * len(targets) / 100): share for share in _SHARES}
        for number, share in shares.items():
            if 0 < number <= len(done):
                found.append((done[number - 1], f"{share} % of the hosts have the revision"))
        if outcome.ended_at is not None:
            found.append((outcome.ended_at, f"{name} {outcome.status}"))
    return [(round(seconds, 1), what) for seconds, what in sorted(found, key=lambda each: each[0])]


def _seconds(time: str) -> float:
    return (datetime.fromisoformat(time) - START).total_seconds()


def chart(result: Result, *, width: int = 60, height: int = 8) -> list[str]:
    """The hosts in service over time, the fewest of each column; `promised` marks the level that was promised."""
    columns = _columns(result, width)
    promised = result.first.promised if result.outcomes else 0
    lines = []
    for row in range(height, 0, -1):
        low, high = (row - 1) * result.hosts / height, row * result.hosts / height
        cells = "".join(_BLOCKS[_eighths(value, low, high)] for value in columns)
        mark = " promised" if low < promised <= high else ""
        lines.append(f"{round(high):>6} │{cells}│{mark}")
    end = f"{words(result.seconds)}"
    return [*lines, f"{'0':>6} └{'─' * width}┘", f"{'':8}0{end:>{width - 1}}"]


def _eighths(value: float, low: float, high: float) -> int:
    filled = (value - low) / (high - low)
    return max(0, min(8, math.ceil(filled * 8)))


def _columns(result: Result, width: int) -> list[int]:
    """The fewest hosts in service in each of so many equal times."""
    step = max(result.seconds, 1.0) / width
    begin = result.line[0][0]
    columns = [result.hosts] * width
    ends = [*(time for time, _ in result.line[1:]), begin + result.seconds]
    for (since, value), until in zip(result.line, ends, strict=True):
        first = min(int((since - begin) / step), width - 1)
        last = min(int((until - begin) / step), width - 1)
        for column in range(first, last + 1):
            columns[column] = min(columns[column], value)
    return columns


def words(seconds: float) -> str:
    """
    >>> words(59.6), words(3725), words(200000)
    ('1m00s', '1h02m', '2d07h')
    """
    whole = round(seconds)
    for unit, below, size in (("d", "h", 86400), ("h", "m", 3600), ("m", "s", 60)):
        if whole >= size:
            return f"{whole // size}{unit}{whole % size // (size // (24 if unit == 'd' else 60)):02}{below}"
    return f"{whole}s"

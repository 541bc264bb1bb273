"""`stepdeploy cost`: what the deployments cost so far, as an estimate: CloudWatch's counts times list prices.

The prices are those of us-east-1, without the free tier; what is not counted is told below the table.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from cli.account.connection import Engine
from cli.durations import DURATION
from cli.view.output import json_option, tell_json
from cli.view.tables import Column, tell_table
from cli.view.words import counted
from functions.core.limits import batches
from functions.core.planning.prices import (
    MEMORY_MB,
    NOT_COUNTED,
    REGION,
    TRANSITIONS_EACH_DEPLOYMENT,
    TRANSITIONS_EACH_TARGET,
    USD,
    USUAL_MEMORY_MB,
    YEAR,
    Item,
)

_HANDLERS = Path(__file__).parents[3] / "functions" / "handlers"
_DAY = 86400  # seconds; CloudWatch keeps sums of an hour or longer for 455 days
_MAX_DAYS = 455
_MAX_QUERIES = 500  # of one GetMetricData

Metric = tuple[str, str, str, str]  # namespace, name, dimension, value


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy cost
  stepdeploy cost --since 7d --json""",
)
@click.option("--since", type=DURATION, default="30d", show_default=True, help="How far back, for example 7d or 12h.")
@json_option
def command(since: int, as_json: bool) -> None:
    if not 0 < since <= _MAX_DAYS * _DAY:
        raise click.UsageError(f"--since: CloudWatch has the counts of up to {_MAX_DAYS} days: give 1s to {_MAX_DAYS}d")
    engine, now = Engine(), datetime.now(UTC)
    begin = now - timedelta(seconds=since)
    stack = engine.output("StartFunctionName").removesuffix("-start")
    functions = _functions(stack)
    machine, table = engine.output("StateMachineArn"), engine.output("TableName")
    sums = _sums(engine.client("cloudwatch"), list(_metrics(stack, functions, machine, table)), begin, now)
    deployments = sums["AWS/States", "ExecutionsStarted", "StateMachineArn", machine]
    targets = sums["stepdeploy", "Targets", "service", stack]
    counts = _counts(sums, functions, deployments, targets)
    if as_json:
        _tell(counts, begin, now, deployments, targets)
    else:
        _show(counts, begin, deployments, targets)


def _functions(stack: str) -> dict[str, int]:
    """Memory of the engine's functions, in MB by name; each is called as its handler, after the stack."""
    handlers = sorted(path.stem for path in _HANDLERS.glob("[!_]*.py"))
    return {f"{stack}-{handler}": MEMORY_MB.get(handler, USUAL_MEMORY_MB) for handler in handlers}


def _metrics(stack: str, functions: Mapping[str, int], machine: str, table: str) -> Iterator[Metric]:
    for function in functions:
        for name in ("Invocations", "Duration"):
            yield "AWS/Lambda", name, "FunctionName", function
    yield "AWS/States", "ExecutionsStarted", "StateMachineArn", machine
    yield "stepdeploy", "Targets", "service", stack
    for name in ("ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"):
        yield "AWS/DynamoDB", name, "TableName", table


def _sums(cloudwatch: Any, metrics: Sequence[Metric], begin: datetime, end: datetime) -> Counter[Metric]:
    """The sum of each metric over the time."""
    queries = [
        {
            "Id": f"m{number}",
            "MetricStat": {
                "Metric": {
                    "Namespace": namespace,
                    "MetricName": name,
                    "Dimensions": [{"Name": dimension, "Value": value}],
                },
                "Period": _DAY,
                "Stat": "Sum",
            },
        }
        for number, (namespace, name, dimension, value) in enumerate(metrics)
    ]
    found: Counter[Metric] = Counter()
    pages = cloudwatch.get_paginator("get_metric_data")
    for asked in batches(queries, _MAX_QUERIES):
        for page in pages.paginate(MetricDataQueries=asked, StartTime=begin, EndTime=end):
            for result in page["MetricDataResults"]:
                found[metrics[int(result["Id"][1:])]] += sum(result["Values"])
    return found


def _counts(
    sums: Counter[Metric], functions: Mapping[str, int], deployments: float, targets: float
) -> dict[Item, float]:
    def total(namespace: str, name: str) -> float:
        return sum(value for metric, value in sums.items() if metric[:2] == (namespace, name))

    gb_seconds = sum(
        sums["AWS/Lambda", "Duration", "FunctionName", function] / 1000 * memory / 1024
        for function, memory in functions.items()
    )
    return {
        Item.LAMBDA_REQUESTS: total("AWS/Lambda", "Invocations"),
        Item.LAMBDA_GB_SECONDS: gb_seconds,
        Item.TRANSITIONS: TRANSITIONS_EACH_DEPLOYMENT * deployments + TRANSITIONS_EACH_TARGET * targets,
        Item.READS: total("AWS/DynamoDB", "ConsumedReadCapacityUnits"),
        Item.WRITES: total("AWS/DynamoDB", "ConsumedWriteCapacityUnits"),
    }


def _usd(counts: Mapping[Item, float]) -> float:
    return sum(count * USD[item] for item, count in counts.items())


def _tell(counts: Mapping[Item, float], begin: datetime, end: datetime, deployments: float, targets: float) -> None:
    items = [
        {"item": item.value, "count": round(count, 3), "usd": round(count * USD[item], 6)}
        for item, count in counts.items()
    ]
    tell_json(
        {
            "estimate": True,
            "since": begin,
            "until": end,
            "deployments": int(deployments),
            "targets": int(targets),
            "items": items,
            "usd": round(_usd(counts), 6),
            "prices": {"region": REGION, "year": YEAR},
            "notCounted": list(NOT_COUNTED),
        }
    )


def _show(counts: Mapping[Item, float], begin: datetime, deployments: float, targets: float) -> None:
    columns = (Column(f"SINCE {begin:%Y-%m-%d}"), Column("COUNT", is_number=True), Column("USD", is_number=True))
    rows = [[item.value, f"{count:,.0f}", f"{count * USD[item]:.4f}"] for item, count in counts.items()]
    tell_table(columns, [*rows, ["estimate", "", f"{_usd(counts):.4f}"]])
    click.echo(f"{counted(deployments, 'deployment')} to {counted(targets, 'host')}. List prices of {REGION}, {YEAR}.")
    click.echo(f"Not counted: {'; '.join(NOT_COUNTED)}.")

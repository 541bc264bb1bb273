"""Where a world takes the place of AWS, of the clock and of chance, for as long as it runs."""

import gc
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

from functions.aws import clients, clock
from functions.core.records import places
from functions.settings import settings
from functions.store.table import items
from functions.telemetry import logger, metrics
from simulation.clock import Clock

ACCOUNT = "123456789012"
REGION = "us-east-1"
BUCKET = "revisions"
ENVIRONMENT = {
    "AWS_REGION": REGION,
    "TABLE_NAME": "stepdeploy",
    "BUCKET_NAME": BUCKET,
    "BUS_NAME": "stepdeploy",
    "CONNECTION_LOST_SECONDS": "300",
    "DOCUMENT_NAME": "stepdeploy-segment",
    "DOCUMENT_VERSION": "1",
    "DOCUMENT_HASH": "d" * 64,
    "MAP_CONCURRENCY": "10000",
    "RUNNER_SHA256": "0" * 64,
    "SCHEDULE_GROUP": "stepdeploy",
    "SCHEDULE_ROLE_ARN": f"arn:aws:iam::{ACCOUNT}:role/schedules",
    "WAKE_QUEUE_ARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:wake",
    "SIGNING_KEY_ARN": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/signing",
    "STATE_MACHINE_ARN": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:stepdeploy",
    "UPLOAD_PREFIXES": "{}",
    "TOPIC_ARNS": f"arn:aws:sns:{REGION}:{ACCOUNT}:stepdeploy-notifications",
    "POWERTOOLS_TRACE_DISABLED": "true",
}


class _Time(clock.Time, Protocol):
    clock: Clock


@contextmanager
def in_place(
    services: Mapping[str, Any],
    table: items.Items,
    time: _Time,
    more: Mapping[str, str],
    level: int,
    places_of_a_shard: int = places.MAX_PLACES,
) -> Iterator[None]:
    """The engine sees this world. `more`: of its environment; `level`: what it logs."""
    environment, before = {**ENVIRONMENT, **more}, dict(os.environ)
    collected = gc.isenabled()
    gc.disable()  # a world has millions of objects that stay: to look for cycles among them is dear
    most_places, places.MAX_PLACES = places.MAX_PLACES, places_of_a_shard
    kept = clients.stand_ins, items.stand_in, clock.stand_in, logger.log_level, ThreadPoolExecutor.submit
    map_ = ThreadPoolExecutor.map
    os.environ.update(environment)
    settings.cache_clear()
    clients.stand_ins = _Services(services)
    items.stand_in, clock.stand_in = table, time
    logger.setLevel(level)
    for name in _METRICS:  # they go to standard output, which is the user's here
        setattr(metrics, name, lambda *given, **named: None)
    ThreadPoolExecutor.submit = _one_after_another  # type: ignore[assignment,method-assign]
    ThreadPoolExecutor.map = _side_by_side(time.clock)  # type: ignore[assignment,method-assign]
    try:
        yield
    finally:
        clients.stand_ins, items.stand_in, clock.stand_in, before_level, submit = kept
        ThreadPoolExecutor.submit, ThreadPoolExecutor.map = submit, map_  # type: ignore[method-assign]
        logger.setLevel(before_level)
        for name in _METRICS:
            delattr(metrics, name)
        os.environ.clear()
        os.environ.update(before)
        settings.cache_clear()
        places.MAX_PLACES = most_places
        if collected:
            gc.enable()


class _Services(dict[str, Any]):
    """A service that the world does not have is refused, not asked."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> Any:
        raise AssertionError(f"the simulator has no {name}")


def _side_by_side(clock: Clock) -> Callable[..., list[Any]]:
    """`map` of a function's thread pool."""

    def map_(pool: ThreadPoolExecutor, work: Callable[[Any], Any], given: Iterable[Any]) -> list[Any]:
        wanted = list(given)
        results = dict[int, Any]()
        works = (
            partial(lambda number, each: results.update({number: work(each)}), *each) for each in enumerate(wanted)
        )
        clock.side_by_side(works, pool._max_workers)
        return [results[number] for number in range(len(wanted))]

    return map_


def _one_after_another(pool: ThreadPoolExecutor, work: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
    """A function's thread pool: only one thread of a world runs at a time, so what it is given is done at once."""
    future: Future[Any] = Future()
    try:
        future.set_result(work(*given, **named))
    except Exception as error:
        future.set_exception(error)
    return future


_METRICS = ("add_metric", "add_dimension", "add_dimensions", "flush_metrics")  # what `telemetry` does with metrics
QUIET = logging.CRITICAL

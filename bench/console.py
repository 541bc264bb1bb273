"""The console with a deployment to ten thousand hosts: its first page, its script and its memory.

The console is a process of its own, as people start it, over the real API's handlers in this one. The API's own time is
that of its handlers; what the browser's script takes, it measures itself (`performance.measure`).
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import Request, urlopen

from rich.table import Table

from bench.limits import Limits
from tests.chromium import OPTIONS, PATH

HOSTS, CHANGED = 10_000, 500
ROUNDS = 5
FIRST_PAGE_MS, CHANGE_MS, MEMORY_MB = 300, 100, 100
LINGER = 13.0  # seconds, more than those for which a reader outlives who looked
_HAS_CHANGED = "() => performance.getEntriesByName('change').length > 0"


def measure() -> Table:
    from playwright.sync_api import sync_playwright

    limits = Limits(f"The console with a deployment to {HOSTS:,} hosts")
    with ExitStack() as stack:
        api = stack.enter_context(_api())
        _deploying(0)
        url, process = stack.enter_context(_console(api.endpoint))
        browser = stack.enter_context(sync_playwright()).chromium.launch(executable_path=PATH, args=OPTIONS)
        context = browser.new_context()
        page = context.new_page()
        page.goto(url)
        page.wait_for_url("**/")
        cookie = "; ".join(f"{each['name']}={each['value']}" for each in context.cookies())
        page.close()  # its reader of groups ends before the same is read for the first time again
        time.sleep(LINGER)
        for what, path in (("groups", "/"), ("the deployment", f"/deployments/{_id()}")):
            took, own = _first(api, url, path, cookie)
            limits.add(f"first page, {what}: the API's own time", own, unit="ms")
            limits.add(f"first page, {what}: beyond it", took - own, FIRST_PAGE_MS, "ms")
        page = context.new_page()
        page.goto(f"{_origin(url)}/deployments/{_id()}")
        page.locator("#grid").focus()
        page.wait_for_function(_HAS_CHANGED)
        limits.add(f"script, {HOSTS:,} squares drawn first", _slowest(page), CHANGE_MS, "ms")
        found = []
        for number in range(1, ROUNDS + 1):
            page.evaluate("performance.clearMeasures()")
            _deploying(number * CHANGED)
            page.locator("#hosts", has_text=f"{number * CHANGED:,} succeeded").wait_for(timeout=120_000)
            page.wait_for_function(_HAS_CHANGED)
            found.append(_slowest(page))
        limits.add(f"script, {2 * CHANGED:,} squares changed (median of {ROUNDS})", median(found), CHANGE_MS, "ms")
        limits.add(f"script, {2 * CHANGED:,} squares changed (slowest)", max(found), CHANGE_MS, "ms")
        limits.add("memory of the server, at most", _memory(process.pid), MEMORY_MB, "MB")
        browser.close()
    return limits.table


def _origin(url: str) -> str:
    return url.rsplit("/", 2)[0]


def _first(api: Any, url: str, path: str, cookie: str) -> tuple[float, float]:
    """Milliseconds until a page is there whose reader is new, and those of the API's handlers in them."""
    before, began = api.seconds, time.perf_counter()
    with urlopen(Request(_origin(url) + path, headers={"Cookie": cookie})) as answer:
        answer.read()
    took = time.perf_counter() - began
    return took * 1000, (api.seconds - before) * 1000


def _slowest(page: Any) -> float:
    """The milliseconds of the slowest change that the script has shown."""
    return float(page.evaluate("Math.max(...performance.getEntriesByName('change').map(each => each.duration))"))


def _memory(pid: int) -> float:
    """The most that a process has had at one time, in MB (VmHWM)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def _id() -> str:
    from tests.cli.deploying import ID

    return ID


def _deploying(succeeded: int) -> None:
    """So many hosts have succeeded, as many as change at a time are at work."""
    from functions.core.records import Counts
    from functions.core.statuses import DeploymentStatus, TargetStatus
    from tests.cli.deploying import put_deployment, put_target

    counts = Counts(total=HOSTS, max_out_of_service=CHANGED, in_progress=CHANGED, succeeded=succeeded)
    first = 0 if succeeded == 0 else succeeded - CHANGED
    for number in range(first, HOSTS if succeeded == 0 else succeeded + CHANGED):
        at_work = succeeded <= number < succeeded + CHANGED
        status = TargetStatus.IN_PROGRESS if at_work else TargetStatus.PENDING
        put_target(f"i-{number:017}", TargetStatus.SUCCEEDED if number < succeeded else status, done=3)
    put_deployment(DeploymentStatus.IN_PROGRESS, counts)


@contextmanager
def _api() -> Iterator[Any]:
    """The API that is really served, with the store in memory, moto's AWS and one group."""
    from moto import mock_aws

    from functions.aws import clock
    from functions.settings import settings
    from functions.store.table import items
    from tests import served
    from tests.conftest import ENVIRONMENT, put_group
    from tests.gateway import handler_of
    from tests.store import Store

    kept = dict(os.environ)
    os.environ.update(ENVIRONMENT, POWERTOOLS_LOG_LEVEL="CRITICAL")
    settings.cache_clear()
    clock.sleep = lambda seconds: None
    items.stand_in = Store()
    try:
        with mock_aws(), served.serve() as found:
            found.seconds = 0.0  # type: ignore[attr-defined]

            def timed(operation: str) -> Any:
                handler = handler_of(operation)

                def handle(*given: Any) -> Any:
                    began = time.perf_counter()
                    try:
                        return handler(*given)
                    finally:
                        found.seconds += time.perf_counter() - began  # type: ignore[attr-defined]

                return handle

            setattr(served, "handler_of", timed)  # noqa: B010 - a name that it has imported
            put_group()
            yield found
    finally:
        setattr(served, "handler_of", handler_of)  # noqa: B010
        items.stand_in = None
        os.environ.clear()
        os.environ.update(kept)


@contextmanager
def _console(endpoint: str) -> Iterator[tuple[str, Any]]:
    """Its link, and its process."""
    environment = {**os.environ, "STEPDEPLOY_ENDPOINT": endpoint, "AWS_EC2_METADATA_DISABLED": "true"}
    command = [sys.executable, "-m", "cli", "console", "--no-open"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as found:
        try:
            assert found.stdout
            yield found.stdout.readline().strip(), found
        finally:
            found.terminate()

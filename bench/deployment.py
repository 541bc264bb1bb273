"""One deployment to four hosts of the local cloud, one host at a time: what it costs, by the cloud's own records."""

import time

from rich.table import Table

from bench.limits import Limits
from functions.core.statuses import DeploymentStatus
from local.bundles import webapp
from local.cloud import ROOT, LocalCloud
from local.counters import Records
from local.driver import Engine, wait_for

HOSTS = 4
_TARGET_STATES = ("RunSegment", "NextStep", "AskAgain", "TargetDone", "TargetFailed", "(retry)")
_TARGET_FUNCTIONS = ("run_segment", "command_status", "target_done")
_ANNOUNCEMENTS = 3  # of a deployment: created, begun, ended
_QUIET_SECONDS = 5


def measure() -> Table:
    """Deploy twice; the second deployment is the one measured, with every function warm."""
    with LocalCloud() as cloud:
        engine = Engine(cloud, cloud.deploy(ROOT / "bench/deployments.yaml"))
        for number in range(HOSTS):
            cloud.add_instance(f"web-{number}", {"role": "web", "stepdeploy": "enabled"})
        _deploy(cloud, engine, "v1")
        cloud.reset_records()
        seconds = _deploy(cloud, engine, "v2")
        return _report(cloud.records(), seconds)


def _deploy(cloud: LocalCloud, engine: Engine, version: str) -> float:
    """Seconds from upload to end; returns when what the end sets off has happened, too."""
    began = time.monotonic()
    ended = engine.wait(engine.upload(f"shop/web/{version}.zip", webapp(version)))
    seconds = time.monotonic() - began
    if ended.status is not DeploymentStatus.SUCCEEDED:
        raise RuntimeError(f"{version} ended {ended.status}: {ended.failure}\n{cloud.log_tail()}")
    _wait_until_quiet(cloud)
    return seconds


def _wait_until_quiet(cloud: LocalCloud) -> None:
    heard, heard_at = -1, time.monotonic()

    def quiet() -> bool:
        nonlocal heard, heard_at
        records = cloud.records()
        if (count := records.transitions + records.function_calls) != heard:
            heard, heard_at = count, time.monotonic()
        return time.monotonic() - heard_at >= _QUIET_SECONDS

    wait_for(quiet, "the local cloud to have nothing more to do")


def _report(records: Records, seconds: float) -> Table:
    functions = {name.partition("-")[2]: count for name, count in records.functions.items()}
    of_targets = sum(records.states[name] for name in _TARGET_STATES)
    publish = max(0, functions.get("publish", 0) - _ANNOUNCEMENTS)
    calls = sum(functions.get(name, 0) for name in _TARGET_FUNCTIONS) + publish

    limits = Limits(f"One deployment to {HOSTS} hosts, one at a time, on the local cloud")
    limits.add("SendCommand, each target", records.ssm["SendCommand"] / HOSTS, 1)
    limits.add("state transitions, each target", of_targets / HOSTS, 6)
    limits.add("function calls, each target", calls / HOSTS, 5)
    limits.add("SSM calls, each target", records.ssm_calls / HOSTS)
    limits.add("state transitions of the deployment besides", records.transitions - of_targets, 12)
    limits.add("function calls of the deployment besides", records.function_calls - calls)
    limits.add("from upload to end", seconds, unit="s")
    limits.table.add_section()
    for kind, counts in (("state", records.states), ("function", functions), ("SSM", records.ssm)):
        for name, count in sorted(counts.items()):
            limits.add(f"{kind} {name}", count)
    return limits.table

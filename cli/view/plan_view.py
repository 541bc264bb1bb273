"""A plan on a terminal: errors first, then what would happen. The words are the engine's; here they are laid out."""

import shutil
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from cli.view import words
from cli.view.output import plain
from cli.view.tables import Cell, Column, Row, laid_out
from cli.view.waits import approval_needed, what_is_judged
from cli.view.words import counted
from functions.core.declaration.durations import seconds_text
from functions.core.records.traffic import shown

SHOWN = 20  # hosts
_SCRIPTS, _NAMES = 3, 3  # of an event; hosts
STAGES = (
    Column("STAGE", least=8),
    Column("HOSTS", is_number=True),
    Column("AT ONCE", is_number=True),
    Column("BEGINS"),
    Column("ENDS"),
    Column("THEN"),
)
HOSTS = (
    Column("HOST"),
    Column("NAME", least=8),
    Column("STAGE", is_number=True),
    Column("ZONE"),
    Column("HAS", least=12),
    Column("SSM"),
    Column("AGENT"),
    Column("ROLLBACK"),
)
Planned = Mapping[str, Any]  # a PlanDeploymentOutput


def lines(plan: Planned, group: str, *, all_hosts: bool = False) -> Iterator[str]:
    errors = len(plan["errors"])
    state = click.style("could begin", fg="green")
    if errors:
        state = click.style(f"cannot begin: {counted(errors, 'error')}", fg="red")
    yield f"{plain(group)}  {state}"
    for each in plan["errors"]:
        yield f"{click.style('error  ', fg='red')}  {plain(each['code'])}: {plain(each['message'])}"
    for each in plan["warnings"]:
        yield f"{click.style('warning', fg='yellow')}  {plain(each)}"
    for name, text in facts(plan):
        yield f"  {name:<14} {text}"
    if plan["stages"]:
        yield ""
        yield from _table(STAGES, [stage_row(number, each) for number, each in enumerate(plan["stages"], start=1)])
    if plan["hosts"]:
        yield ""
        first = plan["hosts"] if all_hosts else plan["hosts"][:SHOWN]
        yield from _table(HOSTS, [host_row(plan, each) for each in first])
        if left := len(plan["hosts"]) - len(first):
            yield f"and {counted(left, 'more host')}: --all-hosts"


def _table(columns: tuple[Column, ...], rows: list[Row]) -> list[str]:
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    return laid_out(columns, rows, width, datetime.now(UTC))


def facts(plan: Planned) -> Iterator[tuple[str, str]]:
    if plan.get("revision"):
        yield "revision", words.revision(plan["revision"])
    if pinned := words.pinned(plan):
        yield "pinned to", pinned
    if plan.get("previousRevision"):
        yield "replaces", words.revision_name({"revision": plan["previousRevision"]})
    yield "config", plain(plan["deploymentConfigName"])
    yield from (("promise", plain(each)) for each in plan["promises"])
    yield from _contents(plan.get("contents") or {})
    yield from (("hosts have", _installed(each)) for each in plan["installed"])
    if balancers := plan.get("loadBalancers"):
        yield "traffic", _traffic(balancers)
    yield from (("budget", plain(each)) for each in plan["budgets"])
    yield from (("window", plain(words.opens(each))) for each in plan["windows"])
    yield from (("freeze", plain(f"{each['freezeId']}: {words.lasts(each)}")) for each in plan["freezes"])
    if "expectedSeconds" in plan:
        timed = counted(plan["hostsTimed"], "host")
        approvals = any("approval" in each for each in plan["stages"])
        waits = "; approvals take their time besides" if approvals else ""
        yield "takes", f"{_span(plan['expectedSeconds'])}, as on {timed} of the last deployments{waits}"
    yield "rollback", plain(plan["rollback"]["message"])
    if restored := plan["rollback"]["targetCount"]:
        yield "", f"{counted(restored, 'host')} would get back what {'it has' if restored == 1 else 'they have'} now"
    yield "cost", words.cost(plan["cost"])


def _contents(contents: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What the AppSpec says is done on each host, in its order."""
    by_event = dict[str, list[str]]()
    for each in contents.get("scripts", ()):
        runs_as = f" as {each['runAs']}" if each.get("runAs") else ""
        by_event.setdefault(each["event"], []).append(f"{each['location']}{runs_as}")
    for event, scripts in by_event.items():
        yield "runs", plain(f"{event}: {words.names(scripts, _SCRIPTS)}")
    copies = contents.get("copies", ())
    for each in copies:
        yield "copies", plain(f"{each['source'] or 'the whole revision'} to {each['destination']}")
    if (more := contents.get("copyCount", 0) - len(copies)) > 0:
        yield "", f"and {more} more"


def _installed(each: Mapping[str, Any]) -> str:
    """What some hosts have, and what becomes of it."""
    name = words.revision_name(each)
    same = ", the same as the planned one" if each.get("isPlanned") else ""
    becomes = [f"its {words.names(each['runs'])} {'runs' if len(each['runs']) == 1 else 'run'} first"] * bool(
        each["runs"]
    )
    becomes += ["what it installed goes"] * each["isRemoved"]
    what = f"{counted(each['targetCount'], 'host')}: {name} of {plain(each['deploymentId'])}{same}"
    return f"{what}{'; ' * bool(becomes)}{', and '.join(becomes)}"


def _traffic(each: Mapping[str, Any]) -> str:
    names = words.names(list(map(shown, each["loadBalancers"])), _NAMES)
    return f"each host leaves {names} in {each['blockSeconds']}s, and is back in {each['allowSeconds']}s at most"


def stage_row(number: int, each: Mapping[str, Any]) -> Row:
    then = []
    if each.get("bakeSeconds"):
        then.append(f"alarms are watched for {seconds_text(each['bakeSeconds'])}")
    if "analysis" in each:
        then.append(what_is_judged(each["analysis"]))
    if "approval" in each:
        then.append(f"needs approval{approval_needed(each['approval'])}")
    begins, ends = (each.get(f"{name}AfterSeconds") for name in ("begins", "ends"))
    return [
        f"{number} {each['name']}" if each.get("name") else str(number),
        f"{each['targetCount']:,}",
        f"{each['concurrency']:,}",
        "-" if begins is None else f"after {_span(begins)}",
        "-" if ends is None else f"after {_span(ends)}",
        ", ".join(then) or "-",
    ]


def host_row(plan: Planned, each: Mapping[str, Any]) -> Row:
    ping = each.get("pingStatus", "not managed")
    return [
        each["hostId"],
        each.get("name", "-"),
        str(each["stage"] + 1) if "stage" in each else "-",
        each.get("availabilityZone", "-"),
        _has(plan, each),
        Cell(ping, "red" if each.get("failure") else None),
        each.get("agentVersion", "-"),
        each.get("rollback", "-").lower(),
    ]


def _has(plan: Planned, each: Mapping[str, Any]) -> str:
    """The revision of a host, as its deployment is told once for all of them."""
    if each.get("status") == "Failed":
        return f"{each['deploymentId']} failed"
    by_id = {one["deploymentId"]: one for one in plan["installed"]}
    return words.revision_name(by_id[each["deploymentId"]]) if each.get("deploymentId") in by_id else "nothing"


def _span(seconds: float) -> str:
    return words.span(timedelta(seconds=seconds))

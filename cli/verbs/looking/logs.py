"""`stepdeploy logs [DEPLOYMENT_ID | APPLICATION/GROUP] [TARGET]`: what scripts said on the hosts, and why a host failed
where no script said it.

The engine keeps the last lines of each event; --full reads the whole logs, which lie in the revision bucket for 90
days, below .stepdeploy/logs/DEPLOYMENT_ID/TARGET/. Without a TARGET: those of every host that has any, the failed
hosts first. Without an id it is the newest deployment of the group, or of all groups. --follow goes on until the
deployment ends, and shows the log of each event as the event ends: what a script says before, hosts keep.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import click

from cli.account import targets
from cli.account.completions import target_ids
from cli.account.connection import Engine
from cli.account.group_name import Group
from cli.account.host_names import Names, host_ids, host_names
from cli.account.which import looked_at, which_argument
from cli.account.whole_logs import WholeLogs
from cli.exits import Exit
from cli.view.causes import failure_of
from cli.view.looks import looks
from cli.view.output import json_option, plain, plain_log, tell_json
from cli.view.progress import Target, events
from cli.view.tables import COLORS
from functions.core.records import TargetFailure
from functions.core.statuses import TargetStatus
from host.lifecycle import LifecycleEvent

_STATUSES = (TargetStatus.FAILED, TargetStatus.IN_PROGRESS, TargetStatus.SUCCEEDED)


class Log(NamedTuple):
    """What was said in one event."""

    event: Mapping[str, Any]  # a LifecycleEvent
    lines: Iterator[str]


class _PatternType(click.ParamType[re.Pattern[str]]):
    name = "regex"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> re.Pattern[str]:
        try:
            return re.compile(str(value))
        except re.error as error:
            self.fail(f"{value!r}: is not a regular expression: {error}", parameter, context)


_PATTERN = _PatternType()


class _Wanted(NamedTuple):
    """What is asked for; None: all."""

    target: str | None
    event: str | None
    grep: re.Pattern[str] | None

    def of(self, logs: Iterable[Log]) -> Iterator[Log]:
        for log in logs:
            if self.event in (None, log.event["lifecycleEventName"]):
                lines = [line for line in log.lines if self.grep.search(line)] if self.grep else log.lines
                if lines or not self.grep:
                    yield Log(log.event, iter(lines))


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy logs
  stepdeploy logs shop/web
  stepdeploy logs d-0123ABCDE web-7 --full
  stepdeploy logs d-0123ABCDE --event ValidateService
  stepdeploy logs shop/web --grep 'FATAL|ERROR'
  stepdeploy logs shop/web --follow""",
)
@which_argument
@click.argument("target", required=False, shell_complete=target_ids)
@click.option("--event", type=click.Choice([each.value for each in LifecycleEvent]), help="Only this event.")
@click.option("--full", is_flag=True, help="Whole logs: needs s3:ListBucket and s3:GetObject on the revision bucket.")
@click.option("--grep", type=_PATTERN, metavar="REGEX", help="Only lines in which this is found.")
@click.option("-f", "--follow", is_flag=True, help="Until the deployment ends: each event's log as the event ends.")
@json_option
def command(
    which: str | None,
    target: str | None,
    event: str | None,
    full: bool,
    grep: re.Pattern[str] | None,
    follow: bool,
    as_json: bool,
) -> Exit:
    if follow and (full or as_json):
        raise click.UsageError(f"--follow and {'--full' if full else '--json'}: give one of them")
    engine = Engine()
    deployment_id = looked_at(engine, which)
    info = engine.api.get_deployment(deploymentId=deployment_id)["deploymentInfo"]
    names = host_names(engine, info)
    if target:
        (target,) = host_ids(engine, Group(info["applicationName"], info["deploymentGroupName"]), [target])
    wanted = _Wanted(target, event, grep)
    if follow:
        return _follow(engine, deployment_id, wanted, names)
    find = _whole(engine, deployment_id) if full else _tails
    chosen = _chosen(engine.api, deployment_id, target)
    found = ((each, list(wanted.of(find(each)))) for each in chosen)
    said = ((each, logs) for each, logs in found if logs or (_why(each, event) and not grep))
    if as_json:
        tell_json({"deploymentId": deployment_id, "targets": [_plain(each, logs) for each, logs in said]})
    elif not _tell(said, wanted, names):
        click.echo("no script has said such a thing" if grep else "no script has said anything", err=True)
    return Exit.DONE


def _follow(engine: Engine, deployment_id: str, wanted: _Wanted, names: Names) -> Exit:
    """To the end of the deployment; what was told is not told again."""
    told = set[tuple[str, str]]()

    def new(target: Target) -> list[Log]:
        found = list(_tails(target))
        logs = [log for log in found if (target["targetId"], log.event["lifecycleEventName"]) not in told]
        told.update((target["targetId"], log.event["lifecycleEventName"]) for log in logs)
        return list(wanted.of(logs))

    try:
        for seen in looks(engine, deployment_id, math.inf):
            targets = [each for each in seen.targets.values() if wanted.target in (None, each["targetId"])]
            found = [(each, new(each)) for each in targets]
            _tell(((each, logs) for each, logs in found if logs), wanted, names)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    return Exit.DONE


def _chosen(api: Any, deployment_id: str, target: str | None) -> Iterator[Target]:
    if target:
        yield from targets.read(api, deployment_id, [target])
        return
    for status in _STATUSES:
        yield from targets.read(api, deployment_id, targets.listed(api, deployment_id, status))


def _tails(target: Target) -> Iterator[Log]:
    """What the engine has on record."""
    for event in events(target):
        if said := _tail(event):
            yield Log(event, iter(said))


def _tail(event: Mapping[str, Any]) -> list[str]:
    return ((event.get("diagnostics") or {}).get("logTail") or "").splitlines()


def _whole(engine: Engine, deployment_id: str) -> Callable[[Target], Iterator[Log]]:
    """The logs that hosts have put into the revision bucket, in the order of the events."""
    logs = WholeLogs(engine, deployment_id)

    def find(target: Target) -> Iterator[Log]:
        whole = logs.of(target["targetId"], [each["lifecycleEventName"] for each in events(target)])
        for event in events(target):
            if lines := whole.get(event["lifecycleEventName"]):
                yield Log(event, lines)
            elif said := _tail(event):  # the log did not get there, and its last line says why
                yield Log(event, iter(said))

    return find


def _why(target: Target, event: str | None) -> TargetFailure | None:
    """Why a target failed, if it did in this event, or in any of them or before when none is asked for."""
    failure = failure_of(target) if target["status"] == TargetStatus.FAILED else None
    return failure if failure and event in (None, failure.event) else None


def _plain(target: Target, logs: list[Log]) -> dict[str, Any]:
    told = [
        {"event": log.event["lifecycleEventName"], "status": log.event["status"], "log": list(log.lines)}
        for log in logs
    ]
    failure = target.get("failure")
    return {
        "targetId": target["targetId"],
        "status": target["status"],
        "events": told,
        **({"failure": failure} if failure else {}),
    }


def _tell(said: Iterator[tuple[Target, list[Log]]], wanted: _Wanted, names: Names) -> bool:
    """Whether there was anything."""
    is_first = True
    for target, logs in said:
        name = plain(names.get(target["targetId"], target["targetId"]))
        unsaid = () if wanted.grep else _unsaid(target, logs, wanted.event)
        for head, lines in [*_blocks(logs), *unsaid]:
            click.echo(("" if is_first else "\n") + "  ".join([f"== {name}", *(part for part in head if part)]))
            is_first = False
            for line in lines:
                click.echo(plain_log(line))
    return not is_first


Block = tuple[list[str], Iterable[str]]  # the parts of a headline after the host, and what is below it


def _blocks(logs: list[Log]) -> Iterator[Block]:
    for event, lines in logs:
        script = plain((event.get("diagnostics") or {}).get("scriptName") or "")
        status = click.style(event["status"], fg=COLORS.get(event["status"]))
        yield [plain(event["lifecycleEventName"]), status, script], lines


def _unsaid(target: Target, logs: list[Log], event: str | None) -> Iterator[Block]:
    """Why a target failed, where no log says it."""
    failure = _why(target, event)
    if failure and failure.event not in [log.event["lifecycleEventName"] for log in logs]:
        status = click.style(target["status"], fg=COLORS.get(target["status"]))
        yield (
            [plain(failure.event or ""), status],
            [f"{failure.cause}: {failure.message}"],
        )

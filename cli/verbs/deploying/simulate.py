"""`stepdeploy simulate [APPLICATION/GROUP] [REVISION]`: how a deployment would go, on this machine, in virtual time.

The engine's own code deploys to simulated hosts. AWS's services have AWS's limits; what AWS does not publish, such as
the rate of Run Command, is a guess (--throttle). The same options with the same --seed go the same way again.

Of a GROUP, its hosts, its configuration, how many load balancers it uses, and the times that lifecycle events took on
the hosts of its last successful deployments are read by the control API; options go before them. Nothing is changed.
Without one no AWS is needed.
REVISION is a folder or an archive here: only the events for which its AppSpec has scripts take time.
"""

from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import click

from cli.account import history
from cli.account.completions import groups
from cli.account.connection import Engine
from cli.account.group_name import GROUP, Group
from cli.account.history import History
from cli.bundle.findings import appspec_of
from cli.durations import DURATION
from cli.exits import Exit
from cli.view.output import json_option, tell_json
from cli.view.words import counted
from functions.core.errors import InvalidInput
from functions.core.planning.prices import MEMORY_MB, REGION, USD, USUAL_MEMORY_MB, YEAR, Item
from host.lifecycle import LifecycleEvent

if TYPE_CHECKING:
    from simulation.result import Result
    from simulation.scenario import Scenario

_MAX_HOSTS, _USUAL_HOSTS = 10_000, 20
_USUAL_SECONDS = 40
_MAX_BALANCERS = 20  # ten target groups and ten Classic Load Balancers
_CHECK_SECONDS = 5  # until a host is healthy in a load balancer
_AROUND = (LifecycleEvent.BEFORE_BLOCK_TRAFFIC.value, LifecycleEvent.AFTER_ALLOW_TRAFFIC.value)
_SHOWN_PROMISES = 5


class _Share(click.ParamType[float]):
    """2% or 0.02."""

    name = "share"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> float:
        text = str(value)
        try:
            share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            share = -1
        if not 0 <= share <= 1:
            self.fail(f"{value!r}: must be a share, for example 2% or 0.02", parameter, context)
        return share


class _RateType(click.ParamType[tuple[str, float]]):
    """ssm=10/s or ssm:SendCommand=10."""

    name = "rate"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        service, _, rate = str(value).partition("=")
        try:
            found = float(rate.removesuffix("/s"))
        except ValueError:
            found = 0
        if not service or found <= 0:
            self.fail(f"{value!r}: must be a service and requests a second, for example ssm=10/s", parameter, context)
        return service, found


SHARE, RATE = _Share(), _RateType()


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy simulate --hosts 200 --config HalfAtATime
  stepdeploy simulate --hosts 50 --config 90% --fail 4% --lose-events 1% --runs 100
  stepdeploy simulate --hosts 1000 --config AllAtOnce --throttle ssm=10/s --svg chart.svg
  stepdeploy simulate shop/web dist --fail 2% --runs 50

Exit status: 1 when a promise was broken; the seed that is named repeats it.""",
)
@click.argument("group", type=GROUP, metavar="[APPLICATION/GROUP]", required=False, shell_complete=groups)
@click.argument("revision", type=click.Path(exists=True, path_type=Path), required=False)
@click.option("--hosts", type=click.IntRange(1, _MAX_HOSTS), help="Default: the group's, or 20.")
@click.option("--config", help="Or a minimum of healthy hosts: 9, or 75%. Default: the group's, or OneAtATime.")
@click.option(
    "--scripts", type=DURATION, help="Median duration of a host's scripts. Default: as in the group's past, or 40s."
)
@click.option(
    "--load-balancers", type=click.IntRange(0, _MAX_BALANCERS), help="That hosts are in. Default: the group's, or none."
)
@click.option("--bake", type=DURATION, default="0", help="How long alarms are watched after the last host.")
@click.option("--fail", type=SHARE, default="0", help="Share of hosts on which a script fails.")
@click.option("--hang", type=SHARE, default="0", help="Share of hosts on which a script never ends.")
@click.option("--reboot", type=SHARE, default="0", help="Share of hosts that reboot during a script.")
@click.option("--scale-in", type=SHARE, default="0", help="Share of hosts that are terminated during a script.")
@click.option("--lose-events", type=SHARE, default="0", help="Share of EventBridge's events that never come.")
@click.option("--double-events", type=SHARE, default="0", help="Share of events that come twice.")
@click.option("--late-events", type=SHARE, default="0", help="Share of events that come up to five minutes late.")
@click.option("--kill", type=SHARE, default="0", help="Share of requests after which their function is killed.")
@click.option("--throttle", type=RATE, multiple=True, help="Requests a second, for example ssm=10/s. Can be repeated.")
@click.option("--send-rate", type=click.IntRange(1, 1000), default=20, show_default=True, help="As ssmSendRate.")
@click.option("--alarm-at", type=DURATION, help="When the group's alarm goes to ALARM.")
@click.option("--runs", type=click.IntRange(1), default=1, help="So many, each with the next seed.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), help="Write the first run's chart there.")
@json_option
def command(
    group: Group | None, revision: Path | None, runs: int, seed: int, svg: Path | None, as_json: bool, **options: Any
) -> Exit:
    from dataclasses import replace

    from simulation import report
    from simulation.world import World

    past = history.of(Engine(), group) if group else history.NONE
    scenario = _scenario(options, past, revision)
    results = [World(replace(scenario, seed=seed + number)).run() for number in range(runs)]
    if svg:
        svg.write_text(_picture(results[0]), encoding="utf-8")
    found = report.summary(results)
    found["usd"] = round(_usd(found), 4)
    found["pastTargets"] = past.targets
    if as_json:
        tell_json(found)
    else:
        _tell(found, results[0])
    return Exit.FAILED if found["broken"] else Exit.DONE


def _picture(result: "Result") -> str:
    """The hosts in service, as SVG."""
    from cli.view import chart
    from cli.view.healthy import Healthy, Mark, MarkKind, Point, thinned

    begin = result.line[0][0]
    points = [Point(time - begin, healthy) for time, healthy in result.line]
    points.append(Point(result.seconds, points[-1].healthy))
    backs = [Mark(each.began_at - begin, MarkKind.ROLLBACK, "rollback") for each in result.outcomes if each.is_rollback]
    promised = result.first.promised if result.outcomes else 0
    found = Healthy(total=result.hosts, promised=promised, points=thinned(points), marks=backs)
    return chart.picture(found, f"Hosts in service during a simulated deployment (seed {result.seed})")


def _scenario(options: dict[str, Any], past: History, revision: Path | None) -> "Scenario":
    from simulation.aws.events import EventFaults
    from simulation.aws.limits import Limits
    from simulation.hosts import Durations, Fate
    from simulation.scenario import Scenario, config

    fates: dict[Fate, float] = {fate: options[fate.name.lower()] for fate in Fate if fate is not Fate.WELL}
    host_ids = past.host_ids if options["hosts"] is None else ()
    hosts = options["hosts"] or len(host_ids) or _USUAL_HOSTS
    try:
        chosen = config(options["config"]) if options["config"] else past.config
        chosen.allowed_out(hosts)
    except InvalidInput as wrong:
        raise click.UsageError(f"--config: {wrong}") from wrong
    if sum(fates.values()) > 1:
        raise click.UsageError("--fail, --hang, --reboot and --scale-in are together more than all hosts")
    hooked = _hooked(revision) if revision else None
    balancers = past.load_balancers if options["load_balancers"] is None else options["load_balancers"]
    return Scenario(
        hosts=hosts,
        host_ids=host_ids,
        config=chosen,
        durations=Durations(
            median=_USUAL_SECONDS if options["scripts"] is None else options["scripts"],
            seen=past.seconds if options["scripts"] is None else {},
            hooked=hooked,
        ),
        target_groups=balancers,
        check_seconds=median(past.seconds.get(LifecycleEvent.ALLOW_TRAFFIC.value) or (_CHECK_SECONDS,)),
        traffic_hooks=tuple(each for each in _AROUND if hooked and each in hooked),
        fates=fates,
        events=EventFaults(lost=options["lose_events"], doubled=options["double_events"], late=options["late_events"]),
        limits=Limits().throttled(dict(options["throttle"])),
        kill_rate=options["kill"],
        send_rate=options["send_rate"],
        bake_seconds=options["bake"],
        alarm_at=options["alarm_at"],
    )


def _hooked(revision: Path) -> frozenset[str]:
    """The lifecycle events for which the revision has scripts."""
    appspec = appspec_of(revision)
    if appspec is None:
        raise click.UsageError(f"REVISION {str(revision)!r}: has no valid AppSpec; see stepdeploy validate")
    return frozenset(event.value for event, hooks in appspec.hooks.items() if hooks)


def _usd(found: dict[str, Any]) -> float:
    """What AWS would have billed for a run, by the list prices of `stepdeploy cost`."""
    gb_seconds = sum(
        seconds * MEMORY_MB.get(function, USUAL_MEMORY_MB) / 1024
        for function, seconds in found["functionSeconds"].items()
    )
    counts: dict[Item, float] = {
        Item.LAMBDA_REQUESTS: sum(found["functions"].values()),
        Item.LAMBDA_GB_SECONDS: gb_seconds,
        Item.TRANSITIONS: found["stateTransitions"],
        Item.READS: found["readUnits"],
        Item.WRITES: found["writeUnits"],
    }
    return sum(count * USD[item] for item, count in counts.items())


def _tell(found: dict[str, Any], first: "Result") -> None:
    from simulation.report import chart, words

    hosts, seconds, healthy = found["hosts"], found["seconds"], found["healthyHosts"]
    for time, what in found["timetable"]:
        click.echo(f"{words(time):>8}  {what}")
    click.echo()
    for line in chart(first):
        click.echo(line)
    click.echo()
    ssm, elb = (_calls(found, service) for service in ("ssm", "elbv2"))
    throttled = sum(found["throttled"].values())
    rows = [
        ("outcome", _listed(found["outcomes"])),
        ("targets", _listed(found["targets"]) + (f" ({_listed(found['causes'])})" if found["causes"] else "")),
        ("time", f"{words(seconds['p50'])} (p50), {words(seconds['p95'])} (p95), {words(seconds['most'])} (longest)"),
        ("healthy hosts", f"never fewer than {healthy['fewest']} of {hosts}, promised {healthy['promised']}"),
        ("SSM calls", f"{ssm:g}, {ssm / hosts:.1f} a host; {throttled:g} calls to AWS throttled"),
        ("function calls", f"{sum(found['functions'].values()):g}, at most {found['mostFunctionsAtOnce']} at once"),
        ("failed calls", _listed(found["functionErrors"]) or "none"),
        ("transitions", f"{found['stateTransitions']:g}, {found['stateTransitions'] / hosts:.1f} a host"),
        ("DynamoDB", f"{found['writeUnits'] / hosts:.1f} write units a host, {found['writeConflicts']:g} conflicts"),
        ("cost", f"{found['usd']:.4f} USD (list prices of {REGION}, {YEAR})"),
    ]
    if elb:
        rows.insert(5, ("ELB calls", f"{elb:g}, {elb / seconds['p50']:.1f} a second"))
    if found["pastTargets"]:
        rows.insert(
            2, ("durations", f"as on {counted(found['pastTargets'], 'target')} of the group's last deployments")
        )
    if found["runs"] > 1:
        rows.insert(0, ("runs", f"{found['runs']}, seeds {found['seeds'][0]} to {found['seeds'][1]}; counts are means"))
    for name, text in rows:
        click.echo(f"{name:15} {text}")
    for each in found["broken"][:_SHOWN_PROMISES]:
        click.echo(f"{click.style('broken promise', fg='red')}  {each['promise']} (--seed {each['seed']})")
    if (more := len(found["broken"]) - _SHOWN_PROMISES) > 0:
        click.echo(f"and {more} more; see --json")


def _calls(found: dict[str, Any], service: str) -> float:
    calls: dict[str, float] = found["calls"]
    return sum(count for name, count in calls.items() if name.startswith(f"{service}:"))


def _listed(counts: dict[str, float]) -> str:
    return ", ".join(f"{count:g} {name}" for name, count in counts.items())

"""`stepdeploy doctor [APPLICATION/GROUP]`: is this account ready to deploy? Looks, and changes nothing.

The stack, its API, its bucket, those of revisionBuckets, and its SSM document; then the group, or every group: whether
its tags match instances, whether the engine may command and SSM reaches each of them, which of them a deployment left
out of a load balancer, and its configuration, alarms and topics. Of Auto Scaling: lifecycle hooks, also those that no
group has any more, suspended processes, and members without the last good revision.

With --smoke it also does what only an account can answer, and says first what that costs at most: it deploys a
revision without files to a few hosts of the group (of the first one with hosts, where none is given), and measures
what AWS takes a second. Each finding has its remedy, and the setting that it suggests.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict

import click

from cli.account.completions import groups
from cli.account.connection import Engine
from cli.account.doctor.bucket_checks import bucket_findings
from cli.account.doctor.budget_checks import Budget, budget_findings
from cli.account.doctor.checks import (
    HOST_TAG,
    CheckedGroup,
    Finding,
    Level,
    engine_findings,
    group_findings,
    run_check,
)
from cli.account.doctor.key_checks import key_findings
from cli.account.doctor.scaling_checks import orphan_findings, scaling_findings
from cli.account.group_name import GROUP, Group
from cli.account.groups import Info, group_info, group_infos
from cli.exits import Exit
from cli.view.output import json_option, plain, tell_json

_LISTING = "ListApplications, ListDeploymentGroups and BatchGetDeploymentGroups"
_COLORS = {Level.OK: "green", Level.WARNING: "yellow", Level.PROBLEM: "red", Level.UNKNOWN: "cyan"}


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy doctor
  stepdeploy doctor shop/web --json
  stepdeploy doctor --smoke

Exit status: 1 when there is a problem. What these credentials may not check is not a problem.""",
)
@click.argument("group", type=GROUP, required=False, metavar="[APPLICATION/GROUP]", shell_complete=groups)
@click.option("--smoke", is_flag=True, help="Deploy to a few hosts and measure AWS's rates: about two minutes.")
@json_option
def command(group: Group | None, smoke: bool, as_json: bool) -> Exit:
    engine = Engine()
    found = _findings(engine, group)
    if smoke and any(each.about == "API" and each.level is Level.OK for each in found):
        found += _smoke(engine, group)
    counts = Counter(each.level for each in found)
    if as_json:
        tell_json({**{level.value: counts[level] for level in Level}, "findings": [asdict(each) for each in found]})
    else:
        for each in found:
            _tell(each)
        click.echo(", ".join(f"{counts[level]} {level.value}" for level in Level if counts[level]))
    return Exit.FAILED if counts[Level.PROBLEM] else Exit.DONE


def _findings(engine: Engine, group: Group | None) -> list[Finding]:
    found = engine_findings(engine)
    if not any(each.about == "API" and each.level is Level.OK for each in found):
        return found
    if found[0].level is Level.OK:
        found += [*bucket_findings(engine), *key_findings(engine)]
    tag = HOST_TAG if found[0].level is not Level.OK else engine.outputs.get("HostTag", HOST_TAG)
    infos: list[Info] = []

    def groups() -> Iterator[Finding]:
        infos.extend(group_infos(engine.api))
        yield from ()

    refused = [] if group else run_check("groups", f"execute-api:Invoke on {_LISTING}", groups)
    if group:
        infos.append(group_info(engine.api, group))
    budgets: list[Budget] = []

    def listed() -> Iterator[Finding]:
        budgets.extend(engine.api.list_budgets()["budgets"])
        yield from ()

    found += run_check("budgets", "execute-api:Invoke on ListBudgets", listed)
    for each in infos:
        seen = CheckedGroup(engine, each)
        found += [*group_findings(seen, tag), *scaling_findings(seen), *budget_findings(seen, budgets)]
    return [*found, *refused] if group or refused else [*found, *orphan_findings(engine, infos)]


def _smoke(engine: Engine, group: Group | None) -> list[Finding]:
    from cli.account.smoke.plan import plan
    from cli.account.smoke.run import smoke_findings

    every = group_infos(engine.api) if group is None else ()
    names = [group] if group else [Group(each["applicationName"], each["deploymentGroupName"]) for each in every]
    planned = plan(engine, names)
    click.echo(plain(str(planned)), err=True)
    return smoke_findings(planned)


def _tell(each: Finding) -> None:
    level = click.style(f"{each.level.value:8}", fg=_COLORS[each.level])
    click.echo(f"{level} {plain(each.about)}: {plain(each.message)}")
    if each.remedy:
        click.echo(f"{'':8} {plain(each.remedy)}")

"""`stepdeploy show [DEPLOYMENT_ID | APPLICATION/GROUP]`: how a deployment went, why hosts failed, and what to do.

Without an id it is the newest deployment of the group, or of all groups.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import click

from cli.account.connection import Engine, if_allowed
from cli.account.fleet_now import fleet_now
from cli.account.group_name import Group
from cli.account.which import looked_at, which_argument
from cli.view import waits, words
from cli.view.explained import explain
from cli.view.facts import facts
from cli.view.output import json_option, plain, tell_json
from cli.view.tables import color_of


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy show
  stepdeploy show shop/web
  stepdeploy show d-0123ABCDE
  stepdeploy show d-0123ABCDE --json | jq -r '.causes[] | "\\(.count) \\(.cause): \\(.message)"'""",
)
@which_argument
@json_option
def command(which: str | None, as_json: bool) -> None:
    engine = Engine()
    deployment_id = looked_at(engine, which)
    info = engine.api.get_deployment(deploymentId=deployment_id)["deploymentInfo"]
    why = explain(engine, info)
    now = _fleet_now(engine, why.group)
    if as_json:
        tell_json({"deployment": info, "causes": why.plain(), "fleetNow": now, "next": why.steps})
        return
    status = words.outcome(info)
    click.echo(f"{deployment_id}  {words.group_of(info)}  {click.style(status, fg=color_of(status))}")
    for name, text in facts(info, datetime.now(UTC)):
        click.echo(f"  {name:<12} {text}")
    for line in waits.stages(info):
        click.echo(f"  {'stage':<12} {line}")
    for line in waits.analyses(info):
        click.echo(f"  {'metrics':<12} {line}")
    if now:
        click.echo(f"  {'fleet now':<12} {now}")
    for line in [*_why(info), *why.causes(), *why.next()]:
        click.echo(line)


def _fleet_now(engine: Engine, group: words.Info) -> str:
    """Which revision is on how many hosts of the group now; nothing where these credentials may not see it."""
    if not group:
        return ""
    name = Group(group["applicationName"], group["deploymentGroupName"])
    now = if_allowed(lambda: fleet_now(engine, name, group), None)
    return now.line() if now and now.there else ""


def _why(info: words.Info) -> Iterator[str]:
    if failure := info.get("errorInformation"):
        yield ""
        yield click.style(f"{plain(failure.get('code'))}: {plain(failure.get('message'))}", fg="red")

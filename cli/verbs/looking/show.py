"""`stepdeploy show [DEPLOYMENT_ID | APPLICATION/GROUP]`: how a deployment went, why hosts failed, and what to do.

Without an id it is the newest deployment of the group, or of all groups.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import click

from cli.account.connection import Engine, is_forbidden
from cli.account.fleet_now import fleet_now
from cli.account.group_name import Group
from cli.account.which import looked_at, which_argument
from cli.view import waits, words
from cli.view.explained import explain
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
    from botocore.exceptions import ClientError

    if not group:
        return ""
    try:
        now = fleet_now(engine, Group(group["applicationName"], group["deploymentGroupName"]), group)
    except ClientError as error:
        if not is_forbidden(error):
            raise
        return ""
    return now.line() if now.there else ""


def facts(info: words.Info, now: datetime) -> Iterator[tuple[str, str]]:
    """What is known of a deployment, line by line."""
    if (name := words.revision_name(info)) not in words.revision(info.get("revision")):
        yield "name", name
    yield "restarts" if info.get("deploymentMode") else "revision", words.revision(info.get("revision"))
    if pinned := words.pinned(info):
        yield "pinned to", pinned
    if previous := info.get("previousRevision"):
        yield "replaces", words.revision_name({"revision": previous})
    yield "config", plain(info.get("deploymentConfigName", "-"))
    yield "asked by", plain(info.get("requestedBy") or info.get("creator") or "-")
    if description := info.get("description"):
        yield "description", plain(description)
    if metadata := info.get("metadata"):
        yield "metadata", words.pairs(metadata)
    yield from _times(info, now)
    if stop := info.get("stopInfo"):
        by, why = plain(stop.get("stoppedBy", "-")), plain(stop.get("message", ""))
        yield "stopped by", f"{by}, {words.moment(stop.get('stopTime'))}: {why}"
    if bypass := info.get("bypass"):
        by, why = plain(bypass.get("by", "-")), plain(bypass.get("reason", ""))
        yield "bypass by", f"{by}, {words.moment(bypass.get('time'))}, of windows and freezes: {why}"
    if sum((info.get("deploymentOverview") or {}).values()):
        yield "targets", words.targets(info["deploymentOverview"])
    if why := waits.waiting(info):
        yield "waits", why
    yield from _rollback(info.get("rollbackInfo") or {})


def _times(info: words.Info, now: datetime) -> Iterator[tuple[str, str]]:
    """In UTC."""
    passed = words.span(words.duration(info, now))
    yield "created", words.moment(info.get("createTime"))
    if begun := info.get("startTime"):
        yield "started", words.moment(begun) + ("" if info.get("completeTime") else f" ({passed} ago)")
    if ended := info.get("completeTime"):
        yield "ended", words.moment(ended) + (f" (after {passed})" if info.get("startTime") else "")


def _rollback(info: words.Info) -> Iterator[tuple[str, str]]:
    if by := info.get("rollbackDeploymentId"):
        yield "rolled back", plain(f"by {by}")
    if of := info.get("rollbackTriggeringDeploymentId"):
        yield "rolls back", plain(of)
    if message := info.get("rollbackMessage"):
        yield "rollback", plain(message)
    if reason := info.get("rollbackReason"):
        yield "goes to", plain(reason)


def _why(info: words.Info) -> Iterator[str]:
    if failure := info.get("errorInformation"):
        yield ""
        yield click.style(f"{plain(failure.get('code'))}: {plain(failure.get('message'))}", fg="red")

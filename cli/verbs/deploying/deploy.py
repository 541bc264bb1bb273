"""`stepdeploy deploy APPLICATION/GROUP [REVISION]`: deploy a revision to the hosts of a deployment group.

REVISION is a folder (default: this one) or an archive, which is pushed first; an archive in the revision bucket,
s3://BUCKET/KEY[?versionId=VERSION&etag=ETAG], as `stepdeploy push` prints it; or a commit,
github:OWNER/NAME@COMMIT or codecommit:NAME@COMMIT. The deployment's id is printed on standard output. With --restart
the group's last successful revision is stopped and started where it is installed, without download or install.
"""

import os
import sys
from pathlib import Path
from typing import Any

import click

from cli.account.connection import Engine
from cli.account.group_name import Group, group_argument
from cli.account.host_names import host_ids
from cli.account.planning import plan
from cli.account.turn import create, when_interrupted
from cli.bundle.provenance import origin
from cli.deployment_options import RESTART, check, deployment_options, location_of, members
from cli.durations import DURATION
from cli.exits import Exit
from cli.verbs.deploying.plan import revision_to_plan
from cli.verbs.deploying.push import name_option, push
from cli.view import plan_view
from cli.view.follow import Following, follow_options
from functions.core.statuses import OnBusy


def _metadata(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    if wrong := [each for each, (key, mark, value) in zip(given, pairs, strict=True) if not (key and mark and value)]:
        raise click.BadParameter(f"{wrong[0]!r}: must be KEY=VALUE, for example ticket=OPS-42")
    return {key: value for key, _, value in pairs}


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy deploy shop/web dist --watch --fail-on-failed-hosts
  stepdeploy deploy shop/web dist --queue --watch
  stepdeploy deploy shop/web s3://BUCKET/shop/42.zip --description "the spring sale"
  stepdeploy deploy shop/web --hosts i-0a1b,web-2 --config CodeDeployDefault.AllAtOnce
  stepdeploy deploy shop/web dist --plan --watch
  stepdeploy deploy shop/web --restart --watch
  stepdeploy deploy shop/web --meta ticket=OPS-42 --rollback-on DEPLOYMENT_FAILURE

Exit status: 1 when the revision or the plan has errors or, with --watch, the deployment does not succeed; 3 when the
engine or AWS refuses, also because the group is busy; 4 when --timeout or --wait is over; 5 with
--fail-on-failed-hosts, when it succeeds although hosts failed.""",
)
@group_argument
@click.argument("revision", required=False)
@follow_options
@click.option("--description", help="Up to 256 characters.")
@click.option("--meta", multiple=True, callback=_metadata, metavar="KEY=VALUE", help="Metadata; can be repeated.")
@click.option("--no-git", is_flag=True, help="Do not add commit, author, branch and url from git and the CI pipeline.")
@deployment_options
@click.option("--wait", type=DURATION, help="While the group is busy, try again, at most this long, for example 30m.")
@click.option("--plan", "show_plan", is_flag=True, help="Show what would be done, and ask before it starts.")
@click.option("--yes", is_flag=True, help="With --plan: start without asking, unless the plan has errors.")
@name_option
def command(
    group: Group, revision: str | None, following: Following, show_plan: bool, yes: bool, **options: Any
) -> Exit:
    check(options, revision)
    if options["wait"] and (options["queue"] or options["on_busy"]):
        raise click.UsageError(f"--{'queue' if options['queue'] else 'on-busy'} and --wait: give one of them")
    if yes and not show_plan:
        raise click.UsageError("--yes needs --plan: nothing else is asked")
    if show_plan and not (yes or sys.stdin.isatty()):
        raise click.UsageError("--plan asks before it starts, which needs a terminal: give --yes")
    engine = Engine()
    with when_interrupted(f"interrupted before a deployment was asked for: nothing was deployed to {group}"):
        options["hosts"] = host_ids(engine, group, options["hosts"])
        if show_plan and not _is_wanted(engine, group, revision, options, is_sure=yes):
            return Exit.FAILED
        what: dict[str, Any] = RESTART if options["restart"] else _what(engine, group, revision or ".", options)
        metadata = {**what.get("metadata", {}), **options["meta"]}
    what = {name: value for name, value in what.items() if name != "metadata"}
    about = {"description": options["description"], "metadata": metadata, "onBusy": _on_busy(options)}
    asked = {**what, **members(options), **{name: value for name, value in about.items() if value}}
    deployment_id = create(engine, group, asked, wait=options["wait"])
    return following.follow(engine, deployment_id, {"deploymentId": deployment_id, **what, "metadata": metadata})


def _is_wanted(engine: Engine, group: Group, revision: str | None, options: dict[str, Any], *, is_sure: bool) -> bool:
    """Whether the deployment that is planned can begin, and is to."""
    planned = plan(engine, group, {**revision_to_plan(revision, options), **members(options)})
    for line in plan_view.lines(planned, str(group)):
        click.echo(line, err=True)
    if not planned["canBegin"]:
        click.echo("nothing was deployed", err=True)
        return False
    return is_sure or click.confirm("Start this deployment?", err=True)


def _on_busy(options: dict[str, Any]) -> str | None:
    """Who tries again until the group is free does not wait in it. None: as the group says, or the options."""
    return OnBusy.REJECT.upper() if options["wait"] else members(options).get("onBusy")


def _what(engine: Engine, group: Group, revision: str, options: dict[str, Any]) -> dict[str, Any]:
    """The revision, which is pushed where it lies here, and the metadata that it comes with."""
    found = location_of(revision)
    path = None if found else Path(revision)
    location = found or push(engine, group, Path(revision), name=options["name"]).location
    return {"revision": location, "metadata": {} if options["no_git"] else origin(path, os.environ)}

"""`stepdeploy deploy APPLICATION/GROUP [REVISION]`: deploy a revision to the hosts of a deployment group.

REVISION is a folder (default: this one) or an archive, which is pushed first; an archive in the revision bucket,
s3://BUCKET/KEY[?versionId=VERSION&etag=ETAG], as `stepdeploy push` prints it; or github:OWNER/NAME@COMMIT. The
deployment's id is printed on standard output. With --restart the group's last successful revision is stopped and
started where it is installed, without download or install.
"""

import os
import re
from pathlib import Path
from typing import Any

import click

from cli.account.completions import config_names, host_lists
from cli.account.connection import Engine
from cli.account.group_name import Group, group_argument
from cli.account.host_names import host_ids
from cli.account.turn import create, when_interrupted
from cli.bundle.locations import S3_FORM, in_s3
from cli.bundle.provenance import origin
from cli.durations import DURATION
from cli.exits import Exit
from cli.verbs.deploying.push import name_option, push
from cli.view.follow import Following, follow_options
from functions.core.statuses import AutoRollbackEvent, FileExistsBehavior, OnBusy

_GITHUB = re.compile(r"github:(?P<repository>[^/@\s]+/[^/@\s]+)@(?P<commit>[0-9a-fA-F]{40})")
_GITHUB_FORM = "github:OWNER/NAME@COMMIT, the commit with all its 40 digits"


def _metadata(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    if wrong := [each for each, (key, mark, value) in zip(given, pairs, strict=True) if not (key and mark and value)]:
        raise click.BadParameter(f"{wrong[0]!r}: must be KEY=VALUE, for example ticket=OPS-42")
    return {key: value for key, _, value in pairs}


def _ids(context: click.Context, parameter: click.Parameter, given: str | None) -> list[str]:
    ids = [each.strip() for each in (given or "").split(",")] if given is not None else []
    if not all(ids):
        raise click.BadParameter(f"{given!r}: must be ids or names separated by commas, for example i-0a1b,web-2")
    return ids


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy deploy shop/web dist --watch --fail-on-failed-hosts
  stepdeploy deploy shop/web dist --queue --watch
  stepdeploy deploy shop/web s3://BUCKET/shop/42.zip --description "the spring sale"
  stepdeploy deploy shop/web --hosts i-0a1b,web-2 --config CodeDeployDefault.AllAtOnce
  stepdeploy deploy shop/web --restart --watch
  stepdeploy deploy shop/web --meta ticket=OPS-42 --rollback-on DEPLOYMENT_FAILURE

Exit status: 1 when the revision has errors or, with --watch, the deployment does not succeed; 3 when the engine or AWS
refuses, also because the group is busy; 4 when --timeout or --wait is over; 5 with --fail-on-failed-hosts, when it
succeeds although hosts failed.""",
)
@group_argument
@click.argument("revision", required=False)
@follow_options
@click.option("--description", help="Up to 256 characters.")
@click.option("--meta", multiple=True, callback=_metadata, metavar="KEY=VALUE", help="Metadata; can be repeated.")
@click.option("--no-git", is_flag=True, help="Do not add commit, author, branch and url from git and the CI pipeline.")
@click.option(
    "--config", metavar="NAME", shell_complete=config_names, help="A deployment configuration instead of the group's."
)
@click.option(
    "--hosts",
    callback=_ids,
    metavar="HOST,...",
    shell_complete=host_lists,
    help="Only these hosts of the group, by id or name.",
)
@click.option("--outdated-only", is_flag=True, help="Only hosts that do not run this revision.")
@click.option("--restart", is_flag=True, help="Stop and start what is installed; takes no REVISION.")
@click.option("--ignore-application-stop-failures", is_flag=True, help="Continue when ApplicationStop fails.")
@click.option(
    "--file-exists",
    type=click.Choice([each.value for each in FileExistsBehavior], case_sensitive=False),
    help="What happens to files that are there and that no deployment brought.",
)
@click.option("--no-rollback", is_flag=True, help="Never roll back, regardless of the group's setting.")
@click.option(
    "--rollback-on",
    multiple=True,
    type=click.Choice([each.value for each in AutoRollbackEvent], case_sensitive=False),
    help="When to roll back, instead of the group's setting; can be repeated.",
)
@click.option("--queue", is_flag=True, help="As --on-busy queue.")
@click.option(
    "--on-busy",
    type=click.Choice([each.value for each in OnBusy], case_sensitive=False),
    help="While the group is busy: queue (the newest that waits goes next), supersede (so it does, and one that is held"
    " between its stages ends) or reject, instead of the group's setting.",
)
@click.option("--wait", type=DURATION, help="While the group is busy, try again, at most this long, for example 30m.")
@name_option
def command(group: Group, revision: str | None, following: Following, **options: Any) -> Exit:
    for one, other in (("no_rollback", "rollback_on"), ("queue", "wait"), ("on_busy", "wait"), ("queue", "on_busy")):
        if options[one] and options[other]:
            names = (f"--{each.replace('_', '-')}" for each in (one, other))
            raise click.UsageError(f"{' and '.join(names)}: give one of them")
    if options["restart"] and (revision or options["outdated_only"]):
        raise click.UsageError(f"--restart and {'REVISION' if revision else '--outdated-only'}: give one of them")
    engine = Engine()
    with when_interrupted(f"interrupted before a deployment was asked for: nothing was deployed to {group}"):
        options["hosts"] = host_ids(engine, group, options["hosts"])
        what: dict[str, Any] = (
            {"deploymentMode": "RESTART"} if options["restart"] else _what(engine, group, revision or ".", options)
        )
        metadata = {**what.pop("metadata", {}), **options["meta"]}
    asked = {**what, **_asked(options), **({"metadata": metadata} if metadata else {})}
    deployment_id = create(engine, group, asked, wait=options["wait"])
    return following.follow(engine, deployment_id, {"deploymentId": deployment_id, **what, "metadata": metadata})


def _what(engine: Engine, group: Group, revision: str, options: dict[str, Any]) -> dict[str, Any]:
    """The revision, which is pushed where it lies here, and the metadata that it comes with."""
    elsewhere = _elsewhere(revision)
    path = None if elsewhere else Path(revision)
    location = elsewhere or push(engine, group, Path(revision), name=options["name"]).location
    return {"revision": location, "metadata": {} if options["no_git"] else origin(path, os.environ)}


def _elsewhere(revision: str) -> dict[str, Any] | None:
    """The RevisionLocation of what does not lie here; None for a path."""
    if revision.startswith("github:"):
        if (found := _GITHUB.fullmatch(revision)) is None:
            raise click.UsageError(f"REVISION {revision!r}: give {_GITHUB_FORM}")
        location = {"repository": found["repository"], "commitId": found["commit"].lower()}
        return {"revisionType": "GitHub", "gitHubLocation": location}
    if "://" not in revision:
        return None
    if (place := in_s3(revision)) is None:
        raise click.UsageError(f"REVISION {revision!r}: give a folder, an archive, {S3_FORM}, or {_GITHUB_FORM}")
    given = {"bucket": place.bucket, "key": place.key, "version": place.version, "eTag": place.etag}
    return {"revisionType": "S3", "s3Location": {name: value for name, value in given.items() if value}}


def _asked(options: dict[str, Any]) -> dict[str, Any]:
    """The members of CreateDeployment for what was given."""
    given = {
        "description": options["description"],
        "deploymentConfigName": options["config"],
        "fileExistsBehavior": options["file_exists"],
        "targetInstances": {"instanceIds": options["hosts"]} if options["hosts"] else None,
        "updateOutdatedInstancesOnly": options["outdated_only"],
        "ignoreApplicationStopFailures": options["ignore_application_stop_failures"],
        "autoRollbackConfiguration": _rollback(options),
        "onBusy": _on_busy(options),
    }
    return {name: value for name, value in given.items() if value}


def _on_busy(options: dict[str, Any]) -> str | None:
    """None: as the group says. Who tries again until the group is free does not wait in it."""
    if options["wait"]:
        return OnBusy.REJECT.upper()
    chosen = OnBusy.QUEUE if options["queue"] else options["on_busy"]
    return chosen.upper() if chosen else None


def _rollback(options: dict[str, Any]) -> dict[str, Any] | None:
    if options["no_rollback"]:
        return {"enabled": False}
    if options["rollback_on"]:
        return {"enabled": True, "events": list(options["rollback_on"])}
    return None

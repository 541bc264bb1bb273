"""What a deployment is to be instead of what its group says: the options of `deploy` and `plan`, and the members of
CreateDeployment that they make."""

import re
from collections.abc import Callable
from typing import Any

import click

from cli.account.completions import config_names, host_lists
from cli.bundle.locations import S3_FORM, in_s3
from functions.core.revision import COMMITS
from functions.core.statuses import AutoRollbackEvent, FileExistsBehavior, OnBusy

_GITHUB = re.compile(r"github:(?P<repository>[^/@\s]+/[^/@\s]+)@(?P<commit>[0-9a-fA-F]{40})")
_CODECOMMIT = re.compile(r"codecommit:(?P<repository>[A-Za-z0-9._-]{1,100})@(?P<commit>[0-9a-fA-F]{40})")
_COMMIT_FORMS = "github:OWNER/NAME@COMMIT or codecommit:NAME@COMMIT, the commit with all its 40 digits"
Decorated = Callable[..., Any]
RESTART = {"deploymentMode": "RESTART"}


def _ids(context: click.Context, parameter: click.Parameter, given: str | None) -> list[str]:
    ids = [each.strip() for each in (given or "").split(",")] if given is not None else []
    if not all(ids):
        raise click.BadParameter(f"{given!r}: must be ids or names separated by commas, for example i-0a1b,web-2")
    return ids


_OPTIONS = (
    click.option(
        "--config",
        metavar="NAME",
        shell_complete=config_names,
        help="A deployment configuration instead of the group's.",
    ),
    click.option(
        "--hosts",
        callback=_ids,
        metavar="HOST,...",
        shell_complete=host_lists,
        help="Only these hosts of the group, by id or name.",
    ),
    click.option("--outdated-only", is_flag=True, help="Only hosts that do not run this revision."),
    click.option("--restart", is_flag=True, help="Stop and start what is installed; takes no REVISION."),
    click.option("--ignore-application-stop-failures", is_flag=True, help="Continue when ApplicationStop fails."),
    click.option(
        "--file-exists",
        type=click.Choice([each.value for each in FileExistsBehavior], case_sensitive=False),
        help="What happens to files that are there and that no deployment brought.",
    ),
    click.option("--no-rollback", is_flag=True, help="Never roll back, regardless of the group's setting."),
    click.option(
        "--rollback-on",
        multiple=True,
        type=click.Choice([each.value for each in AutoRollbackEvent], case_sensitive=False),
        help="When to roll back, instead of the group's setting; can be repeated.",
    ),
    click.option("--queue", is_flag=True, help="As --on-busy queue."),
    click.option(
        "--on-busy",
        type=click.Choice([each.value for each in OnBusy], case_sensitive=False),
        help="While the group is busy: queue (the newest that waits goes next), supersede (so it does, and one that is"
        " held between its stages ends) or reject, instead of the group's setting.",
    ),
)


def location_of(revision: str) -> dict[str, Any] | None:
    """The RevisionLocation of what does not lie here; None for a path."""
    for kind, form in (("GitHub", _GITHUB), ("CodeCommit", _CODECOMMIT)):
        scheme = kind.lower()
        if revision.startswith(f"{scheme}:"):
            if (found := form.fullmatch(revision)) is None:
                raise click.UsageError(f"REVISION {revision!r}: give {_COMMIT_FORMS}")
            location = {"repository": found["repository"], "commitId": found["commit"].lower()}
            return {"revisionType": kind, COMMITS[scheme]: location}
    if "://" not in revision:
        return None
    if (place := in_s3(revision)) is None:
        raise click.UsageError(f"REVISION {revision!r}: give a folder, an archive, {S3_FORM}, or {_COMMIT_FORMS}")
    given = {"bucket": place.bucket, "key": place.key, "version": place.version, "eTag": place.etag}
    return {"revisionType": "S3", "s3Location": {name: value for name, value in given.items() if value}}


def deployment_options(command: Decorated) -> Decorated:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def check(options: dict[str, Any], revision: str | None) -> None:
    """Raises UsageError for options that exclude each other."""
    for one, other in (("no_rollback", "rollback_on"), ("queue", "on_busy")):
        if options[one] and options[other]:
            names = (f"--{each.replace('_', '-')}" for each in (one, other))
            raise click.UsageError(f"{' and '.join(names)}: give one of them")
    if options["restart"] and (revision or options["outdated_only"]):
        raise click.UsageError(f"--restart and {'REVISION' if revision else '--outdated-only'}: give one of them")


def members(options: dict[str, Any]) -> dict[str, Any]:
    """The members of CreateDeployment for what was given."""
    on_busy = OnBusy.QUEUE if options["queue"] else options["on_busy"]
    given = {
        "deploymentConfigName": options["config"],
        "fileExistsBehavior": options["file_exists"],
        "targetInstances": {"instanceIds": options["hosts"]} if options["hosts"] else None,
        "updateOutdatedInstancesOnly": options["outdated_only"],
        "ignoreApplicationStopFailures": options["ignore_application_stop_failures"],
        "autoRollbackConfiguration": _rollback(options),
        "onBusy": on_busy.upper() if on_busy else None,
    }
    return {name: value for name, value in given.items() if value}


def _rollback(options: dict[str, Any]) -> dict[str, Any] | None:
    if options["no_rollback"]:
        return {"enabled": False}
    if options["rollback_on"]:
        return {"enabled": True, "events": list(options["rollback_on"])}
    return None

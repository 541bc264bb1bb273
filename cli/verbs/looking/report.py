"""`stepdeploy report [DEPLOYMENT_ID | APPLICATION/GROUP]`: one page of a deployment, to keep or to attach somewhere.

The page is one file of HTML without a script, which only you may read: how the deployment went, healthy hosts over
time beside the promise, why hosts failed with the ends of their logs, what happened when, each host, and what to do
next. It holds what scripts said: look at it before you pass it on. With --json the same for programs, and no file
without --html.
Without an id it is the newest deployment of the group, or of all groups.
"""

from datetime import UTC, datetime
from pathlib import Path

import click

from cli.account.connection import Engine
from cli.account.which import looked_at, which_argument
from cli.view.output import json_option, plain, tell_json
from cli.writing import write_whole


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy report
  stepdeploy report shop/web --html post-mortem.html
  stepdeploy report d-0123ABCDE --json | jq .healthyHosts.lowest""",
)
@which_argument
@click.option("--html", "file", type=click.Path(dir_okay=False, path_type=Path), help="Default: DEPLOYMENT_ID.html.")
@click.option("--overwrite", is_flag=True, help="Also where there is such a file.")
@json_option
def command(which: str | None, file: Path | None, overwrite: bool, as_json: bool) -> None:
    from cli.view.report.gathered import for_programs, gather
    from cli.view.report.page import page

    if file:
        _check(file, overwrite)
    engine = Engine()
    deployment_id = looked_at(engine, which)
    if not file and not as_json:
        file = Path(f"{deployment_id}.html")
        _check(file, overwrite)
    found = gather(engine, deployment_id, datetime.now(UTC))
    if file:
        _write(file, page(found))
    if as_json:
        tell_json({**for_programs(found), "file": str(file) if file else None})
    else:
        click.echo(plain(file))


def _check(file: Path, overwrite: bool) -> None:
    if not file.absolute().parent.is_dir():
        raise click.UsageError(plain(f"--html {file}: there is no folder {file.parent}"))
    if file.exists() and not overwrite:
        raise click.UsageError(plain(f"--html {file}: is there already; give another name, or --overwrite"))


def _write(file: Path, text: str) -> None:
    """All of it or nothing, for nobody else to read. Raises UsageError for a place where nothing can be written."""
    try:
        write_whole(file, text)
    except OSError as error:
        raise click.UsageError(plain(f"--html {file}: {error.strerror or error}")) from error

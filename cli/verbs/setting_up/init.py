"""`stepdeploy init [FOLDER]`: begin a revision: an AppSpec with its scripts, ready to be deployed as it is.

What is in FOLDER (default: this one) already is kept as it is. The deployment group to add to deployments.yaml is
printed; with --group, which names it, it is written to FOLDER/deployments.yaml instead.
"""

import shutil
from pathlib import Path

import click

from cli.account.group_name import GROUP, Group
from cli.bundle.pack import IGNORE
from cli.view.output import json_option, plain, tell_json
from functions.core.text.names import ALLOWED, is_name, is_reserved
from host.appspec import DEFAULT_NAME, names_of

_STARTER = Path(__file__).parents[2] / "starter"
_FILES = {
    DEFAULT_NAME: "appspec.yml",
    "scripts/stop.sh": "scripts/stop.sh",
    "scripts/start.sh": "scripts/start.sh",
    "scripts/validate.sh": "scripts/validate.sh",
    "app/hello.txt": "app/hello.txt",
    IGNORE: "ignore",
}
_GROUP_FILE = "deployments.yaml"
_USUAL_GROUP = "production"


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy init
  stepdeploy init web --group shop/web
  stepdeploy local -l web --prefix /tmp/try""",
)
@click.argument("folder", type=Path, default=".")
@click.option("--group", type=GROUP, metavar="APPLICATION/GROUP", help="Default: the folder's name, and production.")
@json_option
def command(folder: Path, group: Group | None, as_json: bool) -> None:
    named = group or Group(folder.resolve().name, _USUAL_GROUP)
    _check(named, folder, "" if group else "; name it with --group")
    files = {**_FILES, _GROUP_FILE: _GROUP_FILE} if group else _FILES
    try:
        made = [name for name, source in files.items() if _make(folder / name, _STARTER / source, named)]
    except OSError as error:
        raise click.UsageError(plain(f"FOLDER {folder}: {error}")) from error
    kept = [name for name in files if name not in made]
    if as_json:
        tell_json({"folder": str(folder), "made": made, "kept": kept, "deployments.yaml": _filled(_GROUP_FILE, named)})
        return
    for what, names in (("made", made), ("kept", kept)):
        for name in names:
            click.echo(plain(f"{what}  {folder / name}"), err=True)
    if _GROUP_FILE not in made:
        click.echo(f"\nAdd this to deployments.yaml, and deploy it with `cdk deploy`:\n\n{_filled(_GROUP_FILE, named)}")
    click.echo(plain(f"Next: stepdeploy local -l {folder} --prefix /tmp/try"), err=True)


def _check(group: Group, folder: Path, remedy: str) -> None:
    for name in group:
        if not is_name(name) or is_reserved(name):
            raise click.UsageError(f"the name {name!r}: give {ALLOWED}{remedy}")
    if there := [name for name in names_of(DEFAULT_NAME) if (folder / name).exists()]:
        raise click.UsageError(plain(f"FOLDER {folder}: already has {there[0]}, which is not changed"))


def _make(path: Path, source: Path, group: Group) -> bool:
    """False for what is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x") as file:
            file.write(_filled(str(source.relative_to(_STARTER)), group))
    except FileExistsError:
        return False
    shutil.copymode(source, path)
    return True


def _filled(source: str, group: Group) -> str:
    text = (_STARTER / source).read_text()
    return text.replace("my-application", group.application).replace("my-group", group.name)

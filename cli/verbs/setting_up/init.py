"""`stepdeploy init [FOLDER]`: begin a revision: an AppSpec with its scripts, ready to be deployed as it is.

What is in FOLDER (default: this one) already is kept as it is. The deployment group to add to deployments.yaml is
printed; with --group, which names it, it is written to FOLDER/deployments.yaml instead.

--from-codedeploy begins with deployment groups of CodeDeploy instead: their deployments.yaml is printed, and what
cannot be taken over is named there and on standard error.
"""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from cli.account.connection import Engine
from cli.account.from_codedeploy import Converted, config_names, convert, infos_in
from cli.account.group_name import GROUP, Group
from cli.bundle.pack import IGNORE
from cli.exits import Exit
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
  stepdeploy local -l web --prefix /tmp/try
  stepdeploy init --from-codedeploy shop/web > deployments.yaml
  aws deploy get-deployment-group ... | stepdeploy init --from-codedeploy - > deployments.yaml""",
)
@click.argument("folder", type=Path, default=".")
@click.option("--group", type=GROUP, metavar="APPLICATION/GROUP", help="Default: the folder's name, and production.")
@click.option(
    "--from-codedeploy",
    "sources",
    multiple=True,
    metavar="APPLICATION/GROUP|FILE",
    help="A group of CodeDeploy, or a file (- is standard input) with what `aws deploy get-deployment-group`,"
    " `batch-get-deployment-groups` or `get-deployment-config` printed; can be repeated.",
)
@json_option
def command(folder: Path, group: Group | None, sources: tuple[str, ...], as_json: bool) -> int:
    if sources:
        return _tell_converted(_converted(sources), as_json)
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
        return Exit.DONE
    for what, names in (("made", made), ("kept", kept)):
        for name in names:
            click.echo(plain(f"{what}  {folder / name}"), err=True)
    if _GROUP_FILE not in made:
        click.echo(f"\nAdd this to deployments.yaml, and deploy it with `cdk deploy`:\n\n{_filled(_GROUP_FILE, named)}")
    click.echo(plain(f"Next: stepdeploy local -l {folder} --prefix /tmp/try"), err=True)
    return Exit.DONE


def _converted(sources: Sequence[str]) -> Converted:
    """Of groups in the account, and of files."""
    groups: list[Any] = []
    configs: list[Any] = []
    asked: list[Any] = []
    for source in sources:
        if source == "-" or Path(source).is_file():
            in_file = infos_in(_read_json(source))
            groups += in_file[0]
            configs += in_file[1]
        else:
            members = GROUP.convert(source, None, None).members
            asked.append(Engine().client("codedeploy").get_deployment_group(**members)["deploymentGroupInfo"])
    for name in config_names(asked):
        answer = Engine().client("codedeploy").get_deployment_config(deploymentConfigName=name)
        configs.append(answer["deploymentConfigInfo"])
    return convert([*groups, *asked], configs)


def _read_json(source: str) -> Any:
    try:
        found = json.loads(sys.stdin.read() if source == "-" else Path(source).read_text())
    except (OSError, ValueError) as error:
        raise click.UsageError(plain(f"--from-codedeploy {source}: {error}")) from error
    if not isinstance(found, dict) or not any(infos_in(found)):
        what = "holds no deploymentGroupInfo, deploymentGroupsInfo or deploymentConfigInfo, as `aws deploy` prints them"
        raise click.UsageError(plain(f"--from-codedeploy {source}: {what}"))
    return found


def _tell_converted(found: Converted, as_json: bool) -> int:
    """1 when no group could be taken over."""
    if as_json:
        notes = [{"group": note.of, "member": note.member, "why": note.why} for note in found.notes]
        tell_json({"deployments.yaml": found.text, "notTakenOver": notes, "problems": found.problems})
        return Exit.DONE if found.groups else Exit.FAILED
    click.echo("\n".join(map(plain, found.text.splitlines())))
    for note in found.notes:
        click.echo(plain(f"{note.of}: not taken over: {note.member}: {note.why}"), err=True)
    for problem in found.problems:
        click.echo(plain(f"put right by hand: {problem}"), err=True)
    for key, place in found.revisions.items():
        to = f"s3://BUCKET/{key}/{place.rpartition('/')[2]}"
        click.echo(plain(f"{key}: to deploy what it has now: aws s3 cp {place} {to}"), err=True)
    return Exit.DONE if found.groups else Exit.FAILED


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

"""`stepdeploy install-model`: let the AWS CLI and boto3 know the control API as a service of its own, `stepdeploy`.

It writes the service model to ~/.aws/models, where both look for such. Then `aws stepdeploy ...` and
`boto3.client("stepdeploy")` have CodeDeploy's operations and those that stepdeploy adds, signed for its own address.
"""

import json
from pathlib import Path

import click

from cli.exits import Exit
from cli.view.output import json_option, tell_json
from cli.writing import write_whole

_VARIABLE = "AWS_ENDPOINT_URL_STEPDEPLOY"


@click.command(help=__doc__)
@click.option(
    "--directory", type=Path, help="Folder of models. Default: ~/.aws/models, which the AWS CLI reads by itself."
)
@click.option("--remove", is_flag=True, help="Remove the model again.")
@json_option
def command(directory: Path | None, remove: bool, as_json: bool) -> Exit:
    from cli.account.service_model import API_VERSION, NAME, files

    service = (directory or Path.home() / ".aws" / "models") / NAME
    place = service / API_VERSION
    written = [place / f"{kind}.json" for kind in files()]
    try:
        if remove:
            _remove(written, place, service)
        else:
            place.mkdir(parents=True, exist_ok=True)
            for path, content in zip(written, files().values(), strict=True):
                write_whole(path, json.dumps(content), 0o644)  # an AWS CLI may read it in this moment
    except OSError as error:
        raise click.UsageError(f"--directory: {error.filename}: {error.strerror}") from error
    if as_json:
        tell_json({"removed" if remove else "written": [str(path) for path in written]})
    elif remove:
        click.echo(f"removed {place}")
    else:
        click.echo(f"written {place}")
        click.echo(f"Set the address, the stack's output ApiEndpoint: export {_VARIABLE}=https://...", err=True)
        if directory:
            click.echo(f"and where models lie: export AWS_DATA_PATH={directory}", err=True)
        click.echo("Then: aws stepdeploy list-deployments", err=True)
    return Exit.DONE


def _remove(written: list[Path], *folders: Path) -> None:
    """Our files, and the folders that are empty then."""
    for path in written:
        path.unlink(missing_ok=True)
    for folder in folders:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()

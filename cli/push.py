"""`stepdeploy push APPLICATION/GROUP [PATH]`: put a revision into the revision bucket, and deploy nothing.

PATH is a folder (default: this one) or a .zip, .tar, .tar.gz or .tgz archive. It is checked first, as by `stepdeploy
validate`. A folder is packed without what its .stepdeployignore says. The revision is kept under its own sha256: what
is there already is not uploaded again. Its location is printed on standard output.
"""

import base64
import hashlib
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import click

from cli.engine import Engine
from cli.findings import Severity, findings_in
from cli.group import Group, group_argument
from cli.locations import S3Object
from cli.output import json_option, plain, tell_json
from cli.pack import entries, pack
from cli.validate import text
from functions.core.errors import InvalidInput
from functions.core.revisions import PUSHED_PREFIX, bundle_type
from functions.core.statuses import BundleType
from host.entries import ArchiveError

_NOT_THERE = ("404", "NoSuchKey", "403")  # who may not list the bucket is told 403 of what is not there
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")


@dataclass(frozen=True)
class Pushed:
    """A revision that is in the bucket, or would be."""

    place: S3Object
    kind: BundleType
    sha256: str
    size: int  # bytes
    was_there: bool

    @property
    def location(self) -> dict[str, Any]:
        """A RevisionLocation."""
        given = {"version": self.place.version, "eTag": self.place.etag}
        found = {"bucket": self.place.bucket, "key": self.place.key, "bundleType": self.kind.value}
        return {
            "revisionType": "S3",
            "s3Location": {**found, **{name: value for name, value in given.items() if value}},
        }


def _name(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value and not _NAME.fullmatch(value):
        raise click.BadParameter(f"{value!r}: give up to 100 letters, digits, '.', '_' and '-', such as build-42")
    return value


name_option = click.option("--name", callback=_name, help="Begins the archive's name in the bucket, such as build-42.")


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy push shop/web dist
  stepdeploy push shop/web build/42.tgz --name build-42
  stepdeploy deploy shop/web "$(stepdeploy push shop/web)"

Exit status: 1 when the revision has errors, 3 when the engine or AWS refuses.""",
)
@group_argument
@click.argument("path", type=Path, default=".")
@name_option
@click.option("--dry-run", is_flag=True, help="Say what would be packed, and where it would be put.")
@json_option
def command(group: Group, path: Path, name: str | None, dry_run: bool, as_json: bool) -> None:
    pushed = push(Engine(), group, path, name=name, dry_run=dry_run)
    names = [each for _, each in entries(path)] if dry_run and path.is_dir() else []
    if as_json:
        told = {"location": str(pushed.place), "revision": pushed.location, "sha256": pushed.sha256}
        more = {"entries": names} if dry_run else {}
        tell_json({**told, "size": pushed.size, "uploaded": not (pushed.was_there or dry_run), **more})
        return
    for each in names:
        click.echo(plain(each))
    click.echo(f"{_bytes(pushed.size)}, sha256 {pushed.sha256}, {_done(pushed, dry_run)}:", err=True)
    click.echo(str(pushed.place))


def _done(pushed: Pushed, dry_run: bool) -> str:
    if pushed.was_there:
        return "is there already"
    return "would be uploaded" if dry_run else "uploaded"


def _bytes(count: int) -> str:
    """
    >>> _bytes(1500)
    '1.5 kB'
    """
    amount, unit = float(count), "bytes"
    for larger in ("kB", "MB", "GB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{count} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"


def push(engine: Engine, group: Group, path: Path, *, name: str | None = None, dry_run: bool = False) -> Pushed:
    """Check, pack, upload unless it is there, and register with the application.

    Raises click.UsageError for what cannot be read, and ClickException when the revision has errors.
    """
    with _archive(path) as (archive, kind):
        _check(archive, kind, path)
        sha256 = hashlib.file_digest(archive, "sha256")  # type: ignore[arg-type]  # which wants readinto() by type
        size = _size(archive, path)
        engine.api.get_deployment_group(**group.members)  # which is refused before anything is uploaded
        key = f"{PUSHED_PREFIX}{group.application}/{name + '-' if name else ''}{sha256.hexdigest()}.{kind}"
        place = S3Object(engine.output("BucketName"), key, None, None)
        s3 = engine.client("s3")
        there = _there(s3, place)
        pushed = Pushed(there or place, kind, sha256.hexdigest(), size, was_there=there is not None)
        if dry_run:
            return pushed
        if there is None:
            pushed = replace(pushed, place=_upload(s3, place, archive, size, sha256.digest()))
    about = {"description": name} if name else {}
    engine.api.register_application_revision(applicationName=group.application, revision=pushed.location, **about)
    return pushed


@contextmanager
def _archive(path: Path) -> Iterator[tuple[BinaryIO, BundleType]]:
    with ExitStack() as opened:
        try:
            found = _packed(path, opened)
        except ArchiveError as error:
            raise click.ClickException(plain(f"{path}: {error}")) from error
        except InvalidInput as error:
            raise click.UsageError(plain(f"PATH {path}: {error}, or is a folder")) from error
        except FileNotFoundError as error:
            raise click.UsageError(plain(f"PATH {path}: there is no {error.filename}")) from error
        except OSError as error:
            raise click.UsageError(plain(f"PATH {path}: cannot be read: {error}")) from error
        yield found


def _packed(path: Path, opened: ExitStack) -> tuple[BinaryIO, BundleType]:
    if not path.is_dir():
        return opened.enter_context(path.open("rb")), bundle_type(path.name)
    file = opened.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
    pack(path, file)
    return file, BundleType.ZIP


def _check(archive: BinaryIO, kind: BundleType, path: Path) -> None:
    archive.seek(0)
    found = findings_in(archive, kind, path)
    if found:
        for line in text(found):
            click.echo(line, err=True)
    if any(each.severity is Severity.ERROR for each in found):
        raise click.ClickException(plain(f"{path} has errors: nothing was pushed"))
    archive.seek(0)


def _size(archive: BinaryIO, path: Path) -> int:
    from functions.aws.revisions import MAX_BYTES

    size = archive.seek(0, 2)
    if size > MAX_BYTES:
        raise click.ClickException(
            plain(f"{path}: is {size} bytes; the limit is {MAX_BYTES}: make the archive smaller")
        )
    return size


def _there(s3: Any, place: S3Object) -> S3Object | None:
    from botocore.exceptions import ClientError

    try:
        return _stored(place, s3.head_object(Bucket=place.bucket, Key=place.key))
    except ClientError as error:
        if error.response["Error"]["Code"] in _NOT_THERE:
            return None
        raise


def _stored(place: S3Object, answer: dict[str, Any]) -> S3Object:
    return place._replace(version=answer.get("VersionId"), etag=answer["ETag"].strip('"'))


def _upload(s3: Any, place: S3Object, archive: BinaryIO, size: int, sha256: bytes) -> S3Object:
    """S3 itself holds what it gets against the sha256 that the key says."""
    checksum = base64.b64encode(sha256).decode()
    with _progress(size) as tell:
        body = _Watched(archive, tell)
        answer = s3.put_object(Bucket=place.bucket, Key=place.key, Body=body, ChecksumSHA256=checksum)
    return _stored(place, answer)


class _Watched:
    """A file that tells how far it was read."""

    def __init__(self, file: BinaryIO, tell: Callable[[int], object]) -> None:
        self._file, self._tell = file, tell
        self.seek, self.tell = file.seek, file.tell
        file.seek(0)

    def read(self, size: int = -1) -> bytes:
        chunk = self._file.read(size)
        self._tell(self._file.tell())
        return chunk


@contextmanager
def _progress(size: int) -> Iterator[Callable[[int], object]]:
    """A bar on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda position: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("upload", total=size)
        yield lambda position: progress.update(task, completed=position)

"""`stepdeploy push APPLICATION/GROUP [PATH]`: put a revision into the revision bucket, and deploy nothing.

PATH is a folder (default: this one) or a .zip, .tar, .tar.gz or .tgz archive. It is checked first, as by `stepdeploy
validate`. A folder is packed without what its .stepdeployignore says. A folder is kept under the digest of its names,
modes and contents, an archive under its own sha256: what is there already is not uploaded again. Its location is
printed on standard output.
"""

import base64
import hashlib
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import click

from cli.account.connection import Engine
from cli.account.group_name import Group, group_argument
from cli.bundle.findings import Severity, findings_in
from cli.bundle.locations import S3Object
from cli.bundle.pack import entries, pack
from cli.verbs.deploying.validate import text
from cli.view.output import json_option, plain, tell_json
from functions.core.errors import InvalidInput
from functions.core.quotas import MAX_BUNDLE_BYTES
from functions.core.revision import PUSHED_PREFIX, bundle_type
from functions.core.statuses import BundleType
from host.bundle.entries import ArchiveError

_NOT_THERE = ("404", "NoSuchKey", "403")  # who may not list the bucket is told 403 of what is not there
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_SHA256 = "sha256"  # metadata of an object that was packed here: its key is its folder's identity, not this


class Archive(NamedTuple):
    """What is pushed, open; closed by who asked for it."""

    file: BinaryIO
    kind: BundleType
    size: int  # bytes
    sha256: str
    identity: str  # the sha256, or of a folder what equal folders have in common

    def key(self, group: Group, name: str | None) -> str:
        """Where it is put in the revision bucket."""
        return f"{PUSHED_PREFIX}{group.application}/{name + '-' if name else ''}{self.identity}.{self.kind}"


class _Stored(NamedTuple):
    """An object that is in the bucket."""

    place: S3Object
    sha256: str
    size: int  # bytes


@dataclass(frozen=True)
class Pushed:
    """A revision that is in the bucket."""

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
        raise click.BadParameter(f"{value!r}: give up to 100 letters, digits, '.', '_' and '-', for example build-42")
    return value


name_option = click.option("--name", callback=_name, help="Prefix of the archive's name, for example build-42.")


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
@click.option("--dry-run", is_flag=True, help="Check and pack, and print what would be put where. Does not call AWS.")
@json_option
def command(group: Group, path: Path, name: str | None, dry_run: bool, as_json: bool) -> None:
    if dry_run:
        _rehearse(group, path, name, as_json)
        return
    pushed = push(Engine(), group, path, name=name)
    if as_json:
        told = {"location": str(pushed.place), "revision": pushed.location, "sha256": pushed.sha256}
        tell_json({**told, "size": pushed.size, "uploaded": not pushed.was_there})
        return
    done = "is there already" if pushed.was_there else "uploaded"
    click.echo(f"{_bytes(pushed.size)}, sha256 {pushed.sha256}, {done}:", err=True)
    click.echo(str(pushed.place))


def _rehearse(group: Group, path: Path, name: str | None, as_json: bool) -> None:
    """Everything that needs no engine. The key is all of the location that is known without."""
    with checked(path) as archive:
        key, names = archive.key(group, name), [each for _, each in entries(path)] if path.is_dir() else []
        if as_json:
            told = {"key": key, "sha256": archive.sha256, "size": archive.size}
            tell_json({**told, "uploaded": False, "entries": names})
            return
        for each in names:
            click.echo(plain(each))
        click.echo(f"{_bytes(archive.size)}, sha256 {archive.sha256}, would be put into the revision bucket:", err=True)
        click.echo(key)


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


def push(engine: Engine, group: Group, path: Path, *, name: str | None = None) -> Pushed:
    """Check, pack, upload unless it is there, and register with the application.

    Raises click.UsageError for what cannot be read, and ClickException when the revision has errors.
    """
    with checked(path) as archive:
        engine.api.get_deployment_group(**group.members)  # which is refused before anything is uploaded
        place = S3Object(engine.output("BucketName"), archive.key(group, name), None, None)
        s3 = engine.client("s3")
        there = _there(s3, place, archive)
        stored = there or _upload(s3, place, archive)
        pushed = Pushed(stored.place, archive.kind, stored.sha256, stored.size, was_there=there is not None)
    about = {"description": name} if name else {}
    engine.api.register_application_revision(applicationName=group.application, revision=pushed.location, **about)
    return pushed


@contextmanager
def checked(path: Path) -> Iterator[Archive]:
    """The archive of a folder, or the one at `path`, without errors and not too large.

    Raises click.UsageError for what cannot be read, and ClickException for the rest.
    """
    with ExitStack() as opened:
        try:
            file, kind, identity = _packed(path, opened)
        except ArchiveError as error:
            raise click.ClickException(plain(f"{path}: {error}")) from error
        except InvalidInput as error:
            raise click.UsageError(plain(f"PATH {path}: {error}, or is a folder")) from error
        except FileNotFoundError as error:
            raise click.UsageError(plain(f"PATH {path}: there is no {error.filename}")) from error
        except OSError as error:
            raise click.UsageError(plain(f"PATH {path}: cannot be read: {error}")) from error
        _check(file, kind, path)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # wants readinto() by type
        yield Archive(file, kind, _size(file, path), sha256, identity or sha256)


def _packed(path: Path, opened: ExitStack) -> tuple[BinaryIO, BundleType, str]:
    """The open archive, how it is packed, and a folder's identity."""
    if not path.is_dir():
        return opened.enter_context(path.open("rb")), bundle_type(path.name), ""
    file = opened.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
    return file, BundleType.ZIP, pack(path, file)


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
    size = archive.seek(0, 2)
    if size > MAX_BUNDLE_BYTES:
        raise click.ClickException(
            plain(f"{path}: is {size} bytes; the limit is {MAX_BUNDLE_BYTES}: make the archive smaller")
        )
    return size


def _there(s3: Any, place: S3Object, archive: Archive) -> _Stored | None:
    """What the bucket has under the key. A folder's archive that says no sha256 was not put by this command."""
    from botocore.exceptions import ClientError

    try:
        answer = s3.head_object(Bucket=place.bucket, Key=place.key)
    except ClientError as error:
        if error.response["Error"]["Code"] in _NOT_THERE:
            return None
        raise
    sha256 = archive.sha256 if archive.identity == archive.sha256 else answer["Metadata"].get(_SHA256)
    return _Stored(_pinned(place, answer), sha256, answer["ContentLength"]) if sha256 else None


def _pinned(place: S3Object, answer: dict[str, Any]) -> S3Object:
    return place._replace(version=answer.get("VersionId"), etag=answer["ETag"].strip('"'))


def _upload(s3: Any, place: S3Object, archive: Archive) -> _Stored:
    """S3 itself holds what it gets against the sha256."""
    checksum = base64.b64encode(bytes.fromhex(archive.sha256)).decode()
    metadata = {_SHA256: archive.sha256}
    with _progress(archive.size) as tell:
        body = _Watched(archive.file, tell)
        answer = s3.put_object(
            Bucket=place.bucket, Key=place.key, Body=body, ChecksumSHA256=checksum, Metadata=metadata
        )
    return _Stored(_pinned(place, answer), archive.sha256, archive.size)


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

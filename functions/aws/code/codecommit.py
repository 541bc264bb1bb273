"""CodeCommit: the archive of a commit, which the engine packs itself from the commit's folders and files.

The same commit is always the same archive, byte for byte: paths in order, no times, no owners. As in git's own archives
a submodule is an empty folder.

Source: CodeCommit API model 2015-04-13 (GetFolder, GetBlob, FileModeTypeEnum); it has no operation that gives an
archive.
"""

import gzip
import io
import tarfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import IO, Any, NoReturn

from functions.aws.clients import client
from functions.core.errors import NotDeployable
from functions.core.limits import batches
from functions.core.records import CodeCommitCommit
from functions.core.statuses import DeploymentErrorCode

_MAX_FILES = 10_000  # two requests a file at most, in a function of five minutes
_SECONDS = 150  # for the whole commit: Prepare has five minutes, and checks the archive besides
_AT_ONCE = 16  # requests
_IN_MEMORY = 32  # files: CodeCommit gives none of more than a few megabytes
_GONE = (
    "RepositoryDoesNotExistException",
    "CommitIdDoesNotExistException",
    "CommitDoesNotExistException",
    "InvalidCommitIdException",
)
_DENIED = ("AccessDeniedException", "AccessDenied")


class _Kind(StrEnum):
    FILE = "file"
    LINK = "link"
    SUBMODULE = "submodule"


@dataclass(frozen=True, slots=True)
class _Entry:
    path: str
    kind: _Kind
    blob: str = ""
    is_executable: bool = False


def fetch(commit: CodeCommitCommit, file: IO[bytes], most: int) -> None:
    """Write the commit's archive, a gzipped tar of files of at most so many bytes, into an empty file. Raises
    NotDeployable."""
    from botocore.exceptions import ClientError

    try:
        _pack(commit, file, most, time.monotonic() + _SECONDS)
    except ClientError as error:
        _refused(commit, error)


def _pack(commit: CodeCommitCommit, file: IO[bytes], most: int, deadline: float) -> None:
    entries = sorted(_entries(commit, deadline), key=lambda each: each.path)
    size = 0
    with (
        gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ThreadPoolExecutor(_AT_ONCE) as pool,
    ):
        for some in batches(entries, _IN_MEMORY):
            for entry, body in zip(some, pool.map(lambda each: _read(commit, each), some), strict=True):
                size += len(body)
                if size > most:
                    what = f"its files have more than {most} bytes together"
                    _fail(
                        commit,
                        f"{what}: make the commit smaller, or upload an archive",
                        DeploymentErrorCode.INVALID_REVISION,
                    )
                _add(archive, entry, body)
            _check_time(commit, deadline)


def _entries(commit: CodeCommitCommit, deadline: float) -> Iterator[_Entry]:
    """What is in the commit, in any order."""
    left, number = ["/"], 0
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        while left:
            folders = list(pool.map(lambda path: _folder(commit, path), left))
            left = [each["absolutePath"] for folder in folders for each in folder.get("subFolders", [])]
            for entry in (entry for folder in folders for entry in _of_folder(folder)):
                if (number := number + 1) > _MAX_FILES:
                    what = f"it has more than {_MAX_FILES} files: upload an archive to the revision bucket instead"
                    _fail(commit, what, DeploymentErrorCode.INVALID_REVISION)
                yield entry
            _check_time(commit, deadline)


def _of_folder(folder: dict[str, Any]) -> Iterator[_Entry]:
    for each in folder.get("files", []):
        yield _Entry(each["absolutePath"], _Kind.FILE, each["blobId"], each.get("fileMode") == "EXECUTABLE")
    for each in folder.get("symbolicLinks", []):
        yield _Entry(each["absolutePath"], _Kind.LINK, each["blobId"])
    for each in folder.get("subModules", []):
        yield _Entry(each["absolutePath"], _Kind.SUBMODULE)


def _folder(commit: CodeCommitCommit, path: str) -> dict[str, Any]:
    asked = {"repositoryName": commit.repository, "commitSpecifier": commit.commit, "folderPath": path}
    found: dict[str, Any] = client("codecommit").get_folder(**asked)
    return found


def _read(commit: CodeCommitCommit, entry: _Entry) -> bytes:
    codecommit = client("codecommit")
    if entry.kind is _Kind.SUBMODULE:
        return b""
    try:
        return bytes(codecommit.get_blob(repositoryName=commit.repository, blobId=entry.blob)["content"])
    except codecommit.exceptions.FileTooLargeException:
        what = f"CodeCommit does not return the file {entry.path}, because of its size: keep it out of the repository"
        _fail(commit, f"{what}, or upload an archive", DeploymentErrorCode.INVALID_REVISION)


def _add(archive: tarfile.TarFile, entry: _Entry, body: bytes) -> None:
    info = tarfile.TarInfo(entry.path)
    info.mode = 0o755 if entry.is_executable or entry.kind is _Kind.SUBMODULE else 0o644
    match entry.kind:
        case _Kind.FILE:
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
        case _Kind.LINK:
            info.type, info.linkname = tarfile.SYMTYPE, body.decode(errors="surrogateescape")
            archive.addfile(info)
        case _Kind.SUBMODULE:
            info.type = tarfile.DIRTYPE
            archive.addfile(info)


def _check_time(commit: CodeCommitCommit, deadline: float) -> None:
    if time.monotonic() > deadline:
        what = f"CodeCommit took longer than {_SECONDS} s: upload an archive to the revision bucket instead"
        _fail(commit, what)


def _refused(commit: CodeCommitCommit, error: Any) -> NoReturn:
    code = error.response["Error"]["Code"]
    if code in _DENIED:
        what = (
            "the engine may not read the repository: name it under codeCommitRepositories of deployments.yaml, and run"
            " cdk deploy"
        )
        _fail(commit, what, DeploymentErrorCode.IAM_ROLE_PERMISSIONS)
    if code in _GONE:
        _fail(commit, f"CodeCommit has no such commit ({code}): push it")
    raise error


def _fail(
    commit: CodeCommitCommit, what: str, code: DeploymentErrorCode = DeploymentErrorCode.REVISION_MISSING
) -> NoReturn:
    raise NotDeployable(code, f"{commit.place}: {what}")

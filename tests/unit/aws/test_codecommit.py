"""The archive of a commit of CodeCommit, from a real git repository: what is in it, and what is refused."""

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from functions.aws.code import codecommit
from functions.core.errors import NotDeployable
from functions.core.records import CodeCommitCommit
from functions.core.statuses import DeploymentErrorCode
from local.codecommit import service
from tests.conftest import stand_in
from tests.fakes.codecommit import FakeCodeCommit, commit_all, git
from tests.fakes.service import refusal

MAX = 1024**2


@dataclass
class Repository:
    fake: FakeCodeCommit
    folder: Path  # of a clone
    place: Path

    def push(self) -> str:
        """Commit what lies in the clone; the commit's id."""
        found = commit_all(self.folder)
        hook = self.place / "hooks/post-receive"
        hook.unlink(missing_ok=True)  # nobody listens here
        git(self.folder, "push", "--quiet", "--force", str(self.place), "HEAD:refs/heads/main")
        return found


def fetched(commit: str, most: int = MAX, repository: str = "shop") -> bytes:
    file = io.BytesIO()
    codecommit.fetch(CodeCommitCommit(repository=repository, commit=commit), file, most)
    return file.getvalue()


def refused(code: DeploymentErrorCode, *words: str, commit: str, most: int = MAX, repository: str = "shop") -> None:
    with pytest.raises(NotDeployable) as error:
        fetched(commit, most, repository)
    assert error.value.code is code and str(error.value).startswith(f"CodeCommit's {repository} at {commit}: ")
    assert all(word in str(error.value) for word in words), str(error.value)


@pytest.fixture
def repository(environment: None, tmp_path: Path) -> Repository:
    fake = stand_in("codecommit", FakeCodeCommit(tmp_path))
    place = fake.call("CreateRepository", repositoryName="shop")["repositoryMetadata"]["cloneUrlHttp"]
    folder = tmp_path / "clone"
    folder.mkdir()
    (folder / "appspec.yml").write_text("version: 0.0\nos: linux\n")
    return Repository(fake, folder, Path(place))


def test_files_folders_links_and_modes_are_as_they_were_committed(repository: Repository) -> None:
    (repository.folder / "scripts").mkdir()
    script = repository.folder / "scripts/stört.sh"
    script.write_bytes(b"#!/bin/sh\n\0\xff")
    script.chmod(0o755)
    (repository.folder / "link").symlink_to("scripts/stört.sh")
    with tarfile.open(fileobj=io.BytesIO(fetched(repository.push()))) as archive:
        found = {each.name: (each.type, each.mode, each.linkname) for each in archive}
        assert found == {
            "appspec.yml": (tarfile.REGTYPE, 0o644, ""),
            "link": (tarfile.SYMTYPE, 0o644, "scripts/stört.sh"),
            "scripts/stört.sh": (tarfile.REGTYPE, 0o755, ""),
        }
        body = archive.extractfile("scripts/stört.sh")
        assert body and body.read() == b"#!/bin/sh\n\0\xff"


def test_a_commit_is_the_same_archive_each_time(repository: Repository) -> None:
    for number in range(10):
        (repository.folder / f"{number}.txt").write_text(str(number))
    commit = repository.push()
    assert fetched(commit) == fetched(commit)


def test_a_submodule_is_an_empty_folder(repository: Repository, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.txt").write_text("a")
    commit_all(other)
    commit_all(repository.folder)
    git(repository.folder, "submodule", "--quiet", "add", str(other), "lib")
    with tarfile.open(fileobj=io.BytesIO(fetched(repository.push()))) as archive:
        assert archive.getmember("lib").isdir() and "lib/a.txt" not in archive.getnames()


def test_a_file_that_codecommit_does_not_return_is_named(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MAX_BLOB", 1000)
    (repository.folder / "big.bin").write_bytes(bytes(1001))
    refused(DeploymentErrorCode.INVALID_REVISION, "does not return the file big.bin, because", commit=repository.push())


def test_a_commit_that_is_too_large_is_refused(repository: Repository) -> None:
    (repository.folder / "big.bin").write_bytes(bytes(1000))
    refused(DeploymentErrorCode.INVALID_REVISION, "more than 1000 bytes together", commit=repository.push(), most=1000)


def test_as_many_files_as_may_be_are_packed_and_one_more_is_refused_before_any_is_read(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit has one file of git's; the others are in folders of its own, which are all the same."""
    monkeypatch.setattr(codecommit, "_MAX_FILES", 300)  # of 10,000: to pack them takes two seconds
    (repository.folder / "one.txt").write_text("one")
    commit = repository.push()
    many = ManyFiles(repository.fake, commit, 298)
    stand_in("codecommit", many)
    with tarfile.open(fileobj=io.BytesIO(fetched(commit))) as archive:
        names = archive.getnames()
    assert len(set(names)) == len(names) == 300 and {"0/99.txt", "2/97.txt", "one.txt"} <= set(names)
    many.read, many.copies = 0, 299
    refused(DeploymentErrorCode.INVALID_REVISION, "more than 300 files: upload an archive", commit=commit)
    assert many.read == 0


class ManyFiles:
    """A commit of a fake with copies of its file one.txt, a hundred in each folder more."""

    def __init__(self, fake: FakeCodeCommit, commit: str, copies: int) -> None:
        self._root: dict[str, Any] = fake.get_folder(repositoryName="shop", commitSpecifier=commit, folderPath="/")
        self.copies, self.read = copies, 0
        self.exceptions = fake.exceptions

    def get_folder(self, *, folderPath: str, **asked: str) -> dict[str, Any]:
        (one,) = [each for each in self._root["files"] if each["absolutePath"] == "one.txt"]
        if folderPath == "/":
            folders = [{"absolutePath": str(number)} for number in range(-(-self.copies // 100))]
            return {**self._root, "subFolders": folders}
        names = [f"{folderPath}/{number}.txt" for number in range(100) if int(folderPath) * 100 + number < self.copies]
        return {**self._root, "files": [{**one, "absolutePath": name} for name in names], "subFolders": []}

    def get_blob(self, **asked: str) -> dict[str, Any]:
        self.read += 1
        return {"content": b"one"}


def test_what_is_not_there_or_not_allowed_says_what_to_do(repository: Repository) -> None:
    gone = "1" * 40
    refused(DeploymentErrorCode.REVISION_MISSING, "no such commit (CommitDoesNotExistException): push it", commit=gone)
    refused(DeploymentErrorCode.REVISION_MISSING, "RepositoryDoesNotExistException", commit=gone, repository="other")
    repository.fake.before = lambda operation: _refuse("AccessDeniedException", operation)
    refused(DeploymentErrorCode.IAM_ROLE_PERMISSIONS, "under codeCommitRepositories of deployments.yaml", commit=gone)


def test_a_commit_that_takes_too_long_is_given_up(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecommit, "_SECONDS", -1)
    refused(DeploymentErrorCode.REVISION_MISSING, "took longer than -1 s", commit=repository.push())


def _refuse(code: str, operation: str) -> None:
    raise refusal(code, operation)

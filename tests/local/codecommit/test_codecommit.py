"""The local cloud's CodeCommit: what its API says of a repository, and what EventBridge hears of a push."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from local.codecommit import service
from tests.fakes.codecommit import FakeCodeCommit, commit_all, git
from tests.fakes.service import refusal


@pytest.fixture
def fake(tmp_path: Path) -> FakeCodeCommit:
    return FakeCodeCommit(tmp_path)


@pytest.fixture
def clone(fake: FakeCodeCommit, tmp_path: Path) -> Path:
    """A clone of the repository `site`, with one file that is pushed."""
    place = fake.call("CreateRepository", repositoryName="site")["repositoryMetadata"]["cloneUrlHttp"]
    (Path(place) / "hooks/post-receive").unlink()  # nobody listens here
    folder = tmp_path / "clone"
    (folder / "docs").mkdir(parents=True)
    (folder / "docs/a.txt").write_text("a")
    commit_all(folder, "the first")
    git(folder, "push", "--quiet", place, "HEAD:refs/heads/main")
    return folder


def code(fake: FakeCodeCommit, operation: str, **asked: Any) -> str:
    with pytest.raises(type(refusal("any"))) as error:
        fake.call(operation, **asked)
    return str(error.value.response["Error"]["Code"])


def test_commits_branches_folders_and_files_are_gits(fake: FakeCodeCommit, clone: Path) -> None:
    commit = git(clone, "rev-parse", "HEAD")
    assert fake.call("GetBranch", repositoryName="site", branchName="main")["branch"]["commitId"] == commit
    told = fake.call("GetCommit", repositoryName="site", commitId=commit)["commit"]
    assert (told["commitId"], told["message"].strip()) == (commit, "the first")
    top = fake.call("GetFolder", repositoryName="site", folderPath="/")
    assert [each["absolutePath"] for each in top["subFolders"]] == ["docs"] and top["commitId"] == commit
    (file,) = fake.call("GetFolder", repositoryName="site", folderPath="docs")["files"]
    assert (file["absolutePath"], file["relativePath"], file["fileMode"]) == ("docs/a.txt", "a.txt", "NORMAL")
    blob = fake.call("GetBlob", repositoryName="site", blobId=file["blobId"])
    assert base64.b64decode(blob["content"]) == b"a"
    assert fake.service.archive("site", commit).startswith(b"PK")


def test_what_is_not_there_or_too_large_is_refused_as_codecommit_does(
    fake: FakeCodeCommit, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = {"repositoryName": "site"}
    assert code(fake, "GetRepository", repositoryName="other") == "RepositoryDoesNotExistException"
    assert code(fake, "CreateRepository", **one) == "RepositoryNameExistsException"
    assert code(fake, "GetBranch", **one, branchName="gone") == "BranchDoesNotExistException"
    assert code(fake, "GetCommit", **one, commitId="1" * 40) == "CommitIdDoesNotExistException"
    assert code(fake, "GetFolder", **one, folderPath="/", commitSpecifier="gone") == "CommitDoesNotExistException"
    assert code(fake, "GetFolder", **one, folderPath="gone") == "FolderDoesNotExistException"
    assert code(fake, "GetBlob", **one, blobId="1" * 40) == "BlobIdDoesNotExistException"
    (file,) = fake.call("GetFolder", **one, folderPath="docs")["files"]
    monkeypatch.setattr(service, "MAX_BLOB", 0)
    assert code(fake, "GetBlob", **one, blobId=file["blobId"]) == "FileTooLargeException"


def test_repositories_are_listed_and_deleted(fake: FakeCodeCommit, clone: Path) -> None:
    assert [each["repositoryName"] for each in fake.call("ListRepositories")["repositories"]] == ["site"]
    arn = fake.call("GetRepository", repositoryName="site")["repositoryMetadata"]["Arn"]
    assert [(each.action, each.resource) for each in fake.service.checks("GetBlob", {"repositoryName": "site"})] == [
        ("codecommit:GetBlob", arn)
    ]
    assert fake.call("DeleteRepository", repositoryName="site")["repositoryId"]
    assert fake.call("DeleteRepository", repositoryName="site") == {}
    assert fake.call("ListRepositories")["repositories"] == []


@pytest.mark.parametrize(("before", "after", "event"), [
    ("0" * 40, "a" * 40, "referenceCreated"),
    ("a" * 40, "b" * 40, "referenceUpdated"),
    ("b" * 40, "0" * 40, "referenceDeleted"),
])  # fmt: skip
def test_a_push_is_heard_with_its_reference(
    fake: FakeCodeCommit, clone: Path, before: str, after: str, event: str
) -> None:
    fake.service.pushed("site", [[before, after, "refs/heads/release/v2"]])
    (entry,) = fake.events
    detail = json.loads(entry["Detail"])
    assert (entry["Source"], entry["DetailType"]) == ("aws.codecommit", "CodeCommit Repository State Change")
    assert (detail["event"], detail["referenceType"], detail["referenceName"]) == (event, "branch", "release/v2")
    assert detail["commitId"] == (before if after == "0" * 40 else after)

"""Commit, author, branch and url of what is deployed: by the git that is here, and by a pipeline's variables."""

import subprocess
from pathlib import Path

import pytest

from cli.bundle.provenance import origin

ANN = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com")


def git(folder: Path, *command: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *ANN, *command], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """With one commit on the branch main."""
    root = tmp_path / "repository"
    (root / "dist").mkdir(parents=True)
    (root / "dist" / "a").write_text("1")
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", "-A")
    git(root, "commit", "--quiet", "--message=Begin")
    git(root, "remote", "add", "origin", "https://ann:s3cret@example.com/shop.git")
    return root


@pytest.mark.parametrize("path", ["", "dist", "dist/a"])
def test_a_path_in_a_repository_tells_commit_author_branch_and_url_without_its_password(
    path: str, repository: Path
) -> None:
    assert origin(repository / path, {}) == {
        "commit": git(repository, "rev-parse", "HEAD"),
        "author": "Ann <ann@example.com>",
        "branch": "main",
        "url": "https://example.com/shop.git",
    }


def test_what_is_not_committed_is_told(repository: Path) -> None:
    (repository / "dist" / "a").write_text("2")
    git(repository, "tag", "v1")
    assert origin(repository, {})["commit"] == f"{git(repository, 'rev-parse', 'HEAD')}-dirty"


def test_a_commit_that_is_no_branch_has_none(repository: Path) -> None:
    git(repository, "checkout", "--quiet", "--detach")
    assert "branch" not in origin(repository, {})


def test_a_repository_without_a_commit_and_a_folder_outside_of_one_tell_nothing(tmp_path: Path) -> None:
    assert origin(tmp_path, {}) == {}
    git(tmp_path, "init", "--quiet")
    assert origin(tmp_path, {}).keys() <= {"branch"}


def test_without_git_nothing_is_told(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert origin(repository, {}) == {}


def test_github_actions_knows_better(repository: Path) -> None:
    environment = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_SHA": "f" * 40,
        "GITHUB_ACTOR": "bob",
        "GITHUB_REF_NAME": "release",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "shop/web",
        "GITHUB_RUN_ID": "7",
    }
    assert origin(repository, environment) == {
        "commit": "f" * 40,
        "author": "bob",
        "branch": "release",
        "url": "https://github.com/shop/web/actions/runs/7",
    }


def test_gitlab_too_and_what_it_does_not_know_git_tells(repository: Path) -> None:
    environment = {"GITLAB_CI": "true", "CI_PIPELINE_URL": "https://gitlab.com/shop/-/pipelines/7"}
    found = origin(repository, environment)
    assert (found["url"], found["branch"]) == ("https://gitlab.com/shop/-/pipelines/7", "main")
    assert origin(None, environment) == {"url": "https://gitlab.com/shop/-/pipelines/7"}

"""Where a revision comes from, as metadata of its deployment: commit, author, branch and url.

From git where the revision lies in a repository, and from the variables of GitHub Actions or GitLab CI, which know
better: a pipeline checks out a commit without its branch.
Sources: GitHub Docs, "Variables reference"; GitLab Docs, "Predefined CI/CD variables reference".
"""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

_SECONDS = 10  # for git
_MAX = 512  # characters of a value, by the control API


def origin(path: Path | None, environment: Mapping[str, str]) -> dict[str, str]:
    """What is known; `path` is what is deployed, None if it does not lie here."""
    found = {**(_git(path) if path else {}), **_pipeline(environment)}
    return {name: value[:_MAX] for name, value in found.items() if value}


def _git(path: Path) -> dict[str, str]:
    folder = path if path.is_dir() else path.parent
    return {
        "commit": _said(folder, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"),
        "author": _said(folder, "log", "-1", "--format=%an <%ae>"),
        "branch": _said(folder, "symbolic-ref", "--quiet", "--short", "HEAD"),
        "url": _without_password(_said(folder, "config", "--get", "remote.origin.url")),
    }


def _said(folder: Path, *command: str) -> str:
    """What git answers; nothing where there is no git, no repository or no commit."""
    settings = ("-c", "core.fsmonitor=false", "-c", "log.showSignature=false")  # no program that a repository names
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(folder), *settings, *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else ""


def _without_password(url: str) -> str:
    """
    >>> _without_password("https://ann:secret@example.com/shop.git")
    'https://example.com/shop.git'
    >>> _without_password("git@example.com:shop.git")
    'git@example.com:shop.git'
    """
    if "://" not in url:
        return url
    try:
        found = urlsplit(url)
    except ValueError:
        return ""
    return urlunsplit((found.scheme, found.netloc.rpartition("@")[2], found.path, "", ""))


def _pipeline(environment: Mapping[str, str]) -> dict[str, str]:
    def known(name: str) -> str:
        return environment.get(name, "")

    if known("GITHUB_ACTIONS") == "true":
        run = f"{known('GITHUB_SERVER_URL')}/{known('GITHUB_REPOSITORY')}/actions/runs/{known('GITHUB_RUN_ID')}"
        found = {"commit": "GITHUB_SHA", "author": "GITHUB_ACTOR", "branch": "GITHUB_REF_NAME"}
    elif known("GITLAB_CI") == "true":
        run = known("CI_PIPELINE_URL")
        found = {"commit": "CI_COMMIT_SHA", "author": "GITLAB_USER_LOGIN", "branch": "CI_COMMIT_REF_NAME"}
    else:
        return {}
    told = {"url": run, **{member: known(name) for member, name in found.items()}}
    return {member: value for member, value in told.items() if value}

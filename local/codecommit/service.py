"""CodeCommit's API over real git repositories, one folder each.

`git push` to that folder works, and EventBridge hears of it: the repository's hook tells the cloud.
Source: CodeCommit API model 2015-04-13; CodeCommit User Guide, "Monitoring CodeCommit events in EventBridge".
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from local.authorization import Check
from local.json_model import JsonError

SERVICE = "codecommit"
MAX_BLOB = 6 * 1024**2  # bytes: CodeCommit User Guide, "Quotas", of a file that the API returns (a guess for GetBlob)
_MODES = {"100644": "NORMAL", "100755": "EXECUTABLE", "120000": "SYMLINK"}
_HOOK = """#!{python}
import json, sys, urllib.request
changes = [line.split() for line in sys.stdin]
told = json.dumps({{"repository": {name!r}, "changes": changes}}).encode()
urllib.request.urlopen(urllib.request.Request({address!r}, told, method="POST"), timeout=30).close()
"""


class CodeCommit:
    """The service; every method may be called from any thread."""

    def __init__(
        self, folder: Path, *, region: str, account: str, address: str, emit: Callable[[dict[str, Any]], None]
    ) -> None:
        """`address`: where a repository's hook tells what was pushed."""
        self._folder, self._region, self._account = folder, region, account
        self._address, self._emit = address, emit
        self._known: dict[str, tuple[str, float]] = {}  # id and time of creation, by name
        self.operations: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "CreateRepository": self._create,
            "DeleteRepository": self._delete,
            "GetRepository": self._get,
            "ListRepositories": self._list,
            "GetBranch": self._branch,
            "GetCommit": self._commit,
            "GetFolder": self._get_folder,
            "GetBlob": self._blob,
        }

    def checks(self, operation: str, asked: Mapping[str, Any]) -> list[Check]:
        """What IAM is asked before an operation."""
        name = asked.get("repositoryName")
        return [Check(f"{SERVICE}:{operation}", self._arn(str(name)) if name else "*", {})]

    def archive(self, repository: str, commit: str) -> bytes:
        """As a pipeline's source makes it: a zip of the commit's files."""
        return self._git(repository, "archive", "--format=zip", commit)

    def pushed(self, repository: str, changes: list[list[str]]) -> None:
        """Tell of what was pushed: for each reference the commit before, the one after, and its name."""
        repository_id, _ = self._repository(repository)
        for before, after, reference in changes:
            kind, _, name = reference.removeprefix("refs/").partition("/")
            is_new, is_gone = (set(each) == {"0"} for each in (before, after))
            event = "referenceDeleted" if is_gone else "referenceCreated" if is_new else "referenceUpdated"
            detail = {
                "event": event,
                "repositoryName": repository,
                "repositoryId": repository_id,
                "referenceType": "branch" if kind == "heads" else "tag",
                "referenceName": name,
                "referenceFullName": reference,
                "commitId": before if is_gone else after,
                **({} if is_new else {"oldCommitId": before}),
                "callerUserArn": f"arn:aws:iam::{self._account}:user/local",
            }
            self._emit(
                {
                    "Source": "aws.codecommit",
                    "DetailType": "CodeCommit Repository State Change",
                    "Resources": [self._arn(repository)],
                    "Detail": json.dumps(detail),
                }
            )

    def _arn(self, name: str) -> str:
        return f"arn:aws:codecommit:{self._region}:{self._account}:{name}"

    # -- repositories

    def _create(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = asked["repositoryName"]
        if name in self._known:
            raise JsonError("RepositoryNameExistsException", f"Repository named {name} already exists")
        path = self._path(name)
        path.mkdir(parents=True)
        _run("git", "init", "--quiet", "--bare", "--initial-branch=main", str(path))
        hook = path / "hooks" / "post-receive"
        hook.write_text(_HOOK.format(python=sys.executable, name=name, address=self._address))
        hook.chmod(0o755)
        self._known[name] = str(uuid.uuid4()), time.time()
        return {"repositoryMetadata": self._metadata(name)}

    def _delete(self, asked: dict[str, Any]) -> dict[str, Any]:
        found = self._known.pop(asked["repositoryName"], None)
        if found is None:
            return {}
        shutil.rmtree(self._path(asked["repositoryName"]))
        return {"repositoryId": found[0]}

    def _get(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"repositoryMetadata": self._metadata(asked["repositoryName"])}

    def _list(self, asked: dict[str, Any]) -> dict[str, Any]:
        known = [{"repositoryName": name, "repositoryId": found} for name, (found, _) in sorted(self._known.items())]
        return {"repositories": known}

    def _metadata(self, name: str) -> dict[str, Any]:
        repository_id, created = self._repository(name)
        return {
            "accountId": self._account,
            "repositoryId": repository_id,
            "repositoryName": name,
            "creationDate": created,
            "lastModifiedDate": created,
            "cloneUrlHttp": str(self._path(name)),  # a folder, which needs no server
            "Arn": self._arn(name),
        }

    def _repository(self, name: str) -> tuple[str, float]:
        if name not in self._known:
            raise JsonError("RepositoryDoesNotExistException", f"{name} does not exist")
        return self._known[name]

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.git"

    # -- what is in one

    def _branch(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = asked["branchName"]
        commit = self._object(asked["repositoryName"], f"refs/heads/{name}^{{}}", "BranchDoesNotExistException")
        return {"branch": {"branchName": name, "commitId": commit}}

    def _commit(self, asked: dict[str, Any]) -> dict[str, Any]:
        commit = self._object(asked["repositoryName"], f"{asked['commitId']}^{{}}", "CommitIdDoesNotExistException")
        message = self._git(asked["repositoryName"], "log", "-1", "--format=%B", commit).decode()
        tree = self._git(asked["repositoryName"], "rev-parse", f"{commit}^{{tree}}").decode().strip()
        return {"commit": {"commitId": commit, "treeId": tree, "message": message}}

    def _get_folder(self, asked: dict[str, Any]) -> dict[str, Any]:
        name, folder = asked["repositoryName"], asked["folderPath"].strip("/")
        specifier = asked.get("commitSpecifier", "refs/heads/main")
        commit = self._object(name, f"{specifier}^{{}}", "CommitDoesNotExistException")
        tree = self._object(name, f"{commit}:{folder}", "FolderDoesNotExistException")
        listed = self._git(name, "ls-tree", "-z", tree).decode().split("\0")
        found: dict[str, Any] = {"subFolders": [], "files": [], "symbolicLinks": [], "subModules": []}
        for line in filter(None, listed):
            about, _, relative = line.partition("\t")
            mode, kind, sha = about.split()
            path = {"absolutePath": f"{folder}/{relative}".strip("/"), "relativePath": relative}
            if kind == "tree":
                found["subFolders"].append({**path, "treeId": sha})
            elif kind == "commit":
                found["subModules"].append({**path, "commitId": sha})
            else:
                listing = "symbolicLinks" if mode == "120000" else "files"
                found[listing].append({**path, "blobId": sha, "fileMode": _MODES[mode]})
        return {"commitId": commit, "folderPath": folder, **found}

    def _blob(self, asked: dict[str, Any]) -> dict[str, Any]:
        name, blob = asked["repositoryName"], asked["blobId"]
        self._repository(name)
        head, _, rest = self._git(name, "cat-file", "--batch", given=blob.encode()).partition(b"\n")
        about = head.split()
        if len(about) != 3 or about[1] != b"blob":
            raise JsonError("BlobIdDoesNotExistException", f"{blob} does not exist in {name}")
        if (size := int(about[2])) > MAX_BLOB:
            raise JsonError("FileTooLargeException", "The specified file exceeds the file size limit")
        return {"content": base64.b64encode(rest[:size]).decode()}

    def _object(self, name: str, named: str, missing: str) -> str:
        """The id of an object; `missing`: the error for one that is not there."""
        self._repository(name)
        try:
            return self._git(name, "rev-parse", "--quiet", "--verify", "--end-of-options", named).decode().strip()
        except subprocess.CalledProcessError:
            raise JsonError(missing, f"{named} does not exist in {name}") from None

    def _git(self, name: str, *words: str, given: bytes = b"") -> bytes:
        return _run("git", "--git-dir", str(self._path(name)), *words, given=given)


def _run(*command: str, given: bytes = b"") -> bytes:
    return subprocess.run(command, check=True, capture_output=True, input=given).stdout

"""CodeCommit over real git repositories: the local cloud's service, by boto3's methods."""

import base64
import subprocess
from pathlib import Path
from typing import Any

from local.codecommit.service import CodeCommit
from local.json_model import JsonError, check_answer, check_request
from tests.fakes.service import Service


class FakeCodeCommit(Service):
    name = "codecommit"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []
        about = {"region": "us-east-1", "account": "123456789012", "address": "http://127.0.0.1:1/"}
        self.service = CodeCommit(folder / "repositories", emit=self.events.append, **about)

    def call(self, operation: str, **asked: Any) -> dict[str, Any]:
        """As the service says it in JSON; both are held to the model of AWS."""
        check_request("codecommit", operation, asked)
        try:
            answer = self.service.operations[operation](asked)
        except JsonError as error:
            raise self.refuse(error.code, operation, error.message) from error
        check_answer("codecommit", operation, answer)
        return answer

    def on_get_folder(self, **asked: Any) -> dict[str, Any]:
        return self.call("GetFolder", **asked)

    def on_get_blob(self, **asked: Any) -> dict[str, Any]:
        return {"content": base64.b64decode(self.call("GetBlob", **asked)["content"])}


def git(folder: Path, *words: str, **how: Any) -> str:
    """Run git as somebody with a name, whatever this machine has set."""
    settings = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "protocol.file.allow=always")
    command = ("git", *settings, "-C", str(folder), *words)
    return str(subprocess.run(command, check=True, capture_output=True, text=True, **how).stdout).strip()


def commit_all(folder: Path, message: str = "a change") -> str:
    """A commit of what lies in a folder; its id."""
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", message)
    return git(folder, "rev-parse", "HEAD")

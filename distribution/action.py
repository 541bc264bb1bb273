"""The step of action.yml that deploys: the command, and what GitHub shows of its outcome.

Inputs come by the environment. Source of the files and commands: GitHub Docs, "Workflow commands for GitHub Actions".
"""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any


def main(environment: dict[str, str]) -> int:
    """The command's exit status."""
    stepdeploy = [str(Path(sys.executable).with_name("stepdeploy")), "--stack", environment["INPUT_STACK"]]
    options = shlex.split(environment["INPUT_OPTIONS"])
    deploy = ["deploy", *options, "--json", "--", environment["INPUT_GROUP"], environment["INPUT_REVISION"]]
    begun = subprocess.run([*stepdeploy, *deploy], stdout=subprocess.PIPE, text=True)
    if begun.returncode:
        _annotate("stepdeploy", _error(begun.stdout))
        return begun.returncode
    deployment_id = json.loads(begun.stdout)["deploymentId"]
    _tell(environment, {"deployment-id": deployment_id})
    print(deployment_id, flush=True)
    watched = subprocess.run([*stepdeploy, "watch", deployment_id, "--timeout", environment["INPUT_TIMEOUT"]])
    told = subprocess.run([*stepdeploy, "show", deployment_id, "--json"], stdout=subprocess.PIPE, text=True)
    shown = json.loads(told.stdout) if told.returncode == 0 else {}
    status = shown.get("deployment", {}).get("status", "unknown")
    _tell(environment, {"status": status, "exit-status": watched.returncode})
    for cause in shown.get("causes", ()):
        parts = (cause.get("event"), cause.get("script"), cause["cause"])
        _annotate(", ".join(part for part in parts if part), f"{cause['message']} (on {cause['count']} hosts)")
    return watched.returncode


def _error(said: str) -> str:
    """What `--json` tells of an error; of a bundle with errors it is on standard error already."""
    try:
        return str(json.loads(said)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return "the deployment was not begun: see the log of this step"


def _tell(environment: dict[str, str], outputs: dict[str, Any]) -> None:
    with Path(environment["GITHUB_OUTPUT"]).open("a") as file:
        file.writelines(f"{name}={value}\n" for name, value in outputs.items())


def _annotate(title: str, message: str) -> None:
    """A host may have written the message: GitHub's own escapes keep it one command."""
    print(f"::error title={_escaped(title).replace(':', '%3A').replace(',', '%2C')}::{_escaped(message)}", flush=True)


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


if __name__ == "__main__":
    sys.exit(main(dict(os.environ)))

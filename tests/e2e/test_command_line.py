"""`stepdeploy` itself against the deployed stack: from a folder to the hosts, what failed, and back."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from cli.exits import Exit
from local.driver import PATIENCE, wait_for
from local.server import REGION
from tests.e2e.conftest import Fleet, MakeFleet, failing, unpacked
from tests.e2e.principals import Principal

ROOT = Path(__file__).resolve().parents[2]


class CommandLine:
    """The command, run as a person runs it, in an environment that names the local cloud."""

    def __init__(self, group: Fleet) -> None:
        self.environment = {
            **group.cloud.environment(),
            "HOME": "/nowhere",
            "AWS_DEFAULT_REGION": REGION,
            "PYTHONPATH": str(ROOT),
        }

    def __call__(self, *arguments: str, exit: Exit = Exit.DONE, by: Principal | None = None) -> str:
        """Standard output; the exit status has to be `exit`. Without `by` an administrator calls."""
        command = [sys.executable, "-m", "cli", *arguments]
        environment = self.environment | (by.environment if by else {})
        ran = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
        assert ran.returncode == exit, (ran.returncode, ran.stdout, ran.stderr)
        return ran.stdout


def act(command: CommandLine, folder: Path, group: str, revision: Path) -> tuple[int, str, dict[str, str]]:
    """The deploying step of action.yml as GitHub runs it: its exit status, what it printed, its outputs."""
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    (step,) = [each for each in action["runs"]["steps"] if each.get("id") == "deploy"]
    inputs = {"GROUP": group, "REVISION": str(revision), "STACK": "stepdeploy", "TIMEOUT": "5m", "OPTIONS": "--no-git"}
    assert {f"INPUT_{name}" for name in inputs} == set(step["env"])
    programs = folder / "stepdeploy" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(sys.executable)
    (programs / "stepdeploy").write_text(f"#!{sys.executable}\nfrom cli.__main__ import start\nstart()\n")
    (programs / "stepdeploy").chmod(0o755)
    environment = {
        **command.environment,
        **{f"INPUT_{name}": value for name, value in inputs.items()},
        "RUNNER_TEMP": str(folder),
        "GITHUB_ACTION_PATH": str(ROOT),
        "GITHUB_OUTPUT": str(folder / "outputs"),
    }
    ran = subprocess.run(["bash", "-c", step["run"]], env=environment, capture_output=True, text=True, timeout=PATIENCE)
    told = dict(line.split("=", 1) for line in (folder / "outputs").read_text().splitlines())
    return ran.returncode, ran.stdout, told


def test_from_a_folder_to_the_hosts_and_back(fleet: MakeFleet, tmp_path: Path) -> None:
    group = fleet("command-line")
    stepdeploy, source = CommandLine(group), unpacked(tmp_path / "application", "v1")

    assert stepdeploy("doctor", group.key).endswith("\n7 ok\n")
    smoked = json.loads(stepdeploy("doctor", group.key, "--smoke", "--json"))["findings"]
    assert {each["level"] for each in smoked} == {"ok"}, smoked
    assert {"flow", "Lambda", "deployment", "presigned URLs", "hosts", "SSM", "table"} <= {
        each["about"] for each in smoked
    }
    told = stepdeploy("deploy", group.key, str(source), "--watch", "--no-git", "--meta", "ticket=OPS-1")
    assert "Succeeded" in told
    assert group.installed() == ["v1", "v1"]
    first = told.split()[0]
    assert "OPS-1" in stepdeploy("show", first)

    unpacked(source, "v2", {"scripts/validate.sh": failing("echo it is ill >&2", "exit 3")})
    status, said, outputs = act(stepdeploy, tmp_path, group.key, source)
    assert (status, outputs["status"], outputs["exit-status"]) == (Exit.FAILED, "Failed", str(Exit.FAILED.value))
    assert "::error title=ValidateService%2C scripts/validate.sh%2C SCRIPT::" in said
    second = outputs["deployment-id"]
    shown = stepdeploy("show", second)
    assert "scripts/validate.sh" in shown and "it is ill" in shown
    assert "it is ill" in stepdeploy("logs", second)
    hosts = {host["hostId"]: host["status"] for host in json.loads(stepdeploy("hosts", group.key, "--json"))["hosts"]}
    assert sorted(hosts) == sorted(host.id for host in group.hosts)
    assert "Failed" in hosts.values()
    left = json.loads(stepdeploy("hosts", group.key, "--verify", "--json", exit=Exit.FAILED))
    assert left["deploymentId"] == second
    assert sorted((each["state"], each.get("reason")) for each in left["hosts"]) == [
        ("BROKEN", "ValidateService failed"), ("UNTOUCHED", None),
    ]  # fmt: skip

    stepdeploy("rollback", group.key, "--watch")
    assert group.installed() == ["v1", "v1"]
    assert "2 hosts: 2 new" in stepdeploy("hosts", group.key, "--verify")
    group.hosts[0].path("srv/app/version.txt").write_text("v9")
    drift = stepdeploy("hosts", group.key, "--verify", exit=Exit.FAILED)
    assert "1 new, 1 broken" in drift and "changed: /srv/app/version.txt" in drift
    assert json.loads(stepdeploy("list", "--json"))["deployments"][0]["status"] == "Succeeded"

    def counted() -> dict[str, Any] | None:
        """This group's deployments and those of other tests, once the last one's targets are among the metrics."""
        told: dict[str, Any] = json.loads(stepdeploy("cost", "--json"))
        return told if told["deployments"] >= 3 and told["targets"] >= 6 else None

    cost = wait_for(counted, "the metrics of three deployments to two hosts")
    assert all(item["count"] > 0 for item in cost["items"])

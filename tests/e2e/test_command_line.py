"""`stepdeploy` itself against the deployed stack: from a folder to the hosts, what failed, and back."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from cli.exits import Exit
from local.driver import PATIENCE, wait_for
from local.server import REGION
from tests.e2e.conftest import Fleet, MakeFleet, failing, unpacked

ROOT = Path(__file__).resolve().parents[2]


class CommandLine:
    """The command, run as a person runs it, in an environment that names the local cloud."""

    def __init__(self, group: Fleet) -> None:
        self._environment = {
            **group.cloud.environment(),
            "HOME": "/nowhere",
            "AWS_DEFAULT_REGION": REGION,
            "PYTHONPATH": str(ROOT),
        }

    def __call__(self, *arguments: str, exit: Exit = Exit.DONE) -> str:
        """Standard output; the exit status has to be `exit`."""
        command = [sys.executable, "-m", "cli", *arguments]
        ran = subprocess.run(command, env=self._environment, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
        assert ran.returncode == exit, (ran.returncode, ran.stdout, ran.stderr)
        return ran.stdout


def test_from_a_folder_to_the_hosts_and_back(fleet: MakeFleet, tmp_path: Path) -> None:
    group = fleet("command-line")
    stepdeploy, source = CommandLine(group), unpacked(tmp_path / "application", "v1")

    assert stepdeploy("doctor", group.key).endswith("\n6 ok\n")
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
    second = stepdeploy("deploy", group.key, str(source), "--watch", "--no-git", exit=Exit.FAILED).split()[0]
    shown = stepdeploy("show", second)
    assert "scripts/validate.sh" in shown and "it is ill" in shown
    assert "it is ill" in stepdeploy("logs", second)
    hosts = {host["hostId"]: host["status"] for host in json.loads(stepdeploy("hosts", group.key, "--json"))["hosts"]}
    assert sorted(hosts) == sorted(host.id for host in group.hosts)
    assert "Failed" in hosts.values()

    stepdeploy("rollback", group.key, "--watch")
    assert group.installed() == ["v1", "v1"]
    assert json.loads(stepdeploy("list", "--json"))["deployments"][0]["status"] == "Succeeded"

    def counted() -> dict[str, Any] | None:
        """This group's deployments and those of other tests, once the last one's targets are among the metrics."""
        told: dict[str, Any] = json.loads(stepdeploy("cost", "--json"))
        return told if told["deployments"] >= 3 and told["targets"] >= 6 else None

    cost = wait_for(counted, "the metrics of three deployments to two hosts")
    assert all(item["count"] > 0 for item in cost["items"])

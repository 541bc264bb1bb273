"""`make local`, as a person meets it: from its first line to Ctrl-C."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from local.bundles import EXAMPLES
from local.cloud import ROOT
from local.driver import PATIENCE, wait_for
from local.shop import PORT as SERVED_PORT
from tests.local.sockets import listening
from tests.recorded import differences


def heed_ctrl_c() -> None:
    """As a shell starts a program in the foreground; who runs these tests in the background ignores Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """A terminal where `python -m local` runs; what it says is read as it comes."""

    def __init__(self, port: int, temporary: Path) -> None:
        self.text = ""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "local", "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(temporary)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=heed_ctrl_c,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.text += line

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_for(self, words: str) -> str:
        return wait_for(lambda: self.text if words in self.text else None, words)

    def end(self, number: signal.Signals) -> int:
        """Its exit status after a signal."""
        self._process.send_signal(number)
        status = self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return status

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._reader.join(PATIENCE)
        if self._process.stdout:
            self._process.stdout.close()


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def terminal(port: int, tmp_path: Path) -> Iterator[Terminal]:
    found = Terminal(port, tmp_path)
    yield found
    found.close()


def load_balancer() -> str:
    """The DNS name of a new load balancer with a listener."""
    elb, subnets = boto3.client("elbv2"), boto3.client("ec2").describe_subnets()["Subnets"]
    made = elb.create_load_balancer(Name="front", Subnets=[each["SubnetId"] for each in subnets[:2]])["LoadBalancers"][
        0
    ]
    action = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}
    how = {"LoadBalancerArn": made["LoadBalancerArn"], "Protocol": "HTTP", "Port": 8080, "DefaultActions": [action]}
    elb.create_listener(**how)
    return str(made["DNSName"])


def resize(capacity: int) -> None:
    """As a person does who has read what is printed; the group has settled then."""
    client = boto3.client("autoscaling")
    client.set_desired_capacity(AutoScalingGroupName="web-asg", DesiredCapacity=capacity)

    def settled() -> bool:
        (group,) = client.describe_auto_scaling_groups(AutoScalingGroupNames=["web-asg"])["AutoScalingGroups"]
        return [each["LifecycleState"] for each in group["Instances"]] == ["InService"] * capacity

    wait_for(settled, f"the group to have {capacity} instances")


def left_behind(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith("stepdeploy-")]


def test_a_person_can_deploy_with_what_it_prints_and_ctrl_c_ends_everything(
    terminal: Terminal, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = terminal.wait_for("Ctrl-C ends everything")
    exported = dict(re.findall(r"export (AWS_\w+)=(\S+)", said))
    for name, value in exported.items():
        monkeypatch.setenv(name, value)
    wait_for(lambda: terminal.text.count(" InService in us-east-1") == 4, "the instances of the group")
    (first,) = re.findall(r"  stepdeploy (deploy .*)", said)
    done = subprocess.run([sys.executable, "-m", "cli", *first.split(), "--no-git"], cwd=ROOT, timeout=PATIENCE)
    assert done.returncode == 0
    deployed = (EXAMPLES / "webapp/app/version.txt").read_text().strip()
    terminal.wait_for("Slack: Deployment succeeded: shop/web")
    assert list(map(str, differences("the local cloud", tmp_path, exported))) == []
    assert len(boto3.client("codedeploy").list_deployments()["deployments"]) == 1
    addresses = re.findall(r"  web-\d  i-\w+  (127\.\S+)  ", said)
    served = {f"tcp {address}:{SERVED_PORT}" for address in addresses}
    (front,) = re.findall(r"curl http://(\S+)/", said)
    assert len(served) == 4 and listening(terminal.pid) == {f"tcp 127.0.0.1:{port}", f"tcp {front}", *served}
    with urllib.request.urlopen(f"http://{front}/") as answer:
        assert json.load(answer)["version"] == deployed
    balancer = load_balancer()
    terminal.wait_for(f"Load balancer: front, port 8080, is at {balancer}:8080")
    resize(5)
    wait_for(lambda: terminal.text.count(" InService in us-east-1") == 5, "a fifth instance of the group")
    (new,) = set(re.findall(r" InService in us-east-1\w, at (127\.\S+)", terminal.text)) - set(addresses)
    with urllib.request.urlopen(f"http://{new}:{SERVED_PORT}/") as answer:
        assert json.load(answer)["version"] == deployed

    assert terminal.end(signal.SIGINT) == 0
    assert "Everything has ended." in terminal.text and "Traceback" not in terminal.text
    assert left_behind(tmp_path) == []
    for address in (("127.0.0.1", port), (balancer, 8080)):
        with socket.socket() as probe:
            assert probe.connect_ex(address) != 0


def test_a_cloud_whose_owner_is_killed_leaves_nothing_behind(terminal: Terminal, tmp_path: Path) -> None:
    terminal.wait_for("it answers at")
    assert left_behind(tmp_path)
    terminal.end(signal.SIGKILL)
    wait_for(lambda: not left_behind(tmp_path), "the cloud to clear away")


def test_a_port_that_is_taken_is_named(port: int, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        ran = subprocess.run(
            [sys.executable, "-m", "local", "--port", str(port)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    assert ran.returncode == 2 and f"port {port} is in use" in ran.stderr and "Traceback" not in ran.stderr

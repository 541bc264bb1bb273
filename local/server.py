"""The local cloud's process: ministack with our edges, on one port of the loopback address, IAM enforced.

`python -m local.server --port P --directory D`. It ends with the process that started it. Everything below /_local/ is
for whoever drives the cloud (local/cloud.py); everything else is AWS.
"""

import argparse
import asyncio
import ctypes
import json
import os
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from local.loopback import keep_to_loopback

REGION = "us-east-1"
ACCOUNT = "000000000000"
ADMIN = "/_local/"
_PR_SET_PDEATHSIG = 1

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


class LocalGateway:
    """The ASGI application: what is ours is answered here, the rest by the emulator."""

    def __init__(self, endpoint: str, directory: Path, network: str) -> None:
        from ministack import app

        from local.counters import Records
        from local.faults import Faults
        from local.hosts.instances import Instances
        from local.shims.slack import Slack
        from local.ssm.documents import Documents
        from local.ssm.run_command import RunCommand
        from local.weather import Outside

        self.aws = app.app
        self.faults, self.outside, self.records = Faults(), Outside(), Records()
        self.outside.refused = self.records.refused
        self.slack = Slack(self.faults)
        self.instances = Instances(directory / "instances", region=REGION, account=ACCOUNT, network=network)
        self.documents = Documents(region=REGION, account=ACCOUNT)
        self.run_command = RunCommand(self.instances, self.emit_command_event, self.documents)
        self._events = ThreadPoolExecutor(max_workers=1)  # one: events keep their order
        self._install_shims(endpoint)
        self._install_services(network)
        self._install_pipelines(endpoint, directory / "repositories")
        self._break_sns(app)
        self.routes: dict[str, Callable[[dict[str, Any]], Awaitable[Any]]] = {
            "health": self._health,
            "instances": self._instances,
            "faults": self._faults,
            "load-balancers": self._load_balancers,
            "auto-scaling": self._auto_scaling,
            "pushed": self._pushed,
            "weather": self._weather,
            "records": self._records,
            "slack-messages": self._slack_messages,
            "slack-bot": self._slack_bot,
        }

    def _install_shims(self, endpoint: str) -> None:
        """What the emulator's own services lack."""
        from local.shims import (
            alarms,
            authentication,
            batch_actions,
            control_api,
            dynamodb,
            forks,
            functions,
            instances,
            metrics,
            object_events,
            sandboxes,
            state_machines,
        )

        state_machines.install(self.records, self.faults)
        functions.install(self.outside, self.records)
        sandboxes.install()
        forks.install()
        dynamodb.install(self.outside, self.records)
        metrics.install()
        alarms.install(self.emit_alarm_event, region=REGION, account=ACCOUNT)
        object_events.install()
        batch_actions.install()
        instances.install(self.instances)
        authentication.install()
        control_api.install(endpoint)

    def _install_services(self, network: str) -> None:
        """The services that are ours, and their resources in CloudFormation."""
        from local.autoscaling import cloudformation as scaling_cloudformation
        from local.autoscaling import edge as scaling_edge
        from local.autoscaling.settings import Settings as ScalingSettings
        from local.autoscaling.world import LocalWorld
        from local.elb import cloudformation as elb_cloudformation
        from local.elb import edge as elb_edge
        from local.elb.settings import Settings
        from local.ssm import cloudformation, edge

        edge.install(
            self.run_command,
            self.instances,
            self.documents,
            faults=self.faults,
            outside=self.outside,
            records=self.records,
        )
        cloudformation.install(self.documents)
        self.load_balancing = elb_edge.install(self.instances, network, Settings(), self.records)
        elb_cloudformation.install(self.load_balancing)
        self.outside_scaling = LocalWorld(self.instances, self.load_balancing, self.faults, self.emit)
        self.auto_scaling = scaling_edge.install(
            self.outside_scaling,
            ScalingSettings(),
            faults=self.faults,
            outside=self.outside,
            records=self.records,
        )
        scaling_cloudformation.install(self.auto_scaling)

    def _install_pipelines(self, endpoint: str, repositories: Path) -> None:
        from local.codecommit import edge as codecommit_edge
        from local.pipeline import edge

        about: dict[str, Any] = {"region": REGION, "account": ACCOUNT, "emit": self.emit}
        self.codecommit = codecommit_edge.install(repositories, address=f"{endpoint}{ADMIN}pushed", **about)
        edge.install(edge.LocalWorld(endpoint, archive=self.codecommit.archive, **about))

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(ADMIN):
            await self._admin(scope, receive, send)
            return
        if scope["type"] == "http":
            # Our policies allow TLS only, as they should; loopback needs none, so requests count as secure.
            scope = {**scope, "scheme": "https"}
        from local.shims.functions import kill
        from local.ssm.edge import SenderKilled

        try:
            await self.aws(scope, receive, send)
        except SenderKilled:
            kill("stepdeploy-run_segment")

    # -- events

    def emit(self, entry: dict[str, Any]) -> None:
        """Put an event of an aws.* source on the default bus, out of the way of the loop."""
        self._events.submit(_put_event, entry)

    def emit_command_event(self, entry: dict[str, Any]) -> None:
        """As emit, for SSM's events, which are best effort: some are lost, doubled or late."""
        times = 1
        if entry["DetailType"] == "EC2 Command Invocation Status-change Notification":
            final = json.loads(entry["Detail"])["status"] not in ("Pending", "InProgress", "Delayed", "Cancelling")
            if final and self.faults.strike("lost_events"):
                return
            if final:
                times = self.outside.copies()
        for _ in range(times):
            if seconds := self.outside.weather.late_events:
                asyncio.get_running_loop().call_later(seconds, self.emit, entry)
            else:
                self.emit(entry)

    def emit_alarm_event(self, entry: dict[str, Any]) -> None:
        """As emit, for CloudWatch's events, of which some are lost."""
        if not self.faults.strike("lost_alarms"):
            self.emit(entry)

    def _break_sns(self, app: Any) -> None:
        handle = app.SERVICE_HANDLERS["sns"]

        async def maybe(method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Any:
            if self.faults.sns_down and b"Action=Publish" in body:
                return (
                    503,
                    {"Content-Type": "text/xml"},
                    b"<ErrorResponse><Error><Code>ServiceUnavailable</Code></Error></ErrorResponse>",
                )
            return await handle(method, path, headers, body, query)

        app.SERVICE_HANDLERS["sns"] = maybe

    # -- the admin path

    async def _admin(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        what, _, rest = scope["path"].removeprefix(ADMIN).partition("/")
        if what in ("slack", "slack-api"):
            headers = {name.decode(): value.decode() for name, value in scope["headers"]}
            query = scope["query_string"].decode()
            is_webhook = what == "slack"
            answer = self.slack.post(unquote(rest), body) if is_webhook else self.slack.api(rest, headers, query, body)
            if answer is None:
                return  # nobody answers: the connection just closes
            await _respond(send, *answer)
            return
        try:
            plain = await self.routes[what](json.loads(body or b"{}"))
        except Exception as error:  # whoever drives the cloud is told, not left waiting
            await _respond(send, 500, {}, json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
            return
        await _respond(send, 200, {"content-type": "application/json"}, json.dumps(plain).encode())

    async def _health(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"pid": os.getpid()}

    async def _instances(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Add an instance, or do something to one: {"do": "launch" | "terminate" | "reboot" | ...}."""
        done = asked.pop("do")
        if done == "launch":
            instance = await self.instances.launch(**asked)
            if not instance.is_on_premises:
                self.instances.register(instance)
            return _shown(instance)
        found = self.instances.get(asked.pop("id"))
        if found is None:
            raise LookupError("no such instance")
        if done == "show":
            return _shown(found)
        result = getattr(found, done)(**asked)
        if asyncio.iscoroutine(result):
            await result
        return {}

    async def _faults(self, asked: dict[str, Any]) -> dict[str, Any]:
        _change(self.faults, asked)
        return asdict(self.faults)

    async def _load_balancers(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        """Their addresses; what is asked changes settings (local/elb/settings.py)."""
        _change(self.load_balancing.settings, asked)
        return self.load_balancing.addresses()

    async def _auto_scaling(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Its settings (local/autoscaling/settings.py); what is asked changes them."""
        _change(self.auto_scaling.settings, asked)
        return asdict(self.auto_scaling.settings)

    async def _pushed(self, asked: dict[str, Any]) -> dict[str, Any]:
        """A repository's hook tells what was pushed to it."""
        self.codecommit.pushed(**asked)
        return {}

    async def _weather(self, asked: dict[str, Any]) -> dict[str, Any]:
        from local.weather import Weather

        self.outside.turn(Weather.from_plain(asked))
        return self.outside.weather.plain()

    async def _records(self, asked: dict[str, Any]) -> dict[str, Any]:
        found = self.records.plain()
        if asked.get("reset"):
            for counter in vars(self.records).values():
                counter.clear()
        return found

    async def _slack_messages(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        return self.slack.messages

    async def _slack_bot(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        return self.slack.plain()


def _change(settings: object, asked: Mapping[str, Any]) -> None:
    """Raises AttributeError for what they do not have."""
    for name, value in asked.items():
        getattr(settings, name)
        setattr(settings, name, value)


def _shown(instance: Any) -> dict[str, Any]:
    return {
        "id": instance.instance_id,
        "name": instance.name,
        "address": instance.address,
        "root": str(instance.path("/")),
    }


def _put_event(entry: dict[str, Any]) -> None:
    from ministack.core.responses import set_request_account_id, set_request_region
    from ministack.services import eventbridge

    set_request_account_id(ACCOUNT)
    set_request_region(REGION)
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


async def _respond(send: Send, status: int, headers: dict[str, str], body: bytes) -> None:
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


async def _serve(port: int, directory: Path, network: str) -> None:
    import uvicorn

    edges = LocalGateway(f"http://127.0.0.1:{port}", directory, network)
    # The emulator makes the headers that uvicorn would make.
    config = uvicorn.Config(
        edges,
        port=port,
        http="httptools",  # in C: half of a request's time was HTTP
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stay)
    try:
        await uvicorn.Server(config).serve()
    finally:
        edges.auto_scaling.close()
        await edges.outside_scaling.settled()
        edges.load_balancing.close()
        await edges.run_command.close()
        await edges.instances.close()


def _stay(number: int, frame: object) -> None:
    """uvicorn ends by the signal, and then sends it once more; there is more to end."""


def environment(port: int, directory: Path) -> dict[str, str]:
    """How the emulator is told to be: IAM enforced, at this port, its files below the directory."""
    temporary = directory / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    return {
        "AUTH": "true",
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "TMPDIR": str(temporary),
        "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",  # else a broker listens at port 8883, on every address
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--network", required=True, help="the first three numbers of the instances' addresses")
    options = parser.parse_args()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    os.environ.update(environment(options.port, options.directory))
    parent = os.getppid()
    keep_to_loopback()
    asyncio.run(_serve(options.port, options.directory, options.network))
    if os.getppid() != parent:  # it was killed, so nobody else will clear away
        shutil.rmtree(options.directory, ignore_errors=True)
    sys.stdout.flush()
    os._exit(0)  # the emulator's threads that still wait for something end with the process


if __name__ == "__main__":
    main()

"""The signing proxy with clients that know only CodeDeploy, in front of the API that is really served."""

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, WaiterError

from cli.__main__ import main
from cli.account.connection import Engine
from cli.account.loopback import server
from cli.account.loopback.forwarding import MAX_BYTES, Forwarder, Proxy
from cli.account.loopback.server import MAX_CONNECTIONS, MAX_HEAD_BYTES
from functions.core.statuses import DeploymentStatus
from local.driver import PATIENCE, wait_for
from tests.conftest import REGION, put_group
from tests.served import Served
from tests.unit.api.test_deployments import put

AWS = Path(sys.executable).with_name("aws")
ONE = "d-000000001"


@pytest.fixture
def proxy(served: Served) -> Iterator[Proxy]:
    put_group()
    put(1)
    with Proxy(Forwarder(Engine())) as found:
        yield found


def codedeploy(proxy: Proxy, **credentials: str) -> Any:
    """A client that knows nothing but the address."""
    config = Config(retries={"total_max_attempts": 1})
    return boto3.client("codedeploy", endpoint_url=proxy.url, region_name=REGION, config=config, **credentials)  # type: ignore[call-overload]


def test_a_client_of_codedeploy_works_as_it_is(proxy: Proxy, served: Served) -> None:
    client = codedeploy(proxy, aws_access_key_id="nobody", aws_secret_access_key="knows")
    assert client.get_deployment(deploymentId=ONE)["deploymentInfo"]["status"] == "Succeeded"
    client.get_waiter("deployment_successful").wait(deploymentId=ONE)
    put(2, status=DeploymentStatus.FAILED)
    with pytest.raises(WaiterError, match="terminal failure state"):
        client.get_waiter("deployment_successful").wait(deploymentId="d-000000002")
    pages = client.get_paginator("list_deployments").paginate()
    assert [each for page in pages for each in page["deployments"]] == ["d-000000002", ONE]
    assert set(served.asked) == {"GetDeployment", "ListDeployments"}


def test_a_refusal_is_codedeploys_own_exception(proxy: Proxy) -> None:
    client = codedeploy(proxy)
    with pytest.raises(client.exceptions.DeploymentDoesNotExistException, match="d-000000009"):
        client.get_deployment(deploymentId="d-000000009")


def raw(proxy: Proxy, head: str, body: bytes = b"") -> tuple[int, dict[str, Any]]:
    """Status and body of what a socket sends."""
    where = urlsplit(proxy.url)
    with socket.create_connection((where.hostname, where.port), timeout=PATIENCE) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode() + body)
        with connection.makefile("rb") as answer:
            status = int(answer.readline().split()[1])
            headers = dict(line.decode().lower().split(": ") for line in iter(answer.readline, b"\r\n"))
            text = answer.read(int(headers["content-length"]))
    return status, json.loads(text)


def request(proxy: Proxy, *, path: str | None = None, method: str = "POST", **headers: str) -> str:
    own = {"Host": "127.0.0.1", "X-Amz-Target": "CodeDeploy_20141006.ListDeployments", "Content-Length": "2", **headers}
    lines = [f"{name}: {value}" for name, value in own.items() if value]
    return "\n".join([f"{method} {path or proxy.path} HTTP/1.1", *lines, "", ""])


def test_a_request_as_it_should_be(proxy: Proxy) -> None:
    assert raw(proxy, request(proxy), b"{}") == (200, {"deployments": [ONE]})
    assert raw(proxy, request(proxy, path=f"{proxy.path}/"), b"{}")[0] == 200


@pytest.mark.parametrize(
    ("status", "asked"),
    [
        (404, {"path": "/"}),
        (404, {"path": "/guess"}),
        (404, {"path": "http://127.0.0.1/"}),
        (405, {"method": "GET"}),
        (405, {"method": "CONNECT", "path": "example.com:443"}),
        (400, {"X-Amz-Target": ""}),
        (400, {"X-Amz-Target": "DynamoDB_20120810.ListTables"}),
        (400, {"X-Amz-Target": "CodeDeploy_20141006.MakeCoffee"}),
        (400, {"X-Amz-Target": "CodeDeploy_20141006.../ListTables"}),
        (400, {"X-Amz-Target": "ListDeployments"}),
        (411, {"Content-Length": "", "Transfer-Encoding": "chunked"}),
        (411, {"Content-Length": "-2"}),
        (411, {"Transfer-Encoding": "chunked"}),
        (413, {"Content-Length": str(MAX_BYTES + 1)}),
        (431, {"X-Long": "x" * 70_000}),
        (431, {f"X-Long-{number}": "x" * 1000 for number in range(MAX_HEAD_BYTES // 1000)}),
        (431, {f"X-Many-{number}": "x" for number in range(101)}),
        (403, {"Host": ""}),
        (403, {"Host": "evil.example"}),
        (403, {"Host": "evil.example:80\nHost: 127.0.0.1"}),
        (403, {"Host": "127.0.0.1.evil.example"}),
        (403, {"Origin": "https://evil.example"}),
        (403, {"Origin": "null"}),
        (403, {"Origin": "http://127.0.0.1@evil.example"}),
    ],
)
def test_anything_else_is_refused_without_a_call(
    proxy: Proxy, served: Served, status: int, asked: dict[str, str]
) -> None:
    given = {name: value for name, value in asked.items() if name in ("path", "method")}
    headers = {name: value for name, value in asked.items() if name not in given}
    answer = raw(proxy, request(proxy, **given, **headers), b"{}")
    assert answer[0] == status
    assert set(answer[1]) == {"__type", "message"}
    assert served.asked == []


@pytest.mark.parametrize(
    "named",
    [
        {"Host": "localhost:8080"},
        {"Host": "proxy.localhost"},
        {"Host": "LOCALHOST"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "http://127.0.0.1:3000"},
    ],
)
def test_this_machine_may_be_called_by_each_of_its_names(proxy: Proxy, named: dict[str, str]) -> None:
    assert raw(proxy, request(proxy, **named), b"{}") == (200, {"deployments": [ONE]})


def test_the_largest_request_arrives(proxy: Proxy) -> None:
    body = json.dumps({"unknown": "x" * (MAX_BYTES - 15)}).encode()
    assert len(body) == MAX_BYTES
    head = request(proxy, **{"Content-Length": str(len(body))})
    assert raw(proxy, head, body)[0] == 200


def connect(proxy: Proxy, sends: str = "") -> socket.socket:
    where = urlsplit(proxy.url)
    connection = socket.create_connection((where.hostname, where.port), timeout=PATIENCE)
    connection.sendall(sends.replace("\n", "\r\n").encode())
    return connection


UNFINISHED = ["", "POST / HTTP/1.1\nContent-Le", "POST / HTTP/1.1\nHost: 127.0.0.1\n"]


@pytest.mark.parametrize("begun", [*UNFINISHED, "body"])
def test_clients_that_hang_hold_up_nobody(proxy: Proxy, begun: str) -> None:
    sends = request(proxy) + "{" if begun == "body" else begun
    held = [connect(proxy, sends) for _ in range(2 * MAX_CONNECTIONS)]
    assert codedeploy(proxy).list_deployments()["deployments"] == [ONE]
    wait_for(lambda: len(threads_of_connections(proxy)) <= MAX_CONNECTIONS, "the threads of those that gave way to end")
    for each in held:
        each.close()


def threads_of_connections(proxy: Proxy) -> list[threading.Thread]:
    """What is served in this process has threads of the same kind."""
    targets = ((thread, getattr(thread, "_target", None)) for thread in threading.enumerate())
    return [thread for thread, target in targets if target == proxy._server.process_request_thread]


def test_no_connection_outlives_the_proxy(served: Served) -> None:
    with Proxy(Forwarder(Engine())) as proxy:
        held = [connect(proxy) for _ in range(3)]
        wait_for(lambda: len(threads_of_connections(proxy)) == 3, "the connections to be accepted")
    for each in held:
        assert each.recv(1) == b""
        each.close()
    wait_for(lambda: not threads_of_connections(proxy), "their threads to end")


def test_a_connection_that_was_answered_gives_way_to_another(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 2)
    first, second = (connect(proxy, request(proxy) + "{}") for _ in range(2))
    for each in (first, second):
        assert each.recv(15) == b"HTTP/1.1 200 OK"
    with connect(proxy, request(proxy) + "{}") as third:
        assert third.recv(15) == b"HTTP/1.1 200 OK"
    first.close()
    second.close()


def trickle(connection: socket.socket, text: str) -> bool:
    """Send it byte by byte, without end; whether the other side has closed the connection before PATIENCE is over."""
    give_up = time.monotonic() + PATIENCE
    for byte in itertools.cycle(text.encode()):
        try:
            connection.sendall(bytes([byte]))
        except OSError:
            return True
        if time.monotonic() > give_up:
            return False
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("begun", [*UNFINISHED, "body"])
def test_a_client_that_never_comes_to_an_end_is_cut_off(
    proxy: Proxy, served: Served, monkeypatch: pytest.MonkeyPatch, begun: str
) -> None:
    monkeypatch.setattr(server, "_IDLE_SECONDS", 0.3)
    sends = request(proxy, **{"Content-Length": str(MAX_BYTES)}) if begun == "body" else begun
    with connect(proxy, sends) as connection:
        assert trickle(connection, "X")
    assert served.asked == []


def test_half_a_body_is_no_request(proxy: Proxy, served: Served) -> None:
    with connect(proxy, request(proxy, **{"Content-Length": "10"}) + "{}") as connection:
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
    assert served.asked == []


@contextmanager
def busy_gateway() -> Iterator[tuple[str, threading.Semaphore, threading.Event]]:
    """An API that answers once it is let; what counts the requests that have come, and what lets it."""
    came, let = threading.Semaphore(0), threading.Event()

    def count_and_wait() -> None:
        came.release()
        let.wait(PATIENCE)

    with gateway(200, "{}", count_and_wait) as (endpoint, _):
        yield endpoint, came, let
        let.set()


def test_what_is_being_answered_is_never_cut_off(environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 2)
    monkeypatch.setattr(server, "_IDLE_SECONDS", 0.2)
    with busy_gateway() as (endpoint, came, let):
        monkeypatch.setenv("STEPDEPLOY_ENDPOINT", endpoint)
        with Proxy(Forwarder(Engine())) as proxy:
            working = [connect(proxy, request(proxy) + "{}") for _ in range(2)]
            for _ in working:
                assert came.acquire(timeout=PATIENCE)
            time.sleep(0.4)
            with connect(proxy) as turned_away:
                assert turned_away.recv(1) == b""
            let.set()
            for each in working:
                assert each.recv(15) == b"HTTP/1.1 200 OK"
                each.close()


@contextmanager
def gateway(
    status: int, body: str, before: Callable[[], object] = lambda: None
) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """An API Gateway that answers so, something else before, and the headers that it got."""
    got: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append({name.lower(): value for name, value in self.headers.items()})
            self.rfile.read(int(self.headers["content-length"]))
            before()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *arguments: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", got
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (403, "AccessDeniedException", "may not call StopDeployment"),
        (404, "UnknownOperationException", "update its stack"),
        (429, "ThrottlingException", "try again later"),
        (500, "InternalFailure", "see its logs"),
        (503, "InternalFailure", "see its logs"),
    ],
)
def test_what_api_gateway_refuses_is_an_exception_that_sdks_know(
    environment: None, monkeypatch: pytest.MonkeyPatch, status: int, code: str, says: str
) -> None:
    with gateway(status, '{"message":"Forbidden"}') as (endpoint, _):
        monkeypatch.setenv("STEPDEPLOY_ENDPOINT", endpoint)
        with Proxy(Forwarder(Engine())) as proxy, pytest.raises(ClientError) as error:
            codedeploy(proxy).stop_deployment(deploymentId=ONE)
    told = error.value.response
    assert (told["Error"]["Code"], told["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    assert says in told["Error"]["Message"]


def test_an_api_that_does_not_answer_is_told(environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("STEPDEPLOY_ENDPOINT", f"http://127.0.0.1:{taken.getsockname()[1]}")
        with Proxy(Forwarder(Engine())) as proxy, pytest.raises(ClientError, match="does not answer"):
            codedeploy(proxy).stop_deployment(deploymentId=ONE)


def test_nothing_that_the_client_signed_with_is_passed_on(environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with gateway(200, "{}") as (endpoint, got):
        monkeypatch.setenv("STEPDEPLOY_ENDPOINT", endpoint)
        with Proxy(Forwarder(Engine())) as proxy:
            secret = {"aws_access_key_id": "CLIENT", "aws_secret_access_key": "x", "aws_session_token": "CLIENT-TOKEN"}
            codedeploy(proxy, **secret).list_deployments()
    (headers,) = got
    assert "CLIENT" not in str(headers)
    assert "Credential=testing/" in headers["authorization"] and "/execute-api/aws4_request" in headers["authorization"]


# -- as a command


def environment_of(served: Served) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_ENDPOINT")}
    root = str(Path(__file__).resolve().parents[4])
    return {**kept, "STEPDEPLOY_ENDPOINT": served.endpoint, "PYTHONPATH": root, "HOME": "/nowhere"}


def test_it_runs_the_aws_cli_and_ends_with_its_status(proxy: Proxy, served: Served) -> None:
    def ran(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cli", "proxy", "--verbose", "--", str(AWS), "deploy", *words]
        return subprocess.run(command, env=environment_of(served), capture_output=True, text=True, timeout=PATIENCE)

    good = ran("list-deployments", "--output", "json")
    assert (good.returncode, json.loads(good.stdout)) == (0, {"deployments": [ONE]})
    assert "ListDeployments 200 " in good.stderr
    bad = ran("get-deployment", "--deployment-id", "d-000000009")
    assert bad.returncode > 0 and "DeploymentDoesNotExistException" in bad.stderr


def test_a_command_that_is_not_there_is_127(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["proxy", "--", "/no/such/command"]) == 127
    assert "/no/such/command: No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_end(proxy: Proxy, served: Served, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "cli", "proxy"]
    with subprocess.Popen(
        command, env=environment_of(served), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            name, _, url = process.stdout.readline().strip().removeprefix("export ").partition("=")
            assert name == "AWS_ENDPOINT_URL_CODEDEPLOY"
            client = boto3.client("codedeploy", endpoint_url=url, region_name=REGION)
            assert client.list_deployments()["deployments"] == [ONE]
            process.send_signal(number)
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()


def test_a_port_that_is_taken_is_a_mistake(proxy: Proxy, capsys: pytest.CaptureFixture[str]) -> None:
    port = str(urlsplit(proxy.url).port)
    assert main(["proxy", "--port", port]) == 2
    assert f"--port {port}: cannot be used: Address already in use" in capsys.readouterr().err

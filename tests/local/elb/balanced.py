"""Load balancers for tests: what one test makes of them, the applications behind, the clients in front.

A second of health checks and delays lasts a tenth here.
"""

import http.client
import http.server
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from local.cloud import LocalCloud, LocalInstance
from local.driver import wait_for
from tests.local.emulator import Account

SECOND = 0.1
PORT = 8080
PATIENCE = 20.0
# As short as AWS allows. A busy machine must not make a target unhealthy that is well: tests of such ask for SENSITIVE.
CHECKS: dict[str, Any] = {
    "HealthCheckIntervalSeconds": 5,
    "HealthCheckTimeoutSeconds": 4,
    "HealthyThresholdCount": 2,
    "UnhealthyThresholdCount": 10,
}
SENSITIVE: dict[str, Any] = {"UnhealthyThresholdCount": 2}


class Application:
    """A web server at a host's address, in the test's process: the network is this machine's.

    `/` says its name, `/slow` does so when it is released, `/long` in ten pieces over a second, `/echo` sends back what
    comes while it comes, `/headers` what it was sent; an upgrade echoes bytes.
    """

    def __init__(self, address: str, name: str, port: int = PORT) -> None:
        self.name, self.status = name, 200
        self.address = f"{address}:{port}"
        self.released, self.busy = threading.Event(), threading.Event()
        self.checks = 0
        self.requests = 0
        self._connections: set[socket.socket] = set()
        self._server = _Server((address, port), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def kill(self) -> None:
        """It ends as a killed process does: nobody listens, and every connection ends."""
        self._server.shutdown()
        self._server.server_close()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that is cut is part of the tests."""


def _handler(application: Application) -> type[socketserver.BaseRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            application._connections.add(self.connection)

        def finish(self) -> None:
            super().finish()
            application._connections.discard(self.connection)

        def do_GET(self) -> None:
            if self.headers["User-Agent"] == "ELB-HealthChecker/2.0":
                application.checks += 1
                self._answer(b"", application.status)
                return
            application.requests += 1
            if self.headers["Upgrade"]:
                self._echo_bytes()
            elif self.path == "/slow":
                application.busy.set()
                application.released.wait(PATIENCE)
                self._answer(application.name.encode())
            elif self.path == "/long":
                self._answer_in_pieces()
            else:
                self._answer(str(self.headers).encode() if self.path == "/headers" else application.name.encode())

        def _answer_in_pieces(self) -> None:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for _ in range(10):
                self._chunk(application.name.encode())
                time.sleep(0.1)
            self._chunk(b"")

        def do_POST(self) -> None:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.flush()
            while size := int(self.rfile.readline(), 16):
                self._chunk(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            self._chunk(b"")

        def _answer(self, body: bytes, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        def _chunk(self, data: bytes) -> None:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()

        def _echo_bytes(self) -> None:
            self.send_response(101)
            self.send_header("Upgrade", self.headers["Upgrade"])
            self.send_header("Connection", "Upgrade")
            self.end_headers()
            self.wfile.flush()
            while data := self.connection.recv(1024):
                self.connection.sendall(data)
            self.close_connection = True

        def log_message(self, *words: Any) -> None:
            """Tests say what went wrong."""

    return Handler


class Balanced:
    """One test's load balancers, hosts and applications."""

    def __init__(self, aws: LocalCloud, account: Account) -> None:
        self.aws, self.account = aws, account
        self.elb, self.classic = account.client("elbv2"), account.client("elb")
        subnets = account.client("ec2").describe_subnets()["Subnets"]
        self.vpc = subnets[0]["VpcId"]
        self.subnets = [subnet["SubnetId"] for subnet in subnets[:2]]  # us-east-1a, where hosts are, and another

    def host(self) -> LocalInstance:
        host = self.aws.add_instance(self.account.name(), {})
        self.account.at_end(self.aws.remove_instance, host=host)
        return host

    def application(self, host: LocalInstance, name: str = "v1", port: int = PORT) -> Application:
        found = Application(host.address, name, port)
        self.account.at_end(found.kill)
        return found

    def group(self, *targets: LocalInstance | dict[str, Any], **how: Any) -> str:
        """The ARN of a target group, which waits one declared second for what leaves it."""
        tcp = {"HealthCheckProtocol": "HTTP"} if how.get("Protocol") == "TCP" else {}
        given = {"Protocol": "HTTP", "Port": PORT, "VpcId": self.vpc, "Name": self.account.name()[:32]}
        arn = str(
            self.elb.create_target_group(**{**given, **CHECKS, **tcp, **how})["TargetGroups"][0]["TargetGroupArn"]
        )
        self.account.at_end(self.elb.delete_target_group, TargetGroupArn=arn)
        self.set(arn, deregistration_delay__timeout_seconds=1)
        if targets:
            self.register(arn, *targets)
        return arn

    def set(self, group: str, **attributes: Any) -> None:
        pairs = [{"Key": key.replace("__", "."), "Value": str(value)} for key, value in attributes.items()]
        self.elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=pairs)

    def balancer(self, **how: Any) -> str:
        """The ARN of a load balancer."""
        given = {"Name": self.account.name()[:32], "Subnets": self.subnets}
        arn = str(self.elb.create_load_balancer(**{**given, **how})["LoadBalancers"][0]["LoadBalancerArn"])
        self.account.at_end(self.elb.delete_load_balancer, LoadBalancerArn=arn)
        return arn

    def listener(self, balancer: str, *groups: str | tuple[str, int], port: int = 80, protocol: str = "HTTP") -> str:
        """The ARN of a listener that forwards to groups, with their weights or without."""
        weighed = [each if isinstance(each, tuple) else (each, 1) for each in groups]
        targets = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weighed]
        action = {"Type": "forward", "ForwardConfig": {"TargetGroups": targets}}
        how = {"LoadBalancerArn": balancer, "Protocol": protocol, "Port": port, "DefaultActions": [action]}
        return str(self.elb.create_listener(**how)["Listeners"][0]["ListenerArn"])

    def address(self, balancer: str) -> str:
        """Where clients connect."""
        found = self.elb.describe_load_balancers(LoadBalancerArns=[balancer])["LoadBalancers"][0]
        return str(next(iter(self.aws.load_balancers.addresses()[found["LoadBalancerName"]].values())))

    def in_front(self, group: str, **how: Any) -> str:
        """The address of a new Application Load Balancer that forwards to a group."""
        balancer = self.balancer(**how)
        self.listener(balancer, group)
        return self.address(balancer)

    def register(self, group: str, *targets: LocalInstance | dict[str, Any]) -> None:
        self.elb.register_targets(TargetGroupArn=group, Targets=[_target(each) for each in targets])

    def deregister(self, group: str, *targets: LocalInstance | dict[str, Any]) -> None:
        self.elb.deregister_targets(TargetGroupArn=group, Targets=[_target(each) for each in targets])

    def health(self, group: str, *targets: LocalInstance | dict[str, Any]) -> list[str]:
        """`state`, or `state reason`, of each target."""
        asked = {"Targets": [_target(each) for each in targets]} if targets else {}
        answer = self.elb.describe_target_health(TargetGroupArn=group, **asked)["TargetHealthDescriptions"]
        return [" ".join(filter(None, (one["TargetHealth"].get(key) for key in ("State", "Reason")))) for one in answer]

    def becomes(self, group: str, state: str, *targets: LocalInstance | dict[str, Any]) -> None:
        """Wait until all targets are in a state."""
        self.until(lambda: set(self.health(group, *targets)) == {state}, state)

    def until(self, holds: Callable[[], Any], what: str) -> None:
        wait_for(lambda: holds() or None, what, PATIENCE, every=0.03)


def _target(target: LocalInstance | dict[str, Any]) -> dict[str, Any]:
    return target if isinstance(target, dict) else {"Id": target.id}


def get(address: str, path: str = "/", **headers: str) -> tuple[int, str]:
    """Status and text of one request, by a connection of its own."""
    with closing_connection(address) as connection:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


@contextmanager
def closing_connection(address: str) -> Iterator[http.client.HTTPConnection]:
    host, _, port = address.partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE)
    try:
        yield connection
    finally:
        connection.close()


class Client(threading.Thread):
    """Sends one request after the other by one connection, and counts what fails."""

    def __init__(self, address: str) -> None:
        super().__init__(daemon=True)
        self._address = address
        self._ended = threading.Event()
        self.answers: list[str] = []
        self.failures: list[str] = []

    def run(self) -> None:
        with closing_connection(self._address) as connection:
            while not self._ended.is_set():
                try:
                    connection.request("GET", "/")
                    answer = connection.getresponse()
                    text = answer.read().decode()
                    (self.answers if answer.status == 200 else self.failures).append(f"{answer.status} {text}")
                except (OSError, http.client.HTTPException) as error:
                    self.failures.append(repr(error))
                    connection.close()
                time.sleep(0.001)

    def stop(self) -> None:
        self._ended.set()
        self.join(PATIENCE)


@pytest.fixture
def balanced(our_cloud: LocalCloud, cloud: Account) -> Iterator[Balanced]:
    our_cloud.load_balancers.set(second=SECOND)
    yield Balanced(our_cloud, cloud)
    our_cloud.load_balancers.clear()

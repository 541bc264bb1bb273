"""Network Load Balancers on the local cloud: a connection belongs to one target for as long as it lasts."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tests.local.elb.balanced import PATIENCE, SENSITIVE, Application, Balanced, get

UPGRADE = b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n"


def serving(balanced: Balanced, *names: str, **how: Any) -> tuple[str, str, list[Application]]:
    """The group, the address in front of it, and the applications, once all are healthy."""
    found = [balanced.host() for _ in names]
    group = balanced.group(*found, Protocol="TCP", **how)
    applications = [balanced.application(host, name) for host, name in zip(found, names, strict=True)]
    balancer = balanced.balancer(Type="network")
    balanced.listener(balancer, group, port=443, protocol="TCP")
    balanced.becomes(group, "healthy")
    return group, balanced.address(balancer), applications


@contextmanager
def flow(address: str) -> Iterator[socket.socket]:
    """A connection whose target echoes bytes."""
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port)), PATIENCE) as connection:
        connection.sendall(UPGRADE)
        assert connection.recv(1024).startswith(b"HTTP/1.1 101 ")
        yield connection


def echoes(connection: socket.socket) -> bool:
    """Whether the flow still has its target."""
    try:
        connection.sendall(b"x")
        return connection.recv(1) == b"x"
    except OSError:
        return False


def leave(balanced: Balanced, group: str) -> None:
    """Deregister all and wait until they are gone."""
    targets = balanced.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    balanced.deregister(group, *[each["Target"] for each in targets])
    balanced.until(lambda: not balanced.health(group), "them to be gone")


def test_each_connection_has_the_next_target(balanced: Balanced) -> None:
    _, address, _ = serving(balanced, "a", "b")
    assert sorted(get(address)[1] for _ in range(4)) == ["a", "a", "b", "b"]


def test_a_connection_stays_when_its_target_has_left(balanced: Balanced) -> None:
    group, address, _ = serving(balanced, "a")
    with flow(address) as connection:
        leave(balanced, group)
        assert echoes(connection)


def test_it_ends_where_the_group_says_so(balanced: Balanced) -> None:
    group, address, _ = serving(balanced, "a")
    balanced.set(group, deregistration_delay__connection_termination__enabled="true")
    with flow(address) as connection:
        leave(balanced, group)
        balanced.until(lambda: not echoes(connection), "the connection to end")


def test_it_ends_when_its_target_becomes_unhealthy(balanced: Balanced) -> None:
    group, address, (application, _) = serving(balanced, "a", "b", **SENSITIVE)
    with flow(address) as connection:
        application.status = 500
        balanced.until(lambda: "unhealthy Target.ResponseCodeMismatch" in balanced.health(group), "it to be unhealthy")
        assert not echoes(connection)


def test_new_connections_are_cut_when_nobody_is_left(balanced: Balanced) -> None:
    group, address, _ = serving(balanced, "a")
    leave(balanced, group)
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port)), PATIENCE) as connection, suppress(ConnectionResetError):
        assert connection.recv(1) == b""


def test_a_check_can_be_a_connection(balanced: Balanced) -> None:
    host = balanced.host()
    group = balanced.group(host, Protocol="TCP", HealthCheckProtocol="TCP", **SENSITIVE)
    balancer = balanced.balancer(Type="network")
    balanced.listener(balancer, group, port=443, protocol="TCP")
    balanced.becomes(group, "unhealthy Target.FailedHealthChecks")
    balanced.application(host)
    balanced.becomes(group, "healthy")

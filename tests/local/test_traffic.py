"""The clients of local/traffic.py: they count every request, and see what a roll-out without draining breaks."""

import json
import socket
import threading
from collections.abc import Iterator

import pytest

from local.traffic import Traffic, main
from tests.local.elb.balanced import Application, Balanced


@pytest.fixture
def application() -> Iterator[Application]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    found = Application("127.0.0.1", "v1", port)
    yield found
    found.kill()


def balanced_pair(balanced: Balanced) -> tuple[str, str, list[Application]]:
    """A group of two hosts, the address in front of it, and the applications."""
    hosts = [balanced.host(), balanced.host()]
    group = balanced.group(*hosts)
    balanced.set(group, deregistration_delay__timeout_seconds=100)
    applications = [balanced.application(host, name) for host, name in zip(hosts, ("old", "other"), strict=True)]
    address = balanced.in_front(group)
    balanced.becomes(group, "healthy")
    return group, address, applications


def test_it_sees_no_failure_of_a_host_that_drains(balanced: Balanced) -> None:
    group, address, (leaving, staying) = balanced_pair(balanced)
    balanced.aws.load_balancers.set(propagation_seconds=0.3)
    with Traffic(address, clients=8, long_clients=4, long_path="/long", pause=0.005) as traffic:
        balanced.until(lambda: traffic.tally.answers["old"] > 20 and leaving.requests, "traffic")
        target = balanced.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"][0]["Target"]
        balanced.deregister(group, target)
        balanced.until(lambda: not leaving._connections, "the host to have no connection")
        leaving.kill()
        before = staying.requests
        balanced.until(lambda: staying.requests > before + 20, "traffic to go on")
    assert traffic.tally.failures == {} and traffic.tally.long_answers > 0
    assert set(traffic.tally.answers) == {"old", "other"}


def test_it_sees_failures_of_a_host_that_just_goes(balanced: Balanced) -> None:
    _, address, (leaving, _) = balanced_pair(balanced)
    with Traffic(address, clients=8, long_clients=4, long_path="/long", pause=0.005) as traffic:
        balanced.until(lambda: traffic.tally.long_answers > 0, "a long answer")
        leaving.kill()
        balanced.until(lambda: traffic.tally.failures["status 502"], "failures")


def test_every_request_is_counted(application: Application) -> None:
    said: list[str] = []
    assert main([application.address, "--requests", "300", "--clients", "16"], said.append) == 0
    (told,) = map(json.loads, said)
    assert (told["requests"], told["failed"], told["answers"]) == (300, 0, {"v1": 300})
    assert application.requests == 300


def test_nobody_there_is_a_failure_each_time(application: Application) -> None:
    application.kill()
    said: list[str] = []
    assert main([application.address, "--requests", "5", "--clients", "2"], said.append) == 1
    (told,) = map(json.loads, said)
    assert (told["failed"], told["failures"]) == (5, {"ConnectionRefusedError": 5})


def test_an_answer_that_is_cut_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")

        thread = threading.Thread(target=answer)
        thread.start()
        said: list[str] = []
        assert main([f"127.0.0.1:{server.getsockname()[1]}", "--requests", "1", "--clients", "1"], said.append) == 1
        thread.join()
    assert json.loads(said[0])["failures"] == {"IncompleteReadError": 1}

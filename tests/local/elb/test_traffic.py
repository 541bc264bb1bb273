"""What clients see of the load balancers' HTTP: requests move, wait, flow and fail as targets come and go."""

import http.client
import socket
import threading
from collections import Counter
from typing import Any

import pytest

from local.driver import wait_for
from tests.local.elb.balanced import PATIENCE, SENSITIVE, Application, Balanced, Client, closing_connection, get


def hosts(balanced: Balanced, *names: str, **how: Any) -> tuple[str, list[Application]]:
    """A group of hosts with applications of those names, and the applications."""
    found = [balanced.host() for _ in names]
    return balanced.group(*found, **how), [
        balanced.application(host, name) for host, name in zip(found, names, strict=True)
    ]


def serving(balanced: Balanced, *names: str, **how: Any) -> tuple[str, str, list[Application]]:
    """The group, the address in front of it, and the applications, once all are healthy."""
    group, applications = hosts(balanced, *names, **how)
    address = balanced.in_front(group)
    balanced.becomes(group, "healthy")
    return group, address, applications


def target_of(balanced: Balanced, group: str, number: int) -> dict[str, object]:
    found = balanced.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    target: dict[str, object] = found[number]["Target"]
    return target


def answers(address: str, count: int) -> Counter[str]:
    return Counter(get(address)[1] for _ in range(count))


def test_targets_take_turns(balanced: Balanced) -> None:
    _, address, _ = serving(balanced, "a", "b")
    assert answers(address, 10) == {"a": 5, "b": 5}


def test_a_client_keeps_its_connection_and_requests_share_those_to_targets(balanced: Balanced) -> None:
    _, address, (application,) = serving(balanced, "a")
    with closing_connection(address) as connection:
        connection.connect()
        own = connection.sock
        for _ in range(20):
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"a"
        assert connection.sock is own
    get(address)
    assert application.requests == 21 and len(application._connections) == 1


def test_targets_are_told_who_asks(balanced: Balanced) -> None:
    _, address, _ = serving(balanced, "a")
    _, seen = get(address, "/headers", **{"X-Forwarded-For": "10.0.0.1", "Connection": "close", "X-Own": "1"})
    headers = dict(line.split(": ", 1) for line in seen.splitlines() if line)
    assert headers["X-Forwarded-For"] == "10.0.0.1, 127.0.0.1"
    assert (headers["X-Forwarded-Proto"], headers["X-Forwarded-Port"]) == ("http", "80")
    assert headers["Host"] == address.removesuffix(":80") and headers["X-Own"] == "1" and "Connection" not in headers


def test_bodies_flow_both_ways_while_they_come(balanced: Balanced) -> None:
    _, address, _ = serving(balanced, "a")
    with closing_connection(address) as connection:
        connection.putrequest("POST", "/echo")
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        connection.send(b"5\r\nfirst\r\n")
        answer = connection.response_class(connection.sock, method="POST")
        answer.begin()
        assert answer.read(5) == b"first"
        connection.send(b"6\r\nsecond\r\n0\r\n\r\n")
        assert answer.read() == b"second"


def test_a_large_body_arrives_whole(balanced: Balanced) -> None:
    _, address, _ = serving(balanced, "a")
    body = bytes(range(256)) * 8192
    with closing_connection(address) as connection:
        connection.request("POST", "/echo", iter([body]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
        assert connection.getresponse().read() == body


def test_a_web_socket_becomes_a_tunnel(balanced: Balanced) -> None:
    _, address, _ = serving(balanced, "a")
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port)), PATIENCE) as client:
        client.sendall(b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nearly")
        seen = b""
        while not seen.endswith(b"early"):
            seen += client.recv(1024)
        assert seen.startswith(b"HTTP/1.1 101 ") and b"upgrade: websocket" in seen.lower()
        client.sendall(b"\x00\xffany bytes")
        assert client.recv(1024) == b"\x00\xffany bytes"


def test_a_client_sees_no_failure_when_a_host_drains_before_it_goes(balanced: Balanced) -> None:
    group, address, (leaving, staying) = serving(balanced, "old", "other")
    balanced.set(group, deregistration_delay__timeout_seconds=100)
    balanced.aws.load_balancers.set(propagation_seconds=0.3)
    clients = [Client(address) for _ in range(4)]
    for client in clients:
        client.start()
    balanced.until(lambda: leaving.requests > 10, "traffic")
    target = target_of(balanced, group, 0)
    balanced.deregister(group, target)
    balanced.until(lambda: leaving._connections == set(), "the host to have no connection")
    leaving.kill()
    before = staying.requests
    balanced.until(lambda: staying.requests > before + 20, "traffic to go on")
    for client in clients:
        client.stop()
    assert [client.failures for client in clients] == [[]] * 4
    assert {answer for client in clients for answer in client.answers} == {"200 old", "200 other"}


def test_a_client_sees_failures_when_a_host_just_goes(balanced: Balanced) -> None:
    _, address, (leaving, _) = serving(balanced, "old", "other")
    client = Client(address)
    client.start()
    balanced.until(lambda: leaving.requests > 10, "traffic")
    leaving.kill()
    balanced.until(lambda: client.failures, "a failure")
    client.stop()
    assert client.failures[0].startswith("502 ") and "Bad Gateway" in client.failures[0]


def test_requests_still_come_until_the_nodes_have_heard_of_a_deregistration(balanced: Balanced) -> None:
    group, address, (leaving, _) = serving(balanced, "old", "other")
    balanced.aws.load_balancers.set(propagation_seconds=1)
    balanced.deregister(group, target_of(balanced, group, 0))
    assert answers(address, 4) == {"old": 2, "other": 2}
    balanced.until(lambda: answers(address, 2) == {"other": 2}, "the deregistration to be heard of")
    before = leaving.requests
    answers(address, 4)
    assert leaving.requests == before


def test_a_request_in_flight_ends_at_a_target_that_leaves(balanced: Balanced) -> None:
    group, address, (application,) = serving(balanced, "old")
    balanced.set(group, deregistration_delay__timeout_seconds=100)
    got: list[tuple[int, str]] = []
    request = threading.Thread(target=lambda: got.append(get(address, "/slow")))
    request.start()
    assert application.busy.wait(PATIENCE)
    balanced.deregister(group, target_of(balanced, group, 0))
    assert get(address)[0] == 503
    application.released.set()
    request.join(PATIENCE)
    assert got == [(200, "old")]


def test_a_request_that_outlasts_the_delay_is_cut(balanced: Balanced) -> None:
    group, address, (application,) = serving(balanced, "old")
    got: list[int] = []
    request = threading.Thread(target=lambda: got.append(get(address, "/slow")[0]))
    request.start()
    assert application.busy.wait(PATIENCE)
    balanced.deregister(group, target_of(balanced, group, 0))
    request.join(PATIENCE)
    application.released.set()
    assert got == [502]


def test_an_unhealthy_target_gets_nothing_unless_all_are_so(balanced: Balanced) -> None:
    group, address, (sick, other) = serving(balanced, "a", "b", **SENSITIVE)
    sick.status = 500
    balanced.until(lambda: "unhealthy Target.ResponseCodeMismatch" in balanced.health(group), "one to be unhealthy")
    assert answers(address, 4) == {"b": 4}
    other.status = 500
    balanced.becomes(group, "unhealthy Target.ResponseCodeMismatch")
    assert answers(address, 4) == {"a": 2, "b": 2}


def test_weights_share_the_requests(balanced: Balanced) -> None:
    (blue, _), (green, _), (dark, _) = (hosts(balanced, name) for name in ("blue", "green", "dark"))
    balancer = balanced.balancer()
    listener = balanced.listener(balancer, (blue, 3), (green, 1), (dark, 0))
    for group in (blue, green, dark):
        balanced.becomes(group, "healthy")  # also the one of the weight 0, which is in use
    address = balanced.address(balancer)
    assert answers(address, 8) == {"blue": 6, "green": 2}
    action = {"Type": "forward", "TargetGroupArn": green}
    balanced.elb.modify_listener(ListenerArn=listener, DefaultActions=[action])
    assert answers(address, 2) == {"green": 2}


def test_a_slow_start_grows(balanced: Balanced) -> None:
    group, address, _ = serving(balanced, "first")
    balanced.set(group, slow_start__duration_seconds=900)
    late = balanced.host()
    balanced.application(late, "late")
    balanced.register(group, late)
    balanced.becomes(group, "healthy", late)
    assert answers(address, 10)["late"] <= 1


def test_the_least_loaded_target_can_be_next(balanced: Balanced) -> None:
    group, address, (busy, free) = serving(balanced, "a", "b")
    balanced.set(group, load_balancing__algorithm__type="least_outstanding_requests")
    waiting = threading.Thread(target=get, args=(address, "/slow"))
    waiting.start()
    balanced.until(lambda: busy.busy.is_set() or free.busy.is_set(), "a request to wait")
    idle = "b" if busy.busy.is_set() else "a"
    assert answers(address, 4) == {idle: 4}
    for application in (busy, free):
        application.released.set()
    waiting.join(PATIENCE)


def test_rules_decide_by_what_is_asked(balanced: Balanced) -> None:
    (api, _), (web, _) = hosts(balanced, "api"), hosts(balanced, "web")
    balancer = balanced.balancer()
    listener = balanced.listener(balancer, web)
    create = balanced.elb.create_rule
    forward = [{"Type": "forward", "TargetGroupArn": api}]
    create(
        ListenerArn=listener, Priority=9, Actions=forward, Conditions=[{"Field": "path-pattern", "Values": ["/api/*"]}]
    )
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "418", "MessageBody": "no"}}
    by_header = {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Pot", "Values": ["tea*"]}}
    create(ListenerArn=listener, Priority=1, Actions=[fixed], Conditions=[by_header])
    redirect = {"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_302", "Path": "/new/#{path}"}}
    by_query = {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "old", "Value": "*"}]}}
    create(ListenerArn=listener, Priority=2, Actions=[redirect], Conditions=[by_query])
    for group in (api, web):
        balanced.becomes(group, "healthy")
    address = balanced.address(balancer)
    assert get(address, "/api/x") == (200, "api") and get(address, "/") == (200, "web")
    assert get(address, "/api/x", **{"X-Pot": "teapot"}) == (418, "no")
    with closing_connection(address) as connection:
        connection.request("GET", "/a?old=1")
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Location"]) == (
            302,
            f"http://{address.partition(':')[0]}:80/new/a?old=1",
        )


def test_nobody_behind_is_service_unavailable(balanced: Balanced) -> None:
    assert get(balanced.in_front(balanced.group()))[0] == 503


def test_what_is_no_request_is_refused(balanced: Balanced) -> None:
    host, _, port = balanced.in_front(balanced.group()).partition(":")
    with socket.create_connection((host, int(port)), PATIENCE) as client:
        client.sendall(b"NONSENSE\r\n\r\n")
        assert client.recv(1024).startswith(b"HTTP/1.1 400 ")


def test_a_deleted_listener_is_gone(balanced: Balanced) -> None:
    balancer = balanced.balancer()
    listener = balanced.listener(balancer, balanced.group())
    address = balanced.address(balancer)
    assert get(address)[0] == 503
    balanced.elb.delete_listener(ListenerArn=listener)
    with pytest.raises((OSError, http.client.HTTPException)):
        get(address)


def test_an_application_that_runs_on_a_host_is_reached(balanced: Balanced) -> None:
    """The host is a set of namespaces; a server that a command starts on it listens at the host's own address."""
    host = balanced.host()
    host.path("/srv").mkdir(exist_ok=True)
    host.path("/srv/index.html").write_text("from the host\n")
    line = f"cd /srv && setsid python3 -m http.server --bind {host.address} 8080 >/dev/null 2>&1 </dev/null &"
    ssm = balanced.account.client("ssm")
    ssm.send_command(InstanceIds=[host.id], DocumentName="AWS-RunShellScript", Parameters={"commands": [line]})
    group = balanced.group(host)
    address = balanced.in_front(group)
    balanced.becomes(group, "healthy")
    assert get(address) == (200, "from the host\n")
    balanced.aws.act(host, "terminate")
    wait_for(lambda: get(address)[0] == 503, "the host to be gone")

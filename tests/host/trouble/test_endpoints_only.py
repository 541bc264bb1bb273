"""A host without a way to the internet: its network has S3's endpoint of the Region; all else that is called is seen.

Runner, revision and logs come and go by the URLs that the engine's own code signs. In the host's network namespace
every address is the host's own, so that what calls one is refused at once, but for the address where S3 listens; and a
packet socket sees each call. As in a VPC, the name of the bucket is found; a question for any other goes to the
resolver, where it is seen, too.
"""

import datetime
import select
import shlex
import socket
import ssl
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from functions.aws import bucket, clients
from functions.core.revision import runner_key
from functions.settings import settings
from tests.conftest import BUCKET, made
from tests.conftest import revision as of_engine
from tests.host.conftest import HOST_ID, IN_PLACE, Host, Web
from tests.host.test_events import hooked
from tests.host.test_step import step
from tests.host.trouble.conftest import enter, ways_to_unshare
from tests.signing import SHA256, key

S3, RESOLVER, METADATA = "198.51.100.7", "192.0.2.53", "169.254.169.254"
# What makes the network, in its namespace: an address for everything, two files, and the sockets, which it hands out.
_SETTING_UP = """
import ctypes, socket, struct, subprocess, sys
s3, *files = sys.argv[1:]
for command in ("link set lo up", "route add local 0.0.0.0/0 dev lo", "-6 route add local ::/0 dev lo"):
    subprocess.run(["ip", *command.split()], check=command.startswith(("link", "route")), stderr=subprocess.DEVNULL)
for there in ("/etc/hosts", "/etc/resolv.conf"):
    subprocess.run(["mount", "--bind", files.pop(0), there], check=True)
# What is longer than 2,048 bytes is content, which would fill the buffer: load the length, compare, drop, keep.
steps = ((0x80, 0, 0, 0), (0x25, 0, 1, 2048), (6, 0, 0, 0), (6, 0, 0, 65535))
filter = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in steps))
seen = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
seen.setsockopt(socket.SOL_SOCKET, 26, struct.pack("@HP", 4, ctypes.addressof(filter)))  # SO_ATTACH_FILTER
seen.bind(("lo", 3))  # ETH_P_ALL
listening = socket.create_server((s3, 443))
asked = socket.socket(fileno=0)
socket.send_fds(asked, [b"ready"], [listening.fileno(), seen.fileno()])
asked.recv(1)
"""
_SOL_PACKET, _PACKET_STATISTICS = 263, 6
_TCP, _UDP, _SYN, _ACK = 6, 17, 0x02, 0x10
Call = tuple[str, str, int]  # protocol, address, port


@dataclass
class Network:
    """What a host's network is, and the calls that it has seen."""

    by: list[str]  # the command that runs something there
    listening: socket.socket
    seen: socket.socket
    calls: set[Call] = field(default_factory=set)

    def shell(self, folder: Path) -> str:
        """A shell of a host there."""
        file = folder / "shell"
        file.write_text(f'#!/bin/sh\nexec {shlex.join(self.by)} sh "$@"\n')
        file.chmod(0o755)
        return str(file)

    @contextmanager
    def watched(self) -> Iterator[set[Call]]:
        """The calls that were made within, complete at its end."""
        over, ended = socket.socketpair()
        watch = threading.Thread(target=self._watch, args=(ended,))
        watch.start()
        yield self.calls
        over.close()
        watch.join()
        ended.close()
        _, lost = struct.unpack("II", self.seen.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
        assert lost == 0, "packets that nobody has looked at"

    def _watch(self, ended: socket.socket) -> None:
        while True:
            ready, _, _ = select.select([self.seen, ended], [], [])
            if self.seen in ready:
                if call := _call(self.seen.recv(2048)):
                    self.calls.add(call)
            elif ended in ready:
                return


def _call(packet: bytes) -> Call | None:
    """Whom a packet calls, if it is the first of a connection or a datagram."""
    if packet[0] >> 4 == 4:
        start, protocol, address = (packet[0] & 15) * 4, packet[9], packet[16:20]
    else:
        start, protocol, address = 40, packet[6], packet[24:40]
    port = int.from_bytes(packet[start + 2 : start + 4], "big")
    if protocol == _UDP:
        return "udp", str(ip_address(address)), port
    if protocol == _TCP and packet[start + 13] & (_SYN | _ACK) == _SYN:
        return "tcp", str(ip_address(address)), port
    return None


@pytest.fixture
def network(tmp_path: Path, endpoint: str) -> Iterator[Network]:
    """Of a host that reaches S3 alone."""
    hosts, resolver = tmp_path / "hosts", tmp_path / "resolv.conf"
    hosts.write_text(f"127.0.0.1 localhost\n{S3} {endpoint}\n")
    resolver.write_text(f"nameserver {RESOLVER}\noptions timeout:1 attempts:1\n")
    said = []
    for way in ways_to_unshare("--net", "--mount"):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            command = [*way, sys.executable, "-c", _SETTING_UP, S3, str(hosts), str(resolver)]
            with subprocess.Popen(command, stdin=theirs.fileno(), stderr=subprocess.PIPE, text=True) as process:
                theirs.close()
                _, sockets, _, _ = socket.recv_fds(ours, 16, 2)
                if sockets:
                    listening, seen = (socket.socket(fileno=each) for each in sockets)
                    with listening, seen:
                        yield Network(enter(way, process.pid), listening, seen)
                        ours.close()
                    return
                assert process.stderr
                said.append(f"{shlex.join(way)}: {process.stderr.read()}")
    pytest.skip(f"needs a network namespace and ip, as root or as an unprivileged user: {said}")


@pytest.fixture(params=["us-east-1", "eu-central-1"])
def endpoint(request: pytest.FixtureRequest, environment: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """The engine is in a Region; the name of its bucket that an endpoint of that Region's S3 has."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", request.param)
    monkeypatch.setattr(clients, "made", made.__wrapped__)
    return f"{BUCKET}.s3.{request.param}.amazonaws.com"


@pytest.fixture
def s3(network: Network, endpoint: str, tmp_path: Path) -> Iterator[Web]:
    """S3 behind its endpoint, by TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(tmp_path / "s3.pem", endpoint))
    network.listening.settimeout(None)
    with Web(context.wrap_socket(network.listening, server_side=True)).running() as web:
        yield web


def _certificate(file: Path, name: str) -> Path:
    """Of that name, its own authority; with its key."""
    own, issuer = key(), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "S3")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(issuer)
        .issuer_name(issuer)
        .public_key(own.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(own, SHA256)
    )
    pem, private = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    file.write_bytes(made.public_bytes(pem) + own.private_bytes(pem, private, serialization.NoEncryption()))
    return file


def told(host: Host, web: Web, content: bytes) -> dict[str, Any]:
    """Instructions with the URLs that RunSegment would sign, and what S3 has behind them."""
    found = host.told("d-1", content)
    runner = bucket.presigned(settings().bucket_name, runner_key(found["runner"]["sha256"]))
    revision = bucket.bundle_url(of_engine("v1", version="v-1"))
    logs = bucket.log_upload("d-1", HOST_ID)
    web.files = {urlsplit(runner).path: host.runner.read_bytes(), urlsplit(revision).path: content}
    found["runner"]["url"], found["bundle"]["url"] = runner, revision
    found["logs"] = {"url": logs.url, "fields": dict(logs.fields), "key_prefix": logs.key_prefix}
    return found


def test_a_host_that_reaches_s3_alone_is_deployed_to_and_asks_for_nothing_else(
    host: Host, s3: Web, network: Network, endpoint: str, tmp_path: Path
) -> None:
    instructions = told(host, s3, hooked("BeforeInstall", "echo hello"))
    urls = [instructions[each]["url"] for each in ("runner", "bundle", "logs")]
    assert {(urlsplit(url).scheme, urlsplit(url).netloc) for url in urls} == {("https", endpoint)}
    host.environment = {"SSL_CERT_FILE": str(tmp_path / "s3.pem")}
    with network.watched() as calls:
        steps = [step(host, event, instructions, shell=network.shell(tmp_path)) for event in IN_PLACE]
    assert [(each.event, each.exit) for each in steps] == [(event, 0) for event in IN_PLACE], steps
    assert [path.partition("?")[0] for path in s3.gets] == [urlsplit(url).path for url in urls[:2]]
    ((_, log),) = s3.posts
    assert f".stepdeploy/logs/d-1/{HOST_ID}/BeforeInstall.log.gz".encode() in log
    assert "hello" in host.script_log("d-1")
    assert calls == {("tcp", S3, 443)}


_CURIOUS = f"""
import socket
for family, address, port in (
    (socket.AF_INET, "{METADATA}", 80), (socket.AF_INET, "{S3}", 80), (socket.AF_INET6, "2001:db8::1", 443)
):
    try:
        socket.socket(family).connect((address, port))
    except OSError as error:
        print(error.errno)
try:
    socket.getaddrinfo("s3.amazonaws.com", 443)
except OSError:
    print("no such name")
"""


@pytest.mark.parametrize("endpoint", ["us-east-1"], indirect=True)
def test_whatever_else_a_program_calls_there_is_refused_and_seen(network: Network) -> None:
    """Otherwise the test above could not fail."""
    with network.watched() as calls:
        ran = subprocess.run([*network.by, sys.executable, "-c", _CURIOUS], capture_output=True, text=True, check=True)
    assert ran.stdout.split("\n")[:2] == ["111", "111"] and ran.stdout.endswith("no such name\n")
    assert calls >= {("tcp", METADATA, 80), ("tcp", S3, 80), ("udp", RESOLVER, 53)}

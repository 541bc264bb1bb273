"""How a host fetches and posts: by a plain socket where it can, by urllib where it must."""

import io
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from host.posix import web as fetching
from tests.host.conftest import Web

CONTENT = bytes(range(256)) * 3000


@contextmanager
def answering(*answers: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A server that gives each connection the next of these answers and closes it; its URL, and what it was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for answer in answers:
                connection, _ = server.accept()
                with connection:
                    asked.append(connection.recv(65536))
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", asked
        thread.join(5)


def fetched(url: str) -> bytes:
    return b"".join(fetching.chunks(url, 5))


def trouble(answer: bytes) -> fetching.Trouble:
    with answering(answer) as (url, _), pytest.raises(fetching.Trouble) as raised:
        fetched(url + "/x")
    return raised.value


def test_content_comes_whole_with_the_query_as_it_was_signed(web: Web) -> None:
    url = web.serve("/a b".replace(" ", "%20"), CONTENT)
    assert fetched(url) == CONTENT
    assert web.gets == ["/a%20b?X-Amz-Signature=0"]


def test_a_connection_that_ends_early_gives_less() -> None:
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc") as (url, _):
        assert fetched(url + "/x") == b"abc"


def test_what_comes_after_the_content_is_no_content() -> None:
    with answering(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-LENGTH:3\r\n\r\nabcdef") as (url, _):
        assert fetched(url + "/x") == b"abc"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nabc",
    ],
)
def test_an_answer_of_unknown_length_is_asked_for_by_urllib(answer: bytes) -> None:
    with answering(answer, answer) as (url, asked):
        assert fetched(url + "/x") == b"abc"
    assert len(asked) == 2 and b"urllib" in asked[1]


def test_a_redirection_is_followed(web: Web) -> None:
    moved = b"HTTP/1.1 307 Moved\r\nContent-Length: 0\r\nLocation: %s\r\n\r\n" % web.serve("/y", CONTENT).encode()
    with answering(moved, moved) as (url, _):
        assert fetched(url + "/x") == CONTENT


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc") as (url, asked):
        monkeypatch.setenv("http_proxy", url)
        monkeypatch.setattr("urllib.request._opener", None)  # it has read the environment once
        assert fetched("http://revisions.example/x") == b"abc"
    assert asked[0].startswith(b"GET http://revisions.example/x ")


def test_a_refusal_is_told_in_the_words_of_s3() -> None:
    body = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
    told = trouble(b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    assert (str(told), told.code) == ("HTTP 403 AccessDenied Request has expired", 403)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + 70_000 * b"x",
        b"HTTP/1.1 200 OK\r\n" + 200 * b"X: y\r\n" + b"\r\n",
        b"HTTP/1.1 two OK\r\n\r\n",
    ],
)
def test_what_is_no_answer_is_the_network_s_trouble(answer: bytes) -> None:
    assert trouble(answer).code == 0


def test_a_server_that_is_not_there_is_the_network_s_trouble() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/x"
    with pytest.raises(fetching.Trouble, match="Connection refused"):
        fetched(url)


def test_a_server_that_says_nothing_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(fetching.Trouble, match="timed out"):
        list(fetching.chunks(f"http://127.0.0.1:{server.getsockname()[1]}/x", 0.05))


def test_a_body_is_posted_with_its_length(web: Web) -> None:
    fetching.post(f"{web.url}/logs", 5, {"Content-Type": "text/plain", "Content-Length": "3"}, io.BytesIO(b"abc"))
    assert web.posts == [("text/plain", b"abc")]
    web.answers["POST"] = [(403, b"<Code>AccessDenied</Code>")]
    with pytest.raises(fetching.Trouble, match="HTTP 403 AccessDenied"):
        fetching.post(f"{web.url}/logs", 5, {"Content-Length": "3"}, io.BytesIO(b"abc"))


@pytest.fixture
def certificate(tmp_path: Path) -> Callable[[str], Path]:
    def made(name: str) -> Path:
        path = tmp_path / f"{name}.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
             "-addext", f"subjectAltName=DNS:{name}", "-keyout", path, "-out", tmp_path / "certificate"],
            check=True, capture_output=True,
        )  # fmt: skip
        with path.open("ab") as whole:
            whole.write((tmp_path / "certificate").read_bytes())
        return path

    return made


@pytest.mark.parametrize(
    ("name", "is_trusted", "told"),
    [("localhost", True, ""), ("localhost", False, "certificate verify failed"), ("other", True, "Hostname mismatch")],
)
def test_only_the_server_of_that_name_is_believed(
    web: Web,
    certificate: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    is_trusted: bool,
    told: str,
) -> None:
    path = certificate(name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    web.server.socket = context.wrap_socket(web.server.socket, server_side=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(path if is_trusted else certificate("nobody")))
    fetching._tls.cache_clear()
    web.serve("/x", CONTENT)
    url = f"https://localhost:{web.server.server_address[1]}/x"
    if told:
        with pytest.raises(fetching.Trouble, match=told):
            fetched(url)
    else:
        assert fetched(url) == CONTENT
    fetching._tls.cache_clear()


def test_a_plain_answer_needs_no_urllib(web: Web) -> None:
    code = (
        "import sys; from host.posix import web; print(len(b''.join(web.chunks(sys.argv[1], 5)))); print(*sys.modules)"
    )
    url = web.serve("/x", CONTENT)
    command = [sys.executable, "-c", code, url]
    root = Path(__file__).parents[2]
    size, modules = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root).stdout.splitlines()
    assert int(size) == len(CONTENT)
    assert not {"urllib.request", "http.client", "email", "tempfile", "encodings.idna"} & set(modules.split())

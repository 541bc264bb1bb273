"""The console as other people and other web pages find it: over real connections."""

import os
import socket
from typing import Any

import pytest

from cli.account.loopback import peers
from cli.account.loopback import server as loopback
from cli.console import server as module
from cli.console.http import MAX_FORM_BYTES
from local.driver import PATIENCE, wait_for
from tests.cli.console.conftest import Browser
from tests.served import Served

PAGES = ("/", "/deployments/d-ABCDEF123", "/nothing", "/assets/console.js", "/stream/nothing")
ME = os.getuid()


def policy(headers: dict[str, str]) -> dict[str, str]:
    return dict(each.strip().split(" ", 1) for each in headers["content-security-policy"].split(";"))


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_keeps_other_pages_out(browser: Browser, path: str) -> None:
    for answer in (browser.get(path), browser.get(path, Cookie=""), browser.post(path)):
        rules = policy(answer.headers)
        assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == "'none'"
        assert set(rules.values()) == {"'none'", "'self'"}
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in answer.headers
        assert "server" not in answer.headers or "Python" not in answer.headers["server"]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    "sent",
    [
        {"Cookie": ""},
        {"Cookie": "stepdeploy=guess"},
        {"Host": "evil.example"},
        {"Origin": "https://evil.example"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_nobody_else_is_answered_and_the_engine_is_not_asked(
    browser: Browser, engine: Served, path: str, sent: dict[str, str]
) -> None:
    answer = browser.get(path, **sent)
    assert answer.status == 403
    assert "set-cookie" not in answer.headers
    assert "shop" not in answer.text
    assert engine.asked == []


def test_a_form_that_is_not_ours_changes_nothing(browser: Browser, engine: Served) -> None:
    assert browser.post("/", "session=guess").status == 403
    assert (
        browser.post("/", f"session={browser.console.session.form_value}", Origin="https://evil.example").status == 403
    )
    assert browser.post("/", f"session={browser.console.session.form_value}").status == 405
    assert engine.asked == []


def test_another_person_of_this_machine_is_refused_even_with_the_link(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "_ROOT", -1)
    monkeypatch.setattr(os, "getuid", lambda: ME + 1)
    for path in ("/", f"/{browser.console.session.link}/"):
        answer = browser.get(path)
        assert (answer.status, "set-cookie" in answer.headers) == (403, False)
        assert "another person" in answer.text


def test_nobody_is_told_what_the_cookie_or_the_forms_value_is(browser: Browser) -> None:
    session = browser.console.session
    for path in PAGES:
        text = browser.get(path).text
        assert session.cookie not in text and session.link not in text


@pytest.mark.parametrize(
    ("status", "head", "body"),
    [
        (413, "POST / HTTP/1.1\nHost: 127.0.0.1\nContent-Length: 99999999", ""),
        (413, "POST / HTTP/1.1\nHost: 127.0.0.1", ""),
        (413, "POST / HTTP/1.1\nHost: 127.0.0.1\nContent-Length: 3\nTransfer-Encoding: chunked", "0\r\n"),
        (405, "PUT / HTTP/1.1\nHost: 127.0.0.1", ""),
        (405, "CONNECT evil.example:443 HTTP/1.1\nHost: evil.example", ""),
        (403, "GET http://evil.example/ HTTP/1.1\nHost: evil.example", ""),
        (403, "GET / HTTP/1.1\nHost: 127.0.0.1\nHost: evil.example", ""),
        (403, "GET / HTTP/1.0", ""),
        (431, "GET / HTTP/1.1\n" + "\n".join(f"X-{number}: {'x' * 1000}" for number in range(80)), ""),
    ],
)
def test_what_no_browser_sends_is_refused(browser: Browser, status: int, head: str, body: str) -> None:
    with connection(browser) as found:
        found.sendall((head.replace("\n", "\r\n") + "\r\n\r\n" + body).encode())
        assert int(found.makefile("rb").readline().split()[1]) == status


def connection(browser: Browser) -> socket.socket:
    return socket.create_connection(("127.0.0.1", browser.console.port), timeout=PATIENCE)


def test_connections_and_streams_are_few(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    idle = [connection(browser) for _ in range(loopback.MAX_CONNECTIONS + 5)]
    assert browser.get("/").status == 200
    for each in idle:
        each.close()
    streams = [browser.stream("/") for _ in range(module._MAX_STREAMS)]
    refused = browser.stream("/")
    assert (refused.status, refused.headers["content-type"]) == (404, "text/html; charset=utf-8")
    for stream in [*streams, refused]:
        stream.close()


def test_a_stream_that_nobody_hears_ends(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BEAT_SECONDS", 0.05)
    stream = browser.stream("/")
    stream.next()
    free: Any = browser.console._streams
    assert free._value == module._MAX_STREAMS - 1
    stream.close()
    wait_for(lambda: free._value == module._MAX_STREAMS, "the stream to end")


def test_the_largest_form_is_read(browser: Browser) -> None:
    start = f"session={browser.console.session.form_value}&more="
    assert browser.post("/", start + "x" * (MAX_FORM_BYTES - len(start))).status == 405
    assert browser.post("/", start + "x" * (MAX_FORM_BYTES - len(start) + 1)).status == 413

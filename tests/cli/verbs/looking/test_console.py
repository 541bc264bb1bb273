"""`stepdeploy console`: the verb that serves the console and opens it."""

import json
import os
import signal
import socket
import subprocess
import sys
import webbrowser
from urllib.request import urlopen

import pytest

from cli.__main__ import main
from cli.account.connection import Engine, Refusal
from cli.account.loopback import server
from cli.verbs.looking.console import has_browser
from tests.served import Served

Captured = pytest.CaptureFixture[str]


def test_it_serves_at_its_link_until_it_is_ended(engine: Served) -> None:
    command = [sys.executable, "-m", "cli", "console", "--no-open", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ}) as process:
        assert process.stdout
        url = json.loads(process.stdout.readline())["url"]
        with urlopen(url) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0


def test_a_browser_is_opened_by_a_link_that_is_good_once(
    engine: Served, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """What a browser was started with, all people of the machine can see."""
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    monkeypatch.setattr(server, "wait_for_the_end", lambda: None)
    assert main(["console", "--open"]) == 0
    (shown,) = capsys.readouterr().out.split()
    assert opened[0].rsplit("/", 2)[0] == shown.rsplit("/", 2)[0]
    assert opened[0] != shown
    assert main(["console", "--no-open"]) == 0
    assert len(opened) == 1


def test_a_port_that_is_taken_is_named(engine: Served, capsys: Captured) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["console", "--port", str(port)]) == 2
    assert f"--port {port}: cannot be used" in capsys.readouterr().err


def test_without_an_engine_there_is_nothing_to_serve(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    def output(self: Engine, name: str) -> str:
        raise Refusal("there is no stack 'stepdeploy'")

    monkeypatch.delenv("STEPDEPLOY_ENDPOINT", raising=False)
    monkeypatch.setattr(Engine, "output", output)
    assert main(["console", "--no-open"]) == 3
    assert "there is no stack 'stepdeploy'" in capsys.readouterr().err


@pytest.mark.parametrize(("variable", "there"), [("DISPLAY", True), ("WAYLAND_DISPLAY", True), ("TERM", False)])
def test_a_terminal_alone_is_no_place_for_a_browser(
    monkeypatch: pytest.MonkeyPatch, variable: str, there: bool
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "WSL_DISTRO_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv(variable, "x")
    assert has_browser() is there

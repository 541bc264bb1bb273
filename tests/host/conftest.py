"""A host for tests: the built runner in a root of its own, fed by a web server on 127.0.0.1."""

import base64
import compileall
import fcntl
import hashlib
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from host.build import build_runner
from host.instructions import VERSION
from tests.host_forks import Forks
from tests.soak import some

NO_PROFILE = "/nonexistent"  # this machine's own would be part of what is tested
HOST_ID = "i-0123456789abcdef0"
GROUP_ID = "5fa7f0d6-6ff4-4d5f-8a6b-6c0f1f6c8f00"
IN_PLACE = (
    "ApplicationStop", "DownloadBundle", "BeforeInstall", "Install", "AfterInstall", "ApplicationStart",
    "ValidateService",
)  # fmt: skip


_EVENTS = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
for name, value in json.loads(sys.argv[2]).items():
    setattr(importlib.import_module(name.rpartition(".")[0]), name.rpartition(".")[2], value)
from host.__main__ import main
sys.exit(any(main(["run", event, sys.argv[3]]) for event in sys.argv[4:]))
"""


@pytest.fixture(scope="session")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As on a host: called after its digest, and unpacked beside it, where Python keeps it compiled."""
    built = build_runner(tmp_path_factory.mktemp("runner") / "runner.pyz")
    named = built.rename(built.with_name(f"{hashlib.sha256(built.read_bytes()).hexdigest()}.pyz"))
    with zipfile.ZipFile(named) as shipped:
        shipped.extractall(named.with_suffix(""))
    compileall.compile_dir(named.with_suffix(""), quiet=2)
    return named


@pytest.fixture(scope="session")
def forks(runner: Path) -> Iterator[Forks]:
    with Forks(runner.with_suffix("")) as made:
        yield made


class Web:
    """Serves what tests put into `files`, records what is posted; `answers` are (status, body) given first, by path."""

    def __init__(self, listening: socket.socket | None = None) -> None:
        """`listening`: instead of a socket of its own on 127.0.0.1."""
        self.files: dict[str, bytes] = {}
        self.answers: dict[str, list[tuple[int, bytes]]] = {}
        self.posts: list[tuple[str, bytes]] = []
        self.gets: list[str] = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web.gets.append(self.path)
                path = self.path.partition("?")[0]
                status, body = 404, b"<Error><Code>NoSuchKey</Code></Error>"
                if path in web.files:
                    status, body = 200, web.files[path]
                if web.answers.get(path):
                    status, body = web.answers[path].pop(0)
                self._answer(status, body)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                web.posts.append((self.headers["Content-Type"], body))
                self._answer(*(web.answers.get("POST") or [(204, b"")]).pop(0))

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=listening is None)
        if listening:
            self.server.socket.close()
            self.server.socket = listening
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def serve(self, path: str, body: bytes) -> str:
        self.files[path] = body
        return f"{self.url}{path}?X-Amz-Signature=0"

    @contextmanager
    def running(self) -> "Iterator[Web]":
        thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield self
        self.server.shutdown()
        self.server.server_close()
        thread.join()


@pytest.fixture
def web() -> Iterator[Web]:
    with Web().running() as web:
        yield web


@dataclass(frozen=True)
class Step:
    """What one step left: its exit status, its one line, and that line read."""

    exit: int
    output: bytes
    line: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        return self.line[name]


def read_step(ran: "subprocess.CompletedProcess[bytes]") -> Step:
    lines = ran.stdout.decode().split("\n")
    assert len(lines) == 2 and lines[1] == "", (ran.stdout, ran.stderr)
    assert len(ran.stdout) <= 2300
    assert len(lines[0].splitlines()) == 1, "the engine reads line by line"
    line = json.loads(lines[0])
    keys = ["stepdeploy", "event", "status", "error_code", "cause", "exit_code", "script_name", "message", "log_tail"]
    assert sorted(line) == sorted(keys)
    assert (ran.returncode, line["stepdeploy"]) in ((0, 1), (1, 1))
    return Step(ran.returncode, ran.stdout, line)


@dataclass
class Host:
    root: Path
    runner: Path
    web: Web
    python: str = sys.executable
    environment: dict[str, str] = field(default_factory=dict)
    limits: dict[str, float] = field(default_factory=dict)  # of the runner, by module and name, instead of its own
    forks: Forks | None = None  # which run what needs nothing special

    @property
    def deployments(self) -> Path:
        return self.root / "deployment-root"

    def folder(self, deployment: str) -> Path:
        return self.deployments / GROUP_ID / deployment

    def archive(self, deployment: str) -> Path:
        return self.folder(deployment) / "deployment-archive"

    def script_log(self, deployment: str) -> str:
        return (self.folder(deployment) / "logs" / "scripts.log").read_text()

    def has_runner(self) -> None:
        """A deployment before has fetched it."""
        kept = self.root / "runner"
        if not kept.exists():
            kept.mkdir(parents=True)
            shutil.copy(self.runner, kept)
            shutil.copytree(self.runner.with_suffix(""), kept / self.runner.stem)

    def told(self, deployment: str, content: bytes, *, type: str = "zip", **changes: Any) -> dict[str, Any]:
        url = self.web.serve(f"/{deployment}.{type}", content)
        told: dict[str, Any] = {
            "version": VERSION,
            "runner": {
                "url": self.web.serve("/runner.pyz", self.runner.read_bytes()),
                "sha256": hashlib.sha256(self.runner.read_bytes()).hexdigest(),
            },
            "deployment_id": deployment,
            "deployment_group_id": GROUP_ID,
            "deployment_group_name": "web & co",
            "application_name": "shop",
            "target_id": HOST_ID,
            "events": list(IN_PLACE),
            "host_wait_seconds": 10,
            "expires_at": int(time.time()) + 3600,
            "bundle": {
                "url": url,
                "sha256": hashlib.sha256(content).hexdigest(),
                "size": len(content),
                "type": type,
                "bucket": "revisions",
                "key": f"shop/web/{deployment}.{type}",
                "version": "v1",
                "etag": "e1",
                "commit": None,
            },
            "appspec_filename": "appspec.yml",
            "file_exists_behavior": "DISALLOW",
            "ignore_application_stop_failures": False,
            "logs": None,
        }
        for key, value in changes.items():
            told[key] = {**told[key], **value} if isinstance(told.get(key), dict) else value
        return told

    @property
    def code(self) -> Path:
        """What of the runner is run: its folder, the zip itself where there is none."""
        folder = self.runner.with_suffix("")
        return folder if folder.is_dir() else self.runner

    def command(self, event: str, told: dict[str, Any], *more: str) -> list[str]:
        """One event as by hand; several in one process, as hosts run them."""
        python, instructions = [self.python, "-I", "-S"], _encoded(told)
        if not more and not self.limits:
            return [*python, str(self.code), "run", event, instructions]
        given = [str(self.code), json.dumps(self.limits), instructions]
        return [*python, "-X", "utf8", "-c", _EVENTS, *given, event, *more]

    def start(self, event: str, told: dict[str, Any], *more: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            self.command(event, told, *more),
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def run(self, event: str, told: dict[str, Any]) -> Step:
        return self.deploy(told, (event,))

    def deploy(self, told: dict[str, Any], events: tuple[str, ...] = IN_PLACE) -> Step:
        """The events in order, up to the first that ends the segment; the last step."""
        ran = self._ran(told, events)
        lines = ran.stdout.splitlines(keepends=True) or [b""]
        for number, line in enumerate(lines, 1):
            exit_status = ran.returncode if number == len(lines) else 0
            step = read_step(subprocess.CompletedProcess(ran.args, exit_status, line, ran.stderr))
            assert step.event == events[number - 1]
        assert step.exit or number == len(events)
        return step

    def _ran(self, told: dict[str, Any], events: tuple[str, ...]) -> "subprocess.CompletedProcess[bytes]":
        is_usual = self.python == sys.executable and not self.environment
        if self.forks and self.forks.code == self.code and is_usual:
            return self.forks.run(events, _encoded(told), self.limits, self._environment())
        process = self.start(events[0], told, *events[1:])
        output, errors = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    def _environment(self) -> dict[str, str]:
        own = {"STEPDEPLOY_ROOT": str(self.root), "STEPDEPLOY_PROFILE": NO_PROFILE}
        return {**os.environ, **own, **self.environment}

    def install(self, deployment: str, bundle: bytes, **changes: Any) -> Step:
        return self.deploy(self.told(deployment, bundle, **changes), ("DownloadBundle", "Install"))


def _encoded(told: dict[str, Any]) -> str:
    return base64.b64encode(json.dumps(told).encode()).decode()


@pytest.fixture
def host(tmp_path: Path, runner: Path, web: Web, forks: Forks) -> Iterator[Host]:
    host = Host(tmp_path / "stepdeploy", runner, web, forks=forks)
    yield host
    end_segment(host.root)


def end_segment(root: Path) -> None:
    """End a segment's process that still waits for a step."""
    with suppress(FileNotFoundError, ProcessLookupError, BlockingIOError), (root / "lock").open() as lock:
        holder = re.search(r"process (\d+)", lock.read())
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if holder:
                os.killpg(int(holder[1]), signal.SIGKILL)


def appspec(
    files: Mapping[str, object] | None = None,
    hooks: Mapping[str, Sequence[Mapping[str, object]]] | None = None,
    permissions: Sequence[Mapping[str, object]] | None = None,
    **keys: object,
) -> str:
    """`files` is source to destination. JSON is YAML."""
    sections: dict[str, object] = {
        "os": "linux",
        "files": [{"source": source, "destination": str(place)} for source, place in (files or {}).items()],
        "hooks": hooks or {},
        "permissions": permissions or [],
        **keys,
    }
    return "version: 0.0\n" + "".join(f"{key}: {json.dumps(value)}\n" for key, value in sections.items())


def revision(files: Mapping[str, str | bytes], *, type: str = "zip") -> bytes:
    """An archive; what ends in .sh is executable, what ends in / is a folder, what begins with `-> ` is a link."""
    body = io.BytesIO()
    if type == "zip":
        with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as zipped:
            for name, content in files.items():
                info = zipfile.ZipInfo(name, (2026, 1, 2, 3, 4, 6))
                is_link = isinstance(content, str) and content.startswith("-> ")
                kind = (
                    0o120777
                    if is_link
                    else 0o40755
                    if name.endswith("/")
                    else 0o100755
                    if name.endswith(".sh")
                    else 0o100644
                )
                info.external_attr, info.create_system = kind << 16, 3
                zipped.writestr(info, content[3:] if is_link else content, zipfile.ZIP_DEFLATED)
        return body.getvalue()
    with tarfile.open(fileobj=body, mode="w:gz" if type == "tgz" else "w") as tarred:
        for name, content in files.items():
            info_ = tarfile.TarInfo(name.rstrip("/"))
            info_.mtime = 1_767_323_046
            data = content.encode() if isinstance(content, str) else content
            if isinstance(content, str) and content.startswith("-> "):
                info_.type, info_.linkname, data = tarfile.SYMTYPE, content[3:], b""
            elif name.endswith("/"):
                info_.type, info_.mode = tarfile.DIRTYPE, 0o755
            else:
                info_.mode = 0o755 if name.endswith(".sh") else 0o644
            info_.size = len(data)
            tarred.addfile(info_, io.BytesIO(data))
    return body.getvalue()


def script(*lines: str) -> str:
    return "\n".join(("#!/bin/sh", *lines, ""))


@cache
def pythons() -> dict[str, str]:
    """This interpreter and, of every other from 3.7 on that is on the PATH or in pyenv, the oldest, the newest and one
    of those between, by version."""
    found = _all_pythons()
    others = sorted(found.keys() - {"this"}, key=lambda name: int(name.partition(".")[2]))
    return {name: found[name] for name in ("this", *others[:1], *some(1, others[1:-1]), *others[-1:])}


def _all_pythons() -> dict[str, str]:
    folders = [*os.environ.get("PATH", "").split(os.pathsep), *map(str, Path.home().glob(".pyenv/versions/*/bin"))]
    found = {"this": sys.executable}
    for folder in sorted(filter(None, folders)):
        for path in sorted(Path(folder).glob("python3.*")):
            if re.fullmatch(r"python3\.([789]|[1-9][0-9])", path.name) and path.name not in found:
                works = subprocess.run([path, "-c", "pass"], capture_output=True).returncode == 0  # pyenv has shims
                found.update({path.name: str(path)} if works else {})
    return found

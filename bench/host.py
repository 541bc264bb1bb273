"""The host runner against the bare work, which is what a person would type.

Few files: `unzip`, and each script by a shell, beside `stepdeploy local`. Many files and a large one: `unzip` into a
folder that stays whole, as the revision does on a host, and `cp -a` from there to the destination, beside a segment
without scripts in its process. What it costs to start that process is in the row of a segment's CPU.
"""

import ctypes
import hashlib
import os
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from threading import Thread
from typing import Any

from rich.table import Table

from bench import segment
from host.build import build_runner
from host.instructions import Bundle, FileExistsBehavior, Instructions, Runner
from host.lifecycle import IN_PLACE
from host.step import lifecycle_document
from tests import signing

RUNS = 5
MANY, MORE, BIG_MB = 3000, 20_000, 200
SCRIPTS = ("BeforeInstall", "AfterInstall", "ApplicationStart", "ValidateService")
SMALL_LIMIT_S, SEGMENT_LIMIT_S, MANY_LIMIT, BIG_LIMIT, MEMORY_LIMIT_MB = 0.25, 0.15, 2.0, 1.3, 24
BACK_LIMIT = 0.3
MB = 1024**2
S3_BYTES_S = 90 * MB  # by one connection, as AWS's guide to S3's performance says
_PR_SET_CHILD_SUBREAPER = 36


def measure() -> Table:
    """Medians of five runs each, in one run of the benchmark."""
    table = Table(title="The host runner against the bare work (medians of 5)")
    for heading in ("what", "bare", "ours", "difference", "limit", ""):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    with tempfile.TemporaryDirectory(prefix="stepdeploy-bench-") as folder:
        here = Path(folder)
        small = _bundle(here / "small", files=12, size=2000, scripts=9)
        bare, ours = _times(small, here, _unzip_and_run, _local)
        _row(table, "12 files, 9 scripts: seconds", bare, ours, ours - bare, SMALL_LIMIT_S)
        bare, ours = _segment_cpu(_bundle(here / "served", files=12, size=2000, scripts=9, place=here / "app"), here)
        _row(table, "a segment's CPU above its scripts: seconds", bare, ours, ours - bare, SEGMENT_LIMIT_S)
        with zipfile.ZipFile(build_runner(here / "runner.pyz")) as shipped:
            shipped.extractall(here / "code")
        many, more, big = f"{MANY:,} files", f"{MORE:,} files", f"one file of {BIG_MB} MB"
        bundles = {
            many: _bundle(here / "many", files=MANY, size=2000),
            more: _bundle(here / "more", files=MORE, size=20),
            big: _bundle(here / "big", files=1, size=BIG_MB * MB),
        }
        for what, limit in ((many, MANY_LIMIT), (big, BIG_LIMIT)):
            bare, ours = _times(bundles[what], here, _unzip_and_copy, _segment_seconds)
            _row(table, f"{what}: seconds", bare, ours, ours / bare, limit)
        first, back = _first_and_back(bundles[big], _bundle(here / "other", files=1, size=2000), here)
        _row(table, f"{big} from S3, and back to it: seconds", first, back, back / first, BACK_LIMIT)
        for what, bundle in bundles.items():
            memory = _memory(bundle, here)
            _row(table, f"{what}, installed twice: MB of memory", 0, memory, memory, MEMORY_LIMIT_MB)
    return table


def _row(table: Table, what: str, bare: float, ours: float, told: float, limit: float) -> None:
    kept = "kept" if told <= limit else "BROKEN"
    table.add_row(what, f"{bare:.3f}", f"{ours:.3f}", f"{told:.2f}", f"{limit}", kept)


def _bundle(folder: Path, *, files: int, size: int, scripts: int = 0, place: Path = Path("/app")) -> Path:
    """A zip of so many files and scripts; how it is installed is bare work, too."""
    (folder / "app").mkdir(parents=True)
    for number in range(files):
        (folder / "app" / f"{number}.bin").write_bytes(number.to_bytes(4, "big") * (size // 4))
    lines = [
        "version: 0.0",
        "os: linux",
        f"files: [{{source: app, destination: {place}}}]",
        "hooks:" if scripts else "",
    ]
    for number, event in enumerate(SCRIPTS[: min(scripts, len(SCRIPTS))]):
        own = range(number, scripts, len(SCRIPTS))
        lines += [f"  {event}: [{', '.join(f'{{location: {each}.sh}}' for each in own)}]"]
    (folder / "appspec.yml").write_text("\n".join(lines))
    for number in range(scripts):
        (folder / f"{number}.sh").write_text("#!/bin/sh\nexit 0\n")
        (folder / f"{number}.sh").chmod(0o755)
    packed = folder.with_suffix(".zip")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))
    return packed


def _times(packed: Path, here: Path, *ways: Callable[[Path, Path], float]) -> tuple[float, ...]:
    """Seconds of each way, alternating, so that all have the same weather.

    Nothing is deleted meanwhile: for seconds after that, ext4 takes far longer to make files.
    """
    taken: list[list[float]] = [[] for _ in ways]
    for _ in range(RUNS):
        for way, times in zip(ways, taken, strict=True):
            times.append(way(packed, Path(tempfile.mkdtemp(dir=here))))
    return tuple(map(median, taken))


def _unzip_and_run(packed: Path, place: Path) -> float:
    """unzip, and every script by a shell."""
    began = time.monotonic()
    subprocess.run(["unzip", "-q", packed, "-d", place], check=True)
    for script in sorted(place.glob("*.sh")):
        subprocess.run(["/bin/sh", script], check=True)
    return time.monotonic() - began


def _unzip_and_copy(packed: Path, place: Path) -> float:
    began = time.monotonic()
    subprocess.run(["unzip", "-q", packed, "-d", place / "revision"], check=True)
    subprocess.run(["cp", "-a", place / "revision" / "app", place / "app"], check=True)
    return time.monotonic() - began


def _segment_seconds(packed: Path, place: Path) -> float:
    with _served(packed.parent) as url:
        return _segment(packed, place, url, "d-1")[0]


def _first_and_back(packed: Path, other: Path, here: Path) -> tuple[float, float]:
    """Seconds of a first deployment at S3's speed, and of a rollback to it without S3, another one in between."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(RUNS):
        place = Path(tempfile.mkdtemp(dir=here))
        with _served(here, S3_BYTES_S) as url:
            taken[0].append(_segment(packed, place, url, "d-1")[0])
            _segment(other, place, url, "d-2")
        taken[1].append(_segment(packed, place, url, "d-3")[0])
    return median(taken[0]), median(taken[1])


def _segment(packed: Path, place: Path, url: str, deployment: str) -> tuple[float, float]:
    """Seconds of a segment without scripts, in the process of its own that hosts have, and the megabytes it needs."""
    instructions = _told(packed, url, deployment).encode()
    code = str(packed.parent / "code")
    command = [sys.executable, "-I", "-S", segment.__file__, code, instructions, str(place / "place")]
    environment = {"PATH": _path(), "STEPDEPLOY_ROOT": str(place / "root")}
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    seconds, megabytes = map(float, ran.stdout.split())
    return seconds, megabytes


def _local(packed: Path, place: Path) -> float:
    command = [sys.executable, "-m", "cli", *_options(packed, place)]
    compiled = {"PYTHONPYCACHEPREFIX": str(packed.parent / "compiled"), "PYTHONDONTWRITEBYTECODE": ""}
    began = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, **compiled})
    return time.monotonic() - began


def _options(packed: Path, place: Path) -> list[str]:
    where = ["--prefix", str(place / "place"), "--deployment-root", str(place / "root")]
    return ["local", "-l", str(packed), "-t", "zip", *where]


def _segment_cpu(packed: Path, here: Path) -> tuple[float, float]:
    """Seconds of CPU of the scripts alone, and of the seven steps of a command with the process that they share."""
    built = build_runner(here / "runner.pyz")
    trust = signing.trust(hashlib.sha256(built.read_bytes()).hexdigest())
    document = lifecycle_document(trust)
    taken: tuple[list[float], list[float]] = ([], [])
    with _served(here) as url, _adopting():
        for number in range(RUNS + 1):
            with _counted(taken[0]):
                for script in sorted((here / "served").glob("*.sh")):
                    subprocess.run(["/bin/sh", script], check=True)
            payload = _told(packed, url, f"d-{number}", trust.runner_sha256).encode()
            told = f"{payload}.{signing.signature(payload.encode()).decode()}"
            with _counted(taken[1]):
                for step in document["mainSteps"]:
                    text = "\n".join(step["inputs"]["runCommand"]).replace("{{ Instructions }}", told)
                    environment = {"PATH": _path(), "STEPDEPLOY_ROOT": str(here / "root"), "AWS_SSM_INSTANCE_ID": "i-1"}
                    subprocess.run(["/bin/sh", "-c", text], check=True, stdout=subprocess.DEVNULL, env=environment)
    return median(taken[0][1:]), median(taken[1][1:])  # the first run fetches the runner


@contextmanager
def _adopting() -> Iterator[None]:
    """What leaves its parent inside is this process's child, so that it counts: a segment's process leaves its step."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    try:
        yield
    finally:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 0)


@contextmanager
def _counted(taken: list[float]) -> Iterator[None]:
    """The CPU seconds of everything that is started inside, once all of it has ended."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    yield
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _path() -> str:
    """This Python first: a host's `python3` is a program, not a script that looks for one."""
    return f"{Path(sys.executable).resolve().parent}:/usr/bin:/bin"


@contextmanager
def _served(folder: Path, bytes_s: float = float("inf")) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

        def copyfile(self, source: Any, outputfile: Any) -> None:
            began, sent = time.monotonic(), 0
            while chunk := source.read(MB):
                outputfile.write(chunk)
                sent += len(chunk)
                time.sleep(max(began + sent / bytes_s - time.monotonic(), 0))

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _told(packed: Path, url: str, deployment: str, runner_sha256: str = "") -> Instructions:
    body = packed.read_bytes()
    found = (f"{url}/{packed.name}", hashlib.sha256(body).hexdigest(), len(body))
    return Instructions(
        deployment_id=deployment,
        deployment_group_id="g",
        deployment_group_name="g",
        application_name="a",
        bundle=Bundle(*found, type="zip", bucket="b", key=packed.name, version=None, etag=None),
        appspec_filename="appspec.yml",
        file_exists_behavior=FileExistsBehavior.DISALLOW,
        ignore_application_stop_failures=False,
        logs=None,
        events=tuple(event.value for event in IN_PLACE),
        target_id="i-1",
        runner=Runner(f"{url}/runner.pyz", runner_sha256),
        expires_at=int(time.time()) + 3600,
    )


def _memory(packed: Path, here: Path) -> float:
    """Megabytes at most, of a segment's process; the second time, there is an installation to be removed first."""
    place = Path(tempfile.mkdtemp(dir=here))
    with _served(packed.parent) as url:
        return max(_segment(packed, place, url, deployment)[1] for deployment in ("d-1", "d-2"))

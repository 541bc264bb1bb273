"""The host runner against the bare work: unpacking or copying the same bundle, then each script started by a shell."""

import base64
import hashlib
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

from rich.table import Table

RUNS = 5
SCRIPTS = ("BeforeInstall", "AfterInstall", "ApplicationStart", "ValidateService")
SMALL_LIMIT_S, EVENT_LIMIT_MS, MANY_LIMIT, BIG_LIMIT, MEMORY_LIMIT_MB = 0.25, 60, 2.0, 1.3, 64
MB = 1024**2


def measure() -> Table:
    """Medians of five runs each, in one run of the benchmark."""
    table = Table(title="The host runner against the bare work (medians of 5)")
    for heading in ("what", "bare", "ours", "difference", "limit", ""):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    with tempfile.TemporaryDirectory(prefix="stepdeploy-bench-") as folder:
        here = Path(folder)
        small = _bundle(here / "small", files=12, size=2000, scripts=9)
        bare, ours = _times(lambda: _bare(small, here), lambda: _local(small, here))
        _row(table, "12 files, 9 scripts: seconds", bare, ours, ours - bare, SMALL_LIMIT_S)
        _row(table, "each event's own CPU: ms", 0, *[_event_cpu(small, here)] * 2, EVENT_LIMIT_MS)
        for what, bundle, limit in (
            ("3,000 files: seconds", _bundle(here / "many", files=3000, size=2000), MANY_LIMIT),
            ("one file of 200 MB: seconds", _bundle(here / "big", files=1, size=200 * MB), BIG_LIMIT),
        ):
            bare, ours = _times(lambda b=bundle: _bare(b, here), lambda b=bundle: _local(b, here))  # type: ignore[misc]
            _row(table, what, bare, ours, ours / bare, limit)
        _row(table, "the most memory with that file: MB", 0, *[_memory(here / "big.zip", here)] * 2, MEMORY_LIMIT_MB)
    return table


def _row(table: Table, what: str, bare: float, ours: float, told: float, limit: float) -> None:
    kept = "kept" if told <= limit else "BROKEN"
    table.add_row(what, f"{bare:.3f}", f"{ours:.3f}", f"{told:.2f}", f"{limit}", kept)


def _bundle(folder: Path, *, files: int, size: int, scripts: int = 0) -> Path:
    """A zip of so many files and scripts; how it is installed is bare work, too."""
    (folder / "app").mkdir(parents=True)
    for number in range(files):
        (folder / "app" / f"{number}.bin").write_bytes(number.to_bytes(4, "big") * (size // 4))
    lines = ["version: 0.0", "os: linux", "files: [{source: app, destination: /app}]", "hooks:" if scripts else ""]
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


def _times(bare: Callable[[], None], ours: Callable[[], None]) -> tuple[float, float]:
    """Alternating, so that both have the same weather."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(RUNS):
        for work, times in zip((bare, ours), taken, strict=True):
            began = time.monotonic()
            work()
            times.append(time.monotonic() - began)
    return median(taken[0]), median(taken[1])


def _bare(packed: Path, here: Path) -> None:
    """unzip, and every script by a shell."""
    place = here / "bare"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    subprocess.run(["unzip", "-q", packed, "-d", place / "archive"], check=True)
    for script in sorted((place / "archive").glob("*.sh")):
        subprocess.run(["/bin/sh", script], check=True)


def _local(packed: Path, here: Path) -> None:
    place = here / "ours"
    shutil.rmtree(place, ignore_errors=True)
    command = [sys.executable, "-m", "cli", "local", "-l", packed, "-t", "zip", "--prefix", place / "place"]
    subprocess.run([*command, "--deployment-root", place / "root"], check=True, stdout=subprocess.DEVNULL)


def _event_cpu(packed: Path, here: Path) -> float:
    """Milliseconds of the runner's own CPU for a process that runs one event without scripts."""
    from host.build import build_runner

    built = build_runner(here / "runner.pyz")
    runner = built.rename(here / f"{hashlib.sha256(built.read_bytes()).hexdigest()}.pyz")
    bundle = {"url": "", "sha256": "", "size": 0, "type": "zip", "bucket": "b", "key": packed.name}
    taken = []
    for number in range(RUNS + 1):
        told = {
            "version": 1,
            "deployment": {
                "deployment_id": f"d-{number}",
                "deployment_group_id": "g",
                "deployment_group_name": "g",
                "application_name": "a",
            },
            "bundle": bundle,
            "appspec_filename": "appspec.yml",
            "file_exists_behavior": "DISALLOW",
            "ignore_application_stop_failures": False,
        }
        encoded = base64.b64encode(json.dumps(told).encode()).decode()
        command = [sys.executable, "-I", "-S", str(runner), "run", "ApplicationStop", encoded]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={"STEPDEPLOY_ROOT": str(here / "runner")})
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return median(taken[1:]) * 1000  # without the one that unpacked the runner


def _memory(packed: Path, here: Path) -> float:
    """Megabytes at most, of the process that deploys it."""
    code = (
        "import sys\nfrom cli.__main__ import main\nmain(sys.argv[1:])\n"
        "print(*(line for line in open('/proc/self/status') if 'VmHWM' in line), file=sys.stderr)"
    )
    options = ["local", "-l", packed, "-t", "zip", "--prefix", here / "m", "--deployment-root", here / "r"]
    ran = subprocess.run([sys.executable, "-c", code, *options], check=True, capture_output=True, text=True)
    return int(ran.stderr.split()[1]) / 1024

"""Cold start: what importing each handler costs over a bare `import boto3`, in a fresh interpreter."""

import re
import subprocess
import sys
from pathlib import Path
from statistics import median

from rich.table import Table

RUNS = 5
LIMIT_MS = 150
_TOTAL = re.compile(r"import time:\s+\d+ \|\s+(\d+) \| (\S+)\s*$")


def measure() -> Table:
    """A row for each handler: median of five runs of `python -X importtime`."""
    table = Table(title="Cold start: import time over bare boto3 (ms, median of 5)")
    for heading in ("handler", "import boto3", "boto3 and handler", "over", f"limit {LIMIT_MS}"):
        table.add_column(heading, justify="left" if heading == "handler" else "right")
    bare = _milliseconds("boto3")
    for file in sorted(Path("functions/handlers").glob("[!_]*.py")):
        whole = _milliseconds("boto3", f"functions.handlers.{file.stem}")
        over = whole - bare
        table.add_row(file.stem, f"{bare:.0f}", f"{whole:.0f}", f"{over:.0f}", "kept" if over <= LIMIT_MS else "BROKEN")
    return table


def _milliseconds(*modules: str) -> float:
    return median(_once(modules) for _ in range(RUNS))


def _once(modules: tuple[str, ...]) -> float:
    """Cumulative microseconds of the named modules, as the interpreter itself counts them."""
    code = "; ".join(f"import {module}" for module in modules)
    environment = {"POWERTOOLS_TRACE_DISABLED": "1", "PATH": ""}
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    found = (_TOTAL.match(line) for line in ran.stderr.splitlines() if not line.split("|")[-1].startswith("  "))
    return sum(int(match[1]) for match in found if match and match[2] in modules) / 1000

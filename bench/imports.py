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
    """A row for each handler: medians of five runs of `python -X importtime`."""
    table = Table(title="Cold start: import time (ms, median of 5)")
    for heading in ("handler", "import boto3", "the handler then", f"limit {LIMIT_MS}"):
        table.add_column(heading, justify="left" if heading == "handler" else "right")
    for file in sorted(Path("functions/handlers").glob("[!_]*.py")):
        runs = [_once("boto3", f"functions.handlers.{file.stem}") for _ in range(RUNS)]
        boto3, handler = (median(run[number] for run in runs) for number in (0, 1))
        table.add_row(file.stem, f"{boto3:.0f}", f"{handler:.0f}", "kept" if handler <= LIMIT_MS else "BROKEN")
    return table


def _once(*modules: str) -> list[float]:
    """Milliseconds of importing the modules one after the other, as the interpreter itself counts them."""
    code = "; ".join(f"import {module}" for module in modules)
    environment = {"POWERTOOLS_TRACE_DISABLED": "1", "PATH": ""}
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    found = {match[2]: int(match[1]) / 1000 for line in ran.stderr.splitlines() if (match := _TOTAL.match(line))}
    return [found[module] for module in modules]

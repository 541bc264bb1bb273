"""The command line: what a person waits before it answers, beyond the start of the interpreter."""

import os
import subprocess
import sys
import time
from statistics import median

from rich.table import Table

from bench.limits import Limits

RUNS = 9
LIMIT_MS = 150
_COMPLETE = {"_STEPDEPLOY_COMPLETE": "bash_complete", "COMP_WORDS": "stepdeploy ", "COMP_CWORD": "1"}


def measure() -> Table:
    """Medians of nine runs, each beside one of an interpreter that does nothing."""
    limits = Limits(f"The command line above a bare interpreter (median of {RUNS})")
    limits.add("a bare interpreter", median(_once("-c", "pass") for _ in range(RUNS)), unit="ms")
    for what, arguments, environment in (
        ("stepdeploy --help", ["--help"], {}),
        ("stepdeploy watch --help", ["watch", "--help"], {}),
        ("a shell completes the verbs", [], _COMPLETE),
    ):
        above = [_once("-m", "cli", *arguments, **environment) - _once("-c", "pass") for _ in range(RUNS)]
        limits.add(what, median(above), LIMIT_MS, "ms")
    return limits.table


def _once(*arguments: str, **environment: str) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], capture_output=True, check=True, env={**os.environ, **environment})
    return (time.perf_counter() - began) * 1000

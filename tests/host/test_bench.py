"""The benchmark of the host runner still measures it: each of its rows, with little of everything."""

import subprocess
import sys
from pathlib import Path

MEASURE = """
from bench import host
host.RUNS, host.MANY, host.MORE, host.BIG_MB = 1, 3, 5, 1
for ours in host.measure().columns[2].cells:
    print(float(ours))
"""


def test_it_measures_every_row() -> None:
    """In a process of its own: it waits for whatever is started in it."""
    command = [sys.executable, "-c", MEASURE]
    ran = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    ours = [float(line) for line in ran.stdout.splitlines()]
    assert len(ours) == 8 and min(ours) > 0

"""Prepare for the largest fleet, in a fresh process, with AWS simulated behind boto3's own clients."""

import json
import os
import subprocess
import sys
from typing import Any

from rich.table import Table

from bench.limits import Limits

TARGETS = 10_000
MEMORY_MB = 1769  # of the function (infra/engine.py)
_SHARE = MEMORY_MB / 1769  # of a CPU that Lambda gives to so much memory (Lambda Developer Guide, "Memory")
_KIB = 1024


def measure() -> Table:
    """What one call of Prepare takes."""
    found = in_fresh_process("bench.prepare_once")
    limits = Limits(f"Prepare for {TARGETS:,} targets (AWS simulated, with its latency)")
    limits.add("duration of the handler", found["seconds"], 60, "s")
    limits.add("of it CPU", found["cpu_seconds"], unit="s")
    slower = found["seconds"] + found["cpu_seconds"] * (1 / _SHARE - 1)
    limits.add(f"duration with {_SHARE:.2f} of this CPU, as Lambda gives at {MEMORY_MB} MB", slower, 60, "s")
    limits.add("most memory of the process", found["memory_kb"] / _KIB, MEMORY_MB, "MB")
    limits.add("of it before the call, boto3 and the handler imported", found["memory_before_kb"] / _KIB, unit="MB")
    limits.add("output", found["output_bytes"], 256 * _KIB, "bytes")
    limits.add("manifest", found["manifest_bytes"], unit="bytes")
    limits.add("one target's record", found["item_bytes"], unit="bytes")
    limits.add("the plan, in one transaction", found["plan_bytes"], 4 * 1024**2, "bytes")
    for operation, count in sorted(found["calls"].items()):
        limits.add(operation, count, unit="calls")
    return limits.table


def in_fresh_process(module: str) -> dict[str, Any]:
    """What the module prints of one call for the largest fleet."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "AWS_ACCESS_KEY_ID": "simulated",
        "AWS_SECRET_ACCESS_KEY": "simulated",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "TABLE_NAME": "stepdeploy",
        "BUCKET_NAME": "revisions",
        "REVISION_BUCKETS": "",
        "SSM_SEND_RATE": "20",
        "POWERTOOLS_TRACE_DISABLED": "1",
    }
    command = [sys.executable, "-m", module, str(TARGETS)]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment)
    if ran.returncode:
        raise RuntimeError(f"{module} failed:\n{ran.stdout}{ran.stderr}")
    return dict(json.loads(ran.stdout.splitlines()[-1]))

"""One call of Prepare in this process, which was started for it; what it took as a line of JSON."""

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench.simulated_aws import SimulatedAws
from functions.handlers.prepare import handler


@dataclass
class Context:
    """What Powertools reads of Lambda's context."""

    function_name: str = "prepare"
    memory_limit_in_mb: int = 1769
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:000000000000:function:prepare"
    aws_request_id: str = "one"


def main(targets: int) -> None:
    aws = SimulatedAws(targets)
    before, cpu, began = most_memory_kb(), time.process_time(), time.monotonic()
    output = handler({"deployment_id": aws.deployment_id}, Context())
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    if not output["proceed"] or aws.records != targets:
        raise RuntimeError(f"Prepare did not plan for {targets} targets: {output}, {aws.records} records")
    found = {
        "seconds": seconds,
        "cpu_seconds": cpu - aws.cpu_seconds,
        "memory_kb": most_memory_kb(),
        "memory_before_kb": before,
        "output_bytes": len(json.dumps(output, separators=(",", ":"))),
        "manifest_bytes": aws.manifest_bytes,
        "item_bytes": aws.item_bytes,
        "plan_bytes": aws.plan_bytes,
        "calls": dict(aws.calls),
    }
    print(json.dumps(found))


def most_memory_kb() -> int:
    """The peak of this process alone: ru_maxrss would also know the size of the process that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    main(int(sys.argv[1]))

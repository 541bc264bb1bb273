"""PlanDeployment for the largest fleet, in a fresh process, with AWS simulated behind boto3's own clients."""

from rich.table import Table

from bench.limits import Limits
from bench.prepare import TARGETS, in_fresh_process

MEMORY_MB = 512  # promised; the function has more, for the CPU that comes with it (infra/api.py)
SECONDS = 30  # an HTTP API waits no longer
ANSWER_BYTES = 6 * 1024 * 1024  # of a function
_KIB = 1024


def measure() -> Table:
    """What one call takes; the hosts have a revision already, which 50 of them tell the times of."""
    found = in_fresh_process("bench.plan_once")
    limits = Limits(f"PlanDeployment for {TARGETS:,} hosts (AWS simulated, with its latency)")
    limits.add("duration of the handler", found["seconds"], SECONDS, "s")
    limits.add("of it CPU", found["cpu_seconds"], unit="s")
    limits.add("most memory of the process", found["memory_kb"] / _KIB, MEMORY_MB, "MB")
    limits.add("of it before the call, boto3 and the handler imported", found["memory_before_kb"] / _KIB, unit="MB")
    limits.add("hosts in the first answer", found["hosts"], unit="hosts")
    limits.add("the first answer, as Lambda carries it", found["answer_bytes"], ANSWER_BYTES, "bytes")
    limits.add("requests that write", found["writes"], 0)
    for operation, count in sorted(found["calls"].items()):
        limits.add(operation, count, unit="calls")
    return limits.table

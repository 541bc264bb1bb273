"""A segment without scripts in a process of its own, as hosts have it: `segment.py <code> <Instructions> <prefix>`.

Prints its seconds and, at most, its megabytes. bench/host.py runs it where only the unpacked runner can be imported.
"""

import gc
import sys
import time
from pathlib import Path


def main(code: str, encoded: str, prefix: str) -> None:
    gc.disable()  # as host/bootstrap.py does
    sys.path.append(code)
    from host.instructions import Instructions
    from host.lifecycle import LifecycleEvent
    from host.posix.journal import hold_host
    from host.posix.layout import Layout
    from host.posix.run import run_event
    from host.posix.watchdog import Watchdog

    instructions = Instructions.decode(encoded)
    layout = Layout(instructions.deployment_group_id, instructions.deployment_id)
    with hold_host(layout, instructions, 0), Watchdog() as watchdog:
        began = time.monotonic()
        for event in map(LifecycleEvent, instructions.events):
            report = run_event(event, instructions, layout, watchdog, prefix=prefix)
            assert report.may_continue, report.line()
        print(time.monotonic() - began)
    status = Path("/proc/self/status").read_text().splitlines()
    print(*(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM")))


if __name__ == "__main__":
    main(*sys.argv[1:])

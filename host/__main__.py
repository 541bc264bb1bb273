"""`runner.pyz run <LifecycleEvent> <Instructions>`: one event alone, for whoever looks for a fault by hand.

Prints one JSON line, ends 0 when the next event may run. On hosts the steps of a command run events by way of
host/posix/segment.py.
"""

import os
import sys
from typing import List

from host.instructions import Instructions
from host.lifecycle import STEP_SECONDS, LifecycleEvent
from host.posix.journal import hold_host
from host.posix.layout import Layout
from host.posix.run import MARGIN_SECONDS, failure, run_event
from host.posix.watchdog import Watchdog
from host.report import Failed


def main(arguments: List[str]) -> int:
    if len(arguments) != 3 or arguments[0] != "run":
        print("usage: runner.pyz run <LifecycleEvent> <Instructions>", file=sys.stderr)
        return 2
    os.umask(0o022)
    name = arguments[1]
    seconds = int(os.environ.get("STEPDEPLOY_STEP_SECONDS", STEP_SECONDS))
    try:
        instructions = Instructions.decode(arguments[2])
        event = LifecycleEvent(name)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        report = Failed("ENGINE", "the instructions cannot be read: {!r}".format(error)).report(name)
    else:
        layout = Layout(instructions.deployment_group_id, instructions.deployment_id)
        try:
            with hold_host(layout, instructions, seconds - MARGIN_SECONDS), Watchdog() as watchdog:
                report = run_event(event, instructions, layout, watchdog, step_seconds=seconds)
        except Exception as error:
            report = failure(error).report(name)
    print(report.line(), flush=True)
    return 0 if report.may_continue else 1


if __name__ == "__main__":
    if sys.getfilesystemencoding() != "utf-8":  # whatever the host's locale is: as host/step.py starts it
        os.execv(sys.executable, [sys.executable, "-I", "-S", "-X", "utf8", *sys.argv])
    sys.exit(main(sys.argv[1:]))

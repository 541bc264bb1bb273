"""`runner.pyz run <LifecycleEvent> [<Instructions>]`: one event; prints one JSON line, ends 0 when the next may run.

Without Instructions they are read from standard input, where no other user of the host sees them: the presigned URLs in
them are as good as a key to the revision.
"""

import os
import sys
from typing import List

from host.layout import Layout
from host.lifecycle import LifecycleEvent
from host.report import Failed
from host.run import run_event
from host.told import Told


def main(arguments: List[str]) -> int:
    if len(arguments) not in (2, 3) or arguments[0] != "run":
        print("usage: runner.pyz run <LifecycleEvent> [<Instructions>]", file=sys.stderr)
        return 2
    os.umask(0o022)
    name = arguments[1]
    try:
        told = Told.decode(arguments[2] if len(arguments) == 3 else sys.stdin.read().strip())
        event = LifecycleEvent(name)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        report = Failed("ENGINE", "the instructions cannot be read: {!r}".format(error)).report(name)
    else:
        report = run_event(event, told, Layout(told.deployment_group_id, told.deployment_id))
    print(report.line(), flush=True)
    return 0 if report.goes_on else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

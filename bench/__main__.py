"""`python -m bench [imports|prepare|deployment|api|cli|host ...]`: measure; exit status 1 when a limit is broken.

Without names everything about the engine is measured; the command line and the host runner only when they are named.
"""

import sys

from rich.console import Console

from bench import api, command_line, deployment, host, imports, prepare
from bench.limits import is_broken

ENGINE = {
    "imports": imports.measure,
    "prepare": prepare.measure,
    "deployment": deployment.measure,
    "api": api.measure,
}
PARTS = {**ENGINE, "cli": command_line.measure, "host": host.measure}
USAGE = 2  # exit status


def main(wanted: list[str]) -> int:
    """Measure the parts in the order given; the exit status."""
    if unknown := [name for name in wanted if name not in PARTS]:
        print(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}", file=sys.stderr)
        return USAGE
    console, broken = Console(), False
    for name in wanted or ENGINE:
        table = PARTS[name]()
        console.print(table)
        broken |= is_broken(table)
    return int(broken)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`python -m bench [imports|prepare|plan|deployment|pipeline|fleets|api|cli|console|host|traffic ...] [--quick]`

Measure; the exit status is 1 when a limit is broken.

Without names everything about the engine is measured; the command line, the console, the host runner and the traffic
through a load balancer only when they are named. --quick: of the simulated fleets only the smaller ones, and fewer
requests.
"""

import sys
from functools import partial

from rich.console import Console

from bench import api, command_line, console, deployment, fleets, host, imports, pipeline, plan, prepare, traffic
from bench.limits import is_broken

ENGINE = {
    "imports": imports.measure,
    "prepare": prepare.measure,
    "plan": plan.measure,
    "deployment": deployment.measure,
    "pipeline": pipeline.measure,
    "fleets": fleets.measure,
    "api": api.measure,
}
PARTS = {
    **ENGINE,
    "cli": command_line.measure,
    "console": console.measure,
    "host": host.measure,
    "traffic": traffic.measure,
}
USAGE = 2  # exit status
_WIDTH = 140  # of tables in a file


def main(wanted: list[str]) -> int:
    """Measure the parts in the order given; the exit status."""
    is_quick, wanted = "--quick" in wanted, [name for name in wanted if name != "--quick"]
    quickly = {name: partial(part.measure, quick=is_quick) for name, part in (("fleets", fleets), ("traffic", traffic))}
    parts = PARTS | quickly
    if unknown := [name for name in wanted if name not in parts]:
        print(f"no such part: {', '.join(unknown)}; there are {', '.join(parts)}", file=sys.stderr)
        return USAGE
    out, broken = Console(width=None if sys.stdout.isatty() else _WIDTH), False
    for name in wanted or ENGINE:
        table = parts[name]()
        out.print(table)
        broken |= is_broken(table)
    return int(broken)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The branches of a flow, and the ones that an execution took: what the suite that plays the flow is held against.

A branch is named `State.Field` as the files spell it: `Prepare.Next`, `Gate.Choices[0]`, `RunSegment.Retry[1]`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]


def machines(machine: Json) -> Iterator[Json]:
    """The machine and the processors of its maps, each of which has its own states."""
    yield machine
    for state in machine["States"].values():
        if "ItemProcessor" in state:
            yield from machines(state["ItemProcessor"])


def states(machine: Json) -> dict[str, Any]:
    """Every state by its name, also inside the maps."""
    return {name: state for each in machines(machine) for name, state in each["States"].items()}


def branches(machine: Json) -> set[str]:
    """Every way out of every state, and every retrier but those that forbid (MaxAttempts 0)."""
    found = set()
    for name, state in states(machine).items():
        found |= {f"{name}.{field}" for field in ("Next", "End", "Default") if field in state}
        for field in ("Choices", "Catch", "Retry"):
            rules = enumerate(state.get(field, ()))
            found |= {f"{name}.{field}[{n}]" for n, rule in rules if rule.get("MaxAttempts") != 0}
    return found


def taken(machine: Json, history: Iterable[Json]) -> set[str]:
    """The branches that an execution took, by its history. No two of its states may have run side by side."""
    known, found = states(machine), set()
    inside, left, error = "", "", ""  # the state entered last; the one left last; what failed and is not retried yet
    for event in history:
        kind = event["type"]
        details: Json = next((value for key, value in event.items() if key.endswith("EventDetails")), {})
        if kind.endswith("StateEntered"):
            if left:
                found.add(_way(left, known[left], details["name"], error))
            inside, left, error = details["name"], "", ""
        elif kind.endswith("StateExited"):
            left = details["name"]
        elif kind == "MapIterationStarted":  # the last state of an iteration does not lead to the first of the next
            left = ""
        elif kind == "ExecutionSucceeded":
            found.add(f"{left}.End")
        elif kind == "TaskScheduled" and error:
            found.add(f"{inside}.Retry[{_first(known[inside]['Retry'], error)}]")
            error = ""
        else:
            error = details.get("error", error)
    return found


def _way(name: str, state: Json, following: str, error: str) -> str:
    """The way out of a state that was left for another one. A map may fail without an event that says so."""
    failed = error or state.get("Next", following) != following
    field = "Catch" if failed else "Choices"
    for n, rule in enumerate(state.get(field, ())):
        if rule["Next"] == following:
            return f"{name}.{field}[{n}]"
    return f"{name}.{'Default' if 'Default' in state else 'Next'}"


def _first(retriers: Sequence[Json], error: str) -> int:
    """The first retrier that is meant for the error."""
    return next(n for n, rule in enumerate(retriers) if {error, "States.ALL"} & set(rule["ErrorEquals"]))

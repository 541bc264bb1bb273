"""Paths and payload templates, compiled once to functions of a state's data and the context object."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from simulation.asl.errors import PARAMETER_PATH, RESULT_PATH, RUNTIME, StateFailed, Unknown

Context = Mapping[str, Any]
Read = Callable[[Any, Context], Any]
Put = Callable[[Any, Any], Any]

_PART = re.compile(r"\.([A-Za-z_][\w-]*)|\['([^']+)'\]|\[(\d+)\]")
_CONTEXT = frozenset({("Execution", "Input"), ("Execution", "Name"), ("Task", "Token"), ("Map", "Item")})
NOTHING = object()  # where a path leads nowhere


def parts_of(text: str, where: str) -> tuple[str | int, ...]:
    """The steps of a reference path. Raises Unknown for wildcards, filters and functions.

    >>> parts_of("$.a['b c'][0]", "State.Field")
    ('a', 'b c', 0)
    """
    if not isinstance(text, str) or not text.startswith("$"):
        raise Unknown(f"{where}: {text!r} is no path: it has to begin with $")
    rest, found = text[2 if text.startswith("$$") else 1 :], list[str | int]()
    while rest:
        part = _PART.match(rest)
        if part is None:
            raise Unknown(f"{where}: the path {text!r} has a part that the simulator does not know: {rest!r}")
        found.append(int(part[3]) if part[3] else part[1] or part[2])
        rest = rest[part.end() :]
    return tuple(found)


def found_at(text: str, where: str) -> Read:
    """What the path leads to, NOTHING where it leads nowhere."""
    parts, of_context = parts_of(text, where), text.startswith("$$")
    if of_context and parts[:2] not in _CONTEXT:
        raise Unknown(f"{where}: the simulator has no {text!r} in its context object")

    def read(data: Any, context: Context) -> Any:
        value = context if of_context else data
        for part in parts:
            value = _member(value, part)
            if value is NOTHING:
                return NOTHING
        return value

    return read


def _member(value: Any, part: str | int) -> Any:
    if isinstance(part, str):
        return value.get(part, NOTHING) if isinstance(value, dict) else NOTHING
    return value[part] if isinstance(value, list) and part < len(value) else NOTHING


def path(text: str, where: str, error: str = RUNTIME) -> Read:
    """As `found_at`; a path that leads nowhere fails the state."""
    read = found_at(text, where)

    def required(data: Any, context: Context) -> Any:
        value = read(data, context)
        if value is NOTHING:
            raise StateFailed(error, f"{where}: the path {text!r} leads nowhere in the state's input")
        return value

    return required


def optional_path(fields: Mapping[str, Any], name: str, where: str) -> Read | None:
    """InputPath and OutputPath: None takes all, null takes nothing."""
    if name not in fields:
        return None
    if fields[name] is None:
        return lambda data, context: {}
    return path(fields[name], f"{where}.{name}")


def template(value: Any, where: str) -> Read:
    """A payload template: keys that end in `.$` are paths. Raises Unknown for intrinsic functions."""
    if isinstance(value, dict):
        fields = {_name(key): _field(key, each, where) for key, each in value.items()}
        return lambda data, context: {name: read(data, context) for name, read in fields.items()}
    if isinstance(value, list):
        members = [template(each, f"{where}[{n}]") for n, each in enumerate(value)]
        return lambda data, context: [read(data, context) for read in members]
    return lambda data, context: value


def _name(key: str) -> str:
    return key.removesuffix(".$")


def _field(key: str, value: Any, where: str) -> Read:
    place = f"{where}.{key}"
    if not key.endswith(".$"):
        return template(value, place)
    if isinstance(value, str) and value.startswith("States."):
        raise Unknown(f"{place}: the simulator does not know the intrinsic function {value!r}")
    return path(value, place, PARAMETER_PATH)


def result_path(fields: Mapping[str, Any], where: str) -> Put:
    """ResultPath: where a result goes in the state's data; the data itself is never changed."""
    given = fields.get("ResultPath", "$")
    if given is None:
        return lambda data, result: data
    if given.startswith("$$"):
        raise Unknown(f"{where}.ResultPath: a result cannot go into the context object")
    parts = parts_of(given, f"{where}.ResultPath")
    if not all(isinstance(part, str) for part in parts):
        raise Unknown(f"{where}.ResultPath: {given!r}: the simulator puts results into objects only")
    return lambda data, result: _placed(data, parts, result)


def _placed(data: Any, parts: tuple[str | int, ...], result: Any) -> Any:
    if not parts:
        return result
    if not isinstance(data, dict):
        raise StateFailed(RESULT_PATH, "the state's input is no object")
    first = parts[0]
    return {**data, first: _placed(data.get(first, {}), parts[1:], result)}

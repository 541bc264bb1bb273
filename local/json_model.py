"""AWS's JSON protocol by botocore's service model: the judge of every request and answer of a service that is ours.

What AWS checks before it looks at anything (required members, types, lengths, patterns, ranges, enumerations) is
refused with the sentences of AWS's own ValidationException.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

PYTHON_TYPES: Mapping[str, tuple[type, ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "boolean": (bool,),
    "timestamp": (int, float),
    "blob": (str,),  # in base64
}


class JsonError(Exception):
    """An answer that a service gives instead of a result: its error code, its text, and the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status

    def body(self) -> dict[str, Any]:
        return {"__type": self.code, "message": self.message, "Message": self.message}


@cache
def _service(name: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(name, "service-2"))


def operation_model(service: str, name: str) -> OperationModel:
    """Raises JsonError for an operation that the service does not have."""
    if name not in _service(service).operation_names:
        raise JsonError("UnknownOperationException", f"{name} is not an operation of {service}")
    return _service(service).operation_model(name)


def check_request(service: str, operation: str, body: dict[str, Any]) -> None:
    """Raises JsonError ValidationException with everything that AWS would refuse by shape alone."""
    shape = operation_model(service, operation).input_shape
    faults = list(_faults(shape, body, "")) if shape else []
    if faults:
        plural = "s" if len(faults) > 1 else ""
        raise JsonError("ValidationException", f"{len(faults)} validation error{plural} detected: {'; '.join(faults)}")


def check_answer(service: str, operation: str, body: dict[str, Any]) -> None:
    """Raises ValueError when our own answer has not the members, types and enumerations that AWS publishes.

    Lengths and patterns are for requests: AWS's own answers break them (milliseconds in ExecutionStartDateTime).
    """
    shape = operation_model(service, operation).output_shape
    faults = list(_faults(shape, body, "", answer=True)) if shape else []
    if faults:
        raise ValueError(f"{operation}: {'; '.join(faults)}")


def _faults(shape: Shape, value: Any, path: str, *, answer: bool = False) -> Iterator[str]:
    """What is wrong with a value, in AWS's words; an `answer` is held to members, types and enumerations only."""
    kind = shape.type_name
    if not _is_a(kind, value):
        yield f"Value at '{path}' failed to satisfy constraint: Member must be of type {kind}"
        return
    if "enum" in shape.metadata and value not in shape.metadata["enum"]:
        yield f"{_start(value, path)} satisfy enum value set: [{', '.join(shape.metadata['enum'])}]"
    if not answer:
        yield from _broken_constraints(shape, value, path)
    match shape:
        case StructureShape():
            for name in shape.required_members:
                if name not in value:
                    yield f"Value null at '{_member(path, name)}' failed to satisfy constraint: Member must not be null"
            for name, child in value.items():
                if name in shape.members:
                    yield from _faults(shape.members[name], child, _member(path, name), answer=answer)
                elif answer:
                    yield f"Value at '{_member(path, name)}' is not a member of {shape.name}"
        case ListShape():
            for number, child in enumerate(value, 1):
                yield from _faults(shape.member, child, f"{path}.{number}.member", answer=answer)
        case MapShape():
            for name, child in value.items():
                yield from _faults(shape.key, name, f"{path}.key", answer=answer)
                yield from _faults(shape.value, child, f"{path}.{name}.member", answer=answer)


def _is_a(kind: str, value: Any) -> bool:
    types = PYTHON_TYPES[kind]
    return isinstance(value, types) and (not isinstance(value, bool) or bool in types)


def _broken_constraints(shape: Shape, value: Any, path: str) -> Iterator[str]:
    rules = shape.metadata
    start = _start(value, path)
    size, what = (len(value), "length") if isinstance(value, (str, list, dict)) else (value, "value")
    if "min" in rules and size < rules["min"]:
        yield f"{start} have {what} greater than or equal to {rules['min']}"
    if "max" in rules and size > rules["max"]:
        yield f"{start} have {what} less than or equal to {rules['max']}"
    if "pattern" in rules and isinstance(value, str) and not _matches(rules["pattern"], value):
        yield f"{start} satisfy regular expression pattern: {rules['pattern']}"


def _start(value: Any, path: str) -> str:
    return f"Value '{value}' at '{path}' failed to satisfy constraint: Member must"


def _matches(pattern: str, value: str) -> bool:
    return re.fullmatch(_python_pattern(pattern), value) is not None


@cache
def _python_pattern(pattern: str) -> str:
    r"""The published patterns are Java's: character classes such as \p{L} are the one thing of theirs that `re` lacks.

    >>> _python_pattern(r"^([\p{L}\p{Z}_.:]*)$")
    '^([\\w\\s_.:]*)$'
    """
    for java, python in (
        (r"\p{L}", r"\w"),
        (r"\p{N}", ""),
        (r"\p{M}", ""),
        (r"\p{Z}", r"\s"),
        (r"\p{P}", r"!-/:-@\[-`{-~"),
    ):
        pattern = pattern.replace(java, python)
    return pattern


def _member(path: str, name: str) -> str:
    name = name[0].lower() + name[1:]
    return f"{path}.{name}" if path else name

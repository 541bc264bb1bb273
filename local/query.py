"""AWS's query protocol by botocore's service model: a form in, parameters out; an answer in, XML out.

What the model does not know fails here: a request as AWS refuses it, an answer or an error of ours as a bug.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

# What every operation may answer: "Common errors" of the API references of ELB and Auto Scaling.
COMMON_ERRORS = frozenset({"ValidationError", "Throttling", "AccessDenied", "InvalidAction", "OperationNotPermitted"})


class QueryError(Exception):
    """AWS's refusal of a request."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


@cache
def service_model(name: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(name)


def fields(body: bytes, query: Mapping[str, Any]) -> dict[str, str]:
    """A request's fields, from its body or its address."""
    found = {name: str(value[0] if isinstance(value, list) else value) for name, value in query.items() if value}
    return found | dict(parse_qsl(body.decode(), keep_blank_values=True))


def parsed(operation: OperationModel | None, form: Mapping[str, str]) -> dict[str, Any]:
    """What the operation is asked, by the names of the model; nothing is checked."""
    if operation is None or operation.input_shape is None:
        return {}
    return _parsed(operation.input_shape, form, "") or {}


def parameters(operation: OperationModel, form: Mapping[str, str]) -> dict[str, Any]:
    """What the operation is asked. Raises QueryError ValidationError."""
    return checked(operation.input_shape, parsed(operation, form)) if operation.input_shape else {}


def checked(shape: Shape, given: Any) -> dict[str, Any]:
    """Parameters that keep to the model; texts that stand for numbers and booleans are those then.

    Raises QueryError ValidationError.
    """
    broken: list[str] = []
    value: dict[str, Any] = _checked(shape, given, "", broken)
    if broken:
        count = f"{len(broken)} validation error{'s' if len(broken) > 1 else ''} detected"
        raise QueryError("ValidationError", f"{count}: {'; '.join(broken)}")
    return value


def _parsed(shape: Shape, form: Mapping[str, str], prefix: str) -> Any:
    """The value of a shape in a form, None when there is none."""
    match shape:
        case StructureShape():
            found = {}
            for name, member in shape.members.items():
                key = f"{prefix}.{name}" if prefix else name
                if (value := _parsed(member, form, key)) is not None:
                    found[name] = value
            return found or None
        case ListShape():
            return _parsed_list(shape, form, prefix)
        case _:
            return form.get(prefix)


def _parsed_list(shape: ListShape, form: Mapping[str, str], prefix: str) -> list[Any] | None:
    pattern = re.compile(re.escape(prefix) + r"\.member\.(\d+)(?:\.|$)")
    numbers = sorted({int(found[1]) for key in form if (found := pattern.match(key))})
    values = [_parsed(shape.member, form, f"{prefix}.member.{number}") for number in numbers]
    return values if values or prefix in form else None


def _checked(shape: Shape, value: Any, path: str, broken: list[str]) -> Any:
    match shape:
        case StructureShape():
            if not isinstance(value, Mapping):
                return _refuse(broken, value, path, "Member must be a structure")
            for name in shape.required_members:
                if name not in value:
                    _refuse(broken, None, f"{path}.{name}".strip("."), "Member must not be null")
            for name in value.keys() - shape.members.keys():
                _refuse(broken, value[name], f"{path}.{name}".strip("."), "Member is not known")
            known = {name: each for name, each in value.items() if name in shape.members}
            return {
                name: _checked(shape.members[name], each, f"{path}.{name}".strip("."), broken)
                for name, each in known.items()
            }
        case ListShape():
            if not isinstance(value, list):
                return _refuse(broken, value, path, "Member must be a list")
            _check_size(shape, len(value), value, path, broken)
            return [
                _checked(shape.member, each, f"{path}.{number}.member", broken) for number, each in enumerate(value, 1)
            ]
        case _:
            return _checked_scalar(shape, value, path, broken)


def _checked_scalar(shape: Shape, value: Any, path: str, broken: list[str]) -> Any:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if shape.type_name == "boolean":
        return text == "true" if text in ("true", "false") else _refuse(broken, value, path, "Member must be a boolean")
    if shape.type_name in ("integer", "long"):
        if not re.fullmatch(r"-?\d+", text):
            return _refuse(broken, value, path, "Member must be a number")
        _check_range(shape, int(text), path, broken)
        return int(text)
    if shape.type_name != "string":
        raise TypeError(f"{path}: a request of the type {shape.type_name} is not known")
    choices = shape.metadata.get("enum")
    if choices and text not in choices:
        _refuse(broken, value, path, f"Member must satisfy enum value set: [{', '.join(choices)}]")
    _check_size(shape, len(text), value, path, broken)
    return text


def _check_size(shape: Shape, size: int, value: Any, path: str, broken: list[str]) -> None:
    if size < shape.metadata.get("min", 0):
        _refuse(broken, value, path, f"Member must have length greater than or equal to {shape.metadata['min']}")
    if size > shape.metadata.get("max", size):
        _refuse(broken, value, path, f"Member must have length less than or equal to {shape.metadata['max']}")


def _check_range(shape: Shape, value: int, path: str, broken: list[str]) -> None:
    if value < shape.metadata.get("min", value):
        _refuse(broken, value, path, f"Member must have value greater than or equal to {shape.metadata['min']}")
    if value > shape.metadata.get("max", value):
        _refuse(broken, value, path, f"Member must have value less than or equal to {shape.metadata['max']}")


def _refuse(broken: list[str], value: Any, path: str, constraint: str) -> None:
    where = path[:1].lower() + path[1:]
    shown = "null" if value is None else f"'{value}'"
    broken.append(f"Value {shown} at '{where}' failed to satisfy constraint: {constraint}")


def answer(operation: OperationModel, result: Mapping[str, Any]) -> bytes:
    """The XML of a good answer. Raises KeyError for a member that the operation's answer does not have."""
    model = operation.service_model
    root = ElementTree.Element(f"{operation.name}Response", xmlns=model.metadata["xmlNamespace"])
    if operation.output_shape is not None:
        _write(root, f"{operation.name}Result", operation.output_shape, result)
    elif result:
        raise KeyError(f"{operation.name} answers nothing")
    metadata = ElementTree.SubElement(root, "ResponseMetadata")
    ElementTree.SubElement(metadata, "RequestId").text = str(uuid.uuid4())
    return ElementTree.tostring(root)


def error_answer(operation: OperationModel | None, error: QueryError, namespace: str) -> tuple[int, bytes]:
    """Status and XML of a refusal. Raises KeyError for one that the operation does not have."""
    known = dict.fromkeys(COMMON_ERRORS, 400) | {"AccessDenied": 403}
    for shape in operation.error_shapes if operation else ():
        declared = shape.metadata["error"]
        known[declared["code"]] = declared["httpStatusCode"]
    if error.code not in known:
        raise KeyError(f"{operation.name if operation else 'no operation'} does not answer {error.code}")
    root = ElementTree.Element("ErrorResponse", xmlns=namespace)
    inner = ElementTree.SubElement(root, "Error")
    for name, text in (("Type", "Sender"), ("Code", error.code), ("Message", error.message)):
        ElementTree.SubElement(inner, name).text = text
    ElementTree.SubElement(root, "RequestId").text = str(uuid.uuid4())
    return known[error.code], ElementTree.tostring(root)


def _write(parent: ElementTree.Element, name: str, shape: Shape, value: Any) -> None:
    element = ElementTree.SubElement(parent, name)
    match shape:
        case StructureShape():
            if unknown := value.keys() - shape.members.keys():
                raise KeyError(f"{shape.name} has no {sorted(unknown)}")
            for member, each in _present(value):
                _write(element, member, shape.members[member], each)
        case ListShape():
            for each in value:
                _write(element, "member", shape.member, each)
        case MapShape():
            raise TypeError(f"{shape.name}: no answer of ours has a map")
        case _:
            element.text = _text(shape, value)


def _present(value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((name, each) for name, each in value.items() if each is not None)


def _text(shape: Shape, value: Any) -> str:
    kinds = {"boolean": bool, "integer": int, "long": int, "string": str, "timestamp": datetime}
    if type(value) is not kinds[shape.type_name] and not (shape.type_name == "string" and isinstance(value, str)):
        raise TypeError(f"{shape.name} is of the type {shape.type_name}, not {value!r}")
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    return str(value).lower() if isinstance(value, bool) else str(value)

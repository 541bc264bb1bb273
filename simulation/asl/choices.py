"""Choice rules, compiled to functions of a state's data and the context object."""

from collections.abc import Callable, Mapping
from datetime import datetime
from operator import eq, ge, gt, le, lt
from typing import Any

from simulation.asl.errors import RUNTIME, StateFailed, Unknown
from simulation.asl.paths import NOTHING, Context, found_at, path

Holds = Callable[[Any, Context], bool]

_RELATIONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "Equals": eq,
    "LessThan": lt,
    "LessThanEquals": le,
    "GreaterThan": gt,
    "GreaterThanEquals": ge,
}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_timestamp(value: Any) -> bool:
    return _moment(value) is not None


def _moment(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else None


_KINDS: Mapping[str, Callable[[Any], bool]] = {
    "String": lambda value: isinstance(value, str),
    "Numeric": _is_number,
    "Boolean": lambda value: isinstance(value, bool),
    "Timestamp": _is_timestamp,
}
_TESTS: Mapping[str, Callable[[Any], bool]] = {
    "IsNull": lambda value: value is None,
    "IsString": _KINDS["String"],
    "IsNumeric": _is_number,
    "IsBoolean": _KINDS["Boolean"],
    "IsTimestamp": _is_timestamp,
}


def rule(fields: Mapping[str, Any], where: str) -> Holds:
    """A choice rule, `Next` and `Comment` left aside. Raises Unknown."""
    left = {name: value for name, value in fields.items() if name not in ("Next", "Comment")}
    for name, join in (("And", all), ("Or", any)):
        if left.keys() == {name}:
            rules = [rule(each, f"{where}.{name}[{n}]") for n, each in enumerate(left[name])]
            return lambda data, context, join=join: join(each(data, context) for each in rules)  # type: ignore[misc]
    if left.keys() == {"Not"}:
        inner = rule(left["Not"], f"{where}.Not")
        return lambda data, context: not inner(data, context)
    variable = left.pop("Variable", None)
    if variable is None or len(left) != 1:
        raise Unknown(f"{where}: a choice rule that the simulator does not know: {sorted(fields)}")
    ((operator, operand),) = left.items()
    return _comparison(variable, operator, operand, where)


def _comparison(variable: str, operator: str, operand: Any, where: str) -> Holds:
    found = found_at(variable, f"{where}.Variable")
    if operator == "IsPresent":
        return lambda data, context: (found(data, context) is not NOTHING) is operand
    value_at = path(variable, f"{where}.Variable", RUNTIME)
    if operator in _TESTS:
        test = _TESTS[operator]
        return lambda data, context: test(value_at(data, context)) is operand
    is_path = operator.endswith("Path")
    kind, relation = _split(operator.removesuffix("Path"), where)
    fits, relates = _KINDS[kind], _RELATIONS[relation]
    other_at = path(operand, f"{where}.{operator}") if is_path else (lambda data, context: operand)

    def holds(data: Any, context: Context) -> bool:
        value, other = value_at(data, context), other_at(data, context)
        if not fits(other):
            raise StateFailed(RUNTIME, f"{where}.{operator}: {other!r} is not of the kind {kind}")
        if not fits(value):
            return False
        if kind == "Timestamp":
            value, other = _moment(value), _moment(other)
        return relates(value, other)

    return holds


def _split(operator: str, where: str) -> tuple[str, str]:
    for kind in _KINDS:
        relation = operator.removeprefix(kind)
        if relation != operator and relation in _RELATIONS and (kind != "Boolean" or relation == "Equals"):
            return kind, relation
    raise Unknown(f"{where}: the simulator does not know the comparison {operator!r}")

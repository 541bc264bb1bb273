"""A definition in ASL to a `Machine`. Raises Unknown for whatever the interpreter does not know."""

from collections.abc import Callable, Mapping
from typing import Any

from simulation.asl.choices import rule
from simulation.asl.errors import Unknown
from simulation.asl.model import (
    Catcher,
    Choice,
    Fail,
    Machine,
    Map,
    Parallel,
    Pass,
    Retrier,
    State,
    Succeed,
    Task,
    Wait,
)
from simulation.asl.paths import Read, optional_path, path, result_path, template

Json = Mapping[str, Any]

_EVERY = frozenset({"Type", "Comment"})
_FLOW = _EVERY | {"Next", "End", "InputPath", "OutputPath"}
_WORK = _FLOW | {"ResultSelector", "ResultPath", "Retry", "Catch"}
_TIMES = frozenset({"TimeoutSeconds", "TimeoutSecondsPath", "HeartbeatSeconds", "HeartbeatSecondsPath"})
_TOLERANCE = frozenset(f"ToleratedFailure{kind}{path}" for kind in ("Count", "Percentage") for path in ("", "Path"))
_FIELDS: Mapping[str, frozenset[str]] = {
    "Task": _WORK | _TIMES | {"Resource", "Parameters"},
    "Map": _WORK
    | _TOLERANCE
    | {"ItemsPath", "ItemReader", "ItemSelector", "ItemProcessor", "MaxConcurrency", "MaxConcurrencyPath", "Label"},
    "Parallel": _WORK | {"Branches", "Parameters"},
    "Choice": _EVERY | {"InputPath", "OutputPath", "Choices", "Default"},
    "Wait": _FLOW | {"Seconds", "SecondsPath", "Timestamp", "TimestampPath"},
    "Pass": _FLOW | {"Result", "ResultPath", "Parameters"},
    "Succeed": _EVERY | {"InputPath", "OutputPath"},
    "Fail": _EVERY | {"Error", "Cause"},
}
_INVOKE = "arn:aws:states:::lambda:invoke"
_READER = "arn:aws:states:::s3:getObject"


def read_machine(definition: Json, where: str = "machine", *, is_processor: bool = False) -> Machine:
    """The machine. `is_processor`: it is the inside of a Map, which may have a ProcessorConfig."""
    known = {"StartAt", "States", "Comment"} | ({"ProcessorConfig"} if is_processor else set())
    _check_fields(definition, known, where)
    states = {name: _state(name, fields, f"{where}.{name}") for name, fields in definition["States"].items()}
    machine = Machine(definition["StartAt"], states)
    for name in (machine.start, *(following for state in states.values() for following in _following(state))):
        if name not in states:
            raise Unknown(f"{where}: there is no state {name!r}")
    return machine


def _following(state: State) -> list[str]:
    found = [state.next] if state.next else []
    if isinstance(state, Choice):
        found += [following for _, following in state.rules] + ([state.default] if state.default else [])
    if isinstance(state, Task | Map | Parallel):
        found += [catcher.next for catcher in state.catchers]
    return found


def _check_fields(fields: Json, known: frozenset[str] | set[str], where: str) -> None:
    if unknown := sorted(fields.keys() - known):
        raise Unknown(f"{where}: the simulator does not know {', '.join(unknown)}")


def _state(name: str, fields: Json, where: str) -> State:
    kind = str(fields.get("Type"))
    if kind not in _READERS:
        raise Unknown(f"{where}: the simulator does not know states of the type {kind!r}")
    _check_fields(fields, _FIELDS[kind], where)
    if kind not in ("Choice", "Succeed", "Fail") and ("Next" in fields) is (fields.get("End") is True):
        raise Unknown(f"{where}: it needs either Next or End")
    common = {
        "name": name,
        "next": fields.get("Next"),
        "take": optional_path(fields, "InputPath", where),
        "give": optional_path(fields, "OutputPath", where),
    }
    return _READERS[kind](fields, where, common)


def _working(fields: Json, where: str) -> dict[str, Any]:
    retriers = [_retrier(each, f"{where}.Retry[{n}]") for n, each in enumerate(fields.get("Retry", ()))]
    catchers = [_catcher(each, f"{where}.Catch[{n}]") for n, each in enumerate(fields.get("Catch", ()))]
    return {
        "select": _template(fields, "ResultSelector", where),
        "put": result_path(fields, where),
        "retriers": tuple(retriers),
        "catchers": tuple(catchers),
    }


def _retrier(fields: Json, where: str) -> Retrier:
    known = {"ErrorEquals", "IntervalSeconds", "BackoffRate", "MaxAttempts", "MaxDelaySeconds", "JitterStrategy"}
    _check_fields(fields, known | {"Comment"}, where)
    if (jitter := fields.get("JitterStrategy", "NONE")) not in ("NONE", "FULL"):
        raise Unknown(f"{where}: the simulator does not know the jitter strategy {jitter!r}")
    return Retrier(
        errors=tuple(fields["ErrorEquals"]),
        interval=fields.get("IntervalSeconds", 1),
        backoff=fields.get("BackoffRate", 2.0),
        max_attempts=fields.get("MaxAttempts", 3),
        max_delay=fields.get("MaxDelaySeconds"),
        has_full_jitter=jitter == "FULL",
    )


def _catcher(fields: Json, where: str) -> Catcher:
    _check_fields(fields, {"ErrorEquals", "Next", "ResultPath", "Comment"}, where)
    return Catcher(errors=tuple(fields["ErrorEquals"]), next=fields["Next"], put=result_path(fields, where))


def _template(fields: Json, name: str, where: str) -> Read | None:
    return template(fields[name], f"{where}.{name}") if name in fields else None


def _number(fields: Json, name: str, where: str) -> Read | None:
    """A number that is given, or found by a path."""
    if name in fields and f"{name}Path" in fields:
        raise Unknown(f"{where}: {name} and {name}Path exclude each other")
    if name in fields:
        if name != "Timestamp" and (isinstance(fields[name], bool) or not isinstance(fields[name], int | float)):
            raise Unknown(f"{where}.{name}: {fields[name]!r} is no number")
        return lambda data, context: fields[name]
    return path(fields[f"{name}Path"], f"{where}.{name}Path") if f"{name}Path" in fields else None


def _task(fields: Json, where: str, common: dict[str, Any]) -> Task:
    resource = fields["Resource"]
    if resource not in (_INVOKE, f"{_INVOKE}.waitForTaskToken"):
        raise Unknown(f"{where}: the simulator does not know the resource {resource!r}")
    parameters = fields.get("Parameters", {})
    _check_fields(parameters, {"FunctionName", "Payload", "Payload.$"}, f"{where}.Parameters")
    return Task(
        **common,
        **_working(fields, where),
        arguments=template(parameters, f"{where}.Parameters"),
        waits=resource.endswith(".waitForTaskToken"),
        timeout=_number(fields, "TimeoutSeconds", where),
        heartbeat=_number(fields, "HeartbeatSeconds", where),
    )


def _map(fields: Json, where: str, common: dict[str, Any]) -> Map:
    processor = fields["ItemProcessor"]
    config = processor.get("ProcessorConfig", {})
    _check_fields(config, {"Mode", "ExecutionType"}, f"{where}.ProcessorConfig")
    mode, kind = config.get("Mode", "INLINE"), config.get("ExecutionType", "STANDARD")
    if mode not in ("INLINE", "DISTRIBUTED") or kind != "STANDARD":
        raise Unknown(f"{where}: the simulator knows no {kind} children of a Map of the mode {mode}")
    is_distributed = mode == "DISTRIBUTED"
    if not is_distributed and fields.keys() & (_TOLERANCE | {"ItemReader", "Label"}):
        raise Unknown(f"{where}: only a Distributed Map has an ItemReader, a Label and tolerated failures")
    return Map(
        **common,
        **_working(fields, where),
        items=None if "ItemReader" in fields else path(fields.get("ItemsPath", "$"), f"{where}.ItemsPath"),
        reader=_item_reader(fields["ItemReader"], f"{where}.ItemReader") if "ItemReader" in fields else None,
        selector=_template(fields, "ItemSelector", where),
        concurrency=_number(fields, "MaxConcurrency", where),
        tolerated_count=_number(fields, "ToleratedFailureCount", where),
        tolerated_percentage=_number(fields, "ToleratedFailurePercentage", where),
        processor=read_machine(processor, where, is_processor=True),
        is_distributed=is_distributed,
        label=fields.get("Label", common["name"]),
    )


def _item_reader(fields: Json, where: str) -> Read:
    _check_fields(fields, {"Resource", "ReaderConfig", "Parameters"}, where)
    if fields["Resource"] != _READER or fields.get("ReaderConfig") != {"InputType": "JSON"}:
        raise Unknown(f"{where}: the simulator reads items from one JSON object of S3 only")
    _check_fields(fields["Parameters"], {"Bucket", "Bucket.$", "Key", "Key.$"}, f"{where}.Parameters")
    return template(fields["Parameters"], f"{where}.Parameters")


def _parallel(fields: Json, where: str, common: dict[str, Any]) -> Parallel:
    branches = [read_machine(each, f"{where}.Branches[{n}]") for n, each in enumerate(fields["Branches"])]
    return Parallel(
        **common,
        **_working(fields, where),
        branches=tuple(branches),
        arguments=_template(fields, "Parameters", where),
    )


def _choice(fields: Json, where: str, common: dict[str, Any]) -> Choice:
    rules = [(rule(each, f"{where}.Choices[{n}]"), each["Next"]) for n, each in enumerate(fields["Choices"])]
    return Choice(**common, rules=tuple(rules), default=fields.get("Default"))


def _wait(fields: Json, where: str, common: dict[str, Any]) -> Wait:
    given = [name for name in ("Seconds", "SecondsPath", "Timestamp", "TimestampPath") if name in fields]
    if len(given) != 1:
        raise Unknown(f"{where}: a Wait needs one of Seconds, SecondsPath, Timestamp and TimestampPath")
    return Wait(**common, seconds=_number(fields, "Seconds", where), until=_number(fields, "Timestamp", where))


def _pass(fields: Json, where: str, common: dict[str, Any]) -> Pass:
    if "Result" in fields and "Parameters" in fields:
        raise Unknown(f"{where}: the simulator knows Result or Parameters, not both")
    result: Read = lambda data, context: data  # noqa: E731
    if "Result" in fields:
        result = lambda data, context: fields["Result"]  # noqa: E731
    return Pass(**common, result=_template(fields, "Parameters", where) or result, put=result_path(fields, where))


def _succeed(fields: Json, where: str, common: dict[str, Any]) -> Succeed:
    return Succeed(**common)


def _fail(fields: Json, where: str, common: dict[str, Any]) -> Fail:
    return Fail(**common, error=fields.get("Error", ""), cause=fields.get("Cause", ""))


_READERS: Mapping[str, Callable[[Json, str, dict[str, Any]], State]] = {
    "Task": _task,
    "Map": _map,
    "Parallel": _parallel,
    "Choice": _choice,
    "Wait": _wait,
    "Pass": _pass,
    "Succeed": _succeed,
    "Fail": _fail,
}

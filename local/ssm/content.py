"""What a document of schema 2.2 may hold: checked when it is written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from local.ssm.model import SsmError

_GO_REPEAT = 1000  # regexp/syntax: ErrInvalidRepeatSize
ACTION = "aws:runShellScript"

# The agent's (agent/plugins/pluginutil): a value outside of the range counts as the default.
DEFAULT_TIMEOUT_SECONDS, MINIMUM_TIMEOUT_SECONDS, MAXIMUM_TIMEOUT_SECONDS = 3_600, 5, 172_800

PARAMETER_TYPES = {"String", "StringList", "Integer", "Boolean", "MapList", "StringMap"}
PARAMETER_KEYS = {
    "type", "description", "default", "allowedValues", "allowedPattern", "displayType", "minItems", "maxItems",
    "minChars", "maxChars", "interpolationType",
}  # fmt: skip
TOP_KEYS = {"schemaVersion", "description", "parameters", "mainSteps", "files", "variables"}
STEP_KEYS = {"action", "name", "inputs", "precondition", "maxAttempts"}
INPUT_KEYS = {"runCommand", "timeoutSeconds", "workingDirectory", "onFailure", "onSuccess", "finallyStep"}
LINUX_ONLY = ({"StringEquals": ["platformType", "Linux"]}, {"StringEquals": ["Linux", "platformType"]})
PLACEHOLDER = re.compile(r"\{\{\s*([a-zA-Z0-9_]+)\s*\}\}")
STEP_NAME = re.compile(r"[a-zA-Z0-9_\-]{4,128}")  # shorter ones could not be asked for: CommandPluginName


def invalid(message: str) -> SsmError:
    return SsmError("InvalidDocumentContent", message)


def check_content(content: Any) -> None:
    """Raises SsmError InvalidDocumentContent or InvalidDocumentSchemaVersion for the first thing that is wrong."""
    if not isinstance(content, dict):
        raise invalid("The document must be an object")
    if content.get("schemaVersion") != "2.2":
        raise SsmError(
            "InvalidDocumentSchemaVersion",
            f"Document schema version, {content.get('schemaVersion')}, is not supported by the local cloud: use 2.2",
        )
    _check_keys(content, TOP_KEYS, "the document")
    parameters = content.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise invalid("parameters must be an object")
    for name, rules in parameters.items():
        _check_parameter(name, rules)
    steps = content.get("mainSteps")
    if not isinstance(steps, list) or not steps:
        raise invalid("mainSteps must be a list of at least one step")
    names: set[str] = set()
    for number, step in enumerate(steps):
        _check_step(f"mainSteps[{number}]", step)
        if step["name"] in names:
            raise invalid(f"Step name {step['name']} is not unique")
        names.add(step["name"])
    undefined = set(PLACEHOLDER.findall(json.dumps(steps))) - set(parameters) - {"platformType"}
    if undefined:
        raise invalid(f"Document parameters not defined: {', '.join(sorted(undefined))}")


def _check_keys(value: Mapping[str, Any], known: set[str], where: str) -> None:
    if unknown := set(value) - known:
        raise invalid(f"{where}: unknown properties {', '.join(sorted(unknown))}")


def _check_parameter(name: str, rules: Any) -> None:
    if not re.fullmatch("[a-zA-Z0-9_]+", name):
        raise invalid(f"Parameter name {name} must be of letters, digits and _")
    if not isinstance(rules, dict) or rules.get("type") not in PARAMETER_TYPES:
        raise invalid(f"Parameter {name}: type must be one of {', '.join(sorted(PARAMETER_TYPES))}")
    _check_keys(rules, PARAMETER_KEYS, f"Parameter {name}")
    if "allowedPattern" in rules:
        if any(int(count) > _GO_REPEAT for count in re.findall(r"\{\d*,?(\d+)\}", rules["allowedPattern"])):
            raise invalid(f"Parameter {name}: the SSM Agent's Go refuses repeats over {_GO_REPEAT} in allowedPattern")
        try:
            re.compile(rules["allowedPattern"])
        except re.error as error:
            raise invalid(f"Parameter {name}: allowedPattern is not a regular expression: {error}") from error
    if "default" in rules:
        try:
            check_value(name, rules, rules["default"] if isinstance(rules["default"], list) else [rules["default"]])
        except SsmError as error:
            raise invalid(error.message) from error


def _check_step(where: str, step: Any) -> None:
    if not isinstance(step, dict):
        raise invalid(f"{where} must be an object")
    _check_keys(step, STEP_KEYS, where)
    if step.get("action") != ACTION:
        raise invalid(f"{where}: action {step.get('action')} is not supported by the local cloud: use {ACTION}")
    if not isinstance(step.get("name"), str) or not STEP_NAME.fullmatch(step["name"]):
        raise invalid(f"{where}: name must match {STEP_NAME.pattern}")
    inputs = step.get("inputs")
    if not isinstance(inputs, dict):
        raise invalid(f"{where}: inputs must be an object")
    _check_keys(inputs, INPUT_KEYS, f"{where}.inputs")
    lines = inputs.get("runCommand")
    if not isinstance(lines, str) and not (isinstance(lines, list) and all(isinstance(line, str) for line in lines)):
        raise invalid(f"{where}.inputs: runCommand must be a list of strings")
    _check_choice(where, inputs, "onFailure", {"exit", "successAndExit"})
    _check_choice(where, inputs, "onSuccess", {"exit"})
    _check_choice(where, inputs, "finallyStep", {"true", "false", True, False})
    timeout = str(inputs.get("timeoutSeconds", DEFAULT_TIMEOUT_SECONDS))
    if not timeout.isdigit() and not PLACEHOLDER.fullmatch(timeout):
        raise invalid(f"{where}.inputs: timeoutSeconds must be a whole number or a parameter, not {timeout}")
    if step.get("precondition") not in (None, *LINUX_ONLY):
        raise invalid(f"{where}: the local cloud knows the precondition StringEquals [platformType, Linux] only")


def _check_choice(where: str, inputs: Mapping[str, Any], name: str, choices: set[Any]) -> None:
    if name in inputs and inputs[name] not in choices:
        allowed = ", ".join(sorted({str(choice).lower() if isinstance(choice, bool) else choice for choice in choices}))
        raise invalid(f"{where}.inputs: {name} must be one of {allowed}, not {inputs[name]}")


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def check_value(name: str, rules: Mapping[str, Any], values: list[Any]) -> None:
    def refuse(reason: str) -> SsmError:
        return SsmError("InvalidParameters", f"Parameter {name}: {reason}")

    if rules["type"] != "StringList" and len(values) != 1:
        raise refuse(f"a value of type {rules['type']} is needed, not {len(values)} values")
    if not rules.get("minItems", 0) <= len(values) <= rules.get("maxItems", len(values)):
        raise refuse(f"{len(values)} items are outside of minItems and maxItems")
    for value in map(as_text, values):
        if "allowedValues" in rules and value not in map(as_text, rules["allowedValues"]):
            raise refuse(f"value {value} is not among the allowed values {rules['allowedValues']}")
        if "allowedPattern" in rules and not re.fullmatch(rules["allowedPattern"], value):
            raise refuse(f"value {value} does not match the allowed pattern {rules['allowedPattern']}")
        if not rules.get("minChars", 0) <= len(value) <= rules.get("maxChars", len(value)):
            raise refuse(f"{len(value)} characters are outside of minChars and maxChars")
        if rules["type"] == "Integer" and not re.fullmatch(r"-?\d+", value):
            raise refuse(f"value {value} is not an integer")
        if rules["type"] == "Boolean" and value.lower() not in ("true", "false"):
            raise refuse(f"value {value} is not a boolean")

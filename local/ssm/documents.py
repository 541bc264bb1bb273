"""SSM documents: Command documents of schema 2.2, with their versions, checked when written and filled in when sent.

What a document may hold is what SSM's documentation says of schema 2.2 ("Data elements and parameters", "SSM Command
document plugin reference", "Universal inputs"), of the one action that local instances run: aws:runShellScript.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

from local.hosts.agent import Step
from local.ssm.model import SsmError

_GO_REPEAT = 1000  # regexp/syntax: ErrInvalidRepeatSize
MAXIMUM_BYTES = 64 * 1024
MAXIMUM_VERSIONS = 1_000
ACTION = "aws:runShellScript"
WORKING_DIRECTORY = "/usr/bin"  # the agent's own, by its systemd unit, which a step inherits

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

Format = Literal["JSON", "YAML"]

RUN_SHELL_SCRIPT = {
    "schemaVersion": "2.2",
    "description": "Run a shell script or specify the commands to run.",
    "parameters": {
        "commands": {"type": "StringList", "minItems": 1},
        "workingDirectory": {"type": "String", "default": "", "maxChars": 4096},
        "executionTimeout": {
            "type": "String",
            "default": "3600",
            "allowedPattern": "([1-9][0-9]{0,4})|(1[0-6][0-9]{4})",
        },
    },
    "mainSteps": [
        {
            "action": ACTION,
            "name": "runShellScript",
            "inputs": {
                "runCommand": "{{ commands }}",
                "workingDirectory": "{{ workingDirectory }}",
                "timeoutSeconds": "{{ executionTimeout }}",
            },
        }
    ],
}


@dataclass(frozen=True, slots=True)
class DocumentVersion:
    number: int
    content: str  # as it was given
    format: Format
    parsed: Mapping[str, Any]
    created: float  # seconds since the epoch
    version_name: str = ""

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.content.encode()).hexdigest()

    @property
    def parameters(self) -> Mapping[str, Mapping[str, Any]]:
        parameters: Mapping[str, Mapping[str, Any]] = self.parsed.get("parameters") or {}
        return parameters


@dataclass(slots=True)
class Document:
    name: str
    owner: str  # an account, or Amazon
    versions: dict[int, DocumentVersion]
    default_version: int = 1
    target_type: str = ""
    tags: list[dict[str, str]] = field(default_factory=list)

    @property
    def latest_version(self) -> int:
        return max(self.versions)

    def version(self, asked: str | None, *, version_name: str | None = None) -> DocumentVersion:
        """`asked` is a number, $DEFAULT, $LATEST or nothing (the default). Raises SsmError InvalidDocumentVersion."""
        if version_name:
            number = next((v.number for v in self.versions.values() if v.version_name == version_name), 0)
        elif asked == "$LATEST":
            number = self.latest_version
        elif asked in (None, "", "$DEFAULT"):
            number = self.default_version
        else:
            number = int(asked or 0)
        if number not in self.versions:
            raise SsmError("InvalidDocumentVersion", f"The specified document version is not valid: {asked}")
        return self.versions[number]


class Documents:
    """All documents of the account, and Amazon's AWS-RunShellScript."""

    def __init__(self, *, region: str = "us-east-1", account: str = "000000000000") -> None:
        self.region = region
        self.account = account
        self._documents: dict[str, Document] = {}
        content = json.dumps(RUN_SHELL_SCRIPT)
        version = DocumentVersion(1, content, "JSON", RUN_SHELL_SCRIPT, time.time())
        self._documents["AWS-RunShellScript"] = Document("AWS-RunShellScript", "Amazon", {1: version})

    def arn(self, name: str) -> str:
        """As IAM names it, whether it exists or not; `name` may be the ARN."""
        if name.startswith("arn:"):
            return name
        account = "" if name.startswith("AWS-") else self.account
        return f"arn:aws:ssm:{self.region}:{account}:document/{name}"

    def create(
        self,
        name: str,
        content: str | Mapping[str, Any],
        *,
        document_format: Format = "JSON",
        document_type: str = "Command",
        version_name: str = "",
        target_type: str = "",
        tags: Iterable[dict[str, str]] = (),
    ) -> Document:
        """Raises SsmError DocumentAlreadyExists, InvalidDocumentContent, InvalidDocumentSchemaVersion, ...

        Content may be the parsed document, as CloudFormation has it.
        """
        if name in self._documents:
            raise SsmError("DocumentAlreadyExists", f"Document with same name {name} already exists")
        if name.lower().startswith(("aws", "amazon", "amzn")):
            raise SsmError(
                "ValidationException", f"Document name {name} starts with a reserved prefix: aws, amazon, amzn"
            )
        if document_type != "Command":
            raise SsmError(
                "InvalidDocumentContent", f"the local cloud keeps Command documents only, not {document_type}"
            )
        version = _new_version(1, content, document_format, version_name)
        document = Document(name, self.account, {1: version}, target_type=target_type, tags=list(tags))
        self._documents[name] = document
        return document

    def update(
        self,
        name: str,
        content: str | Mapping[str, Any],
        *,
        document_format: Format = "JSON",
        document_version: str = "$LATEST",
        version_name: str = "",
    ) -> DocumentVersion:
        """Add a version; the default stays. Raises SsmError DuplicateDocumentContent, InvalidDocumentVersion, ..."""
        document = self._own(name)
        if document.version(document_version).number != document.latest_version:
            raise SsmError("InvalidDocumentVersion", "Only the latest version of a document can be updated: $LATEST")
        version = _new_version(document.latest_version + 1, content, document_format, version_name)
        if version.digest == document.versions[document.latest_version].digest:
            raise SsmError(
                "DuplicateDocumentContent",
                "The content of the association document matches another document. "
                "Change the content of the document and try again.",
            )
        if version_name and any(other.version_name == version_name for other in document.versions.values()):
            raise SsmError("DuplicateDocumentVersionName", f"The version name {version_name} is used already")
        if len(document.versions) == MAXIMUM_VERSIONS:
            raise SsmError("DocumentVersionLimitExceeded", f"A document has at most {MAXIMUM_VERSIONS} versions")
        document.versions[version.number] = version
        return version

    def set_default(self, name: str, document_version: str) -> Document:
        document = self._own(name)
        document.default_version = document.version(document_version).number
        return document

    def delete(self, name: str, document_version: str | None = None) -> None:
        """Delete a document, or one version that is not the default."""
        document = self._own(name)
        if document_version is None:
            del self._documents[name]
            return
        version = document.version(document_version)
        if version.number == document.default_version:
            raise SsmError("InvalidDocumentOperation", "Default version of the document can't be deleted.")
        del document.versions[version.number]

    def get(self, name: str) -> Document:
        """By name or ARN. Raises SsmError InvalidDocument."""
        name = name.rsplit(":document/", 1)[-1]
        if name not in self._documents:
            raise SsmError("InvalidDocument", f"Document with name {name} does not exist.")
        return self._documents[name]

    def all(self) -> list[Document]:
        return sorted(self._documents.values(), key=lambda document: document.name)

    def _own(self, name: str) -> Document:
        document = self.get(name)
        if document.owner == "Amazon":
            raise SsmError("InvalidDocument", f"Document {document.name} is owned by Amazon")
        return document


def description(document: Document, version: DocumentVersion) -> dict[str, Any]:
    """A DocumentDescription as CreateDocument, UpdateDocument and DescribeDocument answer it."""
    described = {
        "Name": document.name,
        "Owner": document.owner,
        "Hash": version.digest,
        "HashType": "Sha256",
        "CreatedDate": version.created,
        "Status": "Active",
        "DocumentVersion": str(version.number),
        "Description": version.parsed.get("description", ""),
        "Parameters": [_described_parameter(name, rules) for name, rules in version.parameters.items()],
        "PlatformTypes": ["Linux", "MacOS"],
        "DocumentType": "Command",
        "SchemaVersion": "2.2",
        "LatestVersion": str(document.latest_version),
        "DefaultVersion": str(document.default_version),
        "DocumentFormat": version.format,
        "Tags": document.tags,
    }
    optional = {"VersionName": version.version_name, "TargetType": document.target_type}
    return described | {name: value for name, value in optional.items() if value}


def _described_parameter(name: str, rules: Mapping[str, Any]) -> dict[str, Any]:
    described = {"Name": name, "Type": "StringList" if rules["type"] == "StringList" else "String"}
    if "description" in rules:
        described["Description"] = rules["description"]
    if "default" in rules:
        default = rules["default"]
        described["DefaultValue"] = default if isinstance(default, str) else json.dumps(default)
    return described


def _new_version(
    number: int, content: str | Mapping[str, Any], document_format: Format, version_name: str
) -> DocumentVersion:
    text = content if isinstance(content, str) else json.dumps(content)
    if len(text.encode()) > MAXIMUM_BYTES:
        raise SsmError("MaxDocumentSizeExceeded", "The size limit of a document is 64 KB.")
    parsed = _parse(text, document_format)
    check_content(parsed)
    return DocumentVersion(number, text, document_format, parsed, time.time(), version_name)


def _parse(text: str, document_format: Format) -> Any:
    try:
        return json.loads(text) if document_format == "JSON" else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise _invalid(f"{document_format} not well-formed. {error}") from error


def _invalid(message: str) -> SsmError:
    return SsmError("InvalidDocumentContent", message)


def check_content(content: Any) -> None:
    """Raises SsmError InvalidDocumentContent or InvalidDocumentSchemaVersion for the first thing that is wrong."""
    if not isinstance(content, dict):
        raise _invalid("The document must be an object")
    if content.get("schemaVersion") != "2.2":
        raise SsmError(
            "InvalidDocumentSchemaVersion",
            f"Document schema version, {content.get('schemaVersion')}, is not supported by the local cloud: use 2.2",
        )
    _check_keys(content, TOP_KEYS, "the document")
    parameters = content.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise _invalid("parameters must be an object")
    for name, rules in parameters.items():
        _check_parameter(name, rules)
    steps = content.get("mainSteps")
    if not isinstance(steps, list) or not steps:
        raise _invalid("mainSteps must be a list of at least one step")
    names: set[str] = set()
    for number, step in enumerate(steps):
        _check_step(f"mainSteps[{number}]", step)
        if step["name"] in names:
            raise _invalid(f"Step name {step['name']} is not unique")
        names.add(step["name"])
    undefined = set(PLACEHOLDER.findall(json.dumps(steps))) - set(parameters) - {"platformType"}
    if undefined:
        raise _invalid(f"Document parameters not defined: {', '.join(sorted(undefined))}")


def _check_keys(value: Mapping[str, Any], known: set[str], where: str) -> None:
    if unknown := set(value) - known:
        raise _invalid(f"{where}: unknown properties {', '.join(sorted(unknown))}")


def _check_parameter(name: str, rules: Any) -> None:
    if not re.fullmatch("[a-zA-Z0-9_]+", name):
        raise _invalid(f"Parameter name {name} must be of letters, digits and _")
    if not isinstance(rules, dict) or rules.get("type") not in PARAMETER_TYPES:
        raise _invalid(f"Parameter {name}: type must be one of {', '.join(sorted(PARAMETER_TYPES))}")
    _check_keys(rules, PARAMETER_KEYS, f"Parameter {name}")
    if "allowedPattern" in rules:
        if any(int(count) > _GO_REPEAT for count in re.findall(r"\{\d*,?(\d+)\}", rules["allowedPattern"])):
            raise _invalid(f"Parameter {name}: the SSM Agent's Go refuses repeats over {_GO_REPEAT} in allowedPattern")
        try:
            re.compile(rules["allowedPattern"])
        except re.error as error:
            raise _invalid(f"Parameter {name}: allowedPattern is not a regular expression: {error}") from error
    if "default" in rules:
        try:
            _check_value(name, rules, rules["default"] if isinstance(rules["default"], list) else [rules["default"]])
        except SsmError as error:
            raise _invalid(error.message) from error


def _check_step(where: str, step: Any) -> None:
    if not isinstance(step, dict):
        raise _invalid(f"{where} must be an object")
    _check_keys(step, STEP_KEYS, where)
    if step.get("action") != ACTION:
        raise _invalid(f"{where}: action {step.get('action')} is not supported by the local cloud: use {ACTION}")
    if not isinstance(step.get("name"), str) or not STEP_NAME.fullmatch(step["name"]):
        raise _invalid(f"{where}: name must match {STEP_NAME.pattern}")
    inputs = step.get("inputs")
    if not isinstance(inputs, dict):
        raise _invalid(f"{where}: inputs must be an object")
    _check_keys(inputs, INPUT_KEYS, f"{where}.inputs")
    lines = inputs.get("runCommand")
    if not isinstance(lines, str) and not (isinstance(lines, list) and all(isinstance(line, str) for line in lines)):
        raise _invalid(f"{where}.inputs: runCommand must be a list of strings")
    _check_choice(where, inputs, "onFailure", {"exit", "successAndExit"})
    _check_choice(where, inputs, "onSuccess", {"exit"})
    _check_choice(where, inputs, "finallyStep", {"true", "false", True, False})
    timeout = str(inputs.get("timeoutSeconds", DEFAULT_TIMEOUT_SECONDS))
    if not timeout.isdigit() and not PLACEHOLDER.fullmatch(timeout):
        raise _invalid(f"{where}.inputs: timeoutSeconds must be a whole number or a parameter, not {timeout}")
    if step.get("precondition") not in (None, *LINUX_ONLY):
        raise _invalid(f"{where}: the local cloud knows the precondition StringEquals [platformType, Linux] only")


def _check_choice(where: str, inputs: Mapping[str, Any], name: str, choices: set[Any]) -> None:
    if name in inputs and inputs[name] not in choices:
        allowed = ", ".join(sorted({str(choice).lower() if isinstance(choice, bool) else choice for choice in choices}))
        raise _invalid(f"{where}.inputs: {name} must be one of {allowed}, not {inputs[name]}")


def check_parameters(version: DocumentVersion, given: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """The values of all parameters, defaults included. Raises SsmError InvalidParameters."""
    if unknown := set(given) - set(version.parameters):
        raise SsmError("InvalidParameters", f"Parameters {sorted(unknown)} are not defined in the document")
    values: dict[str, list[str]] = {}
    for name, rules in version.parameters.items():
        if name in given:
            _check_value(name, rules, given[name])
            values[name] = given[name]
        elif "default" in rules:
            default = rules["default"]
            values[name] = [_as_text(value) for value in (default if isinstance(default, list) else [default])]
        else:
            raise SsmError("InvalidParameters", f"Parameters [{name}] required but missing")
    return values


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _check_value(name: str, rules: Mapping[str, Any], values: list[Any]) -> None:
    def refuse(reason: str) -> SsmError:
        return SsmError("InvalidParameters", f"Parameter {name}: {reason}")

    if rules["type"] != "StringList" and len(values) != 1:
        raise refuse(f"a value of type {rules['type']} is needed, not {len(values)} values")
    if not rules.get("minItems", 0) <= len(values) <= rules.get("maxItems", len(values)):
        raise refuse(f"{len(values)} items are outside of minItems and maxItems")
    for value in map(_as_text, values):
        if "allowedValues" in rules and value not in map(_as_text, rules["allowedValues"]):
            raise refuse(f"value {value} is not among the allowed values {rules['allowedValues']}")
        if "allowedPattern" in rules and not re.fullmatch(rules["allowedPattern"], value):
            raise refuse(f"value {value} does not match the allowed pattern {rules['allowedPattern']}")
        if not rules.get("minChars", 0) <= len(value) <= rules.get("maxChars", len(value)):
            raise refuse(f"{len(value)} characters are outside of minChars and maxChars")
        if rules["type"] == "Integer" and not re.fullmatch(r"-?\d+", value):
            raise refuse(f"value {value} is not an integer")
        if rules["type"] == "Boolean" and value.lower() not in ("true", "false"):
            raise refuse(f"value {value} is not a boolean")


def filled_in(version: DocumentVersion, values: Mapping[str, list[str]]) -> list[Step]:
    """The steps as the agent gets them; `values` comes from check_parameters."""
    return [_step(raw, values) for raw in version.parsed["mainSteps"]]


def _step(raw: Mapping[str, Any], values: Mapping[str, list[str]]) -> Step:
    inputs = raw["inputs"]
    lines = [inputs["runCommand"]] if isinstance(inputs["runCommand"], str) else inputs["runCommand"]
    script = "".join(f"{line}\n" for template in lines for line in _lines(template, values))
    given = _text(str(inputs.get("timeoutSeconds", DEFAULT_TIMEOUT_SECONDS)), values)
    timeout = int(given) if given.isdecimal() else 0
    if not MINIMUM_TIMEOUT_SECONDS <= timeout <= MAXIMUM_TIMEOUT_SECONDS:
        timeout = DEFAULT_TIMEOUT_SECONDS
    return Step(
        name=raw["name"],
        script=script,
        timeout_seconds=timeout,
        working_directory=_text(inputs.get("workingDirectory", ""), values) or WORKING_DIRECTORY,
        on_failure=inputs.get("onFailure", ""),
        on_success=inputs.get("onSuccess", ""),
        finally_step=str(inputs.get("finallyStep", False)).lower() == "true",
    )


def _lines(template: str, values: Mapping[str, list[str]]) -> list[str]:
    """A line that is nothing but a parameter becomes all of its items.

    >>> _lines("{{ commands }}", {"commands": ["date", "id"]}), _lines("echo '{{a}}'", {"a": ["x y"]})
    (['date', 'id'], ["echo 'x y'"])
    """
    whole = PLACEHOLDER.fullmatch(template.strip())
    return values[whole[1]] if whole else [_text(template, values)]


def _text(template: str, values: Mapping[str, list[str]]) -> str:
    """Put values in as text, once: what a value holds is not looked at again, and nothing is quoted."""

    def value(found: re.Match[str]) -> str:
        items = values[found[1]]
        return items[0] if len(items) == 1 else json.dumps(items)

    return PLACEHOLDER.sub(value, template)

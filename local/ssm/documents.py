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

from local.hosts.job import Step
from local.ssm.content import (
    ACTION,
    DEFAULT_TIMEOUT_SECONDS,
    MAXIMUM_TIMEOUT_SECONDS,
    MINIMUM_TIMEOUT_SECONDS,
    PLACEHOLDER,
    as_text,
    check_content,
    check_value,
    invalid,
)
from local.ssm.model import SsmError

MAXIMUM_BYTES = 64 * 1024
MAXIMUM_VERSIONS = 1_000
WORKING_DIRECTORY = "/usr/bin"  # the agent's own, by its systemd unit, which a step inherits


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
        raise invalid(f"{document_format} not well-formed. {error}") from error


def check_parameters(version: DocumentVersion, given: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """The values of all parameters, defaults included. Raises SsmError InvalidParameters."""
    if unknown := set(given) - set(version.parameters):
        raise SsmError("InvalidParameters", f"Parameters {sorted(unknown)} are not defined in the document")
    values: dict[str, list[str]] = {}
    for name, rules in version.parameters.items():
        if name in given:
            check_value(name, rules, given[name])
            values[name] = given[name]
        elif "default" in rules:
            default = rules["default"]
            values[name] = [as_text(value) for value in (default if isinstance(default, list) else [default])]
        else:
            raise SsmError("InvalidParameters", f"Parameters [{name}] required but missing")
    return values


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

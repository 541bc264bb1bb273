"""SSM's operations on documents, from a request's body to the answer's."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from local.ssm.documents import Document, Documents, DocumentVersion, description
from local.ssm.pages import page

Operation = Callable[[Documents, dict[str, Any]], dict[str, Any]]


def create_document(documents: Documents, body: dict[str, Any]) -> dict[str, Any]:
    document = documents.create(
        body["Name"],
        body["Content"],
        document_format=body.get("DocumentFormat", "JSON"),
        document_type=body.get("DocumentType", "Command"),
        version_name=body.get("VersionName", ""),
        target_type=body.get("TargetType", ""),
        tags=body.get("Tags", []),
    )
    return {"DocumentDescription": description(document, document.version("$DEFAULT"))}


def update_document(documents: Documents, body: dict[str, Any]) -> dict[str, Any]:
    version = documents.update(
        body["Name"],
        body["Content"],
        document_format=body.get("DocumentFormat", "JSON"),
        document_version=body.get("DocumentVersion", "$LATEST"),
        version_name=body.get("VersionName", ""),
    )
    return {"DocumentDescription": description(documents.get(body["Name"]), version)}


def update_document_default_version(documents: Documents, body: dict[str, Any]) -> dict[str, Any]:
    document = documents.set_default(body["Name"], body["DocumentVersion"])
    version = document.version("$DEFAULT")
    shown = {"Name": document.name, "DefaultVersion": str(version.number)}
    return {"Description": shown | _version_name(version, "DefaultVersionName")}


def describe_document(documents: Documents, body: dict[str, Any]) -> dict[str, Any]:
    document, version = _asked(documents, body)
    return {"Document": description(document, version)}


def get_document(documents: Documents, body: dict[str, Any]) -> dict[str, Any]:
    document, version = _asked(documents, body)
    asked_format = body.get("DocumentFormat", version.format)
    return {
        "Name": document.name,
        "CreatedDate": version.created,
        "DocumentVersion": str(version.number),
        "Status": "Active",
        "Content": version.content if asked_format == version.format else _rewritten(version.parsed, asked_format),
        "DocumentType": "Command",
        "DocumentFormat": asked_format,
    } | _version_name(version)


def delete_document(documents: Documents, body: dict[str, Any]) -> dict[str, Any]:
    documents.delete(body["Name"], body.get("DocumentVersion"))
    return {}


def list_documents(documents: Documents, body: dict[str, Any]) -> dict[str, Any]:
    wanted = {entry["Key"]: entry["Values"] for entry in body.get("Filters", [])}
    wanted |= {entry["key"]: [entry["value"]] for entry in body.get("DocumentFilterList", [])}
    found = [document for document in documents.all() if _is_wanted(document, wanted)]
    return page(found, body, member="DocumentIdentifiers", identity=lambda document: document.name, shown=_identifier)


def list_document_versions(documents: Documents, body: dict[str, Any]) -> dict[str, Any]:
    document = documents.get(body["Name"])

    def shown(version: DocumentVersion) -> dict[str, Any]:
        return {
            "Name": document.name,
            "DocumentVersion": str(version.number),
            "CreatedDate": version.created,
            "IsDefaultVersion": version.number == document.default_version,
            "DocumentFormat": version.format,
            "Status": "Active",
        } | _version_name(version)

    newest_first = sorted(document.versions.values(), key=lambda version: -version.number)
    identity: Callable[[DocumentVersion], str] = lambda version: str(version.number)  # noqa: E731
    return page(newest_first, body, member="DocumentVersions", identity=identity, shown=shown)


OPERATIONS: Mapping[str, Operation] = {
    "CreateDocument": create_document,
    "UpdateDocument": update_document,
    "UpdateDocumentDefaultVersion": update_document_default_version,
    "DescribeDocument": describe_document,
    "GetDocument": get_document,
    "DeleteDocument": delete_document,
    "ListDocuments": list_documents,
    "ListDocumentVersions": list_document_versions,
}


def _asked(documents: Documents, body: dict[str, Any]) -> tuple[Document, DocumentVersion]:
    document = documents.get(body["Name"])
    return document, document.version(body.get("DocumentVersion"), version_name=body.get("VersionName"))


def _version_name(version: DocumentVersion, member: str = "VersionName") -> dict[str, str]:
    return {member: version.version_name} if version.version_name else {}


def _identifier(document: Document) -> dict[str, Any]:
    """A DocumentIdentifier: the description without what belongs to one version only."""
    described = description(document, document.version("$DEFAULT"))
    members = {
        "Name", "CreatedDate", "Owner", "VersionName", "PlatformTypes", "DocumentVersion", "DocumentType",
        "SchemaVersion", "DocumentFormat", "TargetType", "Tags",
    }  # fmt: skip
    return {name: value for name, value in described.items() if name in members}


def _is_wanted(document: Document, wanted: Mapping[str, list[str]]) -> bool:
    owner = "Amazon" if document.owner == "Amazon" else "Self"
    facts = {
        "Name": lambda values: document.name.startswith(tuple(values)),
        "Owner": lambda values: bool({owner, document.owner, "All"} & set(values)),
        "DocumentType": lambda values: "Command" in values,
        "PlatformTypes": lambda values: bool({"Linux", "MacOS"} & set(values)),
    }
    return all(facts[key](values) for key, values in wanted.items() if key in facts)


def _rewritten(parsed: Mapping[str, Any], document_format: str) -> str:
    return json.dumps(parsed) if document_format == "JSON" else yaml.safe_dump(dict(parsed), sort_keys=False)

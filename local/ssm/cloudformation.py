"""AWS::SSM::Document in CloudFormation, which ministack 1.5.33 does not know: kept in the Run Command layer's store.

AWS replaces a document unless UpdateMethod is NewVersion; then the same document gets a new default version.
"""

from collections.abc import Mapping
from typing import Any

from local.ssm.documents import Documents

TYPE = "AWS::SSM::Document"


def install(documents: Documents) -> None:
    """Teach the emulator's CloudFormation the type."""
    from ministack.services.cloudformation import provisioners

    def create(logical_id: str, properties: Mapping[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        name = properties.get("Name") or f"{stack}-{logical_id}"
        documents.create(
            name,
            properties["Content"],
            document_format=properties.get("DocumentFormat", "JSON"),
            document_type=properties.get("DocumentType", "Command"),
        )
        return name, {}

    def update(
        physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], stack: str
    ) -> tuple[str, dict[str, Any]]:
        if new.get("UpdateMethod") != "NewVersion":
            raise ValueError(f"{TYPE} {physical_id}: a change needs UpdateMethod NewVersion, or another Name")
        if new["Content"] != old["Content"]:
            version = documents.update(physical_id, new["Content"])
            documents.set_default(physical_id, str(version.number))
        return physical_id, {}

    def delete(physical_id: str, properties: Mapping[str, Any]) -> None:
        if any(document.name == physical_id for document in documents.all()):
            documents.delete(physical_id)

    provisioners._RESOURCE_HANDLERS[TYPE] = {"create": create, "update": update, "delete": delete}

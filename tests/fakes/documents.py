"""SSM's documents: versions with their hashes."""

import hashlib
from typing import Any

from tests.fakes.service import Service


class FakeDocuments(Service):
    name = "ssm"

    def __init__(self) -> None:
        super().__init__()
        self._contents: dict[str, list[str]] = {}  # by document, in the order of their versions

    def on_create_document(self, *, Name: str, Content: str, **_: Any) -> dict[str, Any]:
        self._contents[Name] = [Content]
        return {"DocumentDescription": self._described(Name, 1)}

    def on_update_document(self, *, Name: str, Content: str, **_: Any) -> dict[str, Any]:
        self._contents[Name].append(Content)
        return {"DocumentDescription": self._described(Name, len(self._contents[Name]))}

    def on_describe_document(self, *, Name: str, DocumentVersion: str = "$DEFAULT") -> dict[str, Any]:
        if Name not in self._contents:
            raise self.refuse("InvalidDocument", "DescribeDocument")
        latest = len(self._contents[Name])
        return {"Document": self._described(Name, latest if DocumentVersion == "$LATEST" else 1)}

    def _described(self, name: str, number: int) -> dict[str, Any]:
        digest = hashlib.sha256(self._contents[name][number - 1].encode()).hexdigest()
        return {"Name": name, "DocumentVersion": str(number), "Hash": digest, "HashType": "Sha256"}

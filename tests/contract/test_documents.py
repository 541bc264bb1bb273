"""SSM's stand-in: documents, whose default version is not the newest."""

import hashlib
import json

import pytest

from functions.aws.clients import client
from functions.aws.fleet import ssm
from tests.contract.conftest import code

pytestmark = pytest.mark.usefixtures("account")


def content(text: str) -> str:
    return json.dumps({"schemaVersion": "2.2", "description": text, "mainSteps": []})


def test_the_newest_version_is_told_with_its_hash() -> None:
    client("ssm").create_document(Name="document", Content=content("one"), DocumentType="Command")
    client("ssm").update_document(Name="document", Content=content("two"), DocumentVersion="$LATEST")
    described = client("ssm").describe_document(Name="document")["Document"]
    assert (described["DocumentVersion"], described["Hash"]) == (
        "1",
        hashlib.sha256(content("one").encode()).hexdigest(),
    )
    assert ssm.latest_document("document") == ("2", hashlib.sha256(content("two").encode()).hexdigest())


def test_one_that_is_not_there_is_refused() -> None:
    assert code(client("ssm").describe_document, Name="gone") == "InvalidDocument"

"""AWS::SSM::Document in CloudFormation on the local cloud, beside the emulator without local/ssm/cloudformation.py."""

import json
import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.driver import wait_for
from tests.local.emulator import Account, refusal

TYPE = "AWS::SSM::Document"


def content(line: str) -> dict[str, Any]:
    step = {"action": "aws:runShellScript", "name": "RunIt", "inputs": {"runCommand": [line]}}
    return {"schemaVersion": "2.2", "mainSteps": [step]}


def template(**properties: Any) -> str:
    """A stack of one document, whose name is the stack's output."""
    resource = {"Type": TYPE, "Properties": {"DocumentType": "Command", **properties}}
    return json.dumps({"Resources": {"Document": resource}, "Outputs": {"Name": {"Value": {"Ref": "Document"}}}})


class Stack:
    """A stack of one document, which lives as long as the test."""

    def __init__(self, account: Account, **properties: Any) -> None:
        self._client, self._account, self._name = account.client("cloudformation"), account, account.name()
        self._client.create_stack(StackName=self._name, TemplateBody=template(**properties))
        account.at_end(self._client.delete_stack, StackName=self._name)

    def update(self, **properties: Any) -> None:
        self._client.update_stack(StackName=self._name, TemplateBody=template(**properties))

    def delete(self) -> None:
        self._client.delete_stack(StackName=self._name)
        wait_for(lambda: refusal(self._client.describe_stacks, StackName=self._name), "the stack to be gone")

    def status(self) -> str:
        """Once the stack has come to rest."""

        def settled() -> str | None:
            found = str(self._described()["StackStatus"])
            return None if found.endswith("IN_PROGRESS") else found

        return wait_for(settled, "the stack to settle")

    def document(self) -> dict[str, Any]:
        """The document as SSM describes it."""
        described = self._account.client("ssm").describe_document(Name=self.document_name())
        found: dict[str, Any] = described["Document"]
        return found

    def document_name(self) -> str:
        return str(self._described()["Outputs"][0]["OutputValue"])

    def reasons(self) -> str:
        events = self._client.describe_stack_events(StackName=self._name)["StackEvents"]
        return " ".join(event.get("ResourceStatusReason", "") for event in events)

    def _described(self) -> dict[str, Any]:
        found: dict[str, Any] = self._client.describe_stacks(StackName=self._name)["Stacks"][0]
        return found


def test_a_stack_makes_the_document(cloud: Account) -> None:
    name = cloud.name()
    stack = Stack(cloud, Name=name, Content=content("true"))
    assert stack.status() == "CREATE_COMPLETE", stack.reasons()
    assert stack.document_name() == name
    assert (stack.document()["DocumentType"], stack.document()["DefaultVersion"]) == ("Command", "1")


def test_a_document_without_a_name_gets_one(cloud: Account) -> None:
    stack = Stack(cloud, Content=content("true"))
    assert stack.status() == "CREATE_COMPLETE", stack.reasons()
    assert stack.document()["Name"] == stack.document_name()


def test_new_content_is_the_new_default_version(cloud: Account) -> None:
    how = {"Name": cloud.name(), "UpdateMethod": "NewVersion"}
    stack = Stack(cloud, Content=content("true"), **how)
    stack.status()
    stack.update(Content=content("false"), **how)
    assert stack.status() == "UPDATE_COMPLETE"
    got = cloud.client("ssm").get_document(Name=how["Name"])
    assert (got["DocumentVersion"], json.loads(got["Content"])) == ("2", content("false"))


def test_a_named_document_cannot_be_replaced(cloud: Account) -> None:
    name = cloud.name()
    stack = Stack(cloud, Name=name, Content=content("true"))
    stack.status()
    stack.update(Name=name, Content=content("false"))
    assert stack.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert stack.document()["DefaultVersion"] == "1"


def test_a_deleted_stacks_document_is_gone(cloud: Account) -> None:
    stack = Stack(cloud, Content=content("true"))
    stack.status()
    name = stack.document_name()
    stack.delete()
    assert refusal(cloud.client("ssm").describe_document, Name=name) == "InvalidDocument"


def test_the_emulator_still_does_not_know_the_type(bare: Account) -> None:
    with pytest.raises(ClientError, match=re.escape(f"Unrecognized resource types: [{TYPE}]")):
        Stack(bare, Name=bare.name(), Content=content("true"))

"""CloudFormation, as far as it tells which resources stacks have."""

import json
from typing import Any

from tests.fakes.service import Service


class FakeCloudFormation(Service):
    name = "cloudformation"

    def __init__(self) -> None:
        super().__init__()
        self.stacks: dict[str, dict[str, str]] = {}  # the status of each resource, by the stack's id

    def has(self, stack_id: str, *logical_ids: str, status: str = "CREATE_COMPLETE") -> None:
        self.stacks.setdefault(stack_id, {}).update(dict.fromkeys(logical_ids, status))

    def on_create_stack(self, *, StackName: str, TemplateBody: str) -> dict[str, Any]:
        stack_id = f"arn:aws:cloudformation:us-east-1:123456789012:stack/{StackName}/{len(self.stacks)}"
        self.has(stack_id, *json.loads(TemplateBody)["Resources"])
        return {"StackId": stack_id}

    def on_describe_stack_resource(self, *, StackName: str, LogicalResourceId: str) -> dict[str, Any]:
        if StackName not in self.stacks:
            raise self._is_not_there(f"Stack '{StackName}' does not exist")
        if LogicalResourceId not in self.stacks[StackName]:
            raise self._is_not_there(f"Resource {LogicalResourceId} does not exist for stack {StackName}")
        detail = {
            "StackId": StackName,
            "LogicalResourceId": LogicalResourceId,
            "ResourceType": "Custom::Any",
            "ResourceStatus": self.stacks[StackName][LogicalResourceId],
            "LastUpdatedTimestamp": "2026-11-23T10:00:00Z",
        }
        return {"StackResourceDetail": detail}

    def _is_not_there(self, message: str) -> Exception:
        return self.refuse("ValidationError", "DescribeStackResource", message)

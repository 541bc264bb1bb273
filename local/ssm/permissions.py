"""What IAM is asked before one of our SSM operations: actions, resources and condition keys.

Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Systems Manager".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local.authorization import Check
from local.hosts.instances import Instances
from local.ssm.documents import Documents
from local.ssm.model import SsmError
from local.ssm.targets import targeted

# Operations that name no resource: a policy for them has to say "*".
ON_EVERYTHING = {
    "ListCommands",
    "ListCommandInvocations",
    "GetCommandInvocation",
    "CancelCommand",
    "DescribeInstanceInformation",
    "ListDocuments",
}


def checks(operation: str, body: dict[str, Any], instances: Instances, documents: Documents) -> list[Check]:
    """Everything a caller needs; an operation that is not ours needs nothing here."""
    action = f"ssm:{operation}"
    if operation == "SendCommand":
        document = Check(action, documents.arn(body.get("DocumentName", "")), {})
        return [document, *_instance_checks(action, body, instances)]
    if operation in ON_EVERYTHING:
        return [Check(action, "*", {})]
    if "Document" in operation:
        return [Check(action, documents.arn(body.get("Name", "")), {})]
    return []


def _instance_checks(action: str, body: dict[str, Any], instances: Instances) -> list[Check]:
    found: list[Check] = []
    for instance_id in body.get("InstanceIds", []):
        instance = instances.get(instance_id)
        keys = _tag_keys(instances.tags(instance)) if instance else {}
        found.append(Check(action, instances.arn_of(instance_id), keys))
    try:
        chosen = targeted(instances, body["Targets"]) if body.get("Targets") else []
    except SsmError:
        return found  # the operation itself refuses these targets
    return found + [Check(action, instances.arn_of(i.instance_id), _tag_keys(instances.tags(i))) for i in chosen]


def _tag_keys(tags: Mapping[str, str]) -> dict[str, str]:
    return {
        f"{prefix}/{name}": value for name, value in tags.items() for prefix in ("ssm:resourceTag", "aws:ResourceTag")
    }

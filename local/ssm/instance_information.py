"""DescribeInstanceInformation: which instances SSM manages, and whether it hears from them."""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Any

from local.hosts.instance import Instance
from local.hosts.instances import Instances
from local.ssm.model import SsmError
from local.ssm.pages import page

AGENT_VERSION = "3.3.1142.0"

# What a filter by a key compares with; `tag-key` and `tag:<key>` come besides.
FACTS: dict[str, Callable[[dict[str, Any]], str]] = {
    "InstanceIds": lambda shown: str(shown["InstanceId"]),
    "AgentVersion": lambda shown: str(shown["AgentVersion"]),
    "PingStatus": lambda shown: str(shown["PingStatus"]),
    "PlatformTypes": lambda shown: str(shown["PlatformType"]),
    "ResourceType": lambda shown: str(shown["ResourceType"]),
    "AssociationStatus": lambda shown: "",
    "ActivationIds": lambda shown: str(shown.get("ActivationId", "")),
    "IamRole": lambda shown: str(shown.get("IamRole", "")),
}


def describe_instance_information(instances: Instances, body: dict[str, Any]) -> dict[str, Any]:
    """Raises SsmError InvalidFilterKey, InvalidNextToken, ValidationException."""
    filters = [(entry["Key"], entry["Values"]) for entry in body.get("Filters", [])]
    older = [(entry["key"], entry["valueSet"]) for entry in body.get("InstanceInformationFilterList", [])]
    if filters and older:
        raise SsmError("ValidationException", "Filters and InstanceInformationFilterList exclude each other")
    found = [
        instance
        for instance in instances.managed()
        if all(_passes(instances, instance, key, values) for key, values in filters + older)
    ]
    return page(
        found,
        body,
        member="InstanceInformationList",
        identity=lambda instance: instance.instance_id,
        shown=_information,
    )


def _passes(instances: Instances, instance: Instance, key: str, values: list[str]) -> bool:
    tags = instances.tags(instance)
    if key == "tag-key":
        return bool(set(values) & set(tags))
    if key.startswith("tag:"):
        return tags.get(key.removeprefix("tag:")) in values
    if key not in FACTS:
        raise SsmError("InvalidFilterKey", f"The specified filter key {key} is not valid.")
    return FACTS[key](_information(instance)) in values


def _information(instance: Instance) -> dict[str, Any]:
    """An InstanceInformation."""
    system = platform.freedesktop_os_release()
    shown = {
        "InstanceId": instance.instance_id,
        "PingStatus": instance.ping_status,
        "LastPingDateTime": instance.last_ping,
        "AgentVersion": AGENT_VERSION,
        "IsLatestVersion": True,
        "PlatformType": "Linux",
        "PlatformName": system.get("NAME", "Linux"),
        "PlatformVersion": system.get("VERSION_ID", ""),
        "ResourceType": "ManagedInstance" if instance.is_on_premises else "EC2Instance",
        "IPAddress": instance.address,
        "ComputerName": instance.name,
    }
    if instance.is_on_premises:
        shown |= {"Name": instance.name, "RegistrationDate": instance.registered_at}
    return shown

"""Which instances the targets of a SendCommand mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from local.hosts.instance import Instance
from local.hosts.instances import Instances
from local.ssm.model import SsmError


def targeted(instances: Instances, targets: Iterable[Mapping[str, Any]]) -> list[Instance]:
    """The managed instances that every target names. Raises SsmError ValidationException for a key unknown here."""
    chosen = instances.managed()
    for target in targets:
        key, values = target.get("Key", ""), target.get("Values", [])
        if key == "InstanceIds":
            chosen = [instance for instance in chosen if instance.instance_id in values]
        elif key == "tag-key":
            chosen = [instance for instance in chosen if set(values) & set(instances.tags(instance))]
        elif key.startswith("tag:"):
            name = key.removeprefix("tag:")
            chosen = [instance for instance in chosen if instances.tags(instance).get(name) in values]
        else:
            raise SsmError("ValidationException", f"the local cloud knows no target key {key}")
    return chosen

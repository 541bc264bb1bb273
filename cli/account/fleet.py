"""The instances that a deployment group's tags select, as the engine itself selects them."""

from collections.abc import Mapping
from typing import Any

from cli.account.connection import Engine
from functions.api.requests.settings import tag_group
from functions.aws import ec2 as aws_ec2
from functions.core import selection
from functions.core.records import TagGroup
from functions.core.selection import Instance

_AT_ONCE = 100  # names of one BatchGetOnPremisesInstances


def fleet(engine: Engine, info: Mapping[str, Any]) -> list[Instance]:
    """Those of EC2 that run or are stopped, and the registered ones outside of it, of a DeploymentGroupInfo.

    One outside that SSM does not know has its name as its id.
    """
    ec2 = _tag_groups(info.get("ec2TagFilters"), info.get("ec2TagSet", {}).get("ec2TagSetList"))
    outside = _tag_groups(
        info.get("onPremisesInstanceTagFilters"), info.get("onPremisesTagSet", {}).get("onPremisesTagSetList")
    )
    return [*aws_ec2.select(ec2), *(_on_premises(engine, outside) if outside else ())]


def ping(instances: list[str]) -> dict[str, str]:
    """SSM's ping status of those that it knows, by id."""
    return aws_ec2.ping([each for each in instances if each.startswith(("i-", "mi-"))])


def _tag_groups(filters: Any, lists: Any) -> tuple[TagGroup, ...]:
    return tuple(tag_group(each, "tags", "InvalidTagException") for each in lists or ([filters] if filters else ()))


def _on_premises(engine: Engine, groups: tuple[TagGroup, ...]) -> list[Instance]:
    pages = engine.api.get_paginator("list_on_premises_instances").paginate(registrationStatus="Registered")
    names = list(pages.search("instanceNames[]"))
    registered = {
        each["instanceName"]: {tag["Key"]: tag["Value"] for tag in each.get("tags", ())}
        for first in range(0, len(names), _AT_ONCE)
        for each in engine.api.batch_get_on_premises_instances(instanceNames=names[first : first + _AT_ONCE])[
            "instanceInfos"
        ]
    }
    return selection.on_premises(registered, groups, aws_ec2.nodes() if registered else [])[0]

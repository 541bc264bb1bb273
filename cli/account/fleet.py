"""The instances that a deployment group means, as the engine selects them."""

from collections.abc import Mapping
from dataclasses import dataclass

from cli.account.connection import Engine
from cli.account.group_name import Group


@dataclass(frozen=True, kw_only=True)
class Member:
    """An instance of EC2 that runs or is stopped, or a registered one outside of it. Where SSM does not know the latter
    its name is its id."""

    instance_id: str
    tags: Mapping[str, str]
    ping: str | None  # SSM's word, such as Online; None where SSM does not know it
    platform: str | None = None  # likewise, such as Linux

    @property
    def name(self) -> str | None:
        return self.tags.get("Name")


def fleet(engine: Engine, group: Group, *, with_ping: bool = True) -> list[Member]:
    """By their ids. Without their pings SSM need not be asked."""
    how = {} if with_ping else {"omitPingStatus": True}
    pages = engine.api.get_paginator("list_group_instances").paginate(**group.members, **how)
    return [
        Member(
            instance_id=each["instanceId"],
            tags={tag["Key"]: tag["Value"] for tag in each.get("tags", ())},
            ping=each.get("pingStatus"),
            platform=each.get("platformType"),
        )
        for each in pages.search("instances[]")
    ]

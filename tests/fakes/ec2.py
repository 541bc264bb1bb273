"""EC2: instances that run, stop and end, found by their tags and states."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from tests.fakes.service import Service

ZONE = "us-east-1a"  # of all instances; there is one subnet in it, and one in the next


@dataclass
class _Instance:
    instance_id: str
    tags: dict[str, str]
    state: str = "running"

    def told(self) -> dict[str, Any]:
        tags = [{"Key": key, "Value": value} for key, value in self.tags.items()]
        told = {"InstanceId": self.instance_id, "State": {"Name": self.state}, "Placement": {"AvailabilityZone": ZONE}}
        return {**told, **({"Tags": tags} if tags else {})}

    def fits(self, name: str, values: Sequence[str]) -> bool:
        match name.split(":", 1):
            case ["instance-state-name"]:
                asked = [self.state]
            case ["tag-key"]:
                asked = list(self.tags)
            case ["tag-value"]:
                asked = list(self.tags.values())
            case ["tag", key]:
                asked = [self.tags[key]] if key in self.tags else []
            case _:
                raise NotImplementedError(name)
        return any(_pattern(value).fullmatch(each) for value in values for each in asked)


class FakeEc2(Service):
    name = "ec2"

    def __init__(self) -> None:
        super().__init__()
        self._instances: dict[str, _Instance] = {}
        self._numbers = count(1)

    def on_run_instances(self, *, MaxCount: int, TagSpecifications: Any = (), **_: Any) -> dict[str, Any]:
        tags = {tag["Key"]: tag["Value"] for each in TagSpecifications for tag in each["Tags"]}
        made = [_Instance(f"i-{next(self._numbers):017x}", dict(tags)) for _ in range(MaxCount)]
        self._instances |= {each.instance_id: each for each in made}
        return {"Instances": [each.told() for each in made]}

    def on_describe_subnets(self) -> dict[str, Any]:
        zones = (ZONE, "us-east-1b")
        return {
            "Subnets": [{"SubnetId": f"subnet-{each}", "AvailabilityZone": each, "VpcId": "vpc-0"} for each in zones]
        }

    def on_stop_instances(self, *, InstanceIds: Sequence[str]) -> None:
        for each in InstanceIds:
            self._instances[each].state = "stopped"

    def on_terminate_instances(self, *, InstanceIds: Sequence[str]) -> None:
        for each in InstanceIds:
            self._instances[each].state = "terminated"

    def on_describe_instances(self, *, Filters: Any = (), **_: Any) -> dict[str, Any]:
        found = [
            each
            for each in self._instances.values()
            if all(each.fits(asked["Name"], asked["Values"]) for asked in Filters)
        ]
        return {"Reservations": [{"Instances": [each.told()]} for each in found]}


def _pattern(value: str) -> re.Pattern[str]:
    """`*` is any text and `?` any character, but for a backslash before it."""
    parts = re.findall(r"\\.|.", value, re.DOTALL)
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(part) or re.escape(part.removeprefix("\\")) for part in parts), re.DOTALL)

"""EC2's stand-in: which instances tags and states find."""

from typing import Any

import pytest

from functions.aws.clients import client
from functions.aws.fleet import ec2
from functions.core.records import TagFilter, TagGroup

pytestmark = pytest.mark.usefixtures("account")


def launch(count: int = 1, **tags: str) -> list[str]:
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    specified = {"TagSpecifications": [{"ResourceType": "instance", "Tags": listed}]} if tags else {}
    made = client("ec2").run_instances(ImageId="ami-12c6146b", MinCount=count, MaxCount=count, **specified)
    return [each["InstanceId"] for each in made["Instances"]]


def found(*filters: dict[str, Any]) -> list[str]:
    pages = client("ec2").get_paginator("describe_instances").paginate(Filters=list(filters))
    return sorted(
        instance["InstanceId"] for page in pages for each in page["Reservations"] for instance in each["Instances"]
    )


def by(name: str, *values: str) -> dict[str, Any]:
    return {"Name": name, "Values": list(values)}


def test_instances_are_found_by_their_tags() -> None:
    (web,), (db,), (plain,) = launch(role="web", stage="a b"), launch(role="db"), launch()
    assert found() == sorted([web, db, plain])
    assert found(by("tag:role", "web")) == [web] and found(by("tag:role", "web", "db")) == sorted([web, db])
    assert found(by("tag-key", "stage")) == [web] and found(by("tag-value", "db")) == [db]
    assert found(by("tag-key", "role"), by("tag:stage", "a b")) == [web] and found(by("tag:role", "Web")) == []


@pytest.mark.parametrize(("asked", "fits"), [("w*", ["web", "w*"]), ("w?b", ["web"]), ("w\\*", ["w*"]), ("we", [])])
def test_a_wildcard_is_one_unless_it_is_escaped(asked: str, fits: list[str]) -> None:
    known = {role: launch(role=role)[0] for role in ("web", "w*", "x")}
    assert found(by("tag:role", asked)) == sorted(known[role] for role in fits)


def test_states_tell_what_runs_and_what_is_gone() -> None:
    (runs,), (stopped,), (gone,) = launch(role="web"), launch(role="web"), launch(role="web")
    client("ec2").stop_instances(InstanceIds=[stopped])
    client("ec2").terminate_instances(InstanceIds=[gone])
    assert found(by("instance-state-name", "running")) == [runs]
    assert found(by("instance-state-name", "running", "stopped")) == sorted([runs, stopped])


def test_a_tag_set_selects_as_the_adapter_asks() -> None:
    both, one = launch(2, role="web", stage="prod"), launch(role="web")
    launch(role="db", stage="prod")
    web, prod = (TagGroup(filters=(TagFilter(key=k, value=v),)) for k, v in (("role", "web"), ("stage", "prod")))
    assert [each.instance_id for each in ec2.select([web])] == sorted([*both, *one])
    selected = ec2.select([web, prod])
    assert [each.instance_id for each in selected] == sorted(both)
    assert selected[0].tags == {"role": "web", "stage": "prod"}

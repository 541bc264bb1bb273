"""Tag sets, and the targets they make."""

import pytest

from functions.core.causes import Cause
from functions.core.records import TagFilter, TagGroup
from functions.core.selection import Contact, Instance, Node, ec2_filters, matches, new_targets, on_premises
from functions.core.statuses import TargetStatus

ONLINE, LOST = Contact(ping="Online"), Contact(ping="ConnectionLost")
WEB, DB = TagFilter(key="role", value="web"), TagFilter(key="role", value="db")
PROD, ANY_PROD, KEY = TagFilter(key="env", value="prod"), TagFilter(value="prod"), TagFilter(key="env")


def group(*filters: TagFilter) -> TagGroup:
    return TagGroup(filters=filters)


@pytest.mark.parametrize(
    ("tags", "groups", "fits"),
    [
        ({"role": "web"}, [group(WEB, DB)], True),  # OR inside a group
        ({"role": "web"}, [group(WEB), group(PROD)], False),  # AND between groups
        ({"role": "web", "env": "prod"}, [group(WEB), group(PROD)], True),
        ({"stage": "prod"}, [group(ANY_PROD)], True),  # value only: any key
        ({"env": "x"}, [group(KEY)], True),  # key only: any value
        ({"ENV": "x"}, [group(KEY)], False),  # case-sensitive
        ({"role": "web"}, [], False),  # no tags select nothing, not everything
    ],
)
def test_filters_are_ored_and_groups_anded(tags: dict[str, str], groups: list[TagGroup], fits: bool) -> None:
    assert matches(tags, groups) is fits


def node(instance_id: str, name: str | None, ping: str = "Online", last_ping: str = "2026") -> Node:
    return Node(instance_id=instance_id, name=name, contact=Contact(ping=ping), last_ping=last_ping)


def test_a_registered_instance_is_the_node_of_its_name_or_id() -> None:
    registered = {"rack-7": {"role": "web"}, "mi-2": {"role": "web"}, "rack-9": {"role": "db"}}
    found, reached = on_premises(registered, [group(WEB)], [node("mi-1", "rack-7"), node("mi-2", None)])
    assert [(each.instance_id, each.name) for each in found] == [("mi-2", "mi-2"), ("mi-1", "rack-7")]
    assert reached == {"mi-1": ONLINE, "mi-2": ONLINE}


def test_of_a_host_that_was_activated_again_the_node_that_is_online_counts() -> None:
    nodes = [node("mi-new", "rack-7", last_ping="2025"), node("mi-old", "rack-7", "ConnectionLost", "2026")]
    for order in (nodes, nodes[::-1]):
        (found,), _ = on_premises({"rack-7": {"role": "web"}}, [group(WEB)], order)
        assert found.instance_id == "mi-new"


def test_a_registered_instance_that_ssm_does_not_know_fails_by_its_name() -> None:
    found, reached = on_premises({"rack-7": {"role": "web"}}, [group(WEB)], [])
    (target,) = new_targets("d-1", "g", found, reached, "now")
    assert (target.target_id, target.status) == ("rack-7", TargetStatus.FAILED)
    assert target.failure and "--default-instance-name rack-7" in target.failure.message


def test_one_ec2_call_for_all_values_of_a_key() -> None:
    assert ec2_filters(group(WEB, DB, KEY, ANY_PROD)) == [
        {"Name": "tag:role", "Values": ["web", "db"]},
        {"Name": "tag-key", "Values": ["env"]},
        {"Name": "tag-value", "Values": ["prod"]},
    ]


def test_a_star_in_a_tag_value_is_a_star() -> None:
    assert ec2_filters(group(TagFilter(key="k", value="a*?\\"))) == [{"Name": "tag:k", "Values": ["a\\*\\?\\\\"]}]


def test_instances_that_ssm_does_not_reach_have_failed_already_and_say_what_to_do() -> None:
    instances = [Instance(instance_id=f"i-{name}", tags={"Name": name}) for name in ("ok", "lost", "unmanaged")]
    ok, lost, unmanaged = new_targets("d-1", "g", instances, {"i-ok": ONLINE, "i-lost": LOST}, "now")
    assert ok.status is TargetStatus.PENDING and ok.failure is None and ok.name == "ok"
    assert lost.status is TargetStatus.FAILED and lost.failure and lost.failure.cause is Cause.UNREACHABLE
    assert "ping status ConnectionLost" in lost.failure.message
    assert unmanaged.failure and "AmazonSSMManagedInstanceCore" in unmanaged.failure.message


@pytest.mark.parametrize("platform", ["Windows", "MacOS"])
@pytest.mark.parametrize("ping", ["Online", "ConnectionLost"])
def test_what_is_no_linux_has_failed_already(platform: str, ping: str) -> None:
    contact = Contact(ping=ping, platform=platform)
    (target,) = new_targets("d-1", "g", [Instance(instance_id="i-1", tags={})], {"i-1": contact}, "now")
    assert target.status is TargetStatus.FAILED and target.failure and target.failure.cause is Cause.UNSUPPORTED
    assert target.failure.message.startswith(f"{platform} is not supported: hosts run Linux")

"""On-premises instances: registering, tagging, listing, and what is refused of it."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from functions.api.requests.on_premises import MAX_TAGS
from functions.store.keys import on_premises_key
from functions.store.records import on_premises
from tests.conftest import all_items, put_items
from tests.store import Store
from tests.unit.api.conftest import Api

USER = "arn:aws:iam::123456789012:user/AWS/CodeDeploy/{}"
SESSION = "arn:aws:sts::123456789012:assumed-role/hosts/rack-7"


def register(api: Api, *names: str) -> None:
    for name in names:
        api("RegisterOnPremisesInstance", instanceName=name, iamUserArn=USER.format(name))


def tag(api: Api, name: str, **tags: str) -> None:
    api("AddTagsToOnPremisesInstances", instanceNames=[name], tags=pairs(**tags))


def pairs(**tags: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def info(api: Api, name: str) -> dict[str, Any]:
    told: dict[str, Any] = api("GetOnPremisesInstance", instanceName=name)["instanceInfo"]
    return told


def tags_of(api: Api, name: str) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in info(api, name)["tags"]}


def listed(api: Api, **asked: Any) -> list[str]:
    names: list[str] = api("ListOnPremisesInstances", **asked)["instanceNames"]
    return names


BeforeWrites = Callable[[Callable[[], object]], None]


# -- registering


def test_a_registered_instance_is_told_with_everything_that_is_known_of_it(api: Api) -> None:
    assert api("RegisterOnPremisesInstance", instanceName="rack-7", iamSessionArn=SESSION) == {}
    tag(api, "rack-7", role="web")
    told = info(api, "rack-7")
    assert re.fullmatch(r"arn:aws:codedeploy:us-east-1:123456789012:instance/rack-7_[A-Z0-9]{10}", told["instanceArn"])
    assert isinstance(told.pop("registerTime"), datetime)
    del told["instanceArn"]
    assert told == {"instanceName": "rack-7", "iamSessionArn": SESSION, "tags": pairs(role="web")}


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"iamUserArn": USER}, "InstanceNameRequiredException"),
        ({"instanceName": "", "iamUserArn": USER}, "InstanceNameRequiredException"),
        ({"instanceName": "i-0123", "iamUserArn": USER}, "InvalidInstanceNameException"),
        ({"instanceName": "a b", "iamUserArn": USER}, "InvalidInstanceNameException"),
        ({"instanceName": "a\n", "iamUserArn": USER}, "InvalidInstanceNameException"),
        ({"instanceName": "a" * 101, "iamUserArn": USER}, "InvalidInstanceNameException"),
        ({"instanceName": "a"}, "IamArnRequiredException"),
        ({"instanceName": "a", "iamSessionArn": ""}, "IamArnRequiredException"),
        ({"instanceName": "a", "iamUserArn": ""}, "IamUserArnRequiredException"),
        ({"instanceName": "a", "iamUserArn": USER, "iamSessionArn": SESSION}, "MultipleIamArnsProvidedException"),
        ({"instanceName": "a", "iamUserArn": SESSION}, "InvalidIamUserArnException"),
        ({"instanceName": "a", "iamUserArn": "arn:aws:iam::12:user/a"}, "InvalidIamUserArnException"),
        ({"instanceName": "a", "iamUserArn": f"{USER}/{'a' * 600}"}, "InvalidIamUserArnException"),
        ({"instanceName": "a", "iamSessionArn": "arn:aws:iam::123456789012:user/a"}, "InvalidIamSessionArnException"),
        ({"instanceName": "a", "iamSessionArn": f"{SESSION}/more"}, "InvalidIamSessionArnException"),
    ],
)
def test_what_cannot_be_registered(api: Api, members: dict[str, str], code: str) -> None:
    members = {name: value.format("a") for name, value in members.items()}
    api.refuses(code, "RegisterOnPremisesInstance", **members)
    assert all_items() == []


def test_a_name_and_an_identity_belong_to_one_instance(api: Api) -> None:
    register(api, "a")
    api("RegisterOnPremisesInstance", instanceName="c", iamSessionArn=SESSION)
    for code, members in (
        ("InstanceNameAlreadyRegisteredException", {"instanceName": "a", "iamUserArn": USER.format("b")}),
        ("IamUserArnAlreadyRegisteredException", {"instanceName": "b", "iamUserArn": USER.format("a")}),
        ("IamSessionArnAlreadyRegisteredException", {"instanceName": "b", "iamSessionArn": SESSION}),
    ):
        assert "deregister" in api.refuses(code, "RegisterOnPremisesInstance", **members)
    assert listed(api) == ["a", "c"]


def test_both_are_free_when_it_is_deregistered_and_it_comes_back_as_another_without_tags(api: Api) -> None:
    register(api, "a")
    tag(api, "a", role="web")
    first = info(api, "a")
    for _ in range(2):  # the second finds it as it should be
        assert api("DeregisterOnPremisesInstance", instanceName="a") == {}
    gone = info(api, "a")
    assert isinstance(gone["deregisterTime"], datetime) and gone["tags"] == pairs(role="web")
    api("RegisterOnPremisesInstance", instanceName="b", iamUserArn=USER.format("a"))
    api("RegisterOnPremisesInstance", instanceName="a", iamUserArn=USER.format("z"))
    again = info(api, "a")
    assert (again["tags"], again["iamUserArn"], "deregisterTime" in again) == ([], USER.format("z"), False)
    assert again["instanceArn"] != first["instanceArn"]


def test_deregistering_what_never_was_is_no_mistake(api: Api) -> None:
    assert api("DeregisterOnPremisesInstance", instanceName="nobody") == {}
    assert all_items() == []
    api.refuses("InvalidInstanceNameException", "DeregisterOnPremisesInstance", instanceName="i-1")
    api.refuses("InstanceNameRequiredException", "DeregisterOnPremisesInstance")


def test_one_that_is_registered_before_writes_is_seen(api: Api, before_writes: BeforeWrites) -> None:
    before_writes(lambda: register(api, "a"))
    asked = {"instanceName": "b", "iamUserArn": USER.format("a")}
    api.refuses("IamUserArnAlreadyRegisteredException", "RegisterOnPremisesInstance", **asked)
    before_writes(lambda: register(api, "c"))
    asked = {"instanceName": "c", "iamUserArn": USER.format("d")}
    api.refuses("InstanceNameAlreadyRegisteredException", "RegisterOnPremisesInstance", **asked)
    assert listed(api) == ["a", "c"]


def test_one_that_is_deregistered_before_writes_is_as_it_should_be(api: Api, before_writes: BeforeWrites) -> None:
    register(api, "a")
    before_writes(lambda: api("DeregisterOnPremisesInstance", instanceName="a"))
    assert api("DeregisterOnPremisesInstance", instanceName="a") == {}
    register(api, "a")  # its identity is free


# -- reading


def test_one_that_is_not_there(api: Api) -> None:
    api.refuses("InstanceNotRegisteredException", "GetOnPremisesInstance", instanceName="nobody")
    api.refuses("InvalidInstanceNameException", "GetOnPremisesInstance", instanceName="i-1")
    api.refuses("InstanceNameRequiredException", "GetOnPremisesInstance", instanceName="")


def test_several_are_told_in_their_order_without_the_unknown_ones(api: Api) -> None:
    register(api, "a", "b")
    told = api("BatchGetOnPremisesInstances", instanceNames=["b", "nobody", "a", "b"])["instanceInfos"]
    assert [each["instanceName"] for each in told] == ["b", "a", "b"]
    for names, code in (
        ([], "InstanceNameRequiredException"),
        (["i-1"], "InvalidInstanceNameException"),
        ([f"host-{number}" for number in range(26)], "BatchLimitExceededException"),
    ):
        api.refuses(code, "BatchGetOnPremisesInstances", instanceNames=names)


def test_they_are_listed_by_registration_and_by_tags(api: Api) -> None:
    register(api, "a", "b", "c", "d")
    tag(api, "a", role="web", rack="7")
    tag(api, "b", role="db")
    tag(api, "c", empty="", room="web")
    api("DeregisterOnPremisesInstance", instanceName="b")
    for asked, expected in (
        ({}, ["a", "b", "c", "d"]),
        ({"registrationStatus": "Registered"}, ["a", "c", "d"]),
        ({"registrationStatus": "Deregistered"}, ["b"]),
        ({"tagFilters": []}, ["a", "b", "c", "d"]),
        ({"tagFilters": [{"Key": "role"}]}, ["a", "b"]),
        ({"tagFilters": [{"Key": "role", "Value": "db", "Type": "KEY_ONLY"}]}, ["a", "b"]),
        ({"tagFilters": [{"Key": "role", "Value": "web", "Type": "KEY_AND_VALUE"}]}, ["a"]),
        ({"tagFilters": [{"Key": "empty", "Value": ""}]}, ["c"]),
        ({"tagFilters": [{"Value": "web", "Type": "VALUE_ONLY"}]}, ["a", "c"]),
        ({"tagFilters": [{"Value": "we", "Type": "VALUE_ONLY"}]}, []),
        ({"tagFilters": [{"Key": "rack", "Value": "7"}, {"Key": "role", "Value": "db"}]}, ["a", "b"]),
        ({"tagFilters": [{"Key": "role"}], "registrationStatus": "Registered"}, ["a"]),
    ):
        assert listed(api, **asked) == expected, asked


@pytest.mark.parametrize(
    "filters",
    [
        [{}],
        [{"Key": ""}],
        [{"Type": "KEY_ONLY"}],
        [{"Type": "KEY_ONLY", "Value": "web"}],
        [{"Type": "VALUE_ONLY", "Key": "role"}],
        [{"Type": "KEY_AND_VALUE", "Key": "role"}],
        [{"Type": "KEY_AND_VALUE", "Value": "web"}],
        [{"Type": "SOMETHING", "Key": "role"}],
        [{"Key": "k" * 129}],
        [{"Value": "v" * 257}],
        [{"Key": "role"}] * 11,
    ],
)
def test_filters_that_cannot_be(api: Api, filters: list[dict[str, str]]) -> None:
    api.refuses("InvalidTagFilterException", "ListOnPremisesInstances", tagFilters=filters)


def test_a_list_of_many_is_paged_by_few_requests(api: Api, store: Store, requests: Callable[[], list[str]]) -> None:
    names = [f"host-{number:03}" for number in range(230)]
    put_items({**on_premises_key(name).item, "name": name} for name in names)
    made, found = requests(), list[str]()
    token: dict[str, str] = {}
    for size in (100, 100, 30):
        made.clear()
        answer = api("ListOnPremisesInstances", registrationStatus="Registered", **token)
        assert len(made) <= 3
        assert len(answer["instanceNames"]) == size
        found += answer["instanceNames"]
        token = {"nextToken": answer["nextToken"]} if "nextToken" in answer else {}
    assert found == names and not token
    other = api("ListOnPremisesInstances")["nextToken"]
    asked = {"registrationStatus": "Registered", "nextToken": other}
    api.refuses("InvalidNextTokenException", "ListOnPremisesInstances", **asked)
    api.refuses("InvalidRegistrationStatusException", "ListOnPremisesInstances", registrationStatus="Gone")


# -- tags


def test_tags_are_added_and_removed_on_all_instances_of_a_call(api: Api) -> None:
    register(api, "a", "b")
    both = {"instanceNames": ["a", "b", "a"]}
    assert api("AddTagsToOnPremisesInstances", **both, tags=pairs(role="web", rack="7")) == {}
    tag(api, "b", rack="8")
    assert (tags_of(api, "a"), tags_of(api, "b")) == ({"role": "web", "rack": "7"}, {"role": "web", "rack": "8"})
    for _ in range(2):  # the second finds nothing to remove
        assert api("RemoveTagsFromOnPremisesInstances", **both, tags=pairs(rack="8", color="red")) == {}
    assert (tags_of(api, "a"), tags_of(api, "b")) == ({"role": "web", "rack": "7"}, {"role": "web"})


def test_one_instance_that_cannot_be_tagged_leaves_all_as_they_were(api: Api) -> None:
    register(api, "a", "b", "gone")
    tag(api, "b", **{f"k{number}": "v" for number in range(MAX_TAGS)})
    api("DeregisterOnPremisesInstance", instanceName="gone")
    for names, code in (
        (["a", "b"], "TagLimitExceededException"),
        (["a", "nobody"], "InstanceNotRegisteredException"),
        (["a", "gone"], "InstanceNotRegisteredException"),
    ):
        api.refuses(code, "AddTagsToOnPremisesInstances", instanceNames=names, tags=pairs(role="web"))
    assert tags_of(api, "a") == {}
    tag(api, "b", k0="w")  # a key that is there does not count twice
    assert len(tags_of(api, "b")) == MAX_TAGS


@pytest.mark.parametrize("operation", ["AddTagsToOnPremisesInstances", "RemoveTagsFromOnPremisesInstances"])
@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"instanceNames": ["a"]}, "TagRequiredException"),
        ({"instanceNames": ["a"], "tags": []}, "TagRequiredException"),
        ({"tags": pairs(k="v")}, "InstanceNameRequiredException"),
        ({"instanceNames": [], "tags": pairs(k="v")}, "InstanceNameRequiredException"),
        ({"instanceNames": ["i-1"], "tags": pairs(k="v")}, "InvalidInstanceNameException"),
        ({"instanceNames": ["b"], "tags": pairs(k="v")}, "InstanceNotRegisteredException"),
        ({"instanceNames": [f"h{n}" for n in range(101)], "tags": pairs(k="v")}, "InstanceLimitExceededException"),
        ({"instanceNames": ["a"], "tags": [{"Key": "k"}]}, "InvalidTagException"),
        ({"instanceNames": ["a"], "tags": [{"Key": "", "Value": "v"}]}, "InvalidTagException"),
        ({"instanceNames": ["a"], "tags": [{"Key": "k" * 129, "Value": "v"}]}, "InvalidTagException"),
        ({"instanceNames": ["a"], "tags": [{"Key": "k", "Value": "v" * 257}]}, "InvalidTagException"),
        ({"instanceNames": ["a"], "tags": pairs(k="v") + pairs(k="w")}, "InvalidTagException"),
    ],
)
def test_tags_that_cannot_be(api: Api, operation: str, members: dict[str, Any], code: str) -> None:
    register(api, "a")
    api.refuses(code, operation, **members)


def test_a_tag_that_somebody_adds_before_writes_stays(api: Api, before_writes: BeforeWrites) -> None:
    register(api, "a", "b")
    before_writes(lambda: tag(api, "a", rack="7"))
    api("AddTagsToOnPremisesInstances", instanceNames=["b", "a"], tags=pairs(role="web"))
    assert (tags_of(api, "a"), tags_of(api, "b")) == ({"rack": "7", "role": "web"}, {"role": "web"})
    assert listed(api, tagFilters=[{"Value": "7"}]) == ["a"]


def test_an_instance_that_is_deregistered_before_writes_is_not_tagged(api: Api, before_writes: BeforeWrites) -> None:
    register(api, "a")
    before_writes(lambda: api("DeregisterOnPremisesInstance", instanceName="a"))
    asked = {"instanceNames": ["a"], "tags": pairs(role="web")}
    api.refuses("InstanceNotRegisteredException", "AddTagsToOnPremisesInstances", **asked)
    assert tags_of(api, "a") == {}


def test_what_was_read_of_an_instance_does_not_change_the_next_one_of_its_name(api: Api, store: Store) -> None:
    register(api, "a")
    seen = on_premises.named(["a"])["a"]
    api("DeregisterOnPremisesInstance", instanceName="a")
    register(api, "a")
    assert not on_premises.retag([(seen, {"role": "web"})])
    assert not on_premises.deregister(seen, "2026-11-23T10:00:00.000Z")
    assert "deregisterTime" not in info(api, "a")

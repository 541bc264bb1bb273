"""Deployment configurations: making, telling, listing and deleting them, and what is refused of it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.api.operations import configs
from functions.core.declaration import Declaration
from functions.core.errors import Conflict
from functions.core.rollout.health import (
    PREDEFINED_CONFIGS,
    DeploymentConfig,
    MinimumHealthyHosts,
    MinimumHealthyHostsType,
)
from functions.core.text.shapes import to_plain
from functions.engine import declare as engine_declare
from functions.store.keys import config_key
from functions.store.records import configs as store_configs
from functions.store.table.pages import PAGE
from tests.conftest import put_item
from tests.store import Store
from tests.unit.api.conftest import Api

HALF = MinimumHealthyHosts(MinimumHealthyHostsType.FLEET_PERCENT, 50)
FIRST = [
    "CodeDeployDefault.OneAtATime",
    "CodeDeployDefault.HalfAtATime",
    "CodeDeployDefault.AllAtOnce",
    "StepDeployDefault.Canary1Then10PercentThenAll",
    "StepDeployDefault.OneThenGrowing",
]


def create(api: Api, name: str, type: str = "HOST_COUNT", value: int = 3) -> str:
    members = {"type": type, "value": value}
    made: str = api("CreateDeploymentConfig", deploymentConfigName=name, minimumHealthyHosts=members)[
        "deploymentConfigId"
    ]
    return made


def declare(store: Store, *names: str) -> None:
    found = tuple(DeploymentConfig(name, HALF) for name in names)
    engine_declare.apply(Declaration(configs=found))


def info(api: Api, name: str) -> dict[str, Any]:
    told: dict[str, Any] = api("GetDeploymentConfig", deploymentConfigName=name)["deploymentConfigInfo"]
    return told


def listed(api: Api, **asked: Any) -> list[str]:
    names: list[str] = api("ListDeploymentConfigs", **asked)["deploymentConfigsList"]
    return names


def use(store: Store, group_key: str, before: str | None, after: str | None) -> None:
    if not store.transact(store_configs.change_of_use(group_key, before, after)):
        raise Conflict


# -- making one


@pytest.mark.parametrize(("type", "value"), [("HOST_COUNT", 0), ("HOST_COUNT", 500), ("FLEET_PERCENT", 99)])
def test_one_is_told_as_it_was_made(api: Api, type: str, value: int) -> None:
    before = datetime.now(UTC)
    made = create(api, "Most", type, value)
    told = info(api, "Most")
    assert before.timestamp() - 1 <= told.pop("createTime").timestamp() <= datetime.now(UTC).timestamp()
    assert told == {
        "deploymentConfigId": made,
        "deploymentConfigName": "Most",
        "minimumHealthyHosts": {"type": type, "value": value},
        "computePlatform": "Server",
    }


def test_a_deployment_finds_it_by_its_name(api: Api, store: Store) -> None:
    create(api, "Half", "FLEET_PERCENT", 50)
    assert store_configs.get("Half") == DeploymentConfig("Half", HALF)


def test_the_platform_may_be_named_if_it_is_ours(api: Api) -> None:
    minimum = {"type": "HOST_COUNT", "value": 1}
    api(
        "CreateDeploymentConfig",
        deploymentConfigName="Most",
        minimumHealthyHosts=minimum,
        computePlatform="Server",
    )
    assert "Most" in listed(api)


@pytest.mark.parametrize(
    ("minimum", "says"),
    [
        (None, "minimumHealthyHosts: is missing"),
        ({}, "minimumHealthyHosts.type: is missing"),
        ({"value": 1}, "minimumHealthyHosts.type: is missing: give HOST_COUNT or FLEET_PERCENT"),
        ({"type": "HOST_COUNT", "value": -1}, "-1: give 0 or more"),
        ({"type": "FLEET_PERCENT", "value": 100}, "100 (FLEET_PERCENT): give 0 to 99"),
        ({"type": "MAX_CONCURRENCY", "value": 1}, "'MAX_CONCURRENCY' is not one of HOST_COUNT, FLEET_PERCENT"),
    ],
)
def test_a_minimum_that_is_none(api: Api, minimum: dict[str, Any] | None, says: str) -> None:
    members = {} if minimum is None else {"minimumHealthyHosts": minimum}
    code = "InvalidMinimumHealthyHostValueException"
    assert says in api.refuses(code, "CreateDeploymentConfig", deploymentConfigName="Most", **members)
    assert listed(api) == FIRST


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "DeploymentConfigNameRequiredException"),
        ("a b", "InvalidDeploymentConfigNameException"),
        ("x" * 101, "InvalidDeploymentConfigNameException"),
        ("CodeDeployDefault.Mine", "InvalidDeploymentConfigNameException"),
        ("CodeDeployDefault.OneAtATime", "InvalidDeploymentConfigNameException"),
    ],
)
def test_a_name_that_cannot_be(api: Api, name: str, code: str) -> None:
    minimum = {"type": "HOST_COUNT", "value": 1}
    api.refuses(code, "CreateDeploymentConfig", deploymentConfigName=name, minimumHealthyHosts=minimum)


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"computePlatform": "Lambda"}, "InvalidComputePlatformException"),
        ({"computePlatform": "ECS"}, "InvalidComputePlatformException"),
        ({"trafficRoutingConfig": {"type": "AllAtOnce"}}, "InvalidTrafficRoutingConfigurationException"),
    ],
)
def test_what_is_not_supported_is_said_to_be(api: Api, members: dict[str, Any], code: str) -> None:
    minimum = {"type": "HOST_COUNT", "value": 1}
    asked = {"deploymentConfigName": "Most", "minimumHealthyHosts": minimum, **members}
    said = api.refuses(code, "CreateDeploymentConfig", **asked)
    assert "not supported" in said and "leave it out" in said and next(iter(members)) in said


@pytest.mark.parametrize(
    "zonal",
    [
        {"monitorDurationInSeconds": 60},
        {
            "firstZoneMonitorDurationInSeconds": 0,
            "monitorDurationInSeconds": 60,
            "minimumHealthyHostsPerZone": {"type": "FLEET_PERCENT", "value": 50},
        },
    ],
)
def test_zones_are_read_back(api: Api, zonal: dict[str, Any]) -> None:
    minimum = {"type": "HOST_COUNT", "value": 1}
    api("CreateDeploymentConfig", deploymentConfigName="Zones", minimumHealthyHosts=minimum, zonalConfig=zonal)
    assert info(api, "Zones")["zonalConfig"] == zonal
    found = store_configs.get("Zones")
    assert found and found.zonal and found.zonal.monitor_seconds == 60


@pytest.mark.parametrize(
    ("zonal", "says"),
    [
        ({"monitorDurationInSeconds": -1}, "-1 seconds: give 0 to 43200"),
        ({"firstZoneMonitorDurationInSeconds": 43_201}, "43201 seconds: give 0 to 43200"),
        ({"minimumHealthyHostsPerZone": {"value": 1}}, "minimumHealthyHostsPerZone.type is missing"),
        ({"minimumHealthyHostsPerZone": {"type": "FLEET_PERCENT", "value": 100}}, "100 (FLEET_PERCENT): give 0 to 99"),
    ],
)
def test_zones_that_cannot_be(api: Api, zonal: dict[str, Any], says: str) -> None:
    minimum = {"type": "HOST_COUNT", "value": 1}
    members = {"deploymentConfigName": "Zones", "minimumHealthyHosts": minimum, "zonalConfig": zonal}
    code = "InvalidZonalDeploymentConfigurationException"
    assert says in api.refuses(code, "CreateDeploymentConfig", **members)
    assert listed(api) == FIRST


def test_a_name_is_given_once(api: Api, store: Store) -> None:
    create(api, "Most")
    declare(store, "Half")
    minimum = {"type": "HOST_COUNT", "value": 9}
    for name, says in (("Most", "exists already"), ("Half", "declared in deployments.yaml")):
        members = {"deploymentConfigName": name, "minimumHealthyHosts": minimum}
        assert says in api.refuses("DeploymentConfigAlreadyExistsException", "CreateDeploymentConfig", **members)
    assert info(api, "Most")["minimumHealthyHosts"] == {"type": "HOST_COUNT", "value": 3}


def test_there_are_fifty_at_most_with_those_of_the_file(api: Api, store: Store) -> None:
    declare(store, "Half", "Third")
    for number in range(configs.MAX - 2):
        create(api, f"C{number}")
    asked = {"deploymentConfigName": "More", "minimumHealthyHosts": {"type": "HOST_COUNT", "value": 1}}
    assert "at most 50" in api.refuses("DeploymentConfigLimitExceededException", "CreateDeploymentConfig", **asked)
    api("DeleteDeploymentConfig", deploymentConfigName="C7")
    create(api, "More")


def test_two_at_once_are_not_both_the_last_one(api: Api, before_writes: Callable[..., None]) -> None:
    for number in range(configs.MAX - 1):
        create(api, f"C{number}")
    before_writes(lambda: create(api, "Theirs"))
    asked = {"deploymentConfigName": "Ours", "minimumHealthyHosts": {"type": "HOST_COUNT", "value": 1}}
    api.refuses("DeploymentConfigLimitExceededException", "CreateDeploymentConfig", **asked)
    assert len(listed(api)) == len(FIRST) + configs.MAX


def test_two_at_once_of_one_name_are_one(api: Api, before_writes: Callable[..., None]) -> None:
    before_writes(lambda: create(api, "Most", value=1))
    asked = {"deploymentConfigName": "Most", "minimumHealthyHosts": {"type": "HOST_COUNT", "value": 2}}
    api.refuses("DeploymentConfigAlreadyExistsException", "CreateDeploymentConfig", **asked)
    assert info(api, "Most")["minimumHealthyHosts"]["value"] == 1


def test_two_at_once_of_two_names_are_both_made(api: Api, before_writes: Callable[..., None]) -> None:
    before_writes(lambda: create(api, "Theirs"))
    create(api, "Ours")
    assert listed(api) == [*FIRST, "Ours", "Theirs"]


def test_one_that_the_file_declares_while_it_is_made_is_the_files(
    api: Api, store: Store, before_writes: Callable[..., None]
) -> None:
    before_writes(lambda: declare(store, "Most"))
    asked = {"deploymentConfigName": "Most", "minimumHealthyHosts": {"type": "HOST_COUNT", "value": 2}}
    said = api.refuses("DeploymentConfigAlreadyExistsException", "CreateDeploymentConfig", **asked)
    assert "declared in deployments.yaml" in said
    assert info(api, "Most")["minimumHealthyHosts"] == {"type": "FLEET_PERCENT", "value": 50}


# -- telling them


@pytest.mark.parametrize(
    ("number", "minimum"),
    [
        (1, {"type": "MAX_CONCURRENCY", "value": 1}),
        (2, {"type": "FLEET_PERCENT", "value": 50}),
        (3, {"type": "HOST_COUNT", "value": 0}),
    ],
)
def test_the_predefined_ones_have_codedeploys_ids(api: Api, number: int, minimum: dict[str, Any]) -> None:
    assert info(api, FIRST[number - 1]) == {
        "deploymentConfigId": f"00000000-0000-0000-0000-00000000000{number}",
        "deploymentConfigName": FIRST[number - 1],
        "minimumHealthyHosts": minimum,
        "computePlatform": "Server",
    }


def test_every_predefined_one_is_told(api: Api) -> None:
    assert list(PREDEFINED_CONFIGS) == FIRST == listed(api)


def test_one_of_the_file_has_an_id_that_stays(api: Api, store: Store) -> None:
    declare(store, "Half", "Third")
    told = info(api, "Half")
    assert told["minimumHealthyHosts"] == {"type": "FLEET_PERCENT", "value": 50} and "createTime" not in told
    declare(store)
    declare(store, "Half", "Third")
    assert info(api, "Half") == told != info(api, "Third")
    assert told["deploymentConfigId"] != info(api, "Third")["deploymentConfigId"]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "DeploymentConfigNameRequiredException"),
        ("a b", "InvalidDeploymentConfigNameException"),
        ("Nope", "DeploymentConfigDoesNotExistException"),
        ("CodeDeployDefault.LambdaAllAtOnce", "DeploymentConfigDoesNotExistException"),
    ],
)
def test_one_that_is_not_there(api: Api, name: str, code: str) -> None:
    api.refuses(code, "GetDeploymentConfig", deploymentConfigName=name)


def test_they_are_listed_predefined_first_and_page_by_page(api: Api, store: Store) -> None:
    create(api, "Beta")
    names = [f"C{number:03}" for number in range(PAGE + 20)]
    declare(store, *names)
    first = api("ListDeploymentConfigs")
    assert first["deploymentConfigsList"] == [*FIRST, "Beta", *names[: PAGE - 6]]
    rest = api("ListDeploymentConfigs", nextToken=first["nextToken"])
    assert rest == {"deploymentConfigsList": names[PAGE - 6 :]}
    api.refuses("InvalidNextTokenException", "ListDeploymentConfigs", nextToken="x")


# -- deleting them


def test_a_deleted_one_is_gone_and_its_name_is_free(api: Api) -> None:
    first = create(api, "Most")
    assert api("DeleteDeploymentConfig", deploymentConfigName="Most") == {}
    assert listed(api) == FIRST
    assert create(api, "Most") != first


def test_an_unknown_one_is_as_it_should_be(api: Api) -> None:
    assert api("DeleteDeploymentConfig", deploymentConfigName="Nope") == {}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "DeploymentConfigNameRequiredException"),
        ("a b", "InvalidDeploymentConfigNameException"),
        ("CodeDeployDefault.HalfAtATime", "InvalidOperationException"),
    ],
)
def test_what_cannot_be_deleted(api: Api, name: str, code: str) -> None:
    api.refuses(code, "DeleteDeploymentConfig", deploymentConfigName=name)


def test_one_of_the_file_is_deleted_in_the_file(api: Api, store: Store) -> None:
    declare(store, "Half")
    said = api.refuses("ValidationException", "DeleteDeploymentConfig", deploymentConfigName="Half")
    assert "declared in deployments.yaml" in said
    assert "Half" in listed(api)


def test_one_that_groups_use_is_not_deleted_until_the_last_one_leaves_it(api: Api, store: Store) -> None:
    create(api, "Most")
    create(api, "Few")
    for number in range(5):
        use(store, f"shop/g{number}", None, "Most")
    said = api.refuses("DeploymentConfigInUseException", "DeleteDeploymentConfig", deploymentConfigName="Most")
    assert "Most is used by shop/g0, shop/g1, shop/g2: " in said
    for number, after in enumerate(("Few", "CodeDeployDefault.AllAtOnce", None, "Few", None)):
        api.refuses("DeploymentConfigInUseException", "DeleteDeploymentConfig", deploymentConfigName="Most")
        use(store, f"shop/g{number}", "Most", after)
    api("DeleteDeploymentConfig", deploymentConfigName="Most")
    assert "shop/g0, shop/g3" in api.refuses(
        "DeploymentConfigInUseException", "DeleteDeploymentConfig", deploymentConfigName="Few"
    )


def test_a_group_that_keeps_its_configuration_writes_nothing_of_it(store: Store) -> None:
    assert store_configs.change_of_use("shop/web", "Most", "Most") == []
    assert store_configs.change_of_use("shop/web", None, FIRST[0]) == []
    assert store_configs.change_of_use("shop/web", FIRST[1], FIRST[0]) == []


def test_a_group_that_takes_it_while_it_is_deleted_keeps_it(
    api: Api, store: Store, before_writes: Callable[..., None]
) -> None:
    create(api, "Most")
    before_writes(lambda: use(store, "shop/web", None, "Most"))
    api.refuses("DeploymentConfigInUseException", "DeleteDeploymentConfig", deploymentConfigName="Most")
    assert "Most" in listed(api)


def test_a_group_that_took_it_and_left_it_meanwhile_does_not_keep_it(
    api: Api, store: Store, before_writes: Callable[..., None]
) -> None:
    create(api, "Most")

    def take_and_leave() -> None:
        use(store, "shop/web", None, "Most")
        use(store, "shop/web", "Most", None)

    before_writes(take_and_leave)
    api("DeleteDeploymentConfig", deploymentConfigName="Most")
    assert listed(api) == FIRST


def test_a_group_cannot_take_one_that_was_deleted(api: Api, store: Store) -> None:
    create(api, "Most")
    api("DeleteDeploymentConfig", deploymentConfigName="Most")
    with pytest.raises(Conflict):
        use(store, "shop/web", None, "Most")


def test_one_that_the_file_takes_over_while_it_is_deleted_stays(
    api: Api, store: Store, before_writes: Callable[..., None]
) -> None:
    create(api, "Most")
    item = {**config_key("Most").item, "declared": True, **to_plain(DeploymentConfig("Most", HALF))}
    before_writes(lambda: put_item(item))
    api.refuses("ValidationException", "DeleteDeploymentConfig", deploymentConfigName="Most")
    assert info(api, "Most")["minimumHealthyHosts"] == {"type": "FLEET_PERCENT", "value": 50}


def test_few_requests_however_many_there_are(api: Api, store: Store, requests: Callable[[], list[str]]) -> None:
    declare(store, *(f"C{number:03}" for number in range(250)))
    made = requests()
    token: dict[str, str] = {}
    for size in (PAGE, PAGE, 55):
        made.clear()
        answer = api("ListDeploymentConfigs", **token)
        assert len(made) <= 3 and len(answer["deploymentConfigsList"]) == size
        token = {"nextToken": answer.get("nextToken", "")}

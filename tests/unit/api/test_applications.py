"""Applications by the API: made, renamed, deleted; what deployments.yaml declares is its own."""

import pytest

from functions.core.declaration import load
from functions.engine import declare
from functions.store.keys import lock_key
from functions.store.records import applications, groups
from functions.store.table.values import Key
from tests.conftest import all_items, put_group, put_item
from tests.store import Store
from tests.unit.api.conftest import Api
from tests.unit.api.test_deployments import put
from tests.unit.api.test_groups import ROLE, make

YAML = "applications: {shop: {groups: {web: {ec2TagFilters: [{Key: role}]}}}}"


def test_an_application_is_made_told_and_listed(api: Api) -> None:
    made = api("CreateApplication", applicationName="shop", tags=[{"Key": "team", "Value": "web"}])
    found = api("GetApplication", applicationName="shop")["application"]
    assert found["applicationId"] == made["applicationId"]
    assert (found["applicationName"], found["computePlatform"], found["linkedToGitHub"]) == ("shop", "Server", False)
    assert api("BatchGetApplications", applicationNames=["shop", "shop"])["applicationsInfo"] == [found]
    assert api("ListApplications")["applications"] == ["shop"]


def test_applications_are_listed_a_hundred_a_page(api: Api) -> None:
    names = [f"app-{number:03}" for number in range(130)]
    for name in reversed(names):
        put_group(application=name)
    first = api("ListApplications")
    second = api("ListApplications", nextToken=first["nextToken"])
    assert first["applications"] + second["applications"] == names
    assert "nextToken" not in second


@pytest.mark.parametrize("name", ["a/b", "ü", "a b", "x\n"])
def test_a_name_is_letters_digits_and_a_few_signs(api: Api, name: str) -> None:
    said = api.refuses("InvalidApplicationNameException", "CreateApplication", applicationName=name)
    assert f"applicationName: {name!r} does not match" in said


def test_a_name_that_begins_with_a_dot_is_the_engines(api: Api) -> None:
    said = api.refuses("InvalidApplicationNameException", "CreateApplication", applicationName=".stepdeploy")
    assert "the engine's own" in said


def test_a_second_one_of_a_name_and_other_platforms_are_refused(api: Api) -> None:
    api("CreateApplication", applicationName="shop")
    api.refuses("ApplicationAlreadyExistsException", "CreateApplication", applicationName="shop")
    platform = {"applicationName": "b", "computePlatform": "Lambda"}
    api.refuses("InvalidComputePlatformException", "CreateApplication", **platform)


def test_there_are_a_thousand_at_most(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.api.operations.applications.MAX", 1)
    api("CreateApplication", applicationName="shop")
    api.refuses("ApplicationLimitExceededException", "CreateApplication", applicationName="store")


def test_unknown_ones_are_refused(api: Api) -> None:
    api.refuses("ApplicationDoesNotExistException", "GetApplication", applicationName="shop")
    api.refuses("ApplicationDoesNotExistException", "BatchGetApplications", applicationNames=["shop"])
    api.refuses("BatchLimitExceededException", "BatchGetApplications", applicationNames=[str(n) for n in range(101)])
    change = {"applicationName": "shop", "newApplicationName": "store"}
    api.refuses("ApplicationDoesNotExistException", "UpdateApplication", **change)
    api.refuses("ApplicationNameRequiredException", "UpdateApplication", newApplicationName="store")


def test_another_name_takes_groups_alarms_uses_and_aims_along(api: Api, store: Store) -> None:
    api("CreateApplication", applicationName="shop")
    half = {"type": "HOST_COUNT", "value": 1}
    api("CreateDeploymentConfig", deploymentConfigName="Half", minimumHealthyHosts=half)
    alarms = {"enabled": True, "alarms": [{"name": "errors"}]}
    made = make(api, "web", deploymentConfigName="Half", alarmConfiguration=alarms)
    put_item({"pk": "APPLICATION#shop", "sk": "AIM#web", "digest": "d", "aimed": "2026"})
    before = api("GetApplication", applicationName="shop")["application"]
    api("UpdateApplication", applicationName="shop", newApplicationName="store")
    after = api("GetApplication", applicationName="store")["application"]
    assert after == {**before, "applicationName": "store"}
    assert api("ListApplications")["applications"] == ["store"]
    group = {"applicationName": "store", "deploymentGroupName": "web"}
    assert api("GetDeploymentGroup", **group)["deploymentGroupInfo"]["deploymentGroupId"] == made["deploymentGroupId"]
    assert groups.of_alarm("errors") == ["store/web"]
    assert "store/web" in api.refuses(
        "DeploymentConfigInUseException", "DeleteDeploymentConfig", deploymentConfigName="Half"
    )
    assert not [item for item in all_items() if item["pk"] == "APPLICATION#shop"]
    assert store.get(Key("APPLICATION#store", "AIM#web"))


def test_its_own_name_or_none_changes_nothing(api: Api) -> None:
    api("CreateApplication", applicationName="shop")
    before = all_items()
    api("UpdateApplication", applicationName="shop")
    api("UpdateApplication", applicationName="shop", newApplicationName="shop")
    assert all_items() == before


def test_no_name_that_is_taken_and_none_while_a_deployment_runs(api: Api) -> None:
    for name in ("shop", "store"):
        api("CreateApplication", applicationName=name)
    make(api, "web")
    change = {"applicationName": "shop", "newApplicationName": "store"}
    api.refuses("ApplicationAlreadyExistsException", "UpdateApplication", **change)
    put_item({**lock_key("shop/web").item, "holder": "d-000000001"})
    change = {"applicationName": "shop", "newApplicationName": "new"}
    assert "deployments run in web" in api.refuses("ValidationException", "UpdateApplication", **change)


def test_more_groups_than_a_transaction_holds_are_not_moved(api: Api) -> None:
    api("CreateApplication", applicationName="shop")
    for number in range(40):
        make(api, f"g{number}")
    change = {"applicationName": "shop", "newApplicationName": "store"}
    assert "40 groups, too many" in api.refuses("ValidationException", "UpdateApplication", **change)
    assert api("ListApplications")["applications"] == ["shop"]


def test_deleting_takes_its_groups_and_leaves_its_deployments(api: Api, store: Store) -> None:
    api("CreateApplication", applicationName="shop")
    make(api, "web", alarmConfiguration={"enabled": True, "alarms": [{"name": "errors"}]})
    put(1)
    api("DeleteApplication", applicationName="shop")
    api("DeleteApplication", applicationName="shop")
    assert api("ListApplications") == {"applications": []}
    assert groups.of_alarm("errors") == []
    assert {item["pk"] for item in all_items()} == {"DEPLOYMENT#d-000000001"}


def test_one_that_gets_a_group_meanwhile_is_not_deleted_without_it(api: Api, store: Store) -> None:
    api("CreateApplication", applicationName="shop")
    seen = applications.get("shop")
    make(api, "web")
    assert seen and not applications.delete(seen)
    assert api("GetDeploymentGroup", applicationName="shop", deploymentGroupName="web")


def test_what_is_declared_is_changed_by_its_file_alone(api: Api, store: Store) -> None:
    declare.apply(load(YAML))
    assert api("ListApplications")["applications"] == ["shop"]
    for operation, more in (("DeleteApplication", {}), ("UpdateApplication", {"newApplicationName": "store"})):
        said = api.refuses("ValidationException", operation, applicationName="shop", **more)
        assert "declared in deployments.yaml" in said
    declare.apply(load("applications: {}"))
    api("DeleteApplication", applicationName="shop")
    assert api("ListApplications") == {"applications": []}


def test_an_application_with_a_declared_group_stays(api: Api) -> None:
    api("CreateApplication", applicationName="shop")
    put_group("web", declared=True)
    said = api.refuses("ValidationException", "DeleteApplication", applicationName="shop")
    assert "its group web is declared" in said


def test_a_file_that_names_an_application_of_the_api_takes_it_over(api: Api, store: Store) -> None:
    made = api("CreateApplication", applicationName="shop")["applicationId"]
    api("CreateDeploymentConfig", deploymentConfigName="Half", minimumHealthyHosts={"type": "HOST_COUNT", "value": 1})
    group = make(api, "web", deploymentConfigName="Half")["deploymentGroupId"]
    declare.apply(load(YAML))
    assert api("GetApplication", applicationName="shop")["application"]["applicationId"] == made
    found = api("GetDeploymentGroup", applicationName="shop", deploymentGroupName="web")["deploymentGroupInfo"]
    assert (found["deploymentGroupId"], found["deploymentConfigName"]) == (group, "CodeDeployDefault.OneAtATime")
    assert found["serviceRoleArn"] == ROLE
    api("DeleteDeploymentConfig", deploymentConfigName="Half")

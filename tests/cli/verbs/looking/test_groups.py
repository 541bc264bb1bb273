"""`stepdeploy groups`, by a client whose questions and answers are held against the service model."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.stub import Stubber

from cli.__main__ import main
from cli.account.connection import Engine
from cli.verbs.looking.groups import hosts
from tests.cli.deploying import Captured

WEB = {
    "applicationName": "shop",
    "deploymentGroupName": "web",
    "deploymentConfigName": "CodeDeployDefault.HalfAtATime",
    "ec2TagFilters": [{"Key": "role", "Value": "web", "Type": "KEY_AND_VALUE"}],
    "lastAttemptedDeployment": {
        "deploymentId": "d-000000001",
        "status": "Failed",
        "endTime": datetime(2026, 11, 23, 10, tzinfo=UTC),
    },
}
NEW = {"applicationName": "shop", "deploymentGroupName": "new\x1b[2J", "deploymentConfigName": "c"}


@pytest.fixture
def answers(environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    api = Engine().client("stepdeploy", endpoint_url="http://127.0.0.1:1")
    monkeypatch.setattr(Engine, "api", api)
    with Stubber(api) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def of(answers: Stubber, application: str, *infos: dict[str, Any]) -> None:
    """The questions about the groups of an application, and their answers."""
    named = {"applicationName": application}
    names = [info["deploymentGroupName"] for info in infos]
    answers.add_response("list_deployment_groups", {"deploymentGroups": names}, named)
    if names:
        asked = {**named, "deploymentGroupNames": names}
        answers.add_response("batch_get_deployment_groups", {"deploymentGroupsInfo": list(infos)}, asked)


def test_all_groups_of_all_applications_are_told(answers: Stubber, capsys: Captured) -> None:
    answers.add_response("list_applications", {"applications": ["empty", "shop"]}, {})
    of(answers, "empty")
    of(answers, "shop", NEW, WEB)
    assert main(["groups"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        "GROUP",
        "shop/new\\x1b[2J",
        "shop/web",
    ]


def test_a_group_is_told_in_a_row(answers: Stubber, capsys: Captured) -> None:
    of(answers, "shop", NEW, WEB)
    assert main(["groups", "shop"]) == 0
    head, new, web = capsys.readouterr().out.splitlines()
    assert head.split() == ["GROUP", "LAST", "DEPLOYMENT", "STATUS", "ENDED", "(UTC)", "CONFIG", "HOSTS"]
    assert new.split() == ["shop/new\\x1b[2J", "-", "-", "-", "c", "-"]
    assert web.split() == [
        *("shop/web", "d-000000001", "Failed", "2026-11-23", "10:00:00"),
        *("CodeDeployDefault.HalfAtATime", "role=web"),
    ]


def test_json_is_one_object(answers: Stubber, capsys: Captured) -> None:
    of(answers, "shop", WEB)
    assert main(["groups", "shop", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["groups"]
    assert found["lastAttemptedDeployment"]["endTime"] == "2026-11-23T10:00:00Z"


def test_an_account_without_groups_has_none(answers: Stubber, capsys: Captured) -> None:
    answers.add_response("list_applications", {"applications": []}, {})
    assert main(["groups"]) == 0
    assert capsys.readouterr() == ("", "no deployment groups\n")


def test_an_application_that_is_not_there_is_refused(answers: Stubber, capsys: Captured) -> None:
    answers.add_client_error("list_deployment_groups", "ApplicationDoesNotExistException", "No application found")
    assert main(["groups", "gone"]) == 3
    said = "ApplicationDoesNotExistException: No application found; see the groups: stepdeploy groups"
    assert capsys.readouterr().err == f"Error: {said}\n"


@pytest.mark.parametrize(
    ("info", "told"),
    [
        ({}, "-"),
        ({"ec2TagFilters": [{"Key": "a", "Value": "1"}, {"Key": "b", "Type": "KEY_ONLY"}]}, "a=1 or b"),
        ({"ec2TagSet": {"ec2TagSetList": [[{"Key": "a", "Value": "1"}]]}}, "a=1"),
        ({"ec2TagFilters": [], "onPremisesInstanceTagFilters": [{"Key": "a"}]}, "on premises a"),
        (
            {"ec2TagFilters": [{"Key": "a"}], "onPremisesTagSet": {"onPremisesTagSetList": [[{"Key": "b"}]]}},
            "a, on premises b",
        ),
    ],
)
def test_hosts_are_told_by_their_tags(info: dict[str, Any], told: str) -> None:
    assert hosts(info) == told

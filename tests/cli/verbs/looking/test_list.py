"""`stepdeploy list`, by the served API."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from botocore.stub import Stubber

from cli.__main__ import main
from cli.account.connection import Engine
from functions.core.records import Counts
from functions.core.statuses import DeploymentStatus
from tests.cli.deploying import Captured, put_deployment
from tests.conftest import put_group
from tests.served import Served
from tests.unit.api.test_deployments import ids, put

SHOP_WEB = ["--application", "shop", "--group", "web"]


def told(capsys: Captured) -> list[str]:
    """The ids of the table."""
    return [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]]


def test_the_newest_come_first_with_who_what_and_how_long(served: Served, capsys: Captured) -> None:
    put_deployment(DeploymentStatus.FAILED, Counts(total=1), deployment_id="d-000000002")
    put_deployment(DeploymentStatus.CREATED, deployment_id="d-000000003", create_time="2026-11-23T11:00:00.000Z")
    assert main(["list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "DEPLOYMENT   GROUP     STATUS   STARTED (UTC)        DURATION  BY    REVISION",
        "d-000000003  shop/web  Created  -                    -         user  shop/web/v1.zip",
        "d-000000002  shop/web  Failed   2026-11-23 10:00:01  59s       user  shop/web/v1.zip",
    ]


def test_they_are_found_by_group_and_status(served: Served, capsys: Captured) -> None:
    put_group("web")
    for number in range(12):
        status = (DeploymentStatus.FAILED, DeploymentStatus.SUCCEEDED, DeploymentStatus.STOPPED)[number % 3]
        put(number, group="web" if number % 2 else "api", status=status)
    for options, expected in (
        (SHOP_WEB, [11, 9, 7, 5, 3, 1]),
        (["--status", "failed"], [9, 6, 3, 0]),
        ([*SHOP_WEB, "--status", "Failed", "--status", "Stopped"], [11, 9, 5, 3]),
        (["--limit", "2"], [11, 10]),
    ):
        assert main(["list", *options]) == 0
        assert told(capsys) == ids(expected), options


def test_no_more_is_read_than_is_wanted(served: Served, capsys: Captured) -> None:
    for number in range(130):
        put(number)
    assert main(["list", "--limit", "3"]) == 0
    assert told(capsys) == ids([129, 128, 127])
    assert served.asked == ["ListDeployments", "BatchGetDeployments"]
    served.asked.clear()
    assert main(["list", "--limit", "110"]) == 0
    assert len(told(capsys)) == 110
    assert served.asked.count("ListDeployments") == 2


def test_they_are_found_by_their_age(served: Served, capsys: Captured) -> None:
    hour = datetime.now(UTC) - timedelta(hours=1)
    recent = hour.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    put_deployment(DeploymentStatus.SUCCEEDED, deployment_id="d-000000002", create_time=recent)
    put_deployment(DeploymentStatus.SUCCEEDED, deployment_id="d-000000001", create_time="2020-11-23T10:00:00.000Z")
    assert main(["list", "--since", "2h"]) == 0
    assert told(capsys) == ["d-000000002"]
    assert main(["list", "--since", "10m"]) == 0
    assert capsys.readouterr() == ("", "no deployments\n")


def test_json_is_one_object(served: Served, capsys: Captured) -> None:
    put(1)
    assert main(["list", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["deployments"]
    assert (found["deploymentId"], found["createTime"]) == ("d-000000001", "2026-11-23T00:01:00Z")


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (["--group", "web"], "--group needs --application"),
        (["--status", "Fine"], "'Fine' is not one of"),
        (["--since", "yesterday"], "'yesterday': must be a duration"),
        (["--limit", "0"], "0 is not in the range"),
    ],
)
def test_questions_that_cannot_be(options: list[str], what: str, served: Served, capsys: Captured) -> None:
    assert main(["list", *options]) == 2
    assert what in capsys.readouterr().err
    assert served.asked == []


def test_a_group_that_is_not_there_is_refused(served: Served, capsys: Captured) -> None:
    assert main(["list", *SHOP_WEB]) == 3
    assert "ApplicationDoesNotExistException" in capsys.readouterr().err


def test_those_of_an_application_are_of_its_groups_in_the_order_of_time(
    environment: None, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """Held against the service model."""
    api = Engine().client("stepdeploy", endpoint_url="http://127.0.0.1:1")
    monkeypatch.setattr(Engine, "api", api)
    of_groups = {"api": [3, 1], "web": [4, 2]}
    with Stubber(api) as answers:
        answers.add_response(
            "list_deployment_groups", {"deploymentGroups": list(of_groups)}, {"applicationName": "shop"}
        )
        for group, numbers in of_groups.items():
            asked = {"applicationName": "shop", "deploymentGroupName": group}
            answers.add_response("list_deployments", {"deployments": ids(numbers)}, asked)
            infos = [
                {
                    "deploymentId": each,
                    "applicationName": "shop",
                    "deploymentGroupName": group,
                    "status": "Succeeded",
                    "createTime": datetime(2026, 11, 23, number, tzinfo=UTC),
                }
                for each, number in zip(ids(numbers), numbers, strict=True)
            ]
            answers.add_response("batch_get_deployments", {"deploymentsInfo": infos}, {"deploymentIds": ids(numbers)})
        assert main(["list", "--application", "shop", "--limit", "3"]) == 0
    assert told(capsys) == ids([4, 3, 2])

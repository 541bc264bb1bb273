"""The dashboard shows what the functions write, and all of it; each declared group, and those that nobody declared."""

import json
import re
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_stepfunctions as sfn

from functions.core.messages.measures import NAMES, Measure
from infra.monitoring.dashboard import MAX_GROUPS, Dashboard
from tests.infra.conftest import only, resources

ALARMED = {Measure.ENGINE_FAILURES.value}  # which an alarm watches instead


def widgets(template: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of the dashboard, without what only CloudFormation knows."""
    body = only(template, "AWS::CloudWatch::Dashboard")["DashboardBody"]
    parts = body["Fn::Join"][1] if isinstance(body, dict) else [body]
    text = "".join(part if isinstance(part, str) else "x" for part in parts)
    found: list[dict[str, Any]] = json.loads(text)["widgets"]
    return found


def metrics(template: dict[str, Any]) -> list[list[Any]]:
    return [each for widget in widgets(template) for each in widget["properties"].get("metrics", ())]


def searches(template: dict[str, Any]) -> list[str]:
    return [each[0]["expression"] for each in metrics(template) if isinstance(each[0], dict)]


def shown(template: dict[str, Any]) -> set[str]:
    named = {each[1] for each in metrics(template) if each[0] == "stepdeploy"}
    return named | {found[1] for each in searches(template) if (found := re.search(r'MetricName="([^"]+)"', each))}


def test_it_shows_what_is_written_and_all_of_it(template: dict[str, Any]) -> None:
    """What is written, tests/unit/core/messages/test_measures.py says."""
    assert shown(template) == {str(each) for each in NAMES} - ALARMED
    alarms = resources(template, "AWS::CloudWatch::Alarm").values()
    assert {each["Properties"].get("MetricName") for each in alarms} >= ALARMED


def test_every_declared_group_has_its_hosts_in_service_beside_the_promise(template: dict[str, Any]) -> None:
    titles = {each["properties"]["title"] for each in widgets(template)}
    assert [each for each in titles if each.endswith(": healthy hosts")] == ["shop/web: healthy hosts"]
    dimensions = ["application", "shop", "group", "web", "service", "stepdeploy"]
    named = [each[1] for each in metrics(template) if each[2 : 2 + len(dimensions)] == dimensions]
    assert named == ["HealthyHosts", "PromisedHosts"]


def test_groups_that_nobody_declared_are_searched_for(template: dict[str, Any]) -> None:
    """Those of this engine alone, by the dimensions that `functions/telemetry.py` writes."""
    found = searches(template)
    assert len(found) == 3
    for each in found:
        assert each.startswith("SEARCH('{stepdeploy,service,application,group} MetricName=")
        assert 'service="stepdeploy"' in each


@pytest.mark.parametrize("groups", [0, 3, MAX_GROUPS + 5])
def test_however_many_groups_there_are_cloudwatch_takes_it(groups: int) -> None:
    """500 widgets, and 500 metrics in one (CloudWatch User Guide, "CloudWatch service quotas")."""
    stack = Stack(App(), "stepdeploy")
    machine = sfn.StateMachine(stack, "M", definition_body=sfn.DefinitionBody.from_string("{}"))
    names = [("shop", f"group-{number}") for number in range(groups)]
    Dashboard(stack, "Dashboard", machine=machine, functions=[], groups=names)
    template = App.of(stack).synth().get_stack_by_name("stepdeploy").template  # type: ignore[union-attr]
    found = widgets(template)
    own = [each for each in found if each["properties"]["title"].endswith(": healthy hosts")]
    assert len(own) == min(groups, MAX_GROUPS) and len(found) < 500
    assert max(each["y"] + each["height"] for each in found) < 200

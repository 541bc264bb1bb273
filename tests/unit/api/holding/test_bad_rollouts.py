"""Roll-outs that could never be: refused by the file (`validate` and synthesis read it alike) and by the API, alike,
and nothing is written. What only the hosts can tell is refused when a deployment begins: test_stages.py, test_zones.py,
test_budgets.py."""

from typing import Any

import pytest

from functions.core.declaration import load
from functions.core.errors import InvalidInput
from functions.core.statuses import DeploymentStatus
from functions.store.records import calendar, deployments
from tests.conftest import BUCKET
from tests.unit.api.conftest import ARN, Api
from tests.unit.api.test_configs import FIRST, listed
from tests.unit.api.test_deployments import put
from tests.unit.core.test_declaration import group

NONE = {"type": "HOST_COUNT", "value": 0}
ROLE = "arn:aws:iam::123456789012:role/lead"
REST_OF_FILE, REST = "{name: rest, select: rest}", {"name": "rest", "select": {"type": "REST"}}


def problem(text: str) -> str:
    """The one thing that is wrong with the file, without its place."""
    with pytest.raises(InvalidInput) as caught:
        load(text)
    (found,) = str(caught.value).splitlines()
    return found.split(": ", 2)[2]


def stage(select: str, value: int | None = None, **members: Any) -> dict[str, Any]:
    """As the API names it. `zones`, `tag`: of its selection."""
    chosen: dict[str, Any] = {key: members.pop(key) for key in ("zones", "tag") if key in members}
    selection: dict[str, Any] = {"type": select, **chosen}
    if value is not None:
        selection["value"] = value
    return {"name": "one", "select": selection, **members}


TAG = {"Key": "ring", "Value": "a"}
STAGES: dict[str, tuple[str, list[dict[str, Any]], str]] = {
    "selects nothing: no target": (
        f"{{name: one, select: {{count: 0}}}}, {REST_OF_FILE}",
        [stage("COUNT", 0), REST],
        "the stage one selects 0 (COUNT): give 1 to 10000",
    ),
    "selects nothing: all are taken": (
        "{name: one, select: {percent: 100}}, {name: rest, select: rest}",
        [stage("PERCENT", 100), REST],
        "the stage rest selects nothing: one before it takes all",
    ),
    "selects nothing: the tag is taken": (
        f"{{name: zero, select: {{tag: {{Key: ring}}}}}}, {{name: one, select: {{tag: {{Key: ring, Value: a}}}}}},"
        f" {REST_OF_FILE}",
        [stage("TAG", tag={"Key": "ring"}) | {"name": "zero"}, stage("TAG", tag=TAG), REST],
        "the stage one selects nothing: a stage before it takes the same tag",
    ),
    "overlaps": (
        f"{{name: zero, select: {{zone: [a, b]}}}}, {{name: one, select: {{zone: [b]}}}}, {REST_OF_FILE}",
        [stage("ZONE", zones=["a", "b"]) | {"name": "zero"}, stage("ZONE", zones=["b"]), REST],
        "the stage one selects the Availability Zone b, which a stage before it takes: name each zone in one stage",
    ),
    "overlaps itself": (
        f"{{name: one, select: {{zone: [a, a]}}}}, {REST_OF_FILE}",
        [stage("ZONE", zones=["a", "a"]), REST],
        "the stage one selects the Availability Zone a twice: name it once",
    ),
    "leaves hosts out": (
        "{name: one, select: {percent: 99}}",
        [stage("PERCENT", 99)],
        "the last stage, one, may leave targets out: let one that selects the rest follow",
    ),
    "percent over 100": (
        "{name: one, select: {percent: 101}}",
        [stage("PERCENT", 101)],
        "the stage one selects 101 (PERCENT): give 1 to 100",
    ),
    "percent that do not grow": (
        f"{{name: zero, select: {{percent: 10}}}}, {{name: one, select: {{percent: 10}}}}, {REST_OF_FILE}",
        [stage("PERCENT", 10) | {"name": "zero"}, stage("PERCENT", 10), REST],
        "the stage one selects 10 percent, and a stage before it 10: percent count the stages before, too, so they have"
        " to grow",
    ),
    "a minimum that no stage could keep": (
        f"{{name: one, select: {{count: 2}}, minimumHealthyHosts: {{type: FLEET_PERCENT, value: 51}}}}, {REST_OF_FILE}",
        [stage("COUNT", 2, minimumHealthyHosts={"type": "FLEET_PERCENT", "value": 51}), REST],
        "the stage one has 2 targets, and keeps 51 % of them in service: no target could ever begin; lower its minimum,"
        " or select more",
    ),
    "a bake that is too long": (
        f"{{name: one, select: {{count: 1}}, bake: 13h}}, {REST_OF_FILE}",
        [stage("COUNT", 1, bakeSeconds=46_800), REST],
        "46800 seconds",
    ),
    "approvers without anybody": (
        f"{{name: one, select: {{count: 1}}, approval: {{approvers: []}}}}, {REST_OF_FILE}",
        [stage("COUNT", 1, approval={"approvers": []}), REST],
        "leaves no approver: give at least one ARN, or leave it out",
    ),
    "approvers who are nobody": (
        f"{{name: one, select: {{count: 1}}, approval: {{approvers: [ann]}}}}, {REST_OF_FILE}",
        [stage("COUNT", 1, approval={"approvers": ["ann"]}), REST],
        "is not an IAM ARN; for example arn:aws:iam::ACCOUNT:role/NAME",
    ),
}


@pytest.mark.parametrize("case", STAGES)
def test_stages_that_could_never_be_are_refused_alike(api: Api, case: str) -> None:
    of_file, of_api, says = STAGES[case]
    minimum = "minimumHealthyHosts: {type: HOST_COUNT, value: 0}"
    assert says in problem(group("") + f"deploymentConfigs:\n  Mine: {{{minimum}, stages: [{of_file}]}}\n")
    members = {"deploymentConfigName": "Mine", "minimumHealthyHosts": NONE, "stages": of_api}
    assert says in api.refuses("ValidationException", "CreateDeploymentConfig", **members)
    assert listed(api) == FIRST


@pytest.mark.parametrize(
    ("selection", "says"),
    [
        (
            {"type": "REST", "value": 5},
            "select.value: has no effect with REST: leave it out, or select by COUNT",
        ),
        (
            {"type": "COUNT", "value": 1, "zones": ["a"]},
            "select.zones: has no effect with COUNT: leave it out",
        ),
        ({"type": "ZONE", "tag": TAG}, "select.tag: has no effect with ZONE: leave it out, or select by TAG"),
        ({"type": "TAG"}, "the stage one selects by a tag: say which"),
    ],
)
def test_the_api_refuses_a_selection_that_does_not_mean_one_thing(
    api: Api, selection: dict[str, Any], says: str
) -> None:
    stages = [{"name": "one", "select": selection}, REST]
    members = {"deploymentConfigName": "Mine", "minimumHealthyHosts": NONE, "stages": stages}
    said = api.refuses("ValidationException", "CreateDeploymentConfig", **members)
    assert said.removeprefix("ValidationException: ").startswith("stages[0]: ") and says in said


def test_an_approval_by_whoever_may_stop_needs_no_members(api: Api) -> None:
    stages = [stage("COUNT", 1, approval={}), REST]
    api("CreateDeploymentConfig", deploymentConfigName="Mine", minimumHealthyHosts=NONE, stages=stages)
    found = api("GetDeploymentConfig", deploymentConfigName="Mine")["deploymentConfigInfo"]["stages"]
    assert found[0]["approval"] == {"byAnother": False}


def test_a_creator_who_is_the_only_approver_excludes_everybody(api: Api, services: None) -> None:
    """Of a user alone may deploy, and another than the creator is to approve."""
    by_another = "approval: {byAnother: true}"
    configs = (
        "deploymentConfigs:\n  Mine: {minimumHealthyHosts: {type: HOST_COUNT, value: 0},"
        f" stages: [{{name: one, select: {{count: 1}}, {by_another}}}, {REST_OF_FILE}]}}\n"
    )
    settings = f"deploymentConfigName: Mine\nallowedPrincipals: ['{ARN}']"
    says = f"the stage one of Mine wants another approver than the deployment's creator, and {ARN} alone may deploy"
    assert says in problem(group(settings) + configs)
    load(group(settings.replace("']", f"', '{ROLE}']")) + configs)
    load(group(settings) + configs.replace(by_another, f"approval: {{byAnother: true, approvers: ['{ROLE}']}}"))

    stages = [stage("COUNT", 1, approval={"byAnother": True}), REST]
    api("CreateDeploymentConfig", deploymentConfigName="Mine", minimumHealthyHosts=NONE, stages=stages)
    make_group(api)
    change = {"applicationName": "shop", "currentDeploymentGroupName": "web", "deploymentConfigName": "Mine"}
    assert says in api.refuses("InvalidInputException", "UpdateDeploymentGroup", **change, allowedPrincipals=[ARN])
    api("UpdateDeploymentGroup", **change, allowedPrincipals=[ARN, ROLE])

    usual = {**change, "deploymentConfigName": "CodeDeployDefault.OneAtATime"}
    api("UpdateDeploymentGroup", **usual, allowedPrincipals=[ARN])
    location = {"bucket": BUCKET, "key": "shop/web/v1.zip", "bundleType": "zip"}
    once = {"applicationName": "shop", "deploymentGroupName": "web", "deploymentConfigName": "Mine"}
    revision = {"revisionType": "S3", "s3Location": location}
    assert says in api.refuses("InvalidDeploymentConfigNameException", "CreateDeployment", **once, revision=revision)
    assert api("ListDeployments")["deployments"] == []


def make_group(api: Api) -> None:
    where = {"applicationName": "shop", "deploymentGroupName": "web", "serviceRoleArn": ROLE}
    api("CreateApplication", applicationName="shop")
    api("CreateDeploymentGroup", **where, ec2TagFilters=[{"Key": "role", "Value": "web"}])


FREEZE = {"scope": "*", "reason": "a move"}


@pytest.mark.parametrize(
    ("code", "members", "says"),
    [
        ("InvalidInputException", {"reason": "\t"}, "reason: says nothing: say why, in 1 to 256 characters"),
        ("InvalidInputException", {"reason": " \n"}, "reason: says nothing"),
        ("InvalidInputException", {"reason": "x" * 257}, "reason: has 257 characters"),
        ("InvalidInputException", {"scope": "shop/"}, "scope: 'shop/' is not a scope: give an application"),
        ("ApplicationDoesNotExistException", {"scope": "other"}, "No application found for name: other"),
        ("DeploymentGroupDoesNotExistException", {"scope": "shop/api"}, "No Deployment Group found for name: api"),
        (
            "InvalidInputException",
            {"from": 4e9 + 1, "to": 4e9},
            "to: the freeze ends at 2096-10-02T07:06:40.000Z",
        ),
        ("InvalidInputException", {"from": 1e9, "to": 1e9 + 1}, "is over already: give a time that comes"),
        ("InvalidInputException", {"to": 1e18}, "is not a time of the years 1 to 9999"),
        ("InvalidInputException", {"timeZone": "Berlin"}, "timeZone: 'Berlin' is not a time zone: give a name of the"),
    ],
)
def test_a_freeze_that_cannot_be(api: Api, code: str, members: dict[str, Any], says: str) -> None:
    make_group(api)
    assert says in api.refuses(code, "CreateFreeze", **{**FREEZE, **members})
    assert calendar.read().freezes == ()


def test_a_bypass_says_why(api: Api) -> None:
    put(1, status=DeploymentStatus.QUEUED)
    says = "reason: says nothing: say why, in 1 to 256 characters"
    assert says in api.refuses("InvalidInputException", "BypassWindows", deploymentId="d-000000001", reason=" ")
    found = deployments.get("d-000000001")
    assert found and found.bypass is None

"""`stepdeploy init --from-codedeploy`: CodeDeploy's groups, in botocore's shapes, as a deployments.yaml."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber

from cli.__main__ import main
from cli.account.connection import Engine
from functions.core.declaration import load, written
from functions.core.declaration.written import Keys

Captured = pytest.CaptureFixture[str]
TOPIC = "arn:aws:sns:eu-west-1:123456789012:ops"
ROLE = "arn:aws:iam::123456789012:role/CodeDeploy"
WEB: dict[str, Any] = {
    "applicationName": "shop",
    "deploymentGroupId": "0f3a1c5e-0000-4000-8000-000000000000",
    "deploymentGroupName": "web",
    "deploymentConfigName": "CodeDeployDefault.HalfAtATime",
    "ec2TagFilters": [{"Key": "role", "Value": "web", "Type": "KEY_AND_VALUE"}, {"Key": "spare", "Type": "KEY_ONLY"}],
    "onPremisesInstanceTagFilters": [],
    "autoScalingGroups": [],
    "serviceRoleArn": ROLE,
    "targetRevision": {
        "revisionType": "S3",
        "s3Location": {"bucket": "builds", "key": "shop/42.zip", "bundleType": "zip"},
    },
    "triggerConfigurations": [
        {"triggerName": "ops", "triggerTargetArn": TOPIC, "triggerEvents": ["DeploymentFailure", "InstanceReady"]},
        {"triggerName": "green", "triggerTargetArn": TOPIC, "triggerEvents": ["InstanceReady"]},
    ],
    "alarmConfiguration": {"enabled": True, "ignorePollAlarmFailure": False, "alarms": [{"name": "errors"}]},
    "autoRollbackConfiguration": {"enabled": True, "events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"]},
    "deploymentStyle": {"deploymentType": "IN_PLACE", "deploymentOption": "WITH_TRAFFIC_CONTROL"},
    "loadBalancerInfo": {"targetGroupInfoList": [{"name": "web"}]},
    "outdatedInstancesStrategy": "UPDATE",
    "computePlatform": "Server",
    "terminationHookEnabled": False,
}
MOST = {
    "deploymentConfigId": "1f3a1c5e-0000-4000-8000-000000000000",
    "deploymentConfigName": "Most",
    "minimumHealthyHosts": {"type": "FLEET_PERCENT", "value": 75},
    "computePlatform": "Server",
}


@pytest.fixture
def codedeploy(environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """CodeDeploy, whose answers are held to botocore's model."""
    client = Engine().client("codedeploy")
    monkeypatch.setattr(Engine, "client", lambda self, name: client)
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def has(codedeploy: Stubber, *configs: dict[str, Any], **members: Any) -> None:
    """A group shop/web with these members instead of those of WEB, and the configurations that are asked for."""
    info = {name: value for name, value in {**WEB, **members}.items() if value is not None}
    asked = {"applicationName": "shop", "deploymentGroupName": "web"}
    codedeploy.add_response("get_deployment_group", {"deploymentGroupInfo": info}, asked)
    for each in configs:
        named = {"deploymentConfigName": each["deploymentConfigName"]}
        codedeploy.add_response("get_deployment_config", {"deploymentConfigInfo": each}, named)


def converted(capsys: Captured) -> tuple[Keys, list[str]]:
    """The keys of shop/web in the file that was printed, and what was said besides."""
    assert main(["init", "--from-codedeploy", "shop/web"]) == 0
    out, err = capsys.readouterr()
    (group,) = load(out).groups
    assert group.key == "shop/web"
    return written(group), err.splitlines()


def test_a_group_is_taken_over_with_all_that_both_know(codedeploy: Stubber, capsys: Captured) -> None:
    has(codedeploy)
    keys, said = converted(capsys)
    assert keys == {
        "ec2TagFilters": [{"Key": "role", "Value": "web"}, {"Key": "spare"}],
        "deploymentConfigName": "CodeDeployDefault.HalfAtATime",
        "alarmConfiguration": {"alarms": [{"name": "errors"}]},
        "autoRollbackConfiguration": {"events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"]},
        "triggerConfigurations": [
            {"triggerName": "ops", "triggerTargetArn": TOPIC, "triggerEvents": ["DeploymentFailure"]}
        ],
        "loadBalancerInfo": {"targetGroupInfoList": [{"name": "web"}]},
        "serviceRoleArn": ROLE,
    }
    why = "these events are of blue/green deployments"
    assert said == [
        f"shop/web: not taken over: triggerConfigurations: ops: InstanceReady: {why}",
        f"shop/web: not taken over: triggerConfigurations: green: InstanceReady: {why}",
        "shop/web: to deploy what it has now: aws s3 cp s3://builds/shop/42.zip s3://BUCKET/shop/web/42.zip",
    ]


def test_a_configuration_comes_with_its_group(codedeploy: Stubber, capsys: Captured) -> None:
    has(codedeploy, MOST, deploymentConfigName="Most", triggerConfigurations=[])
    assert main(["init", "--from-codedeploy", "shop/web"]) == 0
    (config,) = load(capsys.readouterr().out).configs
    assert config.name == "Most" and config.minimum and config.minimum.value == 75


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (
            {"deploymentStyle": {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}},
            "deploymentStyle.deploymentType: BLUE_GREEN: deployments are in place: the group's hosts are changed one"
            " after another",
        ),
        (
            {"blueGreenDeploymentConfiguration": {"deploymentReadyOption": {"waitTimeInMinutes": 5}}},
            "blueGreenDeploymentConfiguration: deployments are in place: the group's hosts are changed one after"
            " another",
        ),
        (
            {"loadBalancerInfo": {"targetGroupPairInfoList": [{"targetGroups": [{"name": "blue"}]}]}},
            "loadBalancerInfo.targetGroupPairInfoList: pairs of target groups are for ECS",
        ),
        (
            {"autoScalingGroups": [{"name": "fleet", "hook": "CodeDeploy-managed-1", "terminationHook": "t"}]},
            "autoScalingGroups: fleet: the lifecycle hooks CodeDeploy-managed-1, t go when CodeDeploy's group is"
            " deleted, and until then CodeDeploy deploys to new instances, too",
        ),
        (
            {"alarmConfiguration": {"enabled": False, "alarms": [{"name": "errors"}]}},
            "autoRollbackConfiguration: DEPLOYMENT_STOP_ON_ALARM: no alarm of the group is watched",
        ),
    ],
)
def test_what_has_no_key_is_named_in_the_file_and_beside_it(
    members: dict[str, Any], said: str, codedeploy: Stubber, capsys: Captured
) -> None:
    has(codedeploy, **members)
    assert main(["init", "--from-codedeploy", "shop/web"]) == 0
    out, err = capsys.readouterr()
    assert f"        # not taken over: {said}\n" in out
    assert f"shop/web: not taken over: {said}\n" in err
    load(out)


def test_zones_of_a_configuration_are_taken_over(codedeploy: Stubber, capsys: Captured) -> None:
    zones = {**MOST, "zonalConfig": {"monitorDurationInSeconds": 90}}
    has(codedeploy, zones, deploymentConfigName="Most", triggerConfigurations=[])
    assert main(["init", "--from-codedeploy", "shop/web"]) == 0
    (config,) = load(capsys.readouterr().out).configs
    assert config.zonal and config.zonal.monitor_seconds == 90


def test_a_group_of_another_platform_is_not_taken_over(codedeploy: Stubber, capsys: Captured) -> None:
    has(codedeploy, computePlatform="ECS", ecsServices=[{"serviceName": "web", "clusterName": "shop"}])
    assert main(["init", "--from-codedeploy", "shop/web"]) == 1
    out, err = capsys.readouterr()
    assert load(out).groups == ()
    assert "computePlatform: ECS: deployments go to EC2 and on-premises instances" in err


def test_what_has_to_be_put_right_by_hand_is_named_with_its_line(codedeploy: Stubber, capsys: Captured) -> None:
    fifo = [{"triggerName": "q", "triggerTargetArn": f"{TOPIC}.fifo", "triggerEvents": ["DeploymentStop"]}]
    has(codedeploy, ec2TagFilters=[], triggerConfigurations=fifo)
    assert main(["init", "--from-codedeploy", "shop/web", "--json"]) == 0
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert any("say which instances belong to the group" in each for each in problems)
    assert any("is neither the ARN of a standard SNS topic" in each for each in problems)


def test_files_of_the_aws_cli_do_as_well(tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it prints them: with times as texts."""
    api = {**WEB, "deploymentGroupName": "api", "deploymentConfigName": "Most"}
    last = {"deploymentId": "d-1", "createTime": "2026-11-23T10:00:00.123000+01:00"}
    (tmp_path / "most.json").write_text(json.dumps({"deploymentConfigInfo": MOST}))
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({"deploymentGroupInfo": {**WEB, "lastAttempted": last}})))
    (tmp_path / "two.json").write_text(json.dumps({"deploymentGroupsInfo": [api], "errorMessage": ""}))
    files = [str(tmp_path / "most.json"), "-", str(tmp_path / "two.json")]
    assert main(["init", *(part for each in files for part in ("--from-codedeploy", each))]) == 0
    assert [group.key for group in load(capsys.readouterr().out).groups] == ["shop/web", "shop/api"]


def test_a_configuration_that_no_file_has_is_asked_for(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "web.json").write_text(json.dumps({"deploymentGroupInfo": {**WEB, "deploymentConfigName": "Most"}}))
    assert main(["init", "--from-codedeploy", str(tmp_path / "web.json")]) == 0
    out, err = capsys.readouterr()
    assert "Most is not known: aws deploy get-deployment-config --deployment-config-name Most" in err
    assert load(out).groups[0].settings.config.name == "CodeDeployDefault.OneAtATime"


@pytest.mark.parametrize(
    ("text", "said"), [("{", "Expecting"), ("[]", "holds no deploymentGroupInfo"), ('{"x": 1}', "holds no")]
)
def test_a_file_that_is_something_else_is_a_mistake(text: str, said: str, tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "web.json").write_text(text)
    assert main(["init", "--from-codedeploy", str(tmp_path / "web.json")]) == 2
    assert said in capsys.readouterr().err


def test_a_group_that_codedeploy_does_not_have_is_refused(codedeploy: Stubber, capsys: Captured) -> None:
    codedeploy.add_client_error("get_deployment_group", "DeploymentGroupDoesNotExistException", "No Deployment Group")
    assert main(["init", "--from-codedeploy", "shop/web"]) == 3
    assert "No Deployment Group" in capsys.readouterr().err


def test_nothing_in_a_name_gets_out_of_its_line(codedeploy: Stubber, capsys: Captured) -> None:
    trigger = {"triggerName": "a\nb: &x", "triggerTargetArn": TOPIC, "triggerEvents": ["InstanceReady"]}
    has(codedeploy, triggerConfigurations=[trigger], slackChannel=None)
    keys, _ = converted(capsys)
    assert "triggerConfigurations" not in keys

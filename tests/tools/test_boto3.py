"""boto3, as it comes: operations, paginators, the waiter, exceptions."""

import pytest
from botocore.exceptions import WaiterError

from tests.tools.conftest import S3, WEB, Api

ONE_LOOK_A_SECOND = {"Delay": 1, "MaxAttempts": 5}


def test_a_deployment_is_created_waited_for_and_looked_at(api: Api) -> None:
    api.make_group()
    client = api.client
    client.register_application_revision(applicationName="shop", revision=S3, description="the first")
    one = client.create_deployment(**WEB, revision=S3, description="by boto3")["deploymentId"]
    client.get_waiter("deployment_successful").wait(deploymentId=one, WaiterConfig=ONE_LOOK_A_SECOND)
    info = client.get_deployment(deploymentId=one)["deploymentInfo"]
    assert (info["status"], info["description"], info["creator"]) == ("Succeeded", "by boto3", "user")
    assert info["deploymentOverview"]["Succeeded"] == 3 and info["completeTime"] >= info["createTime"]
    (target,) = client.batch_get_deployment_targets(deploymentId=one, targetIds=["i-0"])["deploymentTargets"]
    assert target["instanceTarget"]["status"] == "Succeeded"


def test_the_waiter_gives_up_a_deployment_that_has_failed(api: Api) -> None:
    api.make_group()
    api.fails = True
    one = api.client.create_deployment(**WEB, revision=S3)["deploymentId"]
    with pytest.raises(WaiterError, match="terminal failure state"):
        api.client.get_waiter("deployment_successful").wait(deploymentId=one, WaiterConfig=ONE_LOOK_A_SECOND)


def test_every_paginator_of_codedeploy_comes_to_its_end(api: Api) -> None:
    api.make_group()
    client = api.client
    client.register_application_revision(applicationName="shop", revision=S3)
    one = client.create_deployment(**WEB, revision=S3)["deploymentId"]
    client.register_on_premises_instance(instanceName="rack-7", iamUserArn="arn:aws:iam::123456789012:user/rack-7")
    api.goes_on("GetDeployment", {"deploymentId": one})
    api.goes_on("GetDeployment", {"deploymentId": one})

    def pages(operation: str, of: str, **given: str) -> list[object]:
        found: list[object] = client.get_paginator(operation).paginate(**given).build_full_result()[of]
        return found

    names = {name for name in client._PY_TO_OP_NAME if client.can_paginate(name)}
    found = {
        "list_applications": pages("list_applications", "applications"),
        "list_deployment_groups": pages("list_deployment_groups", "deploymentGroups", applicationName="shop"),
        "list_deployments": pages("list_deployments", "deployments"),
        "list_deployment_configs": pages("list_deployment_configs", "deploymentConfigsList"),
        "list_application_revisions": pages("list_application_revisions", "revisions", applicationName="shop"),
        "list_deployment_instances": pages("list_deployment_instances", "instancesList", deploymentId=one),
        "list_deployment_targets": pages("list_deployment_targets", "targetIds", deploymentId=one),
        "list_on_premises_instances": pages("list_on_premises_instances", "instanceNames"),
        "list_git_hub_account_token_names": pages("list_git_hub_account_token_names", "tokenNameList"),
    }
    assert names <= found.keys()
    assert found["list_applications"] == ["shop"] and found["list_deployment_groups"] == ["web"]
    assert found["list_deployments"] == [one] and len(found["list_application_revisions"]) == 1
    assert "CodeDeployDefault.OneAtATime" in found["list_deployment_configs"]
    assert sorted(map(str, found["list_deployment_targets"])) == ["i-0", "i-1", "i-2"]
    assert found["list_on_premises_instances"] == ["rack-7"]


def test_refusals_are_codedeploys_exceptions(api: Api) -> None:
    api.make_group()
    client = api.client
    with pytest.raises(client.exceptions.DeploymentGroupAlreadyExistsException):
        client.create_deployment_group(**WEB, serviceRoleArn="arn:aws:iam::123456789012:role/deploy")
    with pytest.raises(client.exceptions.DeploymentDoesNotExistException):
        client.get_deployment(deploymentId="d-000000009")
    client.create_deployment(**WEB, revision=S3)
    with pytest.raises(client.exceptions.DeploymentLimitExceededException, match="active Deployment 'd-"):
        client.create_deployment(**WEB, revision=S3)

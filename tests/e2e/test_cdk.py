"""A stack of a user registers a group with the engine, and takes it away again."""

import subprocess
import sys
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from functions.core.statuses import DeploymentStatus
from local.cloud import ROOT, CloudError
from tests.e2e.conftest import Fleet, MakeFleet, application, failing

SLOW = failing("while [ ! -e /srv/app/go ]; do sleep 0.1; done")


SITE = """
import sys
from aws_cdk import App, CfnOutput, CliCredentialsStackSynthesizer, Stack
from stepdeploy import cdk as codedeploy

app = App(outdir=sys.argv[1], analytics_reporting=False)
stack = Stack(app, "site", synthesizer=CliCredentialsStackSynthesizer())
group = codedeploy.ServerDeploymentGroup(
    stack,
    "Group",
    application=codedeploy.ServerApplication(stack, "App", application_name="site"),
    deployment_group_name="web",
    deployment_config=codedeploy.ServerDeploymentConfig(
        stack, "None", minimum_healthy_hosts=codedeploy.MinimumHealthyHosts.count(0)
    ),
    ec2_instance_tags=codedeploy.InstanceTagSet({"group": ["registered"]}),
)
CfnOutput(stack, "GroupName", value=group.deployment_group_name)
app.synth()
"""  # in a process of its own, as the CLI runs it: to import aws_cdk takes two seconds of each worker


def test_a_group_of_a_users_stack_is_deployed_to_and_goes_with_its_stack(fleet: MakeFleet, tmp_path: Path) -> None:
    hosts = fleet("registered", hosts=1)
    cloud, engine, client = hosts.cloud, hosts.engine, hosts.cloud.client("codedeploy")
    assembly = tmp_path / "site"
    subprocess.run([sys.executable, "-c", SITE, str(assembly)], cwd=ROOT, env=cloud.environment(), check=True)
    assert cloud.deploy_assembly(assembly) == {"GroupName": "web"}
    registered = Fleet(cloud, engine, "web", hosts.hosts)
    first = engine.upload("site/web/v1.zip", application("v1", {"scripts/validate.sh": SLOW}))
    with pytest.raises(CloudError, match=f"{first} runs in"):
        cloud.destroy_assembly(assembly)
    client.get_deployment_group(applicationName="site", deploymentGroupName="web")
    registered.hosts[0].path("srv/app/go").touch()
    assert engine.wait(first).status is DeploymentStatus.SUCCEEDED and registered.installed() == ["v1"]
    cloud.destroy_assembly(assembly)
    with pytest.raises(ClientError, match="DeploymentGroupDoesNotExist"):
        client.get_deployment_group(applicationName="site", deploymentGroupName="web")

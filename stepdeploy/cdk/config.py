"""A deployment configuration: how many hosts stay healthy."""

import hashlib
import json
from typing import Any, ClassVar, Protocol

from aws_cdk import Stack
from aws_cdk import aws_codedeploy as codedeploy
from constructs import Construct

from stepdeploy.cdk.registration import arn, made_name, register


class IServerDeploymentConfig(Protocol):
    """One of this stack, one that is there, or a predefined one; CodeDeploy's own construct of these is one, too."""

    @property
    def deployment_config_name(self) -> str: ...


class _Predefined:
    """A configuration of CodeDeploy's, or one of stepdeploy's own, by its name."""

    def __init__(self, name: str) -> None:
        self.deployment_config_name = name


class _Named(Construct):
    """A configuration by its name."""

    def __init__(self, scope: Construct, id: str, name: str | None, *, content: str = "") -> None:
        super().__init__(scope, id)
        digest = hashlib.sha256(content.encode()).hexdigest()[:8]
        self._name = name or made_name(self, suffix=f"-{digest}")

    @property
    def deployment_config_name(self) -> str:
        return self._name

    @property
    def deployment_config_arn(self) -> str:
        return arn(self, "deploymentconfig", self._name)


class ServerDeploymentConfig(_Named):
    """Registers a custom deployment configuration, which never changes: another content gets another name."""

    ONE_AT_A_TIME: ClassVar[IServerDeploymentConfig] = _Predefined("CodeDeployDefault.OneAtATime")
    HALF_AT_A_TIME: ClassVar[IServerDeploymentConfig] = _Predefined("CodeDeployDefault.HalfAtATime")
    ALL_AT_ONCE: ClassVar[IServerDeploymentConfig] = _Predefined("CodeDeployDefault.AllAtOnce")

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        minimum_healthy_hosts: codedeploy.MinimumHealthyHosts,
        zonal_config: codedeploy.ZonalConfig | None = None,
        deployment_config_name: str | None = None,
    ) -> None:
        """
        :param minimum_healthy_hosts: Hosts that stay in service.
        :param zonal_config: Deploys to one Availability Zone after the other; default: none.
        :param deployment_config_name: The name; default: made of the construct's place in the app and the content.
        """
        content = json.dumps(_content(minimum_healthy_hosts, zonal_config), sort_keys=True)
        super().__init__(scope, id, deployment_config_name, content=content)
        register(self, "DeploymentConfig", DeploymentConfigName=self._name, Config=content)

    @staticmethod
    def from_server_deployment_config_name(
        scope: Construct, id: str, server_deployment_config_name: str
    ) -> IServerDeploymentConfig:
        """One that is there: custom, or predefined by stepdeploy as StepDeployDefault.GrowingStages."""
        return _Named(scope, id, server_deployment_config_name)


def _content(minimum: codedeploy.MinimumHealthyHosts, zonal: codedeploy.ZonalConfig | None) -> dict[str, Any]:
    """With the keys of deployments.yaml. The CDK's values can be read through its own construct only, which is made
    in a stack that is in no app."""
    beside = Stack()
    made = codedeploy.ServerDeploymentConfig(beside, "Config", minimum_healthy_hosts=minimum, zonal_config=zonal)
    resource = made.node.default_child
    if not isinstance(resource, codedeploy.CfnDeploymentConfig):
        raise TypeError(f"this version of aws-cdk-lib makes a {type(resource).__name__} of a deployment configuration")
    found: dict[str, Any] = {"minimumHealthyHosts": beside.resolve(resource.minimum_healthy_hosts)}
    if zones := beside.resolve(resource.zonal_config):
        names = {
            "monitorDurationInSeconds": "monitorDuration",
            "firstZoneMonitorDurationInSeconds": "firstZoneMonitorDuration",
        }
        found["zonalConfig"] = {names.get(name, name): value for name, value in zones.items()}
    return found
